import { expect, it } from 'vitest'
import { z } from 'zod'
import type { AnyTool } from '../../src/core/tool.ts'
import { lookUntil } from '../contracts/runtime.ts'
import { agentWorld, endsOf } from '../fakes/agent-world.ts'

const steps = 500
const windowTokens = 32_768
const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/** Gives another answer each time, as a run that goes on does. */
function counter(): AnyTool {
  let count = 0
  return {
    name: 'count',
    description: 'Counts.',
    schema: z.strictObject({}),
    isReadOnly: () => true,
    async run() {
      count += 1
      return { ok: true, output: `line of ${count}\n`.repeat(400) }
    },
  }
}

it('AL-1 a run of 500 steps keeps its pace, and its requests stay within the window', async () => {
  const profiles = [{ name: 'build', prompt: 'x', tools: null, stepsMax: steps }]
  const calls = { text: 'I count on. '.repeat(10), tool_calls: [{ name: 'count' }] }
  const world = await agentWorld(
    {
      context_tokens: windowTokens,
      replies: [
        { match: '^Summarise:', text: 'Goal: count.' },
        { match: '', ...calls },
      ],
    },
    { profiles, tools: [counter()], provider: { context_tokens: windowTokens } },
  )
  const at: number[] = []
  world.journal.onAppend = (_id, { entry }) => {
    if (entry.type === 'assistant') at.push(performance.now())
  }
  await world.prompt('go')
  await lookUntil(world.runtime, world.sessionId, ['idle', 'failed'], 60_000)
  expect(endsOf(world.entries())).toEqual(['max_steps'])
  expect(at).toHaveLength(steps)
  expect(world.requests.map(({ status }) => status)).not.toContain(400)
  expect(Math.max(...world.requests.map(({ tokensEstimated }) => tokensEstimated))).toBeLessThan(windowTokens)
  const took = at.slice(1).map((time, n) => time - (at[n] ?? 0))
  expect(median(took.slice(-100))).toBeLessThan(3 * Math.max(1, median(took.slice(50, 150))))
}, 90_000)
