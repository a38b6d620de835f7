/**
 * The live stream, cut again and again: what a reader pieced together is the log, without a gap and without a double.
 */
import { createParser } from 'eventsource-parser'
import { expect, it, vi } from 'vitest'
import type { LoomEvent } from '../../src/core/event.ts'
import { signEnvelope } from '../../src/lib/dsse.ts'
import { beginningPayload, beginningText, type LogHead } from '../../src/store/log-chain.ts'
import { startRawServer, status } from '../fakes/raw-server.ts'
import { type Story, tell } from '../fakes/story.ts'

/** Reads events after `after` until `count` have come, then hangs up. */
async function readSome(story: Story, after: number, count: number): Promise<LoomEvent[]> {
  const stop = new AbortController()
  const headers = { authorization: `Bearer ${story.daemon.token}`, 'last-event-id': String(after) }
  const answer = await fetch(`${story.daemon.url}/api/live`, { headers, signal: stop.signal })
  expect(answer.headers.get('content-type')).toContain('text/event-stream')
  const got: LoomEvent[] = []
  const parser = createParser({
    onEvent({ event, id, data }) {
      if (event !== 'event' || got.length >= count) return
      got.push(JSON.parse(data) as LoomEvent)
      expect(Number(id)).toBe(got.at(-1)?.seq)
    },
  })
  const decoder = new TextDecoder()
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
  while (got.length < count) {
    const { done, value } = await reader.read()
    if (done) break
    parser.feed(decoder.decode(value, { stream: true }))
  }
  stop.abort()
  return got
}

it('DU-2 after 20 drops equals the log', async () => {
  const story = await tell()
  const goals = Array.from({ length: 12 }, (_, i) => `task ${i}`)
  const adding = (async () => {
    for (const goal of goals) {
      await story.call('POST', '/api/tasks', { goal, workspace: story.workspace(goal.replace(' ', '-')) })
    }
  })()
  const read: LoomEvent[] = []
  for (let drop = 0; drop < 20; drop++) read.push(...(await readSome(story, read.at(-1)?.seq ?? 0, 1 + (drop % 5))))
  await adding
  const last = story.daemon.store.ledger.head()
  if ((read.at(-1)?.seq ?? 0) < last) {
    read.push(...(await readSome(story, read.at(-1)?.seq ?? 0, last - (read.at(-1)?.seq ?? 0))))
  }
  const log = story.daemon.store.events.after(0, 1_000).slice(0, read.length)
  expect(read.length).toBeGreaterThan(40)
  expect(read).toEqual(JSON.parse(JSON.stringify(log)))
  expect(read.map(({ seq }) => seq)).toEqual(Array.from(read, (_, i) => i + 1))
})

it('begins at the present for a reader that names no event', async () => {
  const story = await tell()
  await story.call('POST', '/api/tasks', { goal: 'before', workspace: story.workspace() })
  await story.reaches('done')
  const frames = await framesUntil(story, (event) => event === 'saying', null)
  const head = story.daemon.store.ledger.head()
  expect(frames).toEqual([
    { event: 'hello', data: String(head) },
    { event: 'saying', data: '[]' },
  ])
})

it('tells a reader who comes back too late that events were let go of, and goes on with those there are', async () => {
  const story = await tell()
  const { store, token, url } = story.daemon
  for (let n = 0; n < 20; n++) store.ledger.note({ type: 'usage.recorded', data: { n } })
  const sign = (beginning: LogHead) => signEnvelope(beginningPayload, beginningText(beginning), [])
  expect(store.logTrim.trim({ before: 0, keep: 5, least: 1, sinks: [], sign }).removed).toBeGreaterThan(10)
  const stop = new AbortController()
  const headers = { authorization: `Bearer ${token}`, 'last-event-id': '2' }
  const answer = await fetch(`${url}/api/live`, { headers, signal: stop.signal })
  const frames: { event: string | undefined; data: string }[] = []
  const parser = createParser({ onEvent: ({ event, data }) => void frames.push({ event, data }) })
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
  while (frames.length < 3) parser.feed(new TextDecoder().decode((await reader.read()).value))
  stop.abort()
  const next = store.events.first()
  expect(frames[1]).toEqual({ event: 'gap', data: JSON.stringify({ after: 2, next }) })
  expect(JSON.parse(frames[2]?.data ?? '')).toMatchObject({ seq: next })
})

/** The first frames that a reader gets until one is what was looked for. */
async function framesUntil(story: Story, wanted: (event: string, data: string) => boolean, after: number | null = 0) {
  const stop = new AbortController()
  const place: Record<string, string> = after === null ? {} : { 'last-event-id': String(after) }
  const headers = { authorization: `Bearer ${story.daemon.token}`, ...place }
  const answer = await fetch(`${story.daemon.url}/api/live`, { headers, signal: stop.signal })
  const frames: { event: string; data: string }[] = []
  const parser = createParser({ onEvent: ({ event = '', data }) => void frames.push({ event, data }) })
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
  while (!frames.some(({ event, data }) => wanted(event, data))) {
    parser.feed(new TextDecoder().decode((await reader.read()).value))
  }
  stop.abort()
  return frames
}

it('SU-6 whoever comes in the middle hears what was said so far, once, and after the events before it', async () => {
  const story = await tell({ script: [{ text: ['I look ', 'into it'], reasoning: 'Hm.', fault: 'stall' }] })
  await story.call('POST', '/api/tasks', { goal: 'look', workspace: story.workspace() })
  const { task } = await story.reaches('running')
  const parts = [
    { kind: 'reasoning', text: 'Hm.' },
    { kind: 'text', text: 'I look into it' },
  ]
  await vi.waitFor(
    async () => {
      const frames = await framesUntil(story, (event) => event === 'saying')
      const last = frames.findLastIndex(({ event }) => event === 'event')
      expect(frames.findIndex(({ event }) => event === 'saying')).toBe(last + 1)
      expect(JSON.parse(frames[last + 1]?.data ?? '')).toMatchObject([
        { taskId: task.id, sessionId: task.sessionId, parts },
      ])
      expect(frames.map(({ event }) => event)).not.toContain('delta')
    },
    { timeout: 10_000, interval: 20 },
  )
})

it('SU-6 no word comes after the event that has it, and nothing is left to say when all is told', async () => {
  const story = await tell({ script: { replies: [{ text: ['one ', 'two ', 'three'] }], at_end: 'repeat' } })
  const ends = (event: string, data: string) => event === 'event' && data.includes('"task.done"')
  const read = framesUntil(story, ends)
  await story.call('POST', '/api/tasks', { goal: 'count', workspace: story.workspace() })
  const kinds = (await read).map(({ event, data }) =>
    event === 'event' ? (JSON.parse(data) as LoomEvent).type : event,
  )
  expect(kinds.filter((kind) => kind === 'delta').length).toBeGreaterThan(0)
  expect(kinds.lastIndexOf('delta')).toBeLessThan(kinds.indexOf('message.finished'))
  const [, , ...later] = await framesUntil(story, (event) => event === 'saying', story.daemon.store.ledger.head())
  expect(later).toEqual([])
})

it('AL-1 of a text in five chunks each is with who watches before the next is sent, and within 300 ms', async () => {
  const words = ['one ', 'two ', 'three ', 'four ', 'five']
  const [sentAt, heardAt]: [number[], number[]] = [[], []]
  const wire = (delta: object, finish_reason: string | null = null) =>
    `data: ${JSON.stringify({ id: 'x', choices: [{ index: 0, delta, finish_reason }] })}\n\n`
  const { url } = await startRawServer(async (response, request) => {
    if (!request.path.endsWith('/chat/completions')) return status(200, { data: [] })(response, request)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const [n, content] of words.entries()) {
      sentAt.push(performance.now())
      response.write(wire({ content }))
      await vi.waitFor(() => expect(heardAt).toHaveLength(n + 1), { timeout: 20_000, interval: 5 })
    }
    response.end(`${wire({}, 'stop')}data: [DONE]\n\n`)
  })
  const story = await tell({ env: { OPENLOOM_BASE_URL: url } })
  const read = framesUntil(story, (event, data) => {
    if (event === 'delta' && data.includes(words[heardAt.length]?.trim() ?? '-')) heardAt.push(performance.now())
    return heardAt.length === words.length
  })
  await story.call('POST', '/api/tasks', { goal: 'count', workspace: story.workspace() })
  await read
  await story.reaches('done')
  const waited = heardAt.map((at, n) => at - (sentAt[n] ?? 0)).sort((a, b) => a - b)
  // On a machine that is busy with other tests one of them may have had to wait for its turn.
  expect(waited[2]).toBeLessThan(300)
})
