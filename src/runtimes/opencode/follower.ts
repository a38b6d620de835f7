/**
 * Keeps the board true: connects, listens, looks once after each gap, replays what came meanwhile, and looks again
 * slowly. While nothing runs it asks nothing. It decides nothing about sessions.
 */
import { type Clock, pause, type Timer } from '../../core/clock.ts'
import { ok, type Problem, type Result, reasonOf, refuse } from '../../core/problem.ts'
import { backoffMs } from '../../lib/backoff.ts'
import type { Board } from './board.ts'
import { Connection, type ServerAddress, unreachable } from './connection.ts'
import { findDialect } from './dialect.ts'
import type { Dialect, RemoteAsk, RemoteEvent, RemoteStatus } from './remote.ts'
import { EventStream } from './stream.ts'

/** A server that can be spoken to now. */
export interface Live {
  connection: Connection
  dialect: Dialect
  version: string
  open: boolean
}

export interface FollowerOptions {
  board: Board
  clock: Clock
  /** `wanted`: somebody has work for the server now, so that one may be started for it. */
  address(wanted: boolean): Promise<Result<ServerAddress>>
  /** Whether somebody wants text as it streams. */
  wantsDeltas(): boolean
  /** Connected (null) or not (why). Said once a change. */
  onLink(problem: Problem | null): void
  /** At each slow look: a chance to tidy. */
  onReconcile(): void
}

const backoff = { firstMs: 250, factor: 2, maxMs: 60_000 }
/** A stream that is cut again and again is opened again ever later, but before anybody is told of a break. */
const flapBackoff = { firstMs: 250, factor: 2, maxMs: 2_000 }
const steadyMs = 10_000
/** A break shorter than this is nobody's business. */
const patienceMs = 3_000
const busyLookMs = 30_000
const quietLookMs = 300_000
const pagesMax = 50
/** To ask a directory makes the server load it: only those that were worked in lately are asked. */
const recentMs = 24 * 3_600_000
const directoriesMax = 20
const atOnce = 5
const missingMax = 200
const bufferMax = 100_000
const askingMax = 50
/** The one that asks is the newest, but for prompts that came since. */
const askingMessages = 5

export class Follower {
  private readonly options: FollowerOptions
  private live: Live | null = null
  private problem: Problem = { kind: 'opencode-down', text: 'OpenCode has not answered yet.' }
  private stream: EventStream | null = null
  private connecting: Promise<void> | null = null
  private failures = 0
  private flaps = 0
  private upAt = 0
  private wake: (() => void) | null = null
  private reconcileTimer: Timer | null = null
  private lostTimer: Timer | null = null
  private closed = false
  private linked: boolean | null = null
  private lookedAt = 0
  /** Directories that sessions of ours work in: always asked. */
  readonly directories = new Set<string>()

  constructor(options: FollowerOptions) {
    this.options = options
  }

  /** Tries until it is closed. */
  start(): void {
    if (this.live || this.connecting || this.closed) return
    this.connecting = this.follow().finally(() => {
      this.connecting = null
    })
  }

  /** The server, connected at once if need be; a problem when that takes longer than `limitMs`. */
  async ready(limitMs: number): Promise<Result<Live>> {
    if (this.live) return ok(this.live)
    if (this.closed) return refuse({ kind: 'runtime-closed', text: 'The runtime is shutting down.' })
    this.wanted = true
    this.start()
    this.wake?.()
    const over = new AbortController()
    const up = new Promise<void>((resolve) => this.waiters.add(resolve))
    await Promise.race([up, pause(this.options.clock, limitMs, over.signal)])
    over.abort()
    return this.live ? ok(this.live) : refuse(this.problem)
  }

  get now(): Live | null {
    return this.live
  }

  get trouble(): Problem | null {
    return this.live ? null : this.problem
  }

  close(): void {
    this.closed = true
    this.stream?.close()
    this.reconcileTimer?.cancel()
    this.lostTimer?.cancel()
    this.live = null
    this.wake?.()
    this.settleWaiters()
  }

  /** Drops the connection; the next one may be to another server. */
  reconnect(why: string): void {
    if (this.live) this.cut(why)
  }

  private wanted = false
  private readonly waiters = new Set<() => void>()

  private settleWaiters(): void {
    for (const waiter of this.waiters) waiter()
    this.waiters.clear()
  }

  private async follow(): Promise<void> {
    if (this.flaps > 1) await this.rest(backoffMs(flapBackoff, this.flaps - 1))
    while (!this.closed) {
      const connected = await this.connect().catch((error: unknown) =>
        refuse({ kind: 'opencode-strange', text: `OpenCode could not be read: ${reasonOf(error)}.` }),
      )
      if (this.closed) return
      if (connected.ok) return
      this.failures += 1
      this.problem = connected.problems[0] ?? this.problem
      this.sayLink(this.problem)
      // Who waits for it learns why it is down; the next try is sooner when somebody asks.
      this.settleWaiters()
      this.wanted = false
      await this.rest(backoffMs(backoff, this.failures))
    }
  }

  private rest(ms: number): Promise<void> {
    const over = new AbortController()
    this.wake = () => over.abort()
    return pause(this.options.clock, ms, over.signal).finally(() => {
      this.wake = null
    })
  }

  /** The stream is opened first and buffered, then comes the look, then what was buffered. */
  private async connect(): Promise<Result<void>> {
    const address = await this.options.address(this.wanted)
    if (!address.ok) return address
    const connection = new Connection(address.value)
    const found = await findDialect(connection)
    if (!found.ok) return found
    const { dialect, version, open } = found.value
    const buffer: RemoteEvent[] = []
    let cutBy: string | null = null
    let live: Live | null = null
    let opened: (why: string | null) => void = () => undefined
    const opening = new Promise<string | null>((resolve) => {
      opened = resolve
    })
    const stream = new EventStream(connection, dialect.eventsPath, {
      clock: this.options.clock,
      listener: {
        opened: () => opened(null),
        frame: (text) => {
          const event = dialect.parse(text, this.options.wantsDeltas())
          if (!event) return
          if (live) this.options.board.apply(event)
          else if (buffer.push(event) > bufferMax) stream.close()
        },
        cut: (why) => {
          cutBy = why
          opened(why)
          if (live && this.live === live) this.cut(why)
        },
      },
    })
    this.stream = stream
    const failed = await opening
    if (failed !== null) return refuse(unreachable(address.value.url, failed))
    const looked = await this.look(dialect, true)
    if (!looked.ok || cutBy !== null || this.closed) {
      stream.close()
      return looked.ok ? refuse(unreachable(address.value.url, cutBy ?? 'it was closed')) : looked
    }
    live = { connection, dialect, version, open }
    for (const event of buffer) this.options.board.apply(event)
    this.up(live)
    return ok(undefined)
  }

  private up(live: Live): void {
    this.live = live
    this.upAt = this.options.clock.monotonic()
    this.failures = 0
    this.lostTimer?.cancel()
    this.lostTimer = null
    this.sayLink(null)
    this.settleWaiters()
    this.scheduleReconcile()
  }

  private cut(why: string): void {
    const url = this.live?.connection.address.url ?? ''
    this.stream?.close()
    this.live = null
    this.flaps = this.options.clock.monotonic() - this.upAt < steadyMs ? this.flaps + 1 : 0
    this.reconcileTimer?.cancel()
    this.problem = unreachable(url, why)
    this.lostTimer ??= this.options.clock.after(patienceMs, () => {
      this.lostTimer = null
      if (this.live || this.closed) return
      this.sayLink(this.problem)
      this.options.board.lose()
    })
    this.start()
  }

  private sayLink(problem: Problem | null): void {
    const linked = problem === null
    if (this.linked === linked) return
    this.linked = linked
    this.options.onLink(problem)
  }

  private scheduleReconcile(): void {
    this.reconcileTimer?.cancel()
    this.reconcileTimer = this.options.clock.after(busyLookMs, () => void this.reconcile())
  }

  /** Nothing is asked while nothing runs, but for a look every few minutes. */
  private isDue(): boolean {
    if (this.options.clock.monotonic() - this.lookedAt >= quietLookMs) return true
    return [...this.options.board.sessions.values()].some((known) => known.status.kind !== 'idle')
  }

  private async reconcile(): Promise<void> {
    const { live } = this
    if (!live) return
    if (!this.isDue()) return this.scheduleReconcile()
    this.options.onReconcile()
    const looked = await this.look(live.dialect, false)
    if (this.live !== live) return
    if (looked.ok) this.scheduleReconcile()
    else this.cut(looked.problems[0]?.text ?? 'it could not be asked')
  }

  /** `all`: every session there is; else only what runs, and the first page of the others. */
  private async look(dialect: Dialect, all: boolean): Promise<Result<void>> {
    const { board } = this.options
    const startedAt = this.options.clock.now()
    const missing = new Set(board.sessions.keys())
    this.lookedAt = this.options.clock.monotonic()
    let cursor: string | null = null
    for (let page = 0; page < (all ? pagesMax : 1); page++) {
      const listed: Awaited<ReturnType<Dialect['sessions']>> = await dialect.sessions(cursor)
      if (!listed.ok) return listed
      // Parents before children, so that a tree is whole when its leaves come.
      for (const session of listed.value.sessions.toReversed()) {
        board.putSession(session)
        missing.delete(session.id)
      }
      cursor = listed.value.next
      if (cursor === null || listed.value.sessions.length === 0) break
    }
    if (all && cursor === null) await this.askAfter([...missing].slice(0, missingMax), dialect)
    // One folder whose configuration is broken answers with an error for ever: the others are watched all the same.
    const directories = this.directoriesToAsk(startedAt, all)
    for (let at = 0; at < directories.length; at += atOnce) {
      await Promise.all(directories.slice(at, at + atOnce).map((directory) => this.lookAt(dialect, directory)))
    }
    return ok(undefined)
  }

  /** Not in the list: archived, or gone. Only the server's own word makes it gone. */
  private async askAfter(ids: readonly string[], dialect: Dialect): Promise<void> {
    for (const id of ids) {
      const found = await dialect.session(id)
      if (found.ok && found.value === null) this.options.board.drop(id)
    }
  }

  async lookAt(dialect: Dialect, directory: string): Promise<Result<void>> {
    const look = () => Promise.all([dialect.statuses(directory), dialect.asks(directory)])
    let [statuses, asks] = await look()
    // What was seen before that took time is old.
    if (statuses.ok && asks.ok && (await this.readCalls(dialect, asks.value, statuses.value))) {
      ;[statuses, asks] = await look()
    }
    if (!statuses.ok) return statuses
    if (!asks.ok) return asks
    this.options.board.replaceStatuses(directory, statuses.value)
    this.options.board.replaceAsks(directory, asks.value)
    return ok(undefined)
  }

  /**
   * What the calls that ask were given, where no event has told it: it is in their messages. False: there was nothing
   * to read. Asks of idle sessions are ghosts.
   */
  private async readCalls(
    dialect: Dialect,
    asks: readonly RemoteAsk[],
    statuses: ReadonlyMap<string, RemoteStatus>,
  ): Promise<boolean> {
    const unnamed = this.options.board.unnamed(asks).map(({ sessionId }) => sessionId)
    const sessions = [...new Set(unnamed)].filter((id) => statuses.has(id))
    for (const id of sessions.slice(0, askingMax)) {
      const read = await dialect.messages(id, { before: null, limit: askingMessages })
      if (read.ok) this.options.board.putCalls(read.value.entries)
    }
    return sessions.length > 0
  }

  private directoriesToAsk(now: number, all: boolean): string[] {
    const found = new Map<string, number>()
    for (const { session, status } of this.options.board.sessions.values()) {
      const runs = status.kind !== 'idle' || (all && this.directories.has(session.workspace))
      const recent = all && now - session.updatedAt < recentMs
      if (!runs && !recent) continue
      const rank = runs ? Number.MAX_SAFE_INTEGER : session.updatedAt
      found.set(session.workspace, Math.max(found.get(session.workspace) ?? 0, rank))
    }
    const newest = [...found].sort((a, b) => b[1] - a[1])
    return newest.slice(0, directoriesMax).map(([directory]) => directory)
  }
}
