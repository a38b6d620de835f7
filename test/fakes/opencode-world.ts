/**
 * What a fake OpenCode server remembers: sessions, messages, asks, who is busy; and the shapes of all that, as recorded
 * from the real one (test/fixtures/opencode). It knows no HTTP.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../src/core/clock.ts'

export type Json = Record<string, unknown>

export interface FakeMessage {
  info: Json & { id: string; role: 'user' | 'assistant'; time: { created: number; completed?: number } }
  parts: (Json & { id: string; type: string })[]
}

export interface FakeSession {
  id: string
  directory: string
  parentId: string | null
  info: Json
  messages: FakeMessage[]
}

export interface FakeAsk {
  id: string
  sessionId: string
  kind: 'permission' | 'question'
  body: Json
  settle(reply: Json | null): void
}

export const noTokens = () => ({ input: 0, output: 0, reasoning: 0, cache: { read: 0, write: 0 } })
const model = { providerID: 'scripted', modelID: 'scripted-model' }

export class FakeWorld {
  readonly sessions = new Map<string, FakeSession>()
  /** Session → what `/session/status` says; absent is idle. */
  readonly statuses = new Map<string, Json>()
  readonly asks = new Map<string, FakeAsk>()
  readonly clock: Clock
  private readonly tell: (event: Json) => void
  private count = 0
  /** Differs between two worlds, as the ids of two servers do. */
  private readonly salt = Math.random().toString(36).slice(2, 8).padEnd(6, '0')

  constructor(clock: Clock, tell: (event: Json) => void) {
    this.clock = clock
    this.tell = tell
  }

  id(kind: 'ses' | 'msg' | 'prt' | 'per' | 'que' | 'evt'): string {
    this.count += 1
    return `${kind}_${String(this.count).padStart(8, '0')}${this.salt}`
  }

  projectOf(directory: string): string {
    return createHash('sha1').update(directory).digest('hex')
  }

  emit(session: FakeSession, type: string, more: Json): void {
    const { directory } = session
    const payload = { id: this.id('evt'), type, properties: { sessionID: session.id, ...more } }
    this.tell({ directory, project: this.projectOf(directory), payload })
  }

  create(directory: string, body: Json = {}): FakeSession {
    const now = this.clock.now()
    const id = this.id('ses')
    const { title, parentID, metadata, permission, agent } = body
    const info = {
      id,
      slug: 'an-example',
      version: '1.18.33',
      projectID: this.projectOf(directory),
      directory,
      path: '',
      ...(parentID === undefined ? {} : { parentID }),
      title: title ?? `New session - ${new Date(now).toISOString()}`,
      ...(agent === undefined ? {} : { agent }),
      ...(metadata === undefined ? {} : { metadata }),
      ...(permission === undefined ? {} : { permission }),
      cost: 0,
      tokens: noTokens(),
      time: { created: now, updated: now },
    }
    const session = { id, directory, parentId: (parentID as string | undefined) ?? null, info, messages: [] }
    this.sessions.set(id, session)
    this.emit(session, 'session.created', { info: structuredClone(info) })
    return session
  }

  /** `metadata` is replaced as a whole, as the real server does. */
  update(session: FakeSession, change: Json): void {
    const { time, ...rest } = change
    const times = { ...(session.info['time'] as Json), ...(time as Json | undefined), updated: this.clock.now() }
    Object.assign(session.info, rest, { time: times })
    this.emit(session, 'session.updated', { info: structuredClone(session.info) })
  }

  children(id: string): FakeSession[] {
    return [...this.sessions.values()].filter((session) => session.parentId === id)
  }

  setStatus(session: FakeSession, status: Json): void {
    if (status['type'] === 'idle') this.statuses.delete(session.id)
    else this.statuses.set(session.id, status)
    this.emit(session, 'session.status', { status })
  }

  /** The user's message; the same id again adds its parts to the one that is there. */
  addUser(session: FakeSession, body: Json): FakeMessage {
    const id = (body['messageID'] as string | undefined) ?? this.id('msg')
    const known = session.messages.find(({ info }) => info.id === id)
    const given = body['model'] as typeof model | undefined
    const time = { created: this.clock.now() }
    const chosen = given ?? model
    const info = { id, role: 'user' as const, sessionID: session.id, time, agent: 'build', model: chosen }
    const message: FakeMessage = known ?? { info, parts: [] }
    if (!known) session.messages.push(message)
    delete message.info['summary']
    this.update(session, {
      agent: 'build',
      model: { id: chosen.modelID, providerID: 'scripted', variant: 'default' },
    })
    this.changed(session, message)
    for (const part of body['parts'] as Json[]) {
      this.putPart(session, message, { ...part, type: String(part['type']), id: this.id('prt') })
    }
    return message
  }

  addAssistant(session: FakeSession, parentID: string): FakeMessage {
    const { directory } = session
    const message: FakeMessage = {
      info: {
        id: this.id('msg'),
        parentID,
        role: 'assistant',
        mode: 'build',
        agent: 'build',
        path: { cwd: directory, root: directory },
        cost: 0,
        tokens: noTokens(),
        modelID: model.modelID,
        providerID: model.providerID,
        time: { created: this.clock.now() },
        sessionID: session.id,
      },
      parts: [],
    }
    session.messages.push(message)
    this.changed(session, message)
    return message
  }

  /** Tells of the message as it is now. */
  changed(session: FakeSession, message: FakeMessage): void {
    this.emit(session, 'message.updated', { info: structuredClone(message.info) })
  }

  /** The changes of files since this message, which the real server keeps with it. */
  summarise(session: FakeSession, message: FakeMessage, diffs: Json[] = []): void {
    message.info['summary'] = { diffs }
    this.changed(session, message)
  }

  /** Adds the part, or replaces the one with its id; and tells. */
  putPart(session: FakeSession, message: FakeMessage, part: Json & { id: string; type: string }): void {
    const whole = { ...part, messageID: message.info.id, sessionID: session.id }
    const index = message.parts.findIndex(({ id }) => id === part.id)
    if (index < 0) message.parts.push(whole)
    else message.parts[index] = whole
    this.emit(session, 'message.part.updated', { part: structuredClone(whole), time: this.clock.now() })
  }

  ask(session: FakeSession, kind: FakeAsk['kind'], body: Json): Promise<Json | null> {
    const id = this.id(kind === 'permission' ? 'per' : 'que')
    const whole = { id, sessionID: session.id, ...body }
    return new Promise((resolve) => {
      this.asks.set(id, { id, sessionId: session.id, kind, body: whole, settle: resolve })
      this.emit(session, `${kind}.asked`, whole)
    })
  }

  /** Asks of one kind that wait in sessions of this folder. */
  asksIn(directory: string, kind: FakeAsk['kind']): FakeAsk[] {
    return [...this.asks.values()].filter(
      (ask) => ask.kind === kind && this.sessions.get(ask.sessionId)?.directory === directory,
    )
  }

  /** What a process keeps in memory only is lost when it ends. */
  forget(): void {
    this.statuses.clear()
    this.asks.clear()
  }
}
