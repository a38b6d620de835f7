import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { AnyTool } from '../../src/core/tool.ts'
import { lookUntil } from '../contracts/runtime.ts'
import { type AgentOptions, type AgentWorld, agentWorld, endsOf } from '../fakes/agent-world.ts'

const call = (name: string, args: Record<string, unknown> = {}) => ({ name, arguments: args })
const done = { text: 'done' }

function signal(): { promise: Promise<void>; give(): void } {
  const waiting: (() => void)[] = []
  const promise = new Promise<void>((resolve) => waiting.push(resolve))
  return { promise, give: () => waiting[0]?.() }
}

/** A tool that a test holds: it has begun, and ends when it is let go. */
function heldTool() {
  const begun = signal()
  const go = signal()
  const tool: AnyTool = {
    name: 'hold',
    description: 'Waits.',
    schema: z.strictObject({}),
    isReadOnly: () => false,
    async run() {
      begun.give()
      await go.promise
      return { ok: true, output: 'held' }
    },
  }
  return { tool, begun: begun.promise, letGo: () => go.give() }
}

async function heldWorld(replies: object[], options: AgentOptions = {}) {
  const held = heldTool()
  const world = await agentWorld([{ tool_calls: [call('hold')] }, ...replies], { tools: [held.tool], ...options })
  await world.prompt('go')
  await held.begun
  return { world, letGo: held.letGo }
}

const steer = async (world: AgentWorld, text: string, key?: string) => {
  const said = await world.runtime.steer?.(world.sessionId, text, key)
  return said?.ok ? 'said' : said?.problems[0]?.kind
}
const pause = (world: AgentWorld) => world.runtime.pause?.(world.sessionId)
const resume = (world: AgentWorld) => world.runtime.resume?.(world.sessionId)
const look = async (world: AgentWorld) => (await world.runtime.look(world.sessionId)).state

describe('AL-8 steering', () => {
  it('AL-8 what a person says during a tool is the last user message of the next request', async () => {
    const { world, letGo } = await heldWorld([done])
    expect(await steer(world, 'Use tabs.')).toBe('said')
    letGo()
    expect((await world.over()).state).toMatchObject({ complete: true, text: 'done' })
    expect(
      world
        .messages()
        .map(({ role, content }) => [role, content])
        .slice(1),
    ).toEqual([
      ['user', 'go'],
      ['assistant', ''],
      ['tool', 'held'],
      ['user', 'Use tabs.'],
    ])
    expect(world.requests.map(({ status }) => status)).not.toContain(400)
  })

  it('AL-8 what is said while the last answer comes is answered too', async () => {
    const world = await agentWorld([{ text: ['I am ', 'done.'], chunk_ms: 80 }, { text: 'With tabs.' }])
    await world.prompt('go')
    while (world.deltas.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(await steer(world, 'And tabs?')).toBe('said')
    expect((await world.over()).state).toMatchObject({ text: 'With tabs.' })
    expect(
      world
        .messages()
        .slice(1)
        .map(({ content }) => content),
    ).toEqual(['go', 'I am done.', 'And tabs?'])
  })

  it('AL-8 the same key is the same message, also when the turn is over', async () => {
    const { world, letGo } = await heldWorld([done])
    for (let n = 0; n < 3; n++) expect(await steer(world, 'Use tabs.', 'k1')).toBe('said')
    letGo()
    await world.over()
    expect(await steer(world, 'Use tabs.', 'k1')).toBe('said')
    expect(world.messages().filter(({ content }) => content === 'Use tabs.')).toHaveLength(1)
  })

  it('AL-8 without a turn, without end and in crowds it is refused', async () => {
    const { world, letGo } = await heldWorld([done])
    expect(await steer(world, 'x'.repeat(20_001))).toBe('bad-message')
    for (let n = 0; n < 20; n++) expect(await steer(world, `message ${n}`)).toBe('said')
    expect(await steer(world, 'one more')).toBe('too-many-messages')
    letGo()
    await world.over()
    expect(await steer(world, 'too late')).toBe('no-turn')
    expect(world.messages().filter(({ content }) => content.startsWith('message'))).toHaveLength(20)
  })

  it('AL-8 what was said before a restart is heard after it', async () => {
    const { world, letGo } = await heldWorld([done])
    await steer(world, 'Use tabs.')
    const closing = world.runtime.close()
    letGo()
    await closing
    world.restart()
    await world.run('go')
    expect(world.messages().at(-1)).toEqual({ role: 'user', content: 'Use tabs.' })
  })
})

describe('AL-7 pause and resume', () => {
  it('AL-7 a pause lets the call in flight end, begins no other, and leaves the turn open', async () => {
    const { world, letGo } = await heldWorld([])
    expect(await pause(world)).toMatchObject({ ok: true })
    letGo()
    expect((await lookUntil(world.runtime, world.sessionId, ['waiting'])).state).toMatchObject({ for: 'resume' })
    expect(world.outputs()).toEqual(['held'])
    expect(world.requests.filter(({ body }) => body)).toHaveLength(1)
    expect(endsOf(world.entries())).toEqual([])
  })

  it('AL-7 a pause outlives a restart, and what was open goes on behind it with valid history', async () => {
    const write = (n: number) => call('bash', { command: `echo ${n} >> count` })
    const world = await agentWorld([{ text: 'Working.', tool_calls: [write(1), write(2)], chunk_ms: 100 }, done])
    await world.prompt('go')
    while (world.deltas.length === 0) await new Promise((resolve) => setImmediate(resolve))
    await pause(world)
    await lookUntil(world.runtime, world.sessionId, ['waiting'])
    world.restart()
    expect(await look(world)).toMatchObject({ kind: 'waiting', for: 'resume' })
    const again = { sessionId: world.sessionId, promptId: 'p1', text: 'go', limits: { toolCalls: null, tokens: null } }
    expect(await world.runtime.prompt(again)).toMatchObject({ ok: false, problems: [{ kind: 'session-paused' }] })
    expect(await resume(world)).toEqual({ ok: true, value: { promptId: 'p1' } })
    expect((await world.run('go')).state).toMatchObject({ complete: true, text: 'done' })
    expect(await readFile(world.path('count'), 'utf8')).toBe('1\n2\n')
    expect(world.requests.map(({ status }) => status)).not.toContain(400)
  })

  it('AL-7 resumed before the call in flight has ended, the run just goes on', async () => {
    const { world, letGo } = await heldWorld([done])
    await pause(world)
    expect(await resume(world)).toEqual({ ok: true, value: { promptId: null } })
    letGo()
    expect((await world.over()).state).toMatchObject({ complete: true })
    expect(world.entries().filter(({ type }) => type === 'run.started')).toHaveLength(1)
  })

  it('AL-7 cancel ends a paused turn that waits, and a new prompt overtakes it', async () => {
    const { world, letGo } = await heldWorld([done])
    await pause(world)
    letGo()
    await lookUntil(world.runtime, world.sessionId, ['waiting'])
    expect((await world.run('something else', { promptId: 'p2' })).state).toMatchObject({ promptId: 'p2' })
    expect(await pause(world)).toMatchObject({ ok: false, problems: [{ kind: 'no-turn' }] })
    expect(await resume(world)).toMatchObject({ ok: false, problems: [{ kind: 'not-paused' }] })
  })
})

describe('CX-3 and CX-4 asked for by a person', () => {
  const long = 'I think about it at some length. '.repeat(60)
  const replies = Array.from({ length: 8 }, (_, n) => ({
    text: long,
    tool_calls: [call('glob', { pattern: `no-${n}` })],
  }))
  const script = [{ match: '^Summarise:', text: 'Goal: go.' }, ...replies, done]

  it('CX-3 room is made on demand between two turns, once, and the next turn has it', async () => {
    const world = await agentWorld(script)
    await world.run('go')
    expect(await world.runtime.compact?.(world.sessionId)).toEqual({ ok: true, value: { done: true } })
    expect(world.entries().filter(({ type }) => type === 'compacted')).toHaveLength(1)
    await world.run('Summarise: again', { promptId: 'p2' })
    expect(world.messages()[1]?.content).toContain('Goal: go.')
    expect(world.messages().length).toBeLessThan(12)
    expect(world.requests.map(({ status }) => status)).not.toContain(400)
  })

  it('CX-3 in a run it comes before the next model call', async () => {
    const { world, letGo } = await heldWorld([{ match: '^Summarise:', text: 'Goal: go.' }, ...replies, done], {})
    expect(await world.runtime.compact?.(world.sessionId)).toEqual({ ok: true, value: { done: false } })
    letGo()
    await world.over()
    expect(endsOf(world.entries())).toEqual(['completed'])
  })

  it('CX-3 a prompt that comes while a summary is made goes first', async () => {
    const slow = { match: '^Summarise:', text: ['Goal: ', 'go.'], chunk_ms: 20_000 }
    const world = await agentWorld([slow, ...replies, done, done])
    await world.run('go')
    const made = world.runtime.compact?.(world.sessionId)
    while (world.messages(1).at(-1)?.content.startsWith('Summarise:') !== true) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await world.prompt('on', { promptId: 'p2' })
    expect(await made).toMatchObject({ ok: false, problems: [{ kind: 'overtaken' }] })
    expect((await world.over()).state).toMatchObject({ promptId: 'p2' })
    expect(world.entries().some(({ type }) => type === 'compacted')).toBe(false)
  })

  it('CX-4 the meter is within a tenth of what the server counts, and its parts add up', async () => {
    const world = await agentWorld([
      { tool_calls: [call('read', { file_path: 'a' })] },
      { tool_calls: [call('read', { file_path: 'b' })] },
      { text: ['x', 'y'], chunk_ms: 60_000 },
    ])
    await world.put('a', 'some words here\n'.repeat(400))
    await world.put('b', 'other words there\n'.repeat(700))
    await world.prompt('go '.repeat(500))
    while (world.requests.filter(({ body }) => body).length < 3) await new Promise((resolve) => setImmediate(resolve))
    const use = await world.runtime.context?.(world.sessionId)
    if (!use?.ok) throw new Error('no meter')
    const { usedTokens, sources, counted, windowTokens } = use.value
    await world.runtime.abort(world.sessionId)
    const server = world.requests.findLast(({ body }) => body)?.tokensEstimated ?? 0
    expect([counted, windowTokens]).toEqual([true, 65_536])
    expect(Math.abs(usedTokens - server) / server).toBeLessThan(0.1)
    const sum = Object.values(sources).reduce((total, tokens) => total + tokens, 0)
    expect(Math.abs(sum - usedTokens)).toBeLessThan(6)
    expect(sources.results).toBeGreaterThan(sources.messages)
    expect(sources.system).toBeGreaterThan(0)
  })

  it('CX-4 before and after room is made, the whole and each part is near what the server is sent of it', async () => {
    // The scripted model counts no tools: one small one is nothing beside the messages.
    const tool = { ...heldTool().tool, name: 'look', run: async () => ({ ok: true, output: 'words '.repeat(300) }) }
    const looks = Array.from({ length: 8 }, () => ({ text: long, tool_calls: [call('look')] }))
    const script = [{ match: '^Summarise:', text: 'Goal: go. '.repeat(80) }, ...looks, done, done, done]
    const world = await agentWorld(script, { tools: [tool] })
    const meterAgainstServer = async () => {
      const use = await world.runtime.context?.(world.sessionId)
      if (!use?.ok) throw new Error('no meter')
      const asked = world.requests.filter(({ body }) => body).length
      await world.run('on', { promptId: `p${world.requests.length}` })
      // All that was there then, without the prompt that came with it.
      const since = world.requests.filter(({ body }) => body).length - asked
      const sent = world.messages(since).slice(0, -1)
      const sentBy = (...roles: string[]) => {
        return JSON.stringify(sent.filter(({ role }) => roles.includes(role))).length / 4
      }
      const { sources, usedTokens } = use.value
      const { system, instructions, memory, plan, messages, summary, results } = sources
      return {
        summary,
        pairs: [
          [usedTokens, sentBy('system', 'user', 'assistant', 'tool')],
          [system + instructions + memory + plan, sentBy('system')],
          [messages + summary, sentBy('user', 'assistant')],
          [results, sentBy('tool')],
        ],
      }
    }
    await world.run('go '.repeat(2_000))
    const before = await meterAgainstServer()
    expect(await world.runtime.compact?.(world.sessionId)).toMatchObject({ value: { done: true } })
    const after = await meterAgainstServer()
    expect([before.summary, after.summary > 0]).toEqual([0, true])
    for (const [shown = 0, sent = 0] of [...before.pairs, ...after.pairs]) {
      expect(Math.abs(shown - sent) / sent, `${shown} of ${sent}`).toBeLessThan(0.1)
    }
  })
})
