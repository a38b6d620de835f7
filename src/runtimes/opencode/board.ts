/**
 * What is known of all sessions of one server, from its events and from snapshots. It asks nothing and decides
 * nothing; it says who changed, and keeps the time of the last sign of life of each.
 */
import type { Clock } from '../../core/clock.ts'
import type { LiveDelta } from '../../core/runtime.ts'
import type { SessionFact, SessionState, WatchedSession } from '../../core/session.ts'
import { Asking } from './asking.ts'
import { Calls } from './calls.ts'
import { beginCounts, countCall, fresh, idle, type Known, tokensOf } from './known.ts'
import type {
  RemoteAsk,
  RemoteEntry,
  RemoteError,
  RemoteEvent,
  RemoteMessage,
  RemotePart,
  RemoteStatus,
  RemoteTool,
} from './remote.ts'
import { turnOf } from './state.ts'

export interface BoardListener {
  fact(fact: SessionFact): void
  /** A look at this session, the top of its tree, would show something new. */
  changed(rootId: string): void
  delta(delta: LiveDelta): void
}

const sessionsMax = 20_000
const depthMax = 10
const orphansMax = 5_000

export class Board {
  readonly sessions = new Map<string, Known>()
  private readonly asking = new Asking()
  private readonly calls: Calls
  /** By a parent that nobody told of yet. */
  private readonly orphans = new Map<string, Set<string>>()
  private readonly clock: Clock
  private readonly listener: BoardListener

  constructor(clock: Clock, listener: BoardListener) {
    this.clock = clock
    this.listener = listener
    this.calls = new Calls(clock, (ask) => this.raiseHeld(ask))
  }

  apply(event: RemoteEvent): void {
    switch (event.kind) {
      case 'beat':
        return
      case 'session':
        return this.putSession(event.session)
      case 'deleted':
        return this.drop(event.sessionId)
      case 'status':
        return this.putStatus(event.sessionId, event.status)
      case 'error':
        return this.putError(event.sessionId, event.error)
      case 'message':
        return this.putMessage(event.message)
      case 'part':
        return this.putPart(event.part)
      case 'delta':
        return this.putDelta(event.sessionId, event.field, event.text)
      case 'ask':
        return this.putAsk(event.ask)
      case 'ask.ended':
        return this.endAsk(event.askId, event.sessionId)
      case 'disposed':
        return this.forget(event.directory)
    }
  }

  putSession(session: WatchedSession): void {
    const known = this.sessions.get(session.id)
    if (known) {
      if (same(known.session, session)) return
      known.session = session
    } else {
      this.makeRoom()
      const made = fresh(session)
      this.sessions.set(session.id, made)
      // Told of on a later page than its subagents.
      for (const child of this.orphans.get(session.id) ?? []) made.children.add(child)
      this.orphans.delete(session.id)
    }
    const parent = session.parentId ? this.sessions.get(session.parentId) : undefined
    if (parent) parent.children.add(session.id)
    else if (session.parentId) this.expectParent(session.parentId, session.id)
    const own = this.sessions.get(session.id)
    if (own && parent?.counts) beginCounts(own)
    this.listener.fact({ kind: 'session', session })
  }

  private expectParent(parentId: string, childId: string): void {
    const others = this.orphans.get(parentId)
    if (others) others.add(childId)
    else if (this.orphans.size < orphansMax) this.orphans.set(parentId, new Set([childId]))
  }

  drop(sessionId: string): void {
    const known = this.sessions.get(sessionId)
    if (!known) return
    const root = this.rootOf(sessionId)
    this.sessions.delete(sessionId)
    if (known.session.parentId) this.sessions.get(known.session.parentId)?.children.delete(sessionId)
    for (const ask of known.asks.keys()) this.listener.fact({ kind: 'ask.ended', askId: ask })
    this.listener.fact({ kind: 'vanished', sessionId })
    this.listener.changed(root)
  }

  putStatus(sessionId: string, status: RemoteStatus): void {
    const known = this.sessions.get(sessionId)
    if (!known) return
    const changed = known.status.kind !== status.kind
    known.status = status
    known.progressAt = this.clock.now()
    // Idle is said twice after an abort, and once before the last message is written: what was known must be asked
    // anew.
    if (status.kind === 'idle') {
      known.turn = null
      known.tool = null
      // An aborted turn leaves its asks in the server's lists as ghosts.
      for (const id of [...known.asks.keys()]) this.endAsk(id, sessionId)
    } else if (changed) known.model = 'none'
    if (!changed && status.kind !== 'idle' && status.kind !== 'retrying') return
    known.statusAt = this.clock.monotonic()
    this.tell(sessionId)
  }

  /** The statuses of one directory, as a whole: who is not among them is idle. */
  replaceStatuses(directory: string, statuses: ReadonlyMap<string, RemoteStatus>): void {
    for (const [id, known] of this.sessions) {
      if (known.session.workspace !== directory) continue
      const status = statuses.get(id) ?? idle
      if (status.kind !== known.status.kind || status.kind === 'retrying') this.putStatus(id, status)
      else if (known.told === null) this.tell(id)
    }
  }

  /** The asks of one directory, as a whole; those of sessions that are idle are ghosts of turns that were aborted. */
  replaceAsks(directory: string, asks: readonly RemoteAsk[]): void {
    const there = new Set(asks.map((ask) => ask.id))
    for (const known of this.sessions.values()) {
      if (known.session.workspace !== directory) continue
      for (const id of known.asks.keys()) if (!there.has(id)) this.endAsk(id, known.session.id)
    }
    for (const ask of asks) {
      if (this.sessions.get(ask.sessionId)?.status.kind !== 'idle') this.putAsk(ask, true)
    }
  }

  /** Those whose call nobody knows yet. */
  unnamed(asks: readonly RemoteAsk[]): RemoteAsk[] {
    return asks.filter((ask) => ask.callId !== null && this.calls.named(ask).call === undefined)
  }

  putCalls(entries: readonly RemoteEntry[]): void {
    for (const { message, parts } of entries) {
      for (const { what } of parts) if (what.kind === 'tool') this.calls.saw(message.id, what.tool)
    }
  }

  /** `all`: as part of all that is asked, which is told whole. */
  putAsk(asked: RemoteAsk, all = false): void {
    const known = this.sessions.get(asked.sessionId)
    if (!known || !this.asking.asks(asked.messageId)) return
    const ask = this.calls.named(asked)
    if (all || !this.calls.hold(ask)) this.raise(known, ask)
  }

  private raiseHeld(ask: RemoteAsk): void {
    const known = this.sessions.get(ask.sessionId)
    if (known && known.status.kind !== 'idle' && this.asking.asks(ask.messageId)) this.raise(known, ask)
  }

  private raise(known: Known, ask: RemoteAsk): void {
    known.progressAt = this.clock.now()
    known.asks.set(ask.id, ask)
    const { messageId: _message, callId: _call, ...pending } = ask
    this.listener.fact({ kind: 'ask', ask: pending })
    this.tell(ask.sessionId)
  }

  endAsk(askId: string, sessionId: string): void {
    this.calls.drop(askId)
    const known = this.sessions.get(sessionId)
    if (!known?.asks.delete(askId)) return
    known.progressAt = this.clock.now()
    this.listener.fact({ kind: 'ask.ended', askId })
    this.tell(sessionId)
  }

  private endAsksOf({ id, sessionId, endedAt }: RemoteMessage): void {
    if (endedAt === null) return
    this.asking.finish(id)
    for (const ask of [...(this.sessions.get(sessionId)?.asks.values() ?? [])]) {
      if (ask.messageId === id) this.endAsk(ask.id, sessionId)
    }
  }

  putError(sessionId: string | null, error: RemoteError): void {
    const known = sessionId === null ? undefined : this.sessions.get(sessionId)
    // The end of a turn that somebody stopped comes late, and may come after the next prompt.
    if (!known || sessionId === null || error.name === 'MessageAbortedError') return
    // OpenCode tells an unknown agent twice, the second time without a word about it.
    if (known.error === null || error.text !== '') known.error = error
    known.progressAt = this.clock.now()
    known.turn = null
    this.listener.changed(this.rootOf(sessionId))
  }

  putMessage(message: RemoteMessage): void {
    const known = this.sessions.get(message.sessionId)
    if (!known) return
    known.progressAt = this.clock.now()
    const { turn } = known
    if (message.role === 'user') {
      // Somebody prompted: who, and whether it counts as a prompt, is in its parts.
      if (turn?.user?.id !== message.id) known.turn = null
      known.prompts?.set(message.id, message.at)
    } else {
      if (turn && (turn.answer === null || message.at >= turn.answer.at)) turn.answer = message
      if (message.endedAt !== null) known.model = 'between'
      this.endAsksOf(message)
      this.count(known, message)
    }
    if (message.role === 'user' || message.endedAt !== null) this.listener.changed(this.rootOf(message.sessionId))
  }

  /** Figures of a message, when there are any: told on, and added up where somebody counts. */
  count(known: Known, message: RemoteMessage): void {
    const { usage } = message
    if (!usage || usage.input + usage.output + usage.cacheRead === 0) return
    const calls = known.counts?.get(message.id)?.calls ?? new Set<string>()
    known.counts?.set(message.id, { at: message.at, tokens: tokensOf(usage), costMicros: usage.costMicros, calls })
    const { sessionId, id: messageId, at } = message
    this.listener.fact({ kind: 'usage', sessionId, messageId, at: message.endedAt ?? at, usage })
  }

  putPart(part: RemotePart): void {
    const known = this.sessions.get(part.sessionId)
    if (!known) return
    known.progressAt = this.clock.now()
    const { what } = part
    if (what.kind === 'tool') this.putTool(known, part.messageId, what.tool)
    else if (what.kind !== 'other') known.model = 'streaming'
  }

  private putTool(known: Known, messageId: string, tool: RemoteTool): void {
    const { id } = known.session
    countCall(known, messageId, tool.callId)
    this.calls.saw(messageId, tool)
    const runs = tool.state === 'running' || tool.state === 'pending'
    const before = known.tool?.callId === tool.callId ? known.tool : null
    if (runs) {
      const grew = tool.output.length > (before?.output.length ?? 0)
      const lastOutputAt = grew ? this.clock.now() : (before?.lastOutputAt ?? null)
      known.tool = { ...tool, sessionId: id, lastOutputAt }
    } else if (before) known.tool = null
    if (runs !== (before !== null)) this.listener.changed(this.rootOf(id))
  }

  private putDelta(sessionId: string, kind: 'text' | 'reasoning', text: string): void {
    const known = this.sessions.get(sessionId)
    if (!known) return
    known.progressAt = this.clock.now()
    known.model = 'streaming'
    if (text !== '') this.listener.delta({ sessionId, kind, text })
  }

  /** What was read of a session's messages. */
  putEntries(known: Known, entries: readonly RemoteEntry[], whole: boolean): void {
    known.turn = turnOf(entries, whole)
    let seenAt = 0
    for (const { message, parts } of entries) {
      seenAt = Math.max(seenAt, message.at, message.endedAt ?? 0)
      for (const { what } of parts) {
        if (what.kind !== 'tool') continue
        seenAt = Math.max(seenAt, what.tool.startedAt ?? 0)
        const runs = what.tool.state === 'running' || what.tool.state === 'pending'
        if (runs && known.status.kind !== 'idle' && known.tool === null) {
          known.tool = { ...what.tool, sessionId: known.session.id, lastOutputAt: null }
        }
      }
    }
    this.countEntries(known, entries)
    if (known.progressAt === null && seenAt > 0) known.progressAt = seenAt
  }

  countEntries(known: Known, entries: readonly RemoteEntry[]): void {
    for (const { message, parts } of entries) {
      if (message.role === 'assistant') {
        this.endAsksOf(message)
        this.count(known, message)
      } else known.prompts?.set(message.id, message.at)
      for (const { what } of parts) if (what.kind === 'tool') countCall(known, message.id, what.tool.callId)
    }
  }

  /** The instance of a directory is gone, and with it all statuses and asks that only it knew. */
  private forget(directory: string): void {
    this.replaceStatuses(directory, new Map())
    this.replaceAsks(directory, [])
  }

  rootOf(sessionId: string): string {
    let id = sessionId
    for (let depth = 0; depth < depthMax; depth++) {
      const parent = this.sessions.get(id)?.session.parentId
      if (!parent || !this.sessions.has(parent)) return id
      id = parent
    }
    return id
  }

  /** The session first, then its subagents. */
  treeOf(sessionId: string): Known[] {
    const known = this.sessions.get(sessionId)
    const found = known ? [known] : []
    for (let at = 0; at < found.length && found.length < 500; at++) {
      for (const child of found[at]?.children ?? []) {
        const below = this.sessions.get(child)
        if (below && !found.includes(below)) found.push(below)
      }
    }
    return found
  }

  /** The state as a word, for the ledger and the watch, for the session and those above it. */
  private tell(sessionId: string): void {
    const at = this.clock.now()
    let id: string | null = sessionId
    for (let depth = 0; id !== null && depth < depthMax; depth++) {
      const known: Known | undefined = this.sessions.get(id)
      if (!known) break
      const kind = this.wordOf(id)
      if (known.told !== kind) {
        known.told = kind
        this.listener.fact({ kind: 'state', sessionId: id, state: kind, at })
      }
      id = known.session.parentId
    }
    this.listener.changed(this.rootOf(sessionId))
  }

  private wordOf(sessionId: string): SessionState['kind'] {
    const busy = this.treeOf(sessionId).filter((one) => one.status.kind !== 'idle')
    if (busy.length === 0) return 'idle'
    if (busy.some((one) => one.asks.size > 0)) return 'waiting'
    return busy.some((one) => one.status.kind === 'retrying') ? 'retrying' : 'busy'
  }

  /** Nobody can look: what was going on is unknown now. */
  lose(): void {
    const at = this.clock.now()
    for (const [sessionId, known] of this.sessions) {
      known.turn = null
      if (known.told === null || known.told === 'idle') continue
      known.told = 'unreachable'
      this.listener.fact({ kind: 'state', sessionId, state: 'unreachable', at })
      this.listener.changed(sessionId)
    }
  }

  /** The oldest that do nothing make room; they come back when the server tells of them. */
  private makeRoom(): void {
    if (this.sessions.size < sessionsMax) return
    for (const [id, known] of this.sessions) {
      if (known.status.kind !== 'idle') continue
      this.sessions.delete(id)
      if (this.sessions.size < sessionsMax * 0.9) return
    }
  }
}

const same = (a: WatchedSession, b: WatchedSession): boolean => JSON.stringify(a) === JSON.stringify(b)
