import { describe, expect, it } from 'vitest'
import { openai, openaiSchema } from '../../../src/agent/providers/openai.ts'
import { systemClock } from '../../../src/core/clock.ts'
import type { ModelEvent } from '../../../src/core/provider.ts'
import { collect, HastyClock, requestOf } from '../../contracts/provider.ts'
import { HandClock } from '../../fakes/clock.ts'
import { type Answer, sse, startRawServer, status } from '../../fakes/raw-server.ts'

async function run(answers: Answer[], more: Record<string, unknown> = {}, env: Record<string, string> = {}) {
  const { url, seen } = await startRawServer(...answers)
  const config = openaiSchema.parse({ name: 'raw', base_url: url, first_byte_seconds: 300, ...more })
  const { provider } = openai.create(config, { clock: new HastyClock(), env })
  const events = await collect(provider.stream(requestOf('m', 'hi'), new AbortController().signal))
  return { events, seen, url }
}

const delta = (part: object, finish: string | null = null) => ({ choices: [{ delta: part, finish_reason: finish }] })
const text = (content: string) => delta({ content })
const call = (part: object) => delta({ tool_calls: [part] })
const end = delta({}, 'stop')
const calls = (events: ModelEvent[]) =>
  events.flatMap((event) => (event.type === 'call' ? [[event.call.name, event.call.argumentsText, event.cut]] : []))
const types = (events: ModelEvent[]) => events.map((event) => event.type)

it('AL-3 content that comes as a list of parts is text, and its thinking is reasoning', async () => {
  const thinking = { type: 'thinking', thinking: [{ type: 'text', text: 'hmm' }] }
  const { events } = await run([sse(delta({ content: [thinking, { type: 'text', text: 'well' }] }), end)])
  expect(events.slice(0, 2)).toEqual([
    { type: 'reasoning', delta: 'hmm' },
    { type: 'text', delta: 'well' },
  ])
})

describe('AL-4 calls that servers send badly', () => {
  const cases: [string, object[], unknown[]][] = [
    [
      'arguments split over chunks, two calls by turns',
      [
        call({ index: 0, id: 'a', function: { name: 'read', arguments: '{"p"' } }),
        call({ index: 1, id: 'b', function: { name: 'glob', arguments: '{"q"' } }),
        call({ index: 0, function: { arguments: ':1}' } }),
        call({ index: 1, function: { arguments: ':2}' } }),
      ],
      [
        ['read', '{"p":1}', false],
        ['glob', '{"q":2}', false],
      ],
    ],
    [
      'no index',
      [
        call({ id: 'a', function: { name: 'read', arguments: '{"p":' } }),
        call({ function: { arguments: '1}' } }),
        call({ id: 'b', function: { name: 'read', arguments: '{}' } }),
      ],
      [
        ['read', '{"p":1}', false],
        ['read', '{}', false],
      ],
    ],
    [
      'an index that is a text',
      [
        call({ index: '0', id: 'a', function: { name: 'read', arguments: '{"p":' } }),
        call({ index: '0', function: { arguments: '1}' } }),
      ],
      [['read', '{"p":1}', false]],
    ],
    [
      'arguments that are no text',
      [
        call({ index: 0, id: 'a', function: { name: 'read', arguments: { p: 1 } } }),
        call({ index: 1, id: 'b', function: { name: 'glob', arguments: {} } }),
        call({ index: 1, function: { arguments: '{"q":2}' } }),
      ],
      [
        ['read', '{"p":1}', false],
        ['glob', '{"q":2}', false],
      ],
    ],
    [
      'no id and no index',
      [
        call({ function: { name: 'read', arguments: '{"p":1}' } }),
        call({ function: { name: 'glob', arguments: '{"q":2}' } }),
      ],
      [
        ['read', '{"p":1}', false],
        ['glob', '{"q":2}', false],
      ],
    ],
    [
      'one index for two calls',
      [
        call({ index: 0, id: 'a', function: { name: 'read', arguments: '{"p":1}' } }),
        call({ index: 0, id: 'b', function: { name: 'glob', arguments: '{"q":2}' } }),
      ],
      [
        ['read', '{"p":1}', false],
        ['glob', '{"q":2}', false],
      ],
    ],
    [
      'id repeated in each chunk',
      [
        call({ index: 0, id: 'a', function: { name: 'read', arguments: '{"p"' } }),
        call({ index: 0, id: 'a', function: { name: '', arguments: ':1}' } }),
      ],
      [['read', '{"p":1}', false]],
    ],
    [
      'malformed arguments, kept as they are',
      [call({ index: 0, id: 'a', function: { name: 'read', arguments: '{"p": oops' } })],
      [['read', '{"p": oops', false]],
    ],
  ]
  it.each(cases)('%s', async (_what, chunks, expected) => {
    const { events } = await run([sse(...chunks, end, 'data: [DONE]\n\n')])
    expect(calls(events)).toEqual(expected)
    expect(events.at(-1)).toEqual({ type: 'end', finish: 'tool_calls' })
  })

  it('makes up an id where there is none, each its own', async () => {
    const { events } = await run([
      sse(
        call({ index: 0, function: { name: 'a', arguments: '{}' } }),
        call({ index: 1, function: { name: 'b' } }),
        end,
      ),
    ])
    const ids = events.flatMap((event) => (event.type === 'call' ? [event.call.id] : []))
    expect(new Set(ids).size).toBe(2)
    expect(ids.every((id) => id.length > 4)).toBe(true)
  })

  it('marks the last call as cut when the output limit ended it in the middle', async () => {
    const first = call({ index: 0, id: 'a', function: { name: 'read', arguments: '{"p":1}' } })
    const second = call({ index: 1, id: 'b', function: { name: 'write', arguments: '{"content":"long' } })
    const { events } = await run([sse(first, second, delta({}, 'length'))])
    expect(calls(events).map((one) => one[2])).toEqual([false, true])
    expect(events.at(-1)).toEqual({ type: 'end', finish: 'length' })
  })
})

describe('PV-3 trouble', () => {
  it('repeats after 429, waiting as long as the server asks, in plain sight', async () => {
    const { events, seen } = await run([status(429, {}, { 'retry-after': '2' }), sse(text('fine'), end)])
    expect(events).toMatchObject([
      { type: 'retry', attempt: 2, waitMs: 2_000, shown: false },
      { type: 'text', delta: 'fine' },
      { type: 'usage' },
      { type: 'end' },
    ])
    expect(seen).toHaveLength(2)
  })

  it('gives up at once when the server asks for two minutes, and says how long', async () => {
    const { events, seen } = await run([status(429, {}, { 'retry-after': '120' })])
    expect(events).toMatchObject([{ type: 'failed', transient: true, problem: { kind: 'model-rate-limited' } }])
    expect(JSON.stringify(events)).toContain('120 seconds')
    expect(seen).toHaveLength(1)
  })

  it('repeats 5xx with growing waits and then fails as transient', async () => {
    const { events, seen } = await run([status(503, 'overloaded')], { retries: 3 })
    expect(types(events)).toEqual(['retry', 'retry', 'retry', 'failed'])
    expect(events.at(-1)).toMatchObject({ transient: true, problem: { kind: 'model-server-error' } })
    expect(seen).toHaveLength(4)
  })

  it('marks a retry after shown text, so that nobody shows it twice unawares', async () => {
    const cut: Answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(`data: ${JSON.stringify(text('half a'))}\n\n`, () => response.destroy())
    }
    const { events } = await run([cut, sse(text('a whole'), end)])
    expect(events).toMatchObject([
      { type: 'text', delta: 'half a' },
      { type: 'retry', shown: true, problem: { kind: 'model-unreachable' } },
      { type: 'text', delta: 'a whole' },
      { type: 'usage' },
      { type: 'end' },
    ])
  })

  it('takes an end without finish_reason for a cut reply, never for a finished one', async () => {
    const { events } = await run([sse(text('half a'), 'data: [DONE]\n\n')], { retries: 0 })
    expect(events.at(-1)).toMatchObject({ type: 'failed', transient: true, problem: { kind: 'model-truncated' } })
  })

  it('goes on after a chunk that is no JSON', async () => {
    const { events } = await run([sse(text('a'), 'data: {"choices": [{\n\n', text('b'), end)])
    expect(events).toMatchObject([{ delta: 'a' }, { delta: 'b' }, { type: 'usage' }, { type: 'end', finish: 'stop' }])
  })

  it.each([
    [401, { error: { message: 'bad key' } }, 'model-key-refused'],
    [403, {}, 'model-key-refused'],
    [404, { error: { message: 'no model m' } }, 'model-not-found'],
    [400, { error: { message: "This model's maximum context length is 8192 tokens" } }, 'model-context-overflow'],
    [400, { error: { message: 'bad request', code: 'context_length_exceeded' } }, 'model-context-overflow'],
    [422, 'no', 'model-request-refused'],
  ])('does not repeat %i %j', async (code, body, kind) => {
    const { events, seen } = await run([status(code, body)])
    expect(events).toMatchObject([{ type: 'failed', transient: false, problem: { kind } }])
    expect(seen).toHaveLength(1)
  })

  it('understands an error object in the middle of the stream', async () => {
    const error = { error: { message: 'worker died', code: 500 } }
    const { events } = await run([sse(text('a'), error), sse(text('b'), end)])
    expect(types(events)).toEqual(['text', 'retry', 'text', 'usage', 'end'])
  })

  it('fails as transient when nobody listens', async () => {
    const config = openaiSchema.parse({ name: 'raw', base_url: 'http://127.0.0.1:9/v1', retries: 1 })
    const { provider } = openai.create(config, { clock: new HastyClock(), env: {} })
    const events = await collect(provider.stream(requestOf('m', 'hi'), new AbortController().signal))
    expect(types(events)).toEqual(['retry', 'failed'])
    expect(events.at(-1)).toMatchObject({ transient: true, problem: { kind: 'model-unreachable' } })
  })

  it('gives up a reply that stalls, by the clock of each piece', async () => {
    const clock = new HandClock()
    const { url } = await startRawServer((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(`data: ${JSON.stringify(text('well'))}\n\n`)
    })
    const config = openaiSchema.parse({ name: 'raw', base_url: url, retries: 0, stall_seconds: 90 })
    const { provider } = openai.create(config, { clock, env: {} })
    const events: ModelEvent[] = []
    for await (const event of provider.stream(requestOf('m', 'hi'), new AbortController().signal)) {
      events.push(event)
      if (event.type === 'text') {
        await clock.advance(89_000)
        expect(events).toHaveLength(1)
        void clock.advance(2_000)
      }
    }
    expect(events.at(-1)).toMatchObject({ type: 'failed', transient: true, problem: { kind: 'model-stalled' } })
  })

  it('gives up a reply that sends signs of life and never a word', async () => {
    const { url } = await startRawServer((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const timer = setInterval(() => response.write(': still here\n\n'), 20)
      response.once('close', () => clearInterval(timer))
    })
    const config = openaiSchema.parse({ name: 'raw', base_url: url, retries: 0, stall_seconds: 0.2 })
    const { provider } = openai.create(config, { clock: systemClock, env: {} })
    const startedAt = performance.now()
    const events = await collect(provider.stream(requestOf('m', 'hi'), new AbortController().signal))
    expect(events.at(-1)).toMatchObject({ type: 'failed', transient: true, problem: { kind: 'model-stalled' } })
    expect(performance.now() - startedAt).toBeGreaterThan(1_500)
  })

  it.each([
    ['2, 3', 2_000],
    ['0.5s', 500],
    ['1.5', 1_500],
  ])('waits as long as a Retry-After of "%s" says', async (retryAfter, waitMs) => {
    const { events } = await run([status(429, {}, { 'retry-after': retryAfter }), sse(text('hi'), end)])
    expect(events[0]).toMatchObject({ type: 'retry', waitMs })
  })

  it('stops waiting for a retry as soon as it is aborted', async () => {
    const { url } = await startRawServer(status(429, {}, { 'retry-after': '20' }))
    const config = openaiSchema.parse({ name: 'raw', base_url: url })
    const { provider } = openai.create(config, { clock: systemClock, env: {} })
    const stop = new AbortController()
    const events: ModelEvent[] = []
    const startedAt = performance.now()
    for await (const event of provider.stream(requestOf('m', 'hi'), stop.signal)) {
      events.push(event)
      if (event.type === 'retry') queueMicrotask(() => stop.abort())
    }
    expect(events.at(-1)).toMatchObject({ type: 'failed', aborted: true })
    expect(performance.now() - startedAt).toBeLessThan(1_000)
  })
})

describe('PV-1 the key', () => {
  const keyOf = async (more: Record<string, unknown>, env: Record<string, string>) =>
    (await run([sse(end)], more, env)).seen[0]?.headers.authorization

  it('comes from the named variable, then OPENLOOM_API_KEY, then OPENAI_API_KEY, else there is none', async () => {
    const env = { MINE: 'one', OPENLOOM_API_KEY: 'two', OPENAI_API_KEY: 'three' }
    expect(await keyOf({ api_key_env: 'MINE' }, env)).toBe('Bearer one')
    expect(await keyOf({ api_key_env: 'OTHER' }, env)).toBe('Bearer two')
    expect(await keyOf({}, { OPENAI_API_KEY: 'three' })).toBe('Bearer three')
    expect(await keyOf({}, {})).toBeUndefined()
  })

  it('never shows in what the server echoes', async () => {
    const { events } = await run(
      [status(401, { error: { message: 'wrong key sk-secret-1!' } })],
      {},
      {
        OPENLOOM_API_KEY: 'sk-secret-1',
      },
    )
    expect(JSON.stringify(events)).not.toContain('sk-secret-1')
    expect(JSON.stringify(events)).toContain('[key]')
  })
})

describe('PV-1 a key that a server echoes', () => {
  const key = 'sk-planted-7f3a9c2e-0123456789'
  const env = { OPENLOOM_API_KEY: key }
  const said = (events: ModelEvent[], type: 'text' | 'reasoning') =>
    events.flatMap((event) => (event.type === type ? [event.delta] : [])).join('')
  const deltas = (parts: string[], field = 'content') => parts.map((part) => delta({ [field]: part }))

  it.each([
    ['where the text is cut', `${'x'.repeat(585)}${key}`],
    ['broken into lines', `wrong key ${key.slice(0, 12)}\n   ${key.slice(12)}`],
    ['in an error of JSON', JSON.stringify({ error: { message: `k ${key.slice(0, 12)}\r\n${key.slice(12)}` } })],
    ['where the answer is cut', `${' '.repeat(16 * 1024 - 20)}${key}`],
  ])('is in no trouble: %s', async (_, body) => {
    const { events } = await run([status(401, body)], {}, env)
    expect(JSON.stringify(events)).toContain('model-key-refused')
    expect(JSON.stringify(events)).not.toContain('planted')
    const { events: middle } = await run([sse({ error: { message: body } })], { retries: 0 }, env)
    expect(JSON.stringify(middle)).not.toContain('planted')
  })

  it.each(Array.from({ length: key.length - 1 }, (_, at) => at + 1))('is in no text cut behind %i', async (at) => {
    const parts = ['Bearer ', key.slice(0, at), key.slice(at), ' s', 'o sk', '-p']
    const { events } = await run([sse(...deltas(parts), ...deltas(parts, 'reasoning'), end)], {}, env)
    expect([said(events, 'text'), said(events, 'reasoning')]).toEqual(['Bearer [key] so sk-p', 'Bearer [key] so sk-p'])
  })

  it('is in no text that comes letter by letter, with line breaks in it, twice', async () => {
    const letters = [...`a ${key} b ${key.slice(0, 5)}\n${key.slice(5)} skip`]
    const { events } = await run([sse(...deltas(letters), end)], {}, env)
    expect(said(events, 'text')).toBe('a [key] b [key] skip')
  })

  it('is in no call, as its id, its name, or escaped in its arguments', async () => {
    const quoted = 'planted-"7f3a9c2e"'
    const part = { index: 0, id: quoted, function: { name: quoted, arguments: JSON.stringify({ a: `x${quoted}y` }) } }
    const { events } = await run([sse(call(part), end)], {}, { OPENLOOM_API_KEY: quoted })
    expect(events[1]).toMatchObject({ call: { id: '[key]', name: '[key]', argumentsText: '{"a":"x[key]y"}' } })
  })

  it('keeps back nothing that cannot become the key, and tells what it kept when the reply breaks off', async () => {
    const cut: Answer = (response) => {
      const sent = deltas(['Files', ' sk-pl']).map((one) => `data: ${JSON.stringify(one)}\n\n`)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(sent.join(''), () => response.destroy())
    }
    const { events } = await run([cut], { retries: 0 }, env)
    expect(events[0]).toEqual({ type: 'text', delta: 'File' })
    expect(said(events, 'text')).toBe('Files sk-pl')
    const mixed = [...deltas(['yes'], 'reasoning'), ...deltas(['s']), ...deltas([key.slice(1)], 'reasoning'), end]
    const order = (await run([sse(...mixed)], {}, env)).events
    expect(order.slice(0, 3)).toMatchObject([{ delta: 'ye' }, { type: 'reasoning', delta: 's' }, { type: 'text' }])
    expect(JSON.stringify(order)).not.toContain('planted')
  })
})

describe('servers with their own ways', () => {
  it('may ignore stream and send one JSON message', async () => {
    const message = {
      role: 'assistant',
      content: 'whole',
      tool_calls: [{ id: 'x', function: { name: 'f', arguments: '{}' } }],
    }
    const { events } = await run([status(200, { choices: [{ message, finish_reason: 'tool_calls' }] })])
    expect(types(events)).toEqual(['text', 'usage', 'call', 'end'])
  })

  it('may hold the connection after [DONE]', async () => {
    const { events } = await run([
      (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(`data: ${JSON.stringify(text('a'))}\n\ndata: ${JSON.stringify(end)}\n\ndata: [DONE]\n\n`)
      },
    ])
    expect(types(events)).toEqual(['text', 'usage', 'end'])
  })

  it('redirects are not followed: the key stays with the configured server', async () => {
    const { events, seen } = await run([status(307, '', { location: 'http://127.0.0.1:9/' })], { retries: 0 })
    expect(types(events)).toEqual(['failed'])
    expect(seen).toHaveLength(1)
  })
})
