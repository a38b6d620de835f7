import { describe, expect, it, vi } from 'vitest'
import type { ModelDebug } from '../../src/agent/debug-log.ts'
import { messagesOf } from '../../src/agent/history.ts'
import { textTokens } from '../../src/agent/weigh.ts'
import type { JournalEntry } from '../../src/core/session.ts'
import { sourceOf } from '../contracts/provider.ts'
import { type AgentWorld, agentWorld, endsOf } from '../fakes/agent-world.ts'
import { HandClock } from '../fakes/clock.ts'
import { startRawServer } from '../fakes/raw-server.ts'

const windowTokens = 32_768
const provider = { context_tokens: windowTokens, retries: 0 }

interface ChainOptions {
  text?: string
  summary?: Record<string, unknown>
  windowTokens?: number
  provider?: Record<string, unknown>
  debug?: ModelDebug
}

const call = (name: string, args: Record<string, unknown>) => ({ name, arguments: args })
const rowsOf = <T extends JournalEntry['type']>(entries: readonly JournalEntry[], type: T) =>
  entries.filter((entry): entry is Extract<JournalEntry, { type: T }> => entry.type === type)
const sizeOf = (message: unknown) => textTokens(JSON.stringify(message))
const work = (world: AgentWorld) => world.requests.filter(({ body }) => body?.tools?.length)
const summaries = (world: AgentWorld) => world.requests.filter(({ body }) => body && !body.tools?.length)

/** Each file names the next: a model that has lost the beginning still goes on. */
function chain(count: number, more: ChainOptions) {
  const { text = '', summary = { text: 'Goal: read the chain. Next: go on.' } } = more
  const steps = Array.from({ length: count }, (_, n) => ({
    match: `next is part-${n + 1}\\b`,
    text,
    tool_calls: [call('read', { file_path: `part-${n + 1}` })],
  }))
  return {
    context_tokens: more.windowTokens ?? windowTokens,
    replies: [
      { match: '^Summarise:', ...summary },
      ...steps,
      { match: `next is part-${count + 1}\\b`, text: 'I have read all.' },
      { match: 'go', text, tool_calls: [call('read', { file_path: 'part-0' })] },
    ],
  }
}

async function chainWorld(count: number, sizeBytes: number, more: ChainOptions = {}) {
  const { debug } = more
  const options = { provider: more.provider ?? provider, ...(debug ? { debug } : {}) }
  const world = await agentWorld(chain(count, more), options)
  const line = `${'word '.repeat(15)}\n`
  for (let n = 0; n <= count; n++) {
    await world.put(`part-${n}`, `${line.repeat(Math.ceil(sizeBytes / line.length))}next is part-${n + 1}\n`)
  }
  return world
}

describe('CX-3 room for the next request', () => {
  it('CX-3 one message with 30 large reads stays within a window of 32k tokens, and reaches its end', async () => {
    const world = await chainWorld(30, 36_000)
    const { state } = await world.run('go')
    expect(state).toMatchObject({ kind: 'idle', complete: true, text: 'I have read all.' })
    expect(work(world)).toHaveLength(32)
    expect(world.requests.map(({ status }) => status)).not.toContain(400)
    expect(Math.max(...work(world).map(({ tokensEstimated }) => tokensEstimated))).toBeLessThan(windowTokens)
    expect(summaries(world).length).toBeLessThanOrEqual(3)
    expect(rowsOf(world.entries(), 'tool.ended').every(({ output }) => output.length > 36_000)).toBe(true)
  })

  it('CX-3 steps with many words are summarised at most once in ten steps', async () => {
    const world = await chainWorld(60, 4_000, { text: 'I think about it at some length. '.repeat(40) })
    expect((await world.run('go')).state).toMatchObject({ complete: true })
    expect(world.requests.map(({ status }) => status)).not.toContain(400)
    const count = summaries(world).length
    expect(count).toBeGreaterThan(0)
    expect(count).toBeLessThanOrEqual(6)
    expect(rowsOf(world.entries(), 'compacted').map(({ by }) => by)).toEqual(Array(count).fill('model'))
    const [, first] = world.messages()
    expect(first?.content).toContain('Messages of the user, in their own words:\n\ngo')
    expect(first?.content).toContain('Goal: read the chain.')
  })

  it('DU-6 what is asked for a summary is in the debug log, beside the requests of the run', async () => {
    const lines: { run: string; type?: unknown; messages?: { text: string }[] }[] = []
    const debug = { record: (run: string, line: object) => void lines.push({ run, ...line }) }
    const text = 'I think about it at some length. '.repeat(40)
    const world = await chainWorld(20, 4_000, { text, debug })
    await world.run('go')
    const asked = lines.filter(({ type }) => type === 'request')
    expect(asked).toHaveLength(work(world).length + summaries(world).length)
    expect(asked.filter(({ messages }) => messages?.[1]?.text.startsWith('Summarise:')).length).toBeGreaterThan(0)
    expect(new Set(lines.map(({ run }) => run)).size).toBe(1)
  })

  it('CX-3 a restart does not summarise again: the history is the same to the byte', async () => {
    const world = await chainWorld(20, 4_000, { text: 'I think about it at some length. '.repeat(60) })
    await world.run('go')
    const asked = summaries(world).length
    expect(asked).toBeGreaterThan(0)
    world.restart()
    await world.run('next is part-21', { promptId: 'p2' })
    expect(summaries(world)).toHaveLength(asked)
    const [before, after] = [world.messages(2), world.messages()]
    expect(after.slice(0, before.length)).toEqual(before)
  })

  it('CX-3 a failing summary becomes a plain one, and the run goes on', async () => {
    const world = await chainWorld(20, 4_000, {
      text: 'I think about it at some length. '.repeat(60),
      summary: { fault: 'http', status: 500, times: 1_000 },
    })
    expect((await world.run('go')).state).toMatchObject({ complete: true, text: 'I have read all.' })
    const plain = rowsOf(world.entries(), 'compacted')
    expect(plain.length).toBeGreaterThan(0)
    expect(plain.every(({ by, text }) => by === 'plain' && text.length < windowTokens)).toBe(true)
    expect(world.messages()[1]?.content).toMatch(/Calls that were made:\n- read .*part-/)
  })

  it('CX-3 results of one step that are too much together are cut at both ends', async () => {
    const reads = ['a', 'b', 'c', 'd'].map((file_path) => call('read', { file_path }))
    const world = await agentWorld(
      { context_tokens: windowTokens, replies: [{ tool_calls: reads }, { text: 'done' }] },
      { provider },
    )
    for (const name of ['a', 'b', 'c']) await world.put(name, `${'word '.repeat(18)}\n`.repeat(900))
    await world.put('d', 'small\n')
    expect((await world.run('go')).state).toMatchObject({ complete: true })
    const results = world.messages().filter(({ role }) => role === 'tool')
    expect(results.map(({ content }) => content.includes('left out to save room'))).toEqual([true, true, true, false])
    expect(results.every(({ content }) => content.startsWith('     1\t'))).toBe(true)
    expect(world.requests.map(({ status }) => status)).not.toContain(400)
  })

  it('CX-3 a request that the server calls too long is made shorter once and sent again', async () => {
    const world = await chainWorld(4, 8_000, { windowTokens: 7_000, provider: { retries: 0 } })
    expect((await world.run('go')).state).toMatchObject({ complete: true, text: 'I have read all.' })
    expect(world.requests.filter(({ status }) => status === 400)).toHaveLength(1)
    expect(endsOf(world.entries())).toEqual(['completed'])
  })

  it.each([
    ['Japanese', '日本語のテキストです、長い。'],
    ['Russian', 'Привет мир, это русский текст.'],
  ])('CX-3 holds for %s, which takes more tokens a character', async (_, line) => {
    const reads = (offset: number) => ({
      tool_calls: [0, 1, 2, 3, 4, 5].map((n) => call('read', { file_path: `u${n}`, offset })),
    })
    const replies = [{ match: '^Summarise:', text: 'Goal: go on.' }, reads(1), reads(2), { text: 'done' }]
    const world = await agentWorld({ context_tokens: windowTokens, replies }, { provider })
    for (let n = 0; n < 6; n++) await world.put(`u${n}`, `${line}\n`.repeat(1_500))
    expect((await world.run('go')).state).toMatchObject({ complete: true })
    const sizes = world.requests.map(({ body }) => (body?.messages ?? []).reduce((sum, one) => sum + sizeOf(one), 0))
    expect(sizes.every((tokens) => tokens < windowTokens)).toBe(true)
    expect(world.requests.map(({ status }) => status)).not.toContain(400)
  })

  it('CX-3 what is said into a turn takes its room too', async () => {
    const words = 'a few words to say '.repeat(1_040)
    const steps = Array.from({ length: 3 }, (_, n) => ({
      tool_calls: [call('read', { file_path: 'a', offset: n + 1 })],
      delay_ms: 150,
    }))
    const replies = [{ match: '^Summarise:', text: 'Goal: go on.' }, ...steps, { text: 'done' }]
    const world = await agentWorld({ context_tokens: windowTokens, replies, at_end: 'repeat' }, { provider })
    await world.put('a', 'a line\n'.repeat(20))
    let heard = 0
    // Several times for each request that went out, while it waits for its answer.
    const speak = async () => {
      for (let request = 1; request <= 3; request++) {
        await vi.waitFor(() => expect(work(world).length).toBeGreaterThanOrEqual(request), { interval: 1 })
        for (const part of request === 1 ? ['a', 'b', 'c', 'd'] : ['a', 'b', 'c']) {
          const told = await world.runtime.steer?.(world.sessionId, `${request}${part} ${words}`)
          if (told?.ok) heard += 1
        }
      }
    }
    const [{ state }] = await Promise.all([world.run('go'), speak()])
    expect(state).toMatchObject({ complete: true })
    expect(heard).toBe(10)
    expect(world.requests.map(({ status }) => status)).not.toContain(400)
  })

  it('CX-3 a prompt that never fits is not sent, says so, and does not stand in the way of the next', async () => {
    const replies = [{ match: '^Summarise:', text: 'Goal: shorter.' }, { text: 'done' }]
    const world = await agentWorld({ context_tokens: windowTokens, replies, at_end: 'repeat' }, { provider })
    const { state } = await world.run('word '.repeat(40_000))
    expect(state).toMatchObject({ kind: 'failed', problem: { kind: 'model-context-overflow' } })
    expect(work(world)).toHaveLength(0)
    const next = await world.run('a short one', { promptId: 'p2' })
    expect(next.state).toMatchObject({ complete: true, text: 'done' })
    expect(world.requests.map(({ status }) => status)).not.toContain(400)
  })

  it('the history is a pure function of the rows', async () => {
    const world = await chainWorld(12, 12_000)
    await world.run('go')
    const shown = messagesOf(world.entries()).map((message) => message.text)
    const sent = world.messages().slice(1)
    expect(shown.slice(0, -1)).toEqual(sent.map(({ content }) => content))
  })
})

describe('PV-4 what fits is known before the first request of a process', () => {
  const sse = (piece: object) => `data: ${JSON.stringify(piece)}\n\n`
  const servers = {
    ollama: {
      told: { '/v1/api/show': { model_info: { 'm.context_length': 8_192 } } },
      reply: `${JSON.stringify({ message: { content: 'ok' }, done: true, done_reason: 'stop' })}\n`,
    },
    openai: {
      told: { '/v1/models': { data: [{ id: 'm', max_model_len: 8_192 }] } },
      reply: sse({ choices: [{ delta: { content: 'ok' }, finish_reason: 'stop' }] }),
    },
  }

  /** A session with six long turns, on a server that tells its models' size. */
  async function talk(kind: keyof typeof servers, settings: Record<string, unknown> = {}) {
    const { told, reply } = servers[kind]
    const { url, seen } = await startRawServer((response, { path }) => {
      const answer = Object.entries(told).find(([where]) => where === path)?.[1]
      if (!answer) response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(answer ? JSON.stringify(answer) : reply)
    })
    const source = sourceOf({ kind, name: 'one', base_url: url, model: 'm', ...settings }, { clock: new HandClock() })
    const world = await agentWorld([{ text: 'unused' }], { providers: [source] })
    for (let n = 0; n < 6; n++) {
      const [runId, promptId] = [`r${n}`, `old${n}`]
      world.journal.append(
        world.sessionId,
        { type: 'prompt', promptId, text: 'word '.repeat(2_800) },
        { type: 'run.started', runId, promptId, resumed: false, model: 'm', provider: 'one' },
        { type: 'assistant', runId, text: 'ok', reasoning: '', calls: [], finish: 'stop' },
        { type: 'run.ended', runId, reason: 'completed', text: 'ok', problem: null },
      )
    }
    await world.run('go')
    await world.run('more', { promptId: 'p2' })
    const asked = seen.filter(({ path }) => path in told)
    const sizes = seen.filter(({ path }) => !(path in told)).map(({ body }) => body.length)
    return { asked, sizes, compacted: rowsOf(world.entries(), 'compacted') }
  }

  it.each(['ollama', 'openai'] as const)('compaction uses the 8192 of %s, which is asked once', async (kind) => {
    const { asked, sizes, compacted } = await talk(kind)
    expect(compacted.length).toBeGreaterThan(0)
    expect(Math.max(...sizes)).toBeLessThan(8_192 * 4)
    expect(asked).toHaveLength(1)
  })

  it('what a person set wins, and then no list is asked for', async () => {
    const { asked, sizes, compacted } = await talk('openai', { context_tokens: 65_536 })
    expect([asked.length, compacted.length]).toEqual([0, 0])
    expect(Math.max(...sizes)).toBeGreaterThan(60_000)
  })
})
