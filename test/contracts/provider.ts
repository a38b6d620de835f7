/**
 * What every Provider promises to the loop, whatever its protocol. Behind it stand streams as the protocol has them, in
 * test/fixtures/providers/<kind>, played by a loopback server.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createSource, providerSchemas } from '../../src/agent/providers/index.ts'
import type { ModelSource } from '../../src/agent/providers/source.ts'
import type { Clock } from '../../src/core/clock.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { ModelEvent, ModelRequest } from '../../src/core/provider.ts'
import { HandClock } from '../fakes/clock.ts'
import { type Answer, type SeenRequest, startRawServer, status } from '../fakes/raw-server.ts'

export interface ProviderFacts {
  kind: string
  model: string
  contentType: string
  /** What it answers to a wrong key. */
  unauthorized: number
  /** Calls come as text, which may be malformed or cut. */
  textCalls: boolean
  usage: { input: number; output: number; reasoning: number; cacheRead: number; cacheWrite: number }
  /** Asked before the first request to a model. */
  shows: boolean
  /** Keeps something of its replies to send it back. */
  thinks: boolean
  keyHeader: string
}

export const fixture = (kind: string, name: string): string =>
  readFileSync(join(import.meta.dirname, '../fixtures/providers', kind, name), 'utf8')

export const requestOf = (model: string, text: string): ModelRequest => ({
  model,
  messages: [{ role: 'user', text }],
  tools: [],
  temperature: null,
  maxOutputTokens: null,
})

export async function collect(events: AsyncIterable<ModelEvent>): Promise<ModelEvent[]> {
  const found: ModelEvent[] = []
  for await (const event of events) found.push(event)
  return found
}

/** Retries without waiting: the hand clock runs what is due as soon as it is asked for. */
export class HastyClock extends HandClock {
  override after(delayMs: number, fn: () => void) {
    const timer = super.after(delayMs, fn)
    if (delayMs <= 30_000) void Promise.resolve().then(() => this.advance(delayMs))
    return timer
  }
}

/** Settings as a person writes them. */
export function sourceOf(
  settings: Record<string, unknown>,
  { clock = systemClock, env = {} }: { clock?: Clock; env?: Record<string, string> } = {},
): ModelSource {
  const schema = providerSchemas.find((one) => one.shape.kind.safeParse(settings.kind).success)
  if (!schema) throw new Error(`no kind ${settings.kind}`)
  return createSource(schema.parse(settings), { clock, env })
}

/** A source in front of prepared answers; what is asked about a model is answered beside them. */
export async function recorded(
  facts: Pick<ProviderFacts, 'kind' | 'shows'>,
  answers: readonly Answer[],
  more: { settings?: Record<string, unknown>; clock?: Clock; env?: Record<string, string> } = {},
): Promise<{ source: ModelSource; seen: SeenRequest[] }> {
  let count = 0
  const seen: SeenRequest[] = []
  const { url } = await startRawServer((response, request) => {
    if (request.path.endsWith('/api/show')) return status(200, fixture(facts.kind, 'show.json'))(response, request)
    seen.push(request)
    count += 1
    return answers[Math.min(count, answers.length) - 1]?.(response, request)
  })
  const settings = { name: 'recorded', kind: facts.kind, base_url: url, ...more.settings }
  return { source: sourceOf(settings, more), seen }
}

/** Cuts the socket, or leaves it open in silence, behind the stream. */
export function streamOf(facts: Pick<ProviderFacts, 'kind' | 'contentType'>, name: string) {
  const send =
    (after: 'end' | 'cut' | 'hold'): Answer =>
    (response) => {
      response.writeHead(200, { 'content-type': facts.contentType })
      response.write(fixture(facts.kind, name), () => {
        if (after === 'end') response.end()
        if (after === 'cut') response.destroy()
      })
    }
  return { whole: send('end'), cut: send('cut'), held: send('hold') }
}

const said = (events: readonly ModelEvent[], type: 'text' | 'reasoning'): string =>
  events.flatMap((event) => (event.type === type ? [event.delta] : [])).join('')
const callsOf = (events: readonly ModelEvent[]) => events.flatMap((event) => (event.type === 'call' ? [event] : []))

const never = new AbortController().signal
const itWhen = (has: boolean) => (has ? it : () => undefined)

function stageOf(facts: ProviderFacts) {
  const scene = (name: string) => streamOf(facts, name)
  const play = async (answers: readonly Answer[], settings: Record<string, unknown> = {}, env = {}) => {
    const { source, seen } = await recorded(facts, answers, { settings, clock: new HastyClock(), env })
    return { source, seen, events: await collect(source.provider.stream(requestOf(facts.model, 'hi'), never)) }
  }
  return { scene, play }
}

export function providerContract(facts: ProviderFacts): void {
  describe(`provider: ${facts.kind}`, () => {
    replies(facts)
    figures(facts)
    troubles(facts)
    keys(facts)
    ends(facts)
    memory(facts)
  })
}

function replies(facts: ProviderFacts): void {
  const { scene, play } = stageOf(facts)
  const { model } = facts

  it('AL-3 streams reasoning apart from text, then usage to the token (PV-5), then one end', async () => {
    const { events } = await play([scene('speak.txt').whole])
    const shown = events.filter((event) => event.type !== 'thinking')
    expect(shown).toMatchObject([
      { type: 'reasoning', delta: 'well' },
      { type: 'reasoning', delta: '…' },
      { type: 'text', delta: 'Hello' },
      { type: 'text', delta: ' world' },
      { type: 'usage', usage: { ...facts.usage, model, provider: 'recorded' } },
      { type: 'end', finish: 'stop' },
    ])
  })

  it('gives complete calls with the arguments that the model sent', async () => {
    const { events } = await play([scene('calls.txt').whole])
    const calls = callsOf(events)
    expect(calls.map(({ call }) => [call.name, JSON.parse(call.argumentsText)])).toEqual([
      ['read', { file_path: 'a' }],
      ['read', { file_path: 'b' }],
    ])
    expect(calls.some(({ cut }) => cut)).toBe(false)
    expect(events.at(-1)).toEqual({ type: 'end', finish: 'tool_calls' })
  })

  it('makes up ids where there are none, each its own', async () => {
    const { events } = await play([scene('no-ids.txt').whole])
    const ids = callsOf(events).map(({ call }) => call.id)
    expect(ids).toHaveLength(2)
    expect(new Set(ids.filter((id) => id.length > 4)).size).toBe(2)
  })

  itWhen(facts.textCalls)('AL-4 keeps malformed arguments as they are, and marks those that were cut', async () => {
    const malformed = callsOf((await play([scene('malformed.txt').whole])).events)
    expect(malformed.map(({ call, cut }) => [call.argumentsText, cut])).toEqual([
      ['{"file_path":"a"}', false],
      ['{"file_path": bro', false],
    ])
    const { events } = await play([scene('cut.txt').whole])
    expect(callsOf(events).map(({ cut }) => cut)).toEqual([false, true])
    expect(events.at(-1)).toEqual({ type: 'end', finish: 'length' })
  })

  it('goes on after a piece that is no JSON', async () => {
    const { events } = await play([scene('bad-json.txt').whole])
    expect(said(events, 'text')).toBe('Hello world')
    expect(events.at(-1)).toEqual({ type: 'end', finish: 'stop' })
  })
}

/** Where each protocol has its figures, and the figure of what was read. */
const usageFields: Readonly<Record<string, readonly [RegExp, RegExp]>> = {
  openai: [/"usage":\{(?:[^{}]|\{[^{}]*\})*\}/g, /"prompt_tokens":\d+/g],
  'openai-responses': [/"usage":\{(?:[^{}]|\{[^{}]*\})*\}/g, /"input_tokens":\d+/g],
  anthropic: [/"usage":\{(?:[^{}]|\{[^{}]*\})*\}/g, /"input_tokens":\d+/g],
  gemini: [/"usageMetadata":\{(?:[^{}]|\{[^{}]*\}|\[[^\]]*\])*\}/g, /"promptTokenCount":\d+/g],
  ollama: [/"(?:prompt_)?eval_count":\d+/g, /"prompt_eval_count":\d+/g],
}

function figures(facts: ProviderFacts): void {
  const { play } = stageOf(facts)
  const [whole = /^/, read = /^/] = usageFields[facts.kind] ?? []
  const named = (found: string, value: string) => `${found.slice(0, found.indexOf(':'))}:${value}`
  const odd = ['-5', '1.5', '1e999', '1e300', '"many"', '[]', '{}', 'true']
  type Case = ['all' | 'one', string, RegExp]
  const cases: Case[] = [
    ...['{}', '[]', '""', '0', 'null', '"12"', '[[1]]'].map((value): Case => ['all', value, whole]),
    ...odd.map((value): Case => ['one', value, read]),
  ]
  // Ollama has its figures one by one.
  const tried = cases.filter(([which]) => which === 'one' || facts.kind !== 'ollama')
  it.each(tried)('PV-5 takes a reply whose usage is odd (%s of it is %s): it is unknown', async (_, value, where) => {
    const text = fixture(facts.kind, 'speak.txt')
    const changed = text.replace(where, (found) => named(found, value))
    expect(changed).not.toBe(text)
    const { events, seen } = await play([
      (response) => {
        response.writeHead(200, { 'content-type': facts.contentType })
        response.end(changed)
      },
    ])
    expect([said(events, 'text'), seen.length]).toEqual(['Hello world', 1])
    const none = { input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0 }
    const last = events.filter(({ type }) => type === 'usage' || type === 'end')
    expect(last).toMatchObject([{ usage: none }, { type: 'end', finish: 'stop' }])
  })
}

function troubles(facts: ProviderFacts): void {
  const { scene, play } = stageOf(facts)

  it.each([
    ['an error in the middle of the stream', scene('error.txt').whole, 'model-server-error'],
    ['a reply that never says that it is finished', scene('open.txt').whole, 'model-truncated'],
    ['a connection that is cut', scene('open.txt').cut, 'model-unreachable'],
  ])('PV-3 asks again after %s, and marks what was shown', async (_what, broken, problem) => {
    const { events, seen } = await play([broken, scene('speak.txt').whole])
    const retry = events.findIndex((event) => event.type === 'retry')
    expect(events[retry]).toMatchObject({ attempt: 2, shown: true, problem: { kind: problem } })
    expect(said(events.slice(retry), 'text')).toBe('Hello world')
    expect(events.at(-1)).toEqual({ type: 'end', finish: 'stop' })
    expect(seen).toHaveLength(2)
  })

  it('PV-3 gives up in the end, as trouble that may pass', async () => {
    const { events } = await play([scene('open.txt').whole], { retries: 1 })
    expect(events.at(-1)).toMatchObject({ type: 'failed', transient: true, problem: { kind: 'model-truncated' } })
  })

  it('PV-3 waits after 429 as long as the server asks, and repeats 5xx', async () => {
    const limited = status(429, {}, { 'retry-after': '2' })
    const { events } = await play([limited, status(529, {}), scene('speak.txt').whole])
    const retries = events.filter((event) => event.type === 'retry')
    expect(retries).toMatchObject([
      { waitMs: 2_000, shown: false, problem: { kind: 'model-rate-limited' } },
      { shown: false, problem: { kind: 'model-server-error' } },
    ])
    expect(said(events, 'text')).toBe('Hello world')
  })

  it('reports a refused key and a request that is too long as lasting, and never shows the key', async () => {
    const refused = status(facts.unauthorized, fixture(facts.kind, 'unauthorized.json'))
    const { events, seen } = await play([refused], { api_key_env: 'KEY' }, { KEY: 'sk-planted-key' })
    expect(events).toMatchObject([
      { type: 'failed', transient: false, aborted: false, problem: { kind: 'model-key-refused' } },
    ])
    expect(JSON.stringify(events)).not.toContain('sk-planted-key')
    expect(String(seen[0]?.headers[facts.keyHeader])).toContain('sk-planted-key')
    const overflow = await play([status(400, fixture(facts.kind, 'overflow.json'))])
    expect(overflow.events).toMatchObject([
      { type: 'failed', transient: false, problem: { kind: 'model-context-overflow' } },
    ])
  })
}

function keys(facts: ProviderFacts): void {
  const { scene } = stageOf(facts)
  const refused = status(facts.unauthorized, fixture(facts.kind, 'unauthorized.json'))
  const code = 'permission_denied'
  const inReply: Answer = (response) => {
    const error = JSON.stringify({ type: 'error', error: { message: 'no', code, type: code, status: code } })
    response.writeHead(200, { 'content-type': facts.contentType })
    response.end(facts.contentType.includes('ndjson') ? `${error}\n` : `data: ${error}\n\n`)
  }

  it.each([
    ['its own refusal', refused],
    ['401', status(401, {})],
    ['403', status(403, {})],
    ['an error in the reply', inReply],
  ])('PV-1 takes a key that a person replaced after %s, without a restart', async (_, answer) => {
    const env = { OPENLOOM_API_KEY: 'old-key-1' }
    const { source, seen } = await recorded(facts, [answer, scene('speak.txt').whole], { env })
    const ask = () => collect(source.provider.stream(requestOf(facts.model, 'hi'), never))
    expect((await ask()).at(-1)).toMatchObject({ type: 'failed', problem: { kind: 'model-key-refused' } })
    env.OPENLOOM_API_KEY = 'new-key-2'
    expect((await ask()).at(-1)).toEqual({ type: 'end', finish: 'stop' })
    const sent = seen.map(({ headers }) => String(headers[facts.keyHeader]).replace('Bearer ', ''))
    expect(sent).toEqual(['old-key-1', 'new-key-2'])
  })
}

function ends(facts: ProviderFacts): void {
  const { scene } = stageOf(facts)
  const { model } = facts

  it('PV-3 gives up a reply that stalls for 90 seconds', async () => {
    const clock = new HandClock()
    const held = scene('open.txt').held
    const { source } = await recorded(facts, [held], { clock, settings: { retries: 0 } })
    const events: ModelEvent[] = []
    for await (const event of source.provider.stream(requestOf(model, 'hi'), never)) {
      events.push(event)
      if (event.type !== 'text') continue
      await clock.advance(89_000)
      expect(events.at(-1)?.type).toBe('text')
      void clock.advance(2_000)
    }
    expect(events.at(-1)).toMatchObject({ type: 'failed', transient: true, problem: { kind: 'model-stalled' } })
  })

  it('ends at once and says so when it is aborted in the middle', async () => {
    const { source } = await recorded(facts, [scene('open.txt').held])
    const stop = new AbortController()
    const events: ModelEvent[] = []
    for await (const event of source.provider.stream(requestOf(model, 'hi'), stop.signal)) {
      events.push(event)
      if (event.type === 'text') stop.abort(new Error('enough'))
    }
    expect(events.at(-1)).toMatchObject({ type: 'failed', aborted: true, transient: false })
  })
}

function memory(facts: ProviderFacts): void {
  const { scene } = stageOf(facts)
  const { kind, model } = facts

  it('PV-4 lists its models and knows how much fits into one that was asked', async () => {
    const { source, seen } = await recorded(facts, [
      status(200, fixture(kind, 'models.json')),
      scene('speak.txt').whole,
    ])
    expect(source.contextTokens(model)).toBe(null)
    expect(await source.provider.models(never)).toMatchObject({ ids: expect.arrayContaining([model]) })
    expect(await source.provider.models(never, 60_000)).toMatchObject({ ids: expect.arrayContaining([model]) })
    expect(seen).toHaveLength(1)
    await collect(source.provider.stream(requestOf(model, 'hi'), never))
    expect(source.contextTokens(model)).toBe(8_192)
    const set = await recorded(facts, [], { settings: { context_tokens: { [model]: 4_096 } } })
    expect([set.source.contextTokens(model), set.source.contextTokens('other')]).toEqual([4_096, null])
  })

  it('PV-4 learns what fits before it is asked for anything', async () => {
    const { source, seen } = await recorded(facts, [status(200, fixture(kind, 'models.json'))])
    await source.provider.learn?.(model, never)
    await source.provider.learn?.(model, never)
    expect([source.contextTokens(model), seen.length]).toEqual([8_192, facts.shows ? 0 : 1])
  })

  itWhen(!facts.shows)('PV-4 waits no longer than 300 ms for a list, and once', async () => {
    const clock = new HandClock()
    const { source, seen } = await recorded(facts, [() => void clock.advance(300)], { clock })
    for (let n = 0; n < 2; n++) await source.provider.learn?.(model, never)
    expect([source.contextTokens(model), seen.length]).toEqual([null, 1])
  })

  itWhen(facts.thinks)('sends back what it kept of a reply, unchanged, and only to the same model', async () => {
    const { source, seen } = await recorded(facts, [scene('calls.txt').whole, scene('speak.txt').whole])
    const events = await collect(source.provider.stream(requestOf(model, 'hi'), never))
    const thinking = events.flatMap((event) => (event.type === 'thinking' ? [event.thinking] : []))
    expect(thinking.map(({ provider }) => provider)).toEqual([kind])
    const calls = callsOf(events).map(({ call }) => call)
    const results = calls.map(({ id, name }) => ({ role: 'tool' as const, callId: id, name, text: 'x' }))
    const asked = (id: string): ModelRequest => ({
      ...requestOf(id, 'hi'),
      messages: [{ role: 'user', text: 'hi' }, { role: 'assistant', text: '', calls, thinking }, ...results],
    })
    const mark = /gAAAA-opaque|EqQB-signed|c2ln-call/
    await collect(source.provider.stream(asked(model), never))
    expect(seen[1]?.body).toMatch(mark)
    await collect(source.provider.stream(asked('another-model'), never))
    expect(seen[2]?.body).not.toMatch(mark)
  })
}
