/**
 * Keeps our own ledger of all sessions: takes what runtimes notice, in bursts, and writes the newest of it a few times
 * a second; asks go to their desk at once. Correctness never hangs on a single fact: the next telling repeats it.
 */
import type { PendingAsk } from '../core/ask.ts'
import type { Timer } from '../core/clock.ts'
import { reasonOf } from '../core/problem.ts'
import type { AskPort, SessionWatch } from '../core/runtime.ts'
import type { SessionFact, WatchedSession } from '../core/session.ts'
import type { Kept, StateNews } from '../store/watched.ts'
import type { AskDesk } from './asks.ts'
import { Totals } from './totals.ts'
import type { World } from './world.ts'

type UsageFact = Extract<SessionFact, { kind: 'usage' }> & { toldAt: number }

/** The newest of each that is known of one runtime and not yet written. */
interface News {
  sessions: Map<string, WatchedSession>
  states: Map<string, StateNews>
  vanished: Map<string, true>
  usage: Map<string, UsageFact>
  asks: Map<string, PendingAsk>
}

interface Lane {
  runtime: string
  news: News
  /** States of sessions that nobody told of yet. */
  unplaced: Map<string, StateNews>
  totals: Totals
  writing: Timer | null
  /** Until the first telling is over. */
  settling: Timer | null
  firstAt: number | null
  isSettled: boolean
  isLinked: boolean
  /** Sessions that the runtime told of in this life. */
  told: Set<string>
}

const writeEveryMs = 250
const againMs = 2_000
const quietMs = 2_000
const settleMaxMs = 30_000
const portion = 1_000
const waitingMax = 20_000
const unplacedMax = 2_000
const missingMax = 100

export type KeeperWorld = Pick<World, 'store' | 'runtimes' | 'clock' | 'log' | 'alarm'>

export class SessionKeeper {
  private readonly world: KeeperWorld
  private readonly desk: AskDesk
  private readonly lanes: Lane[] = []
  private readonly stops: (() => void)[] = []
  private readonly listeners = new Set<(sessionIds: string[]) => void>()
  /** Our first look: what is older was there before us. */
  private since = 0

  constructor(world: KeeperWorld, desk: AskDesk) {
    this.world = world
    this.desk = desk
  }

  /** Listens to every runtime that watches; the watching itself is begun by the daemon, afterwards. */
  start(): void {
    this.since = this.world.clock.now()
    for (const { name, watch, asks } of this.world.runtimes.values()) {
      if (watch) this.listen(name, watch)
      if (asks) this.stops.push(asks.onAsk((fact) => this.hearAsk(name, fact)))
    }
  }

  /** Called after a writing with the sessions that are different now. */
  onChange(listener: (sessionIds: string[]) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Writes what is still in hand and stops. */
  close(): void {
    for (const stop of this.stops.splice(0)) stop()
    for (const lane of this.lanes) {
      for (const timer of [lane.writing, lane.settling]) timer?.cancel()
      while (sizeOf(lane.news) > 0 && this.write(lane)) lane.writing?.cancel()
      lane.totals.close()
    }
    this.listeners.clear()
  }

  /** Of our own sessions, which are in the store before they ask. What could not be stored is told again. */
  private hearAsk(runtime: string, fact: Parameters<Parameters<AskPort['onAsk']>[0]>[0]): void {
    this.guard(runtime, () => {
      if (fact.kind === 'ask') this.desk.report(runtime, fact.ask)
      else this.desk.ended(runtime, fact.askId)
    })
  }

  private listen(runtime: string, watch: SessionWatch): void {
    const totals = new Totals(this.world, (work) => void this.guard(runtime, work))
    const idle = {
      writing: null,
      settling: null,
      firstAt: null,
      isSettled: false,
      isLinked: false,
      told: new Set<string>(),
    }
    const lane: Lane = { runtime, news: noNews(), unplaced: new Map(), totals, ...idle }
    this.lanes.push(lane)
    this.stops.push(watch.onFact((fact) => this.hear(lane, fact)))
  }

  private hear(lane: Lane, fact: SessionFact): void {
    const { news } = lane
    switch (fact.kind) {
      case 'link':
        return this.link(lane, fact)
      case 'session':
        news.sessions.set(fact.session.id, fact.session)
        lane.told.add(fact.session.id)
        news.vanished.delete(fact.session.id)
        this.settleLater(lane)
        break
      case 'vanished':
        news.vanished.set(fact.sessionId, true)
        break
      case 'state':
        news.states.set(fact.sessionId, { sessionId: fact.sessionId, state: fact.state, at: fact.at })
        break
      case 'usage':
        news.usage.set(`${fact.sessionId} ${fact.messageId}`, { ...fact, toldAt: this.world.clock.now() })
        break
      case 'ask':
        // Its session may have been told a moment ago, and a rule is judged by the session's task.
        news.asks.set(fact.ask.id, fact.ask)
        while (news.asks.has(fact.ask.id) && this.write(lane));
        break
      case 'ask.ended':
        news.asks.delete(fact.askId)
        this.guard(lane.runtime, () => this.desk.ended(lane.runtime, fact.askId))
    }
    if (sizeOf(news) > waitingMax) this.write(lane)
    if (sizeOf(news) > waitingMax) this.shed(lane)
    this.writeLater(lane, writeEveryMs)
  }

  /** Its runtime can be asked, and has told everything it knows; or it cannot be asked any more. */
  private link(lane: Lane, { problem, warning }: Extract<SessionFact, { kind: 'link' }>): void {
    const { runtime } = lane
    this.world.alarm(`guard-${runtime}`, warning ? [warning.text, warning.todo].filter(Boolean).join(' ') : null)
    if (!problem) {
      while (sizeOf(lane.news) > 0 && this.write(lane));
      lane.settling?.cancel()
      this.settle(lane)
      this.lookForMissing(lane).catch((error: unknown) => {
        this.world.log.error({ runtime, error: reasonOf(error) }, 'missing sessions could not be looked for')
      })
    } else if (lane.isLinked) {
      const data = { runtime, text: problem.text }
      this.guard(runtime, () => this.world.store.ledger.note({ type: 'runtime.lost', data }))
    }
    lane.isLinked = problem === null
  }

  /** What we knew and were not told of: gone while nobody looked, or only left out of the list. */
  private async lookForMissing(lane: Lane): Promise<void> {
    const runtime = this.world.runtimes.get(lane.runtime)
    const { items } = this.world.store.watched.page({ runtime: lane.runtime, limit: missingMax, roots: false })
    for (const { id, goneAt } of items) {
      if (!runtime || goneAt !== null || lane.told.has(id)) continue
      const { state } = await runtime.look(id)
      if (state.kind === 'absent') this.hear(lane, { kind: 'vanished', sessionId: id })
    }
  }

  private writeLater(lane: Lane, delayMs: number): void {
    if (sizeOf(lane.news) === 0) return
    lane.writing ??= this.world.clock.after(delayMs, () => {
      lane.writing = null
      this.writeLater(lane, this.write(lane) ? writeEveryMs : againMs)
    })
  }

  /** Writes a portion. False when the store refused: all of it is still in hand. */
  private write(lane: Lane): boolean {
    const portion = take(lane.news)
    const kept = this.guard(lane.runtime, () => this.keep(lane, portion))
    if (!kept) {
      putBack(lane.news, portion)
      return false
    }
    for (const state of kept.unplaced) lane.unplaced.set(state.sessionId, state)
    for (const id of [...lane.unplaced.keys()].slice(unplacedMax)) lane.unplaced.delete(id)
    for (const id of kept.added) this.placeState(lane, id)
    for (const session of portion.sessions.values()) lane.totals.note(session)
    if (kept.changed.length > 0) {
      lane.totals.look()
      const ids = [...new Set(kept.changed)]
      for (const listener of this.listeners) listener(ids)
    }
    return this.tellDesk(lane, portion, kept)
  }

  private keep(lane: Lane, { sessions, states, vanished, usage }: News): Kept {
    const { store } = this.world
    const told = { sessions: [...sessions.values()], states: [...states.values()], vanished: [...vanished.keys()] }
    return store.ledger.transact(() => {
      const kept = store.watched.keep(lane.runtime, told, this.since)
      for (const fact of usage.values()) this.count(fact)
      return kept
    }, false)
  }

  private count({ sessionId, messageId, at, toldAt, usage }: UsageFact): void {
    const { watched, usage: figures } = this.world.store
    const session = watched.get(sessionId)
    const firstAt = at < this.since ? at : toldAt
    const taskId = session ? watched.taskAt(watched.rootOf(session), firstAt) : null
    figures.grow({ sessionId, messageId, taskId, firstAt, at: toldAt, usage })
  }

  /** False when an ask could not be stored; it is tried again. */
  private tellDesk({ runtime, news }: Lane, { asks, vanished }: News, { added }: Kept): boolean {
    this.guard(runtime, () => this.desk.sessionsAdded(runtime, added))
    for (const id of vanished.keys()) this.guard(runtime, () => this.desk.sessionGone(runtime, id))
    const failed = [...asks.values()].filter((ask) => !this.guard(runtime, () => this.report(runtime, ask)))
    for (const ask of failed) news.asks.set(ask.id, ask)
    return failed.length === 0
  }

  private report(runtime: string, ask: PendingAsk): true {
    this.desk.report(runtime, ask)
    return true
  }

  private placeState({ unplaced, news }: Lane, id: string): void {
    const state = unplaced.get(id)
    unplaced.delete(id)
    if (state && !news.states.has(id)) news.states.set(id, state)
  }

  /** The first telling is over when nothing more came for a while. */
  private settleLater(lane: Lane): void {
    if (lane.isSettled) return
    const now = this.world.clock.monotonic()
    lane.firstAt ??= now
    lane.settling?.cancel()
    const waitMs = Math.max(0, Math.min(quietMs, lane.firstAt + settleMaxMs - now))
    lane.settling = this.world.clock.after(waitMs, () => this.settle(lane))
  }

  private settle(lane: Lane): void {
    lane.isSettled = true
    const { runtime } = lane
    const { store } = this.world
    this.guard(runtime, () => {
      store.ledger.note({ type: 'runtime.connected', data: { runtime, sessions: store.watched.count(runtime) } })
      this.desk.settled(runtime)
    })
  }

  /** With the store shut for long, figures go first: totals make up for them. Sessions are told again anyway. */
  private shed({ runtime, news }: Lane): void {
    this.world.log.warn({ runtime, waiting: sizeOf(news) }, 'the store refuses for long; figures were dropped')
    for (const map of [news.usage, news.states, news.sessions]) {
      if (sizeOf(news) > waitingMax) map.clear()
    }
  }

  /** Facts come from listeners and timers, where nobody could catch; a full disk is said and tried again. */
  private guard<T>(runtime: string, work: () => T): T | null {
    const code = `sessions-${runtime}`
    try {
      const value = work()
      this.world.alarm(code, null)
      return value
    } catch (error) {
      this.world.log.error({ runtime, error: reasonOf(error) }, 'sessions could not be stored')
      this.world.alarm(code, `What ${runtime} tells of its sessions could not be stored: ${reasonOf(error)}.`)
      return null
    }
  }
}

const noNews = (): News => ({
  sessions: new Map(),
  states: new Map(),
  vanished: new Map(),
  usage: new Map(),
  asks: new Map(),
})

const sizeOf = ({ sessions, states, vanished, usage, asks }: News): number =>
  sessions.size + states.size + vanished.size + usage.size + asks.size

/** The first of each; asks only with the last of the sessions, whose tasks decide about them. */
function take(news: News): News {
  const taken = noNews()
  move(news.sessions, taken.sessions)
  move(news.states, taken.states)
  move(news.vanished, taken.vanished)
  move(news.usage, taken.usage)
  if (news.sessions.size === 0) move(news.asks, taken.asks)
  return taken
}

function putBack(news: News, taken: News): void {
  for (const name of ['sessions', 'states', 'vanished', 'usage', 'asks'] as const) {
    const back: Map<string, unknown> = news[name]
    for (const [key, value] of taken[name]) if (!back.has(key)) back.set(key, value)
  }
}

function move<T>(from: Map<string, T>, to: Map<string, T>): void {
  for (const [key, value] of from) {
    if (to.size >= portion) return
    to.set(key, value)
    from.delete(key)
  }
}
