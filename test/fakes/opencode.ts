/**
 * A fake OpenCode v1 server on loopback, in this process: same routes, shapes and traps as the recorded real one. Its
 * turns are driven by hand (`turn`), or follow the script of the runtime contract by themselves (`auto`).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Clock, systemClock, type Timer } from '../../src/core/clock.ts'
import { conversationsOf, parseScript } from '../../src/sample/script.ts'
import { contractScript } from '../contracts/runtime.ts'
import type { OpenCodeAddress } from './opencode-client.ts'
import { type Call, routes, unknownError } from './opencode-routes.ts'
import { apiError, FakeTurn } from './opencode-turn.ts'
import { type FakeSession, FakeWorld, type Json } from './opencode-world.ts'

export interface FakeOpenCodeOptions {
  clock?: Clock
  /** Absent: the server asks for none. */
  password?: string | null
  /** Follows `contractScript` by itself. */
  auto?: boolean
  heartbeatMs?: number
}

export interface SeenCall {
  method: string
  path: string
  directory: string | null
  body: Json | null
  at: number
}

/** What a request gets instead of its answer. `hang`: never anything, and the socket stays open. */
export type Fault = 'hang' | 'reset' | { status: number; body?: string } | { slowMs: number }

const anyPath = /./
const unreadBytesMax = 32 * 1024 * 1024

export class FakeOpenCode {
  readonly world: FakeWorld
  /** Every request but those to the event stream. */
  readonly calls: SeenCall[] = []
  /** How often a model was set to work. */
  turns = 0
  private readonly options: FakeOpenCodeOptions
  private readonly clock: Clock
  private readonly running = new Map<string, FakeTurn>()
  private readonly faults: { path: RegExp; fault: Fault; left: number }[] = []
  private readonly streams = new Set<ServerResponse>()
  private server: Server | null = null
  private heartbeat: Timer | null = null
  private port = 0

  constructor(options: FakeOpenCodeOptions = {}) {
    this.options = options
    this.clock = options.clock ?? systemClock
    this.world = new FakeWorld(this.clock, (event) => this.broadcast(event))
  }

  /** Listens; after `down`, again on the same port. */
  async open(): Promise<this> {
    const server = createServer((request, response) => {
      this.serve(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : undefined)
      })
    })
    this.server = server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.port, '127.0.0.1', resolve)
    })
    this.port = (server.address() as AddressInfo).port
    this.beatLater()
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get address(): OpenCodeAddress {
    return { url: this.url, username: 'opencode', password: this.options.password ?? null }
  }

  /** The process is gone: nothing answers, and what it had in memory is lost. */
  async down(): Promise<void> {
    const { server } = this
    this.heartbeat?.cancel()
    this.server = null
    this.running.clear()
    this.world.forget()
    if (!server) return
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }

  async close(): Promise<void> {
    await this.down()
  }

  // Events

  private broadcast(event: Json): void {
    if (this.isMute) return
    const line = `data: ${JSON.stringify(event)}\n\n`
    for (const stream of this.streams) stream.write(line)
  }

  private serverEvent(type: string): Json {
    return { payload: { id: this.world.id('evt'), type, properties: {} } }
  }

  beat(): void {
    this.broadcast(this.serverEvent('server.heartbeat'))
  }

  private beatLater(): void {
    this.heartbeat = this.clock.after(this.options.heartbeatMs ?? 10_000, () => {
      this.beat()
      this.beatLater()
    })
  }

  stream(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    response.write(`data: ${JSON.stringify(this.serverEvent('server.connected'))}\n\n`)
    this.streams.add(response)
    response.once('close', () => this.streams.delete(response))
  }

  /** How many follow. */
  get followers(): number {
    return this.streams.size
  }

  /** Cuts every event stream; the server lives on. */
  dropStreams(): void {
    for (const stream of this.streams) stream.destroy()
    this.streams.clear()
  }

  /** What the work changes is there, and told to nobody. */
  untold(work: () => void): void {
    this.isMute = true
    work()
    this.isMute = false
  }
  private isMute = false

  /** Straight to the followers, as it is. */
  send(text: string): void {
    for (const stream of this.streams) stream.write(text)
  }

  /** A follower does not read: what waits for it is more than it will soon catch up with. */
  get isChoked(): boolean {
    return [...this.streams].some((stream) => stream.writableLength > unreadBytesMax)
  }

  // Faults

  /** The next `times` requests whose path fits get this. */
  fault(fault: Fault, { path = anyPath, times = Number.POSITIVE_INFINITY } = {}): void {
    this.faults.push({ path, fault, left: times })
  }

  healed(): void {
    this.faults.length = 0
  }

  private faultOf(path: string): Fault | null {
    const found = this.faults.find((one) => one.left > 0 && one.path.test(path))
    if (!found) return null
    found.left -= 1
    return found.fault
  }

  // Requests

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url)
    const fault = this.faultOf(url.pathname)
    if (fault === 'hang') return
    if (fault === 'reset') return void request.socket.destroy()
    if (fault && 'slowMs' in fault) await new Promise((resolve) => setTimeout(resolve, fault.slowMs))
    if (!this.mayEnter(request, url)) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="Secure Area"' }).end()
      return
    }
    if (url.pathname === '/global/event' && !fault) return this.stream(response)
    const text = await textOf(request)
    const method = request.method ?? 'GET'
    const header = request.headers['x-opencode-directory']
    const directory = url.searchParams.get('directory') ?? (header ? decodeURIComponent(String(header)) : null)
    const body = parsed(text)
    this.calls.push({ method, path: url.pathname, directory, body, at: this.clock.now() })
    if (fault && 'status' in fault) {
      response.writeHead(fault.status, { 'content-type': 'application/json' }).end(fault.body ?? '{}')
      return
    }
    if (text !== '' && body === null) return reply(response, 500, unknownError)
    this.answer(response, { method, url, directory: directory ?? '/srv/start', body: body ?? {}, fake: this })
  }

  private mayEnter(request: IncomingMessage, url: URL): boolean {
    const { password } = this.options
    if (password === undefined || password === null) return true
    const token = Buffer.from(`opencode:${password}`).toString('base64')
    return request.headers.authorization === `Basic ${token}` || url.searchParams.get('auth_token') === token
  }

  private answer(response: ServerResponse, call: Call): void {
    for (const { method, path, answer } of routes) {
      const found = method === call.method ? path.exec(call.url.pathname) : null
      if (!found) continue
      const { status, json, headers } = answer(call, found[1] ?? '')
      reply(response, status, json, headers)
      return
    }
    // The single-page app answers whatever is not known, with 200.
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>OpenCode</title>')
  }

  // Turns

  /** The turn that runs in this session, begun when it was only prompted so far. */
  turn(sessionId: string): FakeTurn {
    const known = this.running.get(sessionId)
    if (known && !known.isOver) return known
    const session = this.world.sessions.get(sessionId)
    if (!session) throw new Error(`no session ${sessionId}`)
    const turn = new FakeTurn(this.world, session)
    this.turns += 1
    this.running.set(sessionId, turn)
    return turn
  }

  isRunning(sessionId: string): boolean {
    const turn = this.running.get(sessionId)
    return turn !== undefined && !turn.isOver
  }

  abort(sessionId: string): void {
    if (this.isRunning(sessionId)) this.turn(sessionId).aborts()
    this.running.delete(sessionId)
  }

  prompted(session: FakeSession, messageId: string): void {
    const isAnswered = session.messages.some(
      ({ info }) => info['parentID'] === messageId && info['finish'] !== undefined && info['finish'] !== 'tool-calls',
    )
    if (isAnswered && !this.isRunning(session.id)) {
      // A message that has its answer makes the loop start and end at once.
      this.world.setStatus(session, { type: 'busy' })
      this.world.setStatus(session, { type: 'idle' })
      this.world.emit(session, 'session.idle', {})
    } else if (this.options.auto && !this.isRunning(session.id)) {
      setImmediate(() => this.follow(session))
    }
  }

  /** As a model would that has `contractScript`. */
  private follow(session: FakeSession): void {
    if (this.isRunning(session.id) || this.server === null) return
    const first = session.messages.find(({ info }) => info.role === 'user')
    const text = String(first?.parts[0]?.['text'] ?? '')
    const answered = session.messages.filter(({ info }) => info.role === 'assistant' && info['finish']).length
    const conversation = conversations.find(({ match }) => match?.test(text))
    const entry = conversation?.replies.at(conversation.atEnd === 'repeat' ? 0 : answered)
    const turn = this.turn(session.id)
    if (!entry) return turn.fails(apiError(400, 'the script holds no further reply', false))
    if (entry.text !== undefined) {
      turn.text(String(entry.text))
      return turn.finish()
    }
    if (entry.fault === 'http') turn.fails(apiError(entry.status ?? 500, entry.message ?? '', false))
  }
}

const script = parseScript(contractScript)
const conversations = script.ok ? conversationsOf(script.value) : []

function reply(response: ServerResponse, status: number, json: unknown, headers: Record<string, string> = {}): void {
  if (status === 204) return void response.writeHead(204).end()
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(json))
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}

function parsed(text: string): Json | null {
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}
