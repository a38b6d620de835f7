/** The event stream and the connection around it: silence, strangers, hostile sizes, and what a look does meanwhile. */
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Connection } from '../../../src/runtimes/opencode/connection.ts'
import { findDialect } from '../../../src/runtimes/opencode/dialect.ts'
import { EventStream } from '../../../src/runtimes/opencode/stream.ts'
import { lookUntil } from '../../contracts/runtime.ts'
import { HandClock } from '../../fakes/clock.ts'
import { limits, openCodeWorld, openSession } from './world.ts'

async function serving(answer: (response: ServerResponse) => void): Promise<Connection> {
  const server: Server = createServer((_, response) => answer(response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return new Connection({ url, username: 'opencode', password: '' })
}

function follow(connection: Connection, clock = new HandClock()) {
  const seen = { opened: 0, frames: [] as string[], cuts: [] as string[] }
  const listener = {
    opened: () => {
      seen.opened += 1
    },
    frame: (text: string) => seen.frames.push(text),
    cut: (why: string) => seen.cuts.push(why),
  }
  const stream = new EventStream(connection, '/global/event', { clock, listener })
  onTestFinished(() => stream.close())
  return { ...seen, seen, clock, stream }
}

const eventStream = (response: ServerResponse) => response.writeHead(200, { 'content-type': 'text/event-stream' })

describe('an event stream', () => {
  it('gives frames whole, however they are cut, in any script of the world', async () => {
    const text = 'data: {"a":"ä漢🙂"}\n\n: a comment\n\ndata: {"b":2}\n\n'
    const bytes = Buffer.from(text)
    const connection = await serving((response) => {
      eventStream(response)
      for (let at = 0; at < bytes.length; at += 3) response.write(bytes.subarray(at, at + 3))
    })
    const { seen } = follow(connection)
    await vi.waitFor(() => expect(seen.frames).toEqual(['{"a":"ä漢🙂"}', '{"b":2}']))
    expect(seen).toMatchObject({ opened: 1, cuts: [] })
  })

  it('is cut when its server falls silent for three heartbeats', async () => {
    const connection = await serving((response) => void eventStream(response).write('data: {}\n\n'))
    const { seen, clock } = follow(connection)
    await vi.waitFor(() => expect(seen.frames).toHaveLength(1))
    await clock.advance(30_000)
    expect(seen.cuts).toEqual([])
    await clock.advance(2_000)
    expect(seen.cuts).toEqual([expect.stringContaining('nothing came for')])
  })

  it('is never opened by a server that takes the connection and says nothing', async () => {
    const { seen, clock } = follow(await serving(() => undefined))
    await clock.advance(11_000)
    expect(seen).toMatchObject({ opened: 0, cuts: [expect.stringContaining('not opened')] })
  })

  it('is no event stream when a page answers', async () => {
    const { seen } = follow(await serving((r) => void r.writeHead(200, { 'content-type': 'text/html' }).end('<html>')))
    await vi.waitFor(() => expect(seen.cuts).toHaveLength(1))
    expect(seen.opened).toBe(0)
  })

  it('does not grow without end on an event that never ends', async () => {
    const megabyte = 'x'.repeat(1024 * 1024)
    const connection = await serving((response) => {
      eventStream(response).write('data: ')
      const more = () => {
        while (!response.destroyed && response.write(megabyte));
        if (!response.destroyed) response.once('drain', more)
      }
      more()
    })
    const { seen } = follow(connection)
    await vi.waitFor(() => expect(seen.cuts).toEqual([expect.stringContaining('larger than can be read')]))
  })
})

describe('a server', () => {
  it.each([
    ['that is none', { kind: 'html' }, 'opencode-dialect'],
    ['that wants a password', { kind: '401' }, 'opencode-password'],
  ])('%s is named', async (_, { kind }, expected) => {
    const connection = await serving((response) => {
      if (kind === '401') response.writeHead(401).end()
      else response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')
    })
    expect(await findDialect(connection)).toMatchObject({ ok: false, problems: [{ kind: expected }] })
  })

  it('that is not there is down, with the address', async () => {
    const connection = new Connection({ url: 'http://127.0.0.1:9', username: '', password: '' })
    const found = await findDialect(connection)
    expect(found).toMatchObject({ ok: false, problems: [{ kind: 'opencode-down' }] })
  })

  it('that swallows requests for a while is asked again, and nothing is taken for idle meanwhile', async () => {
    const w = await openCodeWorld()
    const id = await openSession(w)
    await w.runtime.prompt({ sessionId: id, promptId: 't1.1', text: 'Do it.', limits })
    w.fake.turn(id).text('…')
    await lookUntil(w.runtime, id, ['busy'])
    w.fake.fault({ status: 500 }, { path: /\/message$/ })
    w.fake.turn(id).finish()
    await lookUntil(w.runtime, id, ['unreachable'])
    w.fake.healed()
    expect((await lookUntil(w.runtime, id, ['idle'])).state).toMatchObject({ promptId: 't1.1', complete: true })
  })

  it('that drops a prompt without an answer gets it again under the same name, and runs it once', async () => {
    const w = await openCodeWorld()
    const id = await openSession(w)
    w.fake.fault('reset', { path: /prompt_async$/, times: 1 })
    const prompt = { sessionId: id, promptId: 't1.1', text: 'Do it.', limits }
    expect(await w.runtime.prompt(prompt)).toMatchObject({ ok: true })
    expect((await w.runtime.look(id)).state).toEqual({ kind: 'starting' })
    const planned = w.store.prompts.prompt('t1.1')?.messageId
    await w.again()
    await lookUntil(w.runtime, id, ['idle', 'interrupted'])
    expect(await w.runtime.prompt(prompt)).toMatchObject({ ok: true })
    const sent = w.fake.calls.filter((call) => call.path.endsWith('/prompt_async')).map((call) => call.body?.messageID)
    expect(sent).toEqual([planned])
  })
})
