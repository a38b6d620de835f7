/**
 * The tick: takes due tasks one step further (look, decide, act), nudged by events and by a slow reconcile. One step
 * at a time per task. Correctness never depends on a nudge: what was in flight before a crash is found by looking.
 */
import type { Timer } from '../core/clock.ts'
import type { LoomEvent } from '../core/event.ts'
import { ProblemError, reasonOf } from '../core/problem.ts'
import type { Observation } from '../core/session.ts'
import { activeStatuses, isActive, isAsking, liveStatuses, type Reason, type Task } from '../core/task.ts'
import type { Place } from '../store/tasks.ts'
import { act, attemptsMaxOf, pauseTask, reasonFor, runtimeOf } from './act.ts'
import { decide } from './decide.ts'
import { isAnswering, unansweredOf } from './deferred.ts'
import { settleIsolation } from './isolation.ts'
import { blockedBy, waitsFor } from './places.ts'
import { Stopwatch } from './stopwatch.ts'
import type { World } from './world.ts'

interface Lane {
  tail: Promise<void>
  waiting: number
  abort: AbortController
  wake: Timer | null
  faults: number
}

const stepsInARowMax = 20
const faultsMax = 5
const faultPauseMs = 2_000
const looksMs = 30_000
const storeEveryMs = 1_000

export class Supervisor {
  private readonly world: World
  private readonly lanes = new Map<string, Lane>()
  private readonly stopwatch: Stopwatch
  private readonly stops: (() => void)[] = []
  /** Tasks that were at work when this daemon began, and stop where nobody knows what their last call did. */
  private readonly unseen = new Set<string>()
  private fillAsked = false
  private draining = false
  private refusing = false

  constructor(world: World) {
    this.world = world
    this.stopwatch = new Stopwatch(world.clock)
  }

  /** Looks at everything that is alive, then listens. */
  start(): void {
    for (const runtime of this.world.runtimes.values()) {
      this.stops.push(runtime.onChange((sessionId) => this.nudgeSession(sessionId)))
    }
    const answered = ({ type, taskId }: LoomEvent) => {
      if (taskId && (type === 'ask.answered' || type === 'ask.ended')) this.nudge(taskId)
    }
    this.stops.push(this.world.store.ledger.onEvent(answered))
    for (const task of this.world.store.tasks.withStatus(activeStatuses)) {
      if (task.id <= this.world.settings.after) continue
      if ((task.spec.after_crash ?? this.world.settings.afterCrash) === 'pause') this.unseen.add(task.id)
      this.nudge(task.id)
    }
    for (const { id } of this.world.store.tasks.isolated()) this.settleWorktree(id)
    this.fillPlaces()
  }

  /** What a daemon that was killed between a verdict and its consequence left to do. */
  private settleWorktree(id: string): void {
    this.exclusive(id, () => settleIsolation(id, this.world)).catch((error: unknown) => this.fault(id, error))
  }

  /** A task may have something to do. Cheap; many nudges become one step. */
  nudge(id: string): void {
    if (this.draining) return
    const lane = this.lane(id)
    if (lane.waiting > 0) return
    lane.waiting++
    void this.exclusive(id, async () => {
      lane.waiting--
      await this.step(id)
    })
  }

  /** Queued tasks may have got a place; asked for any number of times, looked at once. */
  fillPlaces(): void {
    if (this.fillAsked || this.isDraining) return
    this.fillAsked = true
    setImmediate(() => {
      this.fillAsked = false
      if (!this.isDraining) this.guard('places', () => this.fill())
    })
  }

  /** Why a queued task does not run yet; null when it is about to. */
  queueReason(
    task: Pick<Task, 'id' | 'workspace' | 'runtime'> & { sessionId?: string | null },
    active: readonly Place[] = this.world.store.tasks.places(),
  ): Reason | null {
    if (this.isDraining) return { code: 'draining', text: 'The daemon is stopping and starts nothing new.' }
    const before = this.world.store.tasks.unmet(task.id)
    if (before) return waitsFor(before)
    return blockedBy({ sessionId: null, ...task }, active, this.world.settings.concurrency)
  }

  /**
   * Runs `work` when no step of this task is under way and keeps steps out meanwhile. `interrupt` ends a verification.
   */
  async exclusive<T>(id: string, work: () => Promise<T> | T, interrupt = false): Promise<T> {
    const lane = this.lane(id)
    if (interrupt) {
      lane.abort.abort()
      lane.abort = new AbortController()
    }
    const before = lane.tail
    let release: () => void = () => undefined
    lane.tail = new Promise((resolve) => {
      release = resolve
    })
    await before
    try {
      return await work()
    } finally {
      release()
    }
  }

  get isDraining(): boolean {
    return this.draining || this.refusing
  }

  /** Queued tasks stay queued from now on; what is at work goes on. */
  refuseNew(): void {
    this.refusing = true
  }

  /** No new starts; verifications end (and are found again by the next start). Resolves when no step is under way. */
  async drain(): Promise<void> {
    this.draining = true
    for (const stop of this.stops) stop()
    for (const lane of this.lanes.values()) {
      lane.wake?.cancel()
      lane.abort.abort()
    }
    await Promise.all([...this.lanes.values()].map((lane) => lane.tail))
  }

  private lane(id: string): Lane {
    const known = this.lanes.get(id)
    if (known) return known
    const lane = { tail: Promise.resolve(), waiting: 0, abort: new AbortController(), wake: null, faults: 0 }
    this.lanes.set(id, lane)
    return lane
  }

  private nudgeSession(sessionId: string): void {
    for (const id of this.world.store.tasks.activeOfSession(sessionId)) this.nudge(id)
  }

  private fill(): void {
    const { tasks } = this.world.store
    const active = tasks.places()
    let { after } = this.world.settings
    for (;;) {
      const queued = tasks.queued(200, after)
      for (const task of queued) {
        if (tasks.isHeld(task.id)) continue
        if (tasks.unmet(task.id)) continue
        const reason = blockedBy(task, active, this.world.settings.concurrency)
        if (reason) this.preempt(task)
        if (reason?.code === 'full') return
        if (reason) continue
        tasks.hold(task.id)
        active.push(task)
        this.nudge(task.id)
      }
      const last = queued.at(-1)
      if (!last || queued.length < 200) return
      after = last.id
    }
  }

  /** A task with `abort: true` takes its session from the task that works in it. */
  private preempt(next: Pick<Task, 'id' | 'sessionId'>): void {
    if (!next.sessionId || !this.world.store.tasks.get(next.id)?.spec.abort) return
    const reason = { code: 'taken-over', text: `Task ${next.id} took over its session.` }
    for (const id of this.world.store.tasks.activeOfSession(next.sessionId)) {
      const pause = async () => {
        const task = this.world.store.tasks.get(id)
        if (!task || !isActive(task.status)) return
        if (task.sessionId) await runtimeOf(task, this.world).abort(task.sessionId)
        pauseTask(task, reason, this.world)
      }
      this.exclusive(id, pause, true).then(
        () => this.nudge(id),
        (error: unknown) => this.fault(id, error),
      )
    }
  }

  /**
   * Steps until nothing moves. Never throws: what breaks is recorded, tried again, and in the end given to a person.
   */
  private async step(id: string): Promise<void> {
    const lane = this.lane(id)
    try {
      const task = await this.stepOn(id, lane)
      if (lane.faults > 0) this.world.alarm(`task-${id}`, null)
      lane.faults = 0
      this.settle(id, task)
    } catch (error) {
      this.fault(id, error)
    }
  }

  /** The task as it is afterwards. */
  private async stepOn(id: string, lane: Lane): Promise<Task | null> {
    for (let count = 0; count < stepsInARowMax && !this.draining; count++) {
      const task = this.world.store.tasks.get(id)
      if (!task || !(liveStatuses as readonly string[]).includes(task.status)) return task
      const timed = this.timed(task)
      const { kind, more } = await this.once(timed, lane.abort.signal)
      // By far the most steps find an agent at work and change nothing: they cost one read.
      if (kind === 'continue' && task.status === 'running') return timed.task
      const after = this.world.store.tasks.get(id)
      if (after && after.status !== task.status) this.closeTime(after, timed.task.activeMs - after.activeMs)
      if (!more) return after
    }
    return this.world.store.tasks.get(id)
  }

  private async once({ task, stored }: { task: Task; stored: boolean }, signal: AbortSignal) {
    const { world } = this
    // Only fill() gives places, so that two tasks never take the last one, or one workspace, at the same time.
    if (task.status === 'queued' && !world.store.tasks.isHeld(task.id)) return { kind: 'nothing', more: false }
    const seen = await this.look(task)
    const blocked = task.status === 'queued' ? this.queueReason(task) : null
    // Once: whoever resumes it has looked, and is not asked again.
    const looksFirst = seen !== null && this.unseen.delete(task.id)
    const unanswered = seen?.state.kind === 'idle' ? unansweredOf(task.id, world.store.asks) : null
    const now = world.clock.now()
    const answering = seen?.state.kind === 'waiting' && isAnswering(task.sessionId, world.store.asks, now)
    const facts = { now, blocked, looksFirst, unanswered, answering, attemptsMax: attemptsMaxOf(task, world) }
    const action = decide(task, seen, facts)
    return { kind: action.kind, more: await act(task, action, { seen, signal, store: stored }, world) }
  }

  private async look(task: Task): Promise<Observation | null> {
    if (!task.sessionId || !isActive(task.status) || task.status === 'verifying') return null
    return runtimeOf(task, this.world).look(task.sessionId)
  }

  /** The task with its time at work up to now; stored once a second, not at each of a thousand nudges. */
  private timed(task: Task): { task: Task; stored: boolean } {
    const ms = this.stopwatch.running(task.id, task.status)
    const activeMs = task.activeMs + ms
    if (ms < storeEveryMs) return { task: { ...task, activeMs }, stored: false }
    this.stopwatch.lap(task.id, task.status)
    return { task: this.world.store.tasks.patch(task.id, { activeMs }), stored: true }
  }

  /** What was not stored yet when a task changes its status. */
  private closeTime(task: Task, ms: number): void {
    this.stopwatch.lap(task.id, task.status)
    if (ms > 0) this.world.store.tasks.patch(task.id, { activeMs: task.activeMs + ms })
  }

  /** After a step: wake up in time for the next limit, retry or reconcile; free the place of what ended. */
  private settle(id: string, task: Task | null): void {
    const lane = this.lane(id)
    lane.wake?.cancel()
    lane.wake = null
    this.world.store.tasks.release(id)
    if (!task || !isActive(task.status)) {
      if (lane.waiting === 0 && task?.status !== 'queued') this.lanes.delete(id)
      this.stopwatch.lap(id, task?.status ?? 'archived')
      this.fillPlaces()
      return
    }
    if (isAsking(task)) this.fillPlaces()
    if (!this.draining) lane.wake = this.world.clock.after(this.nextLookMs(task), () => this.nudge(id))
  }

  private nextLookMs(task: Task): number {
    const interval = (task.spec.check_interval_minutes ?? 0) * 60_000 || this.world.settings.reconcileMs
    const waits = [Math.min(interval, task.status === 'waiting' ? looksMs : interval)]
    if (task.retryAt !== null) waits.push(task.retryAt - this.world.clock.now())
    if (task.spec.limits.minutes !== undefined) waits.push(task.spec.limits.minutes * 60_000 - task.activeMs)
    return Math.max(5, Math.min(...waits))
  }

  private fault(id: string, error: unknown): void {
    const lane = this.lane(id)
    lane.faults++
    const text = `Task ${id} could not be worked: ${reasonOf(error)}.`
    this.world.log.error({ task: id, error: reasonOf(error), faults: lane.faults }, 'step failed')
    this.world.alarm(`task-${id}`, text)
    const full = (error as { code?: string }).code === 'SQLITE_FULL'
    const task = full ? null : this.guard(id, () => this.world.store.tasks.get(id))
    if (task && lane.faults >= faultsMax && (isActive(task.status) || task.status === 'queued')) {
      const reason =
        error instanceof ProblemError
          ? reasonFor(error.problems)
          : { code: 'internal-error', text: `${text} This is a fault of OpenLoom; resume to try again.` }
      this.guard(id, () => pauseTask(task, reason, this.world))
      return
    }
    if (!this.draining) lane.wake = this.world.clock.after(faultPauseMs, () => this.nudge(id))
  }

  /** For work outside a step: a full disk must not end the daemon; it is said and tried again. */
  private guard<T>(what: string, work: () => T): T | null {
    try {
      return work()
    } catch (error) {
      this.world.log.error({ what, error: reasonOf(error) }, 'could not work')
      this.world.alarm('store', `The store refuses: ${reasonOf(error)}.`)
      this.world.clock.after(faultPauseMs, () => this.fillPlaces())
      return null
    }
  }
}
