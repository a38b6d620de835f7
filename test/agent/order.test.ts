import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { pause, systemClock } from '../../src/core/clock.ts'
import type { AnyTool } from '../../src/core/tool.ts'
import { agentWorld } from '../fakes/agent-world.ts'

const call = (name: string, args: Record<string, unknown>) => ({ name, arguments: args })

/** A reading tool that takes its time and remembers how many ran at once. */
function slowTool(name: string, readOnly = true): { tool: AnyTool; most: () => number; order: string[] } {
  let now = 0
  let most = 0
  const order: string[] = []
  const schema = z.strictObject({ n: z.string() })
  const tool: AnyTool = {
    name,
    description: 'Waits for a while and gives back n.',
    schema,
    isReadOnly: () => readOnly,
    async run(input) {
      const { n } = schema.parse(input)
      now += 1
      most = Math.max(most, now)
      order.push(n)
      await pause(systemClock, 300 - 20 * order.length)
      now -= 1
      return { ok: true, output: `n is ${n}` }
    },
  }
  return { tool, most: () => most, order }
}

describe('AL-2 order', () => {
  it('AL-2 five reads of 300 ms run at once, results in call order', async () => {
    const slow = slowTool('look')
    const reads = ['1', '2', '3', '4', '5']
    const world = await agentWorld([{ tool_calls: reads.map((n) => call('look', { n })) }, { text: 'done' }], {
      tools: [slow.tool],
    })
    await world.run('go')
    expect(slow.most()).toBe(5)
    const rows = world.journal.entries(world.sessionId)
    const times = rows.flatMap(({ at, entry }) => (/^tool\./.test(entry.type) ? [at] : []))
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeLessThan(600)
    const results = world.messages().filter((message) => message.role === 'tool')
    expect(results.map((message) => message.content)).toEqual(reads.map((n) => `n is ${n}`))
  })

  it('AL-2 twelve reads at once pile nothing up: no warning of Node reaches the person', async () => {
    const warned: string[] = []
    const onWarning = ({ name }: Error) => void warned.push(name)
    process.on('warning', onWarning)
    onTestFinished(() => void process.off('warning', onWarning))
    const found = Array.from({ length: 12 }, (_, n) => call('grep', { pattern: `find ${n}` }))
    const world = await agentWorld([{ tool_calls: found }, { tool_calls: found }, { text: 'done' }])
    await world.run('go')
    expect(world.outputs()).toHaveLength(24)
    await new Promise((resolve) => setImmediate(resolve))
    expect(warned).toEqual([])
  })

  it('calls that change something run one by one, in order', async () => {
    const slow = slowTool('change', false)
    const world = await agentWorld(
      [{ tool_calls: ['1', '2', '3'].map((n) => call('change', { n })) }, { text: 'done' }],
      { tools: [slow.tool] },
    )
    await world.run('go')
    expect([slow.most(), slow.order]).toEqual([1, ['1', '2', '3']])
  })

  it('AL-2 a command sees what the write before it wrote, 100 times of 100', async () => {
    const pair = (n: number) => [
      call('write', { file_path: `a${n}`, content: `text ${n}` }),
      call('bash', { command: `cat a${n}` }),
    ]
    const replies = Array.from({ length: 10 }, (_, n) => ({
      tool_calls: Array.from({ length: 10 }, (_, m) => pair(n * 10 + m)).flat(),
    }))
    const world = await agentWorld([...replies, { text: 'done' }])
    await world.run('go')
    const seen = world.outputs().filter((_, index) => index % 2 === 1)
    expect(seen).toEqual(Array.from({ length: 100 }, (_, n) => `text ${n}`))
  }, 30_000)
})
