/**
 * What is done about a hang, mildest first: end the guilty child so that the same turn goes on; else stop the turn,
 * prove that nothing of it is left, and prompt again; else start the server anew. Bounded, one at a time for a session,
 * each step an event. A person's word wins: every step looks at the task anew, in its lane.
 */
import { pause } from '../core/clock.ts'
import type { Activity, Diagnosis, HangPolicy, SeenProcess } from '../core/diagnosis.ts'
import type { EventType } from '../core/event.ts'
import { ok, type Problem, type Result, reasonOf, refuse } from '../core/problem.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Task } from '../core/task.ts'
import { newId } from '../lib/id.ts'
import { diesOnlyBySignal, type Ending, endProcesses } from '../lib/processes.ts'
import type { SessionPlace } from '../store/quiet.ts'
import { pauseTask } from './act.ts'
import { type Diagnose, endGuilty } from './diagnose/diagnose.ts'
import { isBusyKind, markOf, progressed } from './signs.ts'
import type { Supervisor } from './supervisor.ts'
import { takeOverPrompt } from './take-over.ts'
import type { World } from './world.ts'

export interface LadderParts {
  world: World
  supervisor: Supervisor
  diagnose: Diagnose
  /** Other sessions at work in this runtime, whose turns a restart would end. */
  othersBusy(runtime: string, sessionId: string): number
  /** The daemon stops. */
  signal: AbortSignal
}

/** A session and all that is known of its hang. */
export interface Hang {
  runtime: Runtime
  place: SessionPlace
  activity: Activity
  diagnosis: Diagnosis
}

export type TakeOverAuthority = 'policy' | 'person'

export interface TakeOver {
  /** What was running, and why it did not end. */
  diagnosis: Diagnosis
  /** Null: the session works for no task, and was prompted directly. */
  taskId: string | null
}

const rescuesMax = 3
const progressMs = 10_000
const progressLookMs = 250
/** Beyond what a runtime allows itself. */
const abortMs = 20_000
const clearMs = 10_000
const clearLookMs = 50
const stoppable = ['starting', 'running', 'waiting'] as const satisfies Task['status'][]

export class Ladder {
  private readonly parts: LadderParts
  private readonly underWay = new Map<string, Promise<unknown>>()

  constructor(parts: LadderParts) {
    this.parts = parts
  }

  isAt(sessionId: string): boolean {
    return this.underWay.has(sessionId)
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.underWay.values())
  }

  /** Begins and returns at once; a no-op while a step for the session is under way. */
  climb(hang: Hang & { task: Task; policy: Exclude<HangPolicy, 'alert'> }): void {
    const { log } = this.parts.world
    const session = hang.place.id
    void this.alone(session, () =>
      this.steps(hang).catch((error: unknown) => log.error({ session, error: reasonOf(error) }, 'a rescue broke')),
    )
  }

  private alone<T>(sessionId: string, work: () => Promise<T>): Promise<T> | null {
    if (this.underWay.has(sessionId) || this.parts.signal.aborted) return null
    const running = work().finally(() => this.underWay.delete(sessionId))
    this.underWay.set(sessionId, running)
    return running
  }

  private async steps(hang: Hang & { task: Task; policy: HangPolicy }): Promise<void> {
    const { task, policy, place, diagnosis } = hang
    if (this.parts.world.store.quiet.rescue(place) > rescuesMax) return this.giveUp(task, diagnosis)
    if (await this.endsChild(hang)) return
    if (policy !== 'take-over' || this.parts.signal.aborted) return
    const done = await this.takeTask(task.id, hang, 'policy')
    if (!done.ok) this.parts.world.log.warn({ session: place.id, problems: done.problems }, 'not taken over')
  }

  /** True when that was enough. */
  private async endsChild(hang: Hang & { task: Task }): Promise<boolean> {
    const { diagnosis, activity, runtime, place, task } = hang
    const { guilty } = diagnosis
    if (!guilty || isUnheard(guilty, activity) || !this.isWanted(task.id, place.id)) return false
    const ending = await endGuilty(diagnosis)
    const { pid, command } = guilty
    const found = { pid, command, cause: diagnosis.cause, diagnosis: diagnosis.text }
    this.tell('session.child_killed', place, { taskId: task.id, ...found, ...countsOf(ending) })
    const before = markOf(activity)
    return this.comes(progressMs, progressLookMs, async () => {
      const now = await runtime.activity(place.id)
      return now !== null && progressed(before, markOf(now))
    })
  }

  /** The task is still at work in this session. */
  private isWanted(taskId: string, sessionId: string): Task | null {
    const task = this.parts.world.store.tasks.get(taskId)
    const fits = task && task.sessionId === sessionId && (stoppable as readonly string[]).includes(task.status)
    return fits ? task : null
  }

  private async giveUp(task: Task, diagnosis: Diagnosis): Promise<void> {
    const { world, supervisor } = this.parts
    const text = [`${rescuesMax} rescues did not help.`, diagnosis.text, diagnosis.todo].filter(Boolean).join(' ')
    await supervisor.exclusive(task.id, () => {
      const now = task.sessionId ? this.isWanted(task.id, task.sessionId) : null
      if (now) pauseTask(now, { code: 'session-stalled', text }, world)
    })
    supervisor.nudge(task.id)
  }

  /** The runtime that has the session, and what it does. */
  async find(sessionId: string): Promise<Result<{ runtime: Runtime; activity: Activity }>> {
    const { store, runtimes } = this.parts.world
    const named = runtimes.get(store.quiet.place(sessionId)?.runtime ?? '')
    for (const runtime of named ? [named] : runtimes.values()) {
      const activity = await runtime.activity(sessionId)
      if (activity) return ok({ runtime, activity })
    }
    return refuse({ kind: 'session-missing', text: `No runtime has a session ${sessionId} at work.` })
  }

  /** For a person: whatever the policy, and for sessions without a task as well. */
  async takeOver(sessionId: string, by: TakeOverAuthority): Promise<Result<TakeOver>> {
    const { store } = this.parts.world
    const found = await this.find(sessionId)
    if (!found.ok) return found
    const { runtime, activity } = found.value
    // A dead server can be taken over as well: by a new one.
    if (!isBusyKind(activity.state.kind) && activity.hostAlive !== false)
      return refuse(notBusy(sessionId, activity.state.kind))
    const work = async (): Promise<Result<TakeOver>> => {
      const diagnosis = await this.parts.diagnose(activity)
      const [taskId] = store.tasks.activeOfSession(sessionId)
      const task = taskId ? store.tasks.get(taskId) : null
      const place = store.quiet.place(sessionId) ?? placeOf(sessionId, runtime.name, task)
      const hang = { runtime, place, activity, diagnosis }
      return task ? this.takeTask(task.id, hang, by) : this.takeSession(hang, by)
    }
    return (await this.alone(sessionId, work)) ?? refuse(underWay(sessionId))
  }

  /** In the task's lane, so that no step of it re-enters the turn that is being stopped. */
  private async takeTask(taskId: string, hang: Hang, by: TakeOverAuthority): Promise<Result<TakeOver>> {
    const { world, supervisor } = this.parts
    const { place, diagnosis } = hang
    const result = await supervisor.exclusive(taskId, async (): Promise<Result<TakeOver>> => {
      if (!this.isWanted(taskId, place.id)) return refuse(notWorking(taskId))
      const cleared = await this.clear(hang, taskId)
      if (!cleared.ok) return cleared
      const task = this.isWanted(taskId, place.id)
      if (!task) return refuse(notWorking(taskId))
      const { tasks, ledger } = world.store
      const promptNumber = task.promptNumber + 1
      ledger.transact(() => {
        tasks.patch(taskId, { promptNumber, promptText: this.promptOf(hang, by), retryAt: null, troubles: 0 })
        this.tell('session.taken_over', place, { taskId, by, prompt: promptNumber, ...reasonFor(diagnosis) })
      })
      return ok({ diagnosis, taskId })
    })
    supervisor.nudge(taskId)
    if (result.ok) await this.comesBack(place.id, taskId, hang.runtime)
    return result
  }

  /** Until then it is no turn that ended by itself, and nobody may take it for one. */
  private comesBack(sessionId: string, taskId: string, runtime: Runtime): Promise<boolean> {
    return this.comes(clearMs, clearLookMs, async () => {
      const { state } = await runtime.look(sessionId)
      return isBusyKind(state.kind) || !this.isWanted(taskId, sessionId)
    })
  }

  private async takeSession(hang: Hang, by: TakeOverAuthority): Promise<Result<TakeOver>> {
    const { world } = this.parts
    const { place, runtime, diagnosis } = hang
    const cleared = await this.clear(hang, null)
    if (!cleared.ok) return cleared
    const promptId = newId('p', world.clock.now())
    const limits = { toolCalls: null, tokens: null }
    const sent = await runtime.prompt({ sessionId: place.id, promptId, text: this.promptOf(hang, by), limits })
    if (!sent.ok) return sent
    this.tell('session.taken_over', place, { taskId: null, by, ...reasonFor(diagnosis) })
    return ok({ diagnosis, taskId: null })
  }

  private promptOf({ place, activity, diagnosis }: Hang, by: TakeOverAuthority): string {
    const since = this.parts.world.store.quiet.get(place.id).quietSince
    const quietMs = by === 'person' || since === null ? null : this.parts.world.clock.now() - since
    return takeOverPrompt(activity, diagnosis, quietMs)
  }

  /** Afterwards no turn runs and no process of it is left, or the server is a new one; else says why not. */
  private async clear(hang: Hang, taskId: string | null): Promise<Result<void>> {
    const { runtime, place, diagnosis } = hang
    const startedAt = this.parts.world.clock.monotonic()
    if (diagnosis.cause !== 'server-dead') {
      await this.abort(runtime, place.id)
      const isClear = await this.comes(clearMs, clearLookMs, async () => {
        const { state } = await runtime.look(place.id)
        return state.kind !== 'unreachable' && !isBusyKind(state.kind)
      })
      if (this.parts.signal.aborted) return refuse(stopping)
      const ending = await endProcesses(diagnosis.processes)
      if (isClear) {
        const clearedMs = Math.round(this.parts.world.clock.monotonic() - startedAt)
        this.tell('session.aborted', place, { taskId, clearedMs, ...countsOf(ending) })
        return ok(undefined)
      }
    }
    return this.restart(hang, taskId)
  }

  private async abort(runtime: Runtime, sessionId: string): Promise<void> {
    const over = new AbortController()
    const enough = AbortSignal.any([over.signal, this.parts.signal])
    await Promise.race([runtime.abort(sessionId), pause(this.parts.world.clock, abortMs, enough)])
    over.abort()
  }

  private async restart({ runtime, place, diagnosis }: Hang, taskId: string | null): Promise<Result<void>> {
    const why = `Session ${place.id} could not be stopped: ${diagnosis.text}`
    const others = diagnosis.cause === 'server-dead' ? 0 : this.parts.othersBusy(runtime.name, place.id)
    if (others > 0) return refuse(notRestarted(`${others} other session(s) are at work in the same server.`))
    if (!runtime.watch) return refuse(notRestarted('It runs no server that could be started anew.'))
    const restarted = await runtime.watch.restart(why)
    if (!restarted.ok) return restarted
    this.tell('runtime.restarted', place, { taskId, why })
    return ok(undefined)
  }

  /** Whether `look` is true before the time is over. */
  private async comes(limitMs: number, everyMs: number, look: () => Promise<boolean>): Promise<boolean> {
    const { clock } = this.parts.world
    const deadline = clock.monotonic() + limitMs
    while (!this.parts.signal.aborted) {
      if (await look()) return true
      if (clock.monotonic() >= deadline) return false
      await pause(clock, everyMs, this.parts.signal)
    }
    return false
  }

  private tell(type: EventType, place: SessionPlace, more: Record<string, unknown> & { taskId: string | null }): void {
    const { taskId, ...data } = more
    const { id: sessionId, runtime, title, workspace } = place
    this.parts.world.store.ledger.note({
      ...{ type, taskId: taskId ?? place.taskId, sessionId },
      data: { runtime, title, workspace, ...data },
    })
  }
}

/**
 * A server whose own child dies by a signal may never notice (OpenCode 1.18.33): the call would hang for good, with
 * nothing left to end.
 */
const isUnheard = (guilty: SeenProcess, { owner, hostPid }: Activity): boolean =>
  owner === null && guilty.ppid === hostPid && diesOnlyBySignal(guilty.pid)

const countsOf = ({ ended, left }: Ending) => ({ ended: ended.length, left: left.length })
const reasonFor = ({ cause, text }: Diagnosis) => ({ cause, diagnosis: text })

function placeOf(id: string, runtime: string, task: Task | null): SessionPlace {
  return { id, runtime, title: task?.title ?? id, workspace: task?.workspace ?? '', taskId: task?.id ?? null }
}

const notBusy = (sessionId: string, kind: string): Problem => ({
  kind: 'session-not-busy',
  text: `The session ${sessionId} is ${kind}; there is nothing to take over.`,
  todo: 'Send it a prompt instead.',
})

const underWay = (sessionId: string): Problem => ({
  kind: 'session-rescued',
  text: `The session ${sessionId} is being rescued just now.`,
  todo: 'Look at its events in a moment.',
})

const stopping: Problem = { kind: 'draining', text: 'The daemon is stopping; the session was left as it is.' }

const notWorking = (taskId: string): Problem => ({
  kind: 'wrong-state',
  text: `Task ${taskId} is not at work in that session any more.`,
})

const notRestarted = (why: string): Problem => ({
  kind: 'session-not-cleared',
  text: `The turn could not be stopped, and its server was not started anew: ${why}`,
  todo: 'End the server by hand when the others are through.',
})
