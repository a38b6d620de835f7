/**
 * Watches busy sessions of all runtimes for signs of life, says once when there are none, with the reason, and calls
 * the ladder where a task allows it. Silence of the network is not silence of a session. Nothing ticks while none is
 * busy.
 */
import type { Timer } from '../core/clock.ts'
import type { Activity, Diagnosis, HangPolicy } from '../core/diagnosis.ts'
import { ok, type Result, reasonOf } from '../core/problem.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Task } from '../core/task.ts'
import { findChange } from '../lib/changes.ts'
import { notQuiet, type SessionPlace } from '../store/quiet.ts'
import { type Diagnose, diagnose } from './diagnose/diagnose.ts'
import { Ladder, type TakeOver, type TakeOverAuthority } from './ladder.ts'
import { isBusyKind, type Mark, markOf, parseMark, progressed, writeMark } from './signs.ts'
import type { Supervisor } from './supervisor.ts'
import type { World } from './world.ts'

export interface StallSettings {
  /** Between two looks at busy sessions. */
  everyMs: number
  /** Quiet looks in a row until a session is called stalled. */
  checks: number
  /** The same as a time; in place of `checks` when given. */
  afterMs: number | null
  /** For tasks that do not say. */
  onHang: HangPolicy
}

export interface StallOptions {
  settings: StallSettings
  /** In place of the real look, for tests. */
  diagnose?: Diagnose
}

/** A session that was busy at the last look, or may be. */
interface Watched {
  sessionId: string
  runtime: Runtime
  /** Null before the first look. */
  life: { mark: Mark; checks: number; since: number; isStalled: boolean } | null
}

/** A tool that works without a word is left alone for so many times the usual patience. */
const workingPatience = 3
const atOnce = 8
const scan = { entriesMax: 20_000, limitMs: 200, skip: ['.git', 'node_modules'] }

export class Stalls {
  private readonly world: World
  private readonly settings: StallSettings
  private readonly ladder: Ladder
  private readonly judge: Diagnose
  private readonly watched = new Map<string, Watched>()
  private readonly stops: (() => void)[] = []
  private timer: Timer | null = null
  private looking: Promise<void> | null = null
  private readonly stopping = new AbortController()

  constructor(world: World, supervisor: Supervisor, { settings, diagnose: judge }: StallOptions) {
    this.world = world
    this.settings = settings
    this.judge = judge ?? ((activity) => diagnose(activity, { clock: world.clock }))
    this.ladder = new Ladder({
      world,
      supervisor,
      diagnose: this.judge,
      othersBusy: (runtime, sessionId) => this.othersBusy(runtime, sessionId),
      signal: this.stopping.signal,
    })
  }

  /** Goes on where a daemon before it stopped, and listens. */
  start(): void {
    for (const runtime of this.world.runtimes.values()) {
      this.stops.push(runtime.onChange((sessionId) => this.notice(runtime, sessionId)))
      const hear = runtime.watch?.onFact((fact) => {
        if (fact.kind === 'state' && isBusyKind(fact.state)) this.notice(runtime, fact.sessionId)
      })
      if (hear) this.stops.push(hear)
    }
    const { store, runtimes } = this.world
    for (const { sessionId, runtime } of store.tasks.places()) this.noticeNamed(runtimes.get(runtime), sessionId)
    for (const { id, runtime } of store.quiet.unsettled()) this.noticeNamed(runtimes.get(runtime), id)
  }

  /** Resolves when no look and no rescue is under way. */
  async stop(): Promise<void> {
    this.stopping.abort()
    for (const stop of this.stops.splice(0)) stop()
    this.timer?.cancel()
    await this.looking
    await this.ladder.settled()
  }

  /** What a session is at, now, whether it is stalled or not. */
  async diagnose(sessionId: string): Promise<Result<Diagnosis>> {
    const found = await this.ladder.find(sessionId)
    return found.ok ? ok(await this.judge(found.value.activity)) : found
  }

  /** At once and whatever the policy, for a person: ends the turn and all its processes, and prompts again. */
  takeOver(sessionId: string, by: TakeOverAuthority): Promise<Result<TakeOver>> {
    return this.ladder.takeOver(sessionId, by)
  }

  private noticeNamed(runtime: Runtime | undefined, sessionId: string | null): void {
    if (runtime && sessionId) this.notice(runtime, sessionId)
  }

  /** Called at each change of each session: must cost nothing. */
  private notice(runtime: Runtime, sessionId: string): void {
    if (this.watched.has(sessionId) || this.stopping.signal.aborted) return
    const one = { sessionId, runtime, life: null }
    this.watched.set(sessionId, one)
    // What it looks like now is what later looks are compared with.
    this.looking = Promise.all([this.looking, this.lookSafely(one)]).then(() => undefined)
    this.arm()
  }

  private arm(): void {
    if (this.timer || this.watched.size === 0 || this.stopping.signal.aborted) return
    this.timer = this.world.clock.after(this.tickMs, () => {
      const first = this.looking ?? Promise.resolve()
      this.looking = first
        .then(() => this.lookAtAll())
        .finally(() => {
          this.timer = null
          this.arm()
        })
    })
  }

  /** A duration is met by whole looks. */
  private get tickMs(): number {
    const { everyMs, afterMs } = this.settings
    return afterMs === null ? everyMs : afterMs / this.checksNeeded
  }

  private get checksNeeded(): number {
    const { everyMs, checks, afterMs } = this.settings
    // Counted, not measured: the time that the machine or the daemon slept is nobody's silence.
    return afterMs === null ? checks : Math.max(1, Math.ceil(afterMs / everyMs))
  }

  private async lookAtAll(): Promise<void> {
    const all = [...this.watched.values()]
    for (let at = 0; at < all.length && !this.stopping.signal.aborted; at += atOnce) {
      await Promise.all(all.slice(at, at + atOnce).map((one) => this.lookSafely(one)))
    }
  }

  private async lookSafely(one: Watched): Promise<void> {
    try {
      await this.look(one)
    } catch (error) {
      this.world.log.error({ session: one.sessionId, error: reasonOf(error) }, 'could not look for signs of life')
    }
  }

  private async look(one: Watched): Promise<void> {
    const { sessionId, runtime } = one
    const rootId = this.world.store.quiet.rootOf(sessionId)
    if (rootId !== sessionId) {
      this.watched.delete(sessionId)
      this.notice(runtime, rootId)
      return
    }
    if (this.ladder.isAt(sessionId)) return
    const activity = await runtime.activity(sessionId)
    // Not known, or not yet: it is noticed again when something is heard of it.
    if (!activity) return void this.watched.delete(sessionId)
    switch (standingOf(activity)) {
      case 'unseen':
        return
      case 'over':
        this.watched.delete(sessionId)
        return this.settle(one)
      case 'waits':
        return this.revive(one, activity, this.world.clock.now())
      case 'busy':
        return this.count(one, activity)
    }
  }

  private async count(one: Watched, activity: Activity): Promise<void> {
    const mark = markOf(activity)
    one.life ??= this.remembered(one.sessionId)
    const { life } = one
    if (!life || progressed(life.mark, mark)) {
      return this.revive(one, activity, activity.lastProgressAt ?? this.world.clock.now())
    }
    life.checks++
    const { checks, since } = life
    const place = this.placeOf(one, activity)
    this.world.store.quiet.save(place, { quietChecks: checks, quietSince: since, quietMark: writeMark(life.mark) })
    const isDue = life.isStalled ? checks % this.checksNeeded === 0 : checks >= this.checksNeeded
    if (isDue) await this.consider(one, activity, place)
  }

  /** The count that an earlier daemon left. */
  private remembered(sessionId: string): Watched['life'] {
    const { quietMark, quietChecks, quietSince, stalledAt } = this.world.store.quiet.get(sessionId)
    const mark = parseMark(quietMark)
    if (!mark || quietSince === null) return null
    return { mark, checks: quietChecks, since: quietSince, isStalled: stalledAt !== null }
  }

  /** Quiet for long enough: unless files say otherwise, or it plainly works, it is stalled. */
  private async consider(one: Watched, activity: Activity, place: SessionPlace): Promise<void> {
    const { life, runtime, sessionId } = one
    if (!life) return
    const until = this.world.clock.now()
    const changedAt = await findChange(place.workspace, { ...scan, since: life.since, until })
    if (changedAt !== null) return this.revive(one, activity, changedAt)
    const diagnosis = await this.judge(activity)
    const again = await runtime.activity(sessionId)
    // It moved while it was looked at; the next look sees to it.
    if (!again || standingOf(again) !== 'busy' || progressed(life.mark, markOf(again))) return
    // A model that thinks is no hang; when it has thought for too long, the diagnosis says so.
    const isPatient = again.tool === null || life.checks < this.checksNeeded * workingPatience
    if (diagnosis.cause === 'working' && isPatient) return
    const task = this.taskOf(sessionId)
    if (!life.isStalled) {
      const data = alertOf(place, diagnosis, { since: life.since, now: until })
      const event = { type: 'session.stalled' as const, taskId: task?.id ?? null, sessionId, data }
      this.world.store.quiet.save(place, { stalledAt: until, diagnosis }, event)
      life.isStalled = true
    }
    const policy = task ? (task.spec.on_hang ?? this.settings.onHang) : 'alert'
    if (task && policy !== 'alert' && diagnosis.cause !== 'working') {
      this.ladder.climb({ runtime, place, activity, diagnosis, task, policy })
    }
  }

  /** A sign of life. What was stored of the silence is taken back. */
  private revive(one: Watched, activity: Activity, since: number): void {
    const quiet = this.world.store.quiet.get(one.sessionId)
    one.life = { mark: markOf(activity), checks: 0, since, isStalled: false }
    if (quiet.quietChecks === 0 && quiet.stalledAt === null) return
    const { rescues } = quiet
    this.takeBack(this.placeOf(one, activity), { ...notQuiet, rescues }, quiet.stalledAt !== null)
  }

  /** The turn is over, and with it all that was tried for it. */
  private settle(one: Watched): void {
    const quiet = this.world.store.quiet.get(one.sessionId)
    if (quiet.quietChecks === 0 && quiet.stalledAt === null && quiet.rescues === 0) return
    this.takeBack(this.placeOf(one, null), notQuiet, quiet.stalledAt !== null)
  }

  private takeBack(place: SessionPlace, quiet: typeof notQuiet, wasStalled: boolean): void {
    const { id: sessionId, runtime, title, workspace } = place
    const taskId = this.taskOf(sessionId)?.id ?? place.taskId
    const data = { runtime, title, workspace }
    const event = wasStalled ? { type: 'session.revived' as const, taskId, sessionId, data } : null
    this.world.store.quiet.save(place, quiet, event)
  }

  private taskOf(sessionId: string): Task | null {
    const [id] = this.world.store.tasks.activeOfSession(sessionId)
    return id ? this.world.store.tasks.get(id) : null
  }

  private placeOf({ sessionId, runtime }: Watched, activity: Activity | null): SessionPlace {
    const known = this.world.store.quiet.place(sessionId)
    if (known) return known
    const task = this.taskOf(sessionId)
    const workspace = task?.workspace ?? activity?.tool?.cwd ?? ''
    return {
      id: sessionId,
      runtime: runtime.name,
      title: task?.title ?? sessionId,
      workspace,
      taskId: task?.id ?? null,
    }
  }

  /** How many other sessions of the runtime a restart of its server would hit. */
  private othersBusy(runtime: string, sessionId: string): number {
    const all = [...this.watched.values()]
    return all.filter((one) => one.runtime.name === runtime && one.sessionId !== sessionId && one.life).length
  }
}

type Standing = 'busy' | 'waits' | 'over' | 'unseen'

function standingOf({ state, hostAlive }: Activity): Standing {
  // Known to be dead is more than not reached: that is a hang, and it has a cure.
  if (state.kind === 'unreachable') return hostAlive === false ? 'busy' : 'unseen'
  if (state.kind === 'waiting' || state.kind === 'retrying') return 'waits'
  return isBusyKind(state.kind) ? 'busy' : 'over'
}

const processesShown = 10

function alertOf(
  { id, runtime, title, workspace }: SessionPlace,
  { cause, text, todo, processes }: Diagnosis,
  { since, now }: { since: number; now: number },
): Record<string, unknown> {
  const shown = processes
    .slice(0, processesShown)
    .map(({ pid, state, command }) => ({ pid, state, command: command.slice(0, 200) }))
  const place = { runtime, title, workspace, sessionId: id }
  return { ...place, quietForMs: now - since, quietSince: since, cause, diagnosis: text, todo, processes: shown }
}
