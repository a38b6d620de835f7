/**
 * What a person may do to a task: pause, resume, cancel, retry,
 * archive, verify. Answers with the task or with why not.
 */
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import type { Limits } from '../core/spec.ts'
import { isActive, isEnded, mayMove, type Task, type TaskStatus } from '../core/task.ts'
import { type CheckRecord, type Verdict, verdictOf } from '../core/verdict.ts'
import { attemptsMaxOf, pauseTask, runtimeOf } from './act.ts'
import { breachOf } from './decide.ts'
import {
  type Ended,
  type Ending,
  endIsolation,
  folderGone,
  type IsolationLook,
  isFolderGone,
  lookAtIsolation,
  waitingWorktrees,
} from './isolation.ts'
import type { Supervisor } from './supervisor.ts'
import { checkNow } from './verify.ts'
import type { World } from './world.ts'

export type Command = 'pause' | 'resume' | 'cancel' | 'retry' | 'archive'
export const commands = ['pause', 'resume', 'cancel', 'retry', 'archive'] as const satisfies readonly Command[]

export class Commands {
  private readonly world: World
  private readonly supervisor: Supervisor

  constructor(world: World, supervisor: Supervisor) {
    this.world = world
    this.supervisor = supervisor
  }

  /** `limits` only with resume and retry: new limits from now on. */
  async run(command: Command, id: string, limits: Limits = {}): Promise<Result<Task>> {
    if (!this.world.store.tasks.get(id)) return refuse(unknownTask(id))
    const interrupts = command === 'pause' || command === 'cancel'
    const result = await this.supervisor.exclusive(id, () => this.apply(command, id, limits), interrupts)
    this.supervisor.nudge(id)
    this.supervisor.fillPlaces()
    return result
  }

  private async apply(command: Command, id: string, limits: Limits): Promise<Result<Task>> {
    const task = this.world.store.tasks.get(id)
    if (!task) return refuse(unknownTask(id))
    const target = targetOf[command]
    if (!mayMove(task.status, target) || !allowedFrom[command](task.status)) {
      return refuse({
        kind: 'wrong-state',
        text: `Task ${id} is ${task.status}; it cannot be ${past[command]}.`,
        todo: hints[command],
      })
    }
    switch (command) {
      case 'pause':
        await this.stopTurn(task)
        return ok(pauseTask(task, { code: 'person', text: 'Paused by a person.' }, this.world))
      case 'cancel':
        await this.stopTurn(task)
        return ok(
          this.world.store.tasks.move(id, 'cancelled', { reason: { code: 'person', text: 'Cancelled by a person.' } }),
        )
      case 'resume':
        return ok(this.resume(task, limits))
      case 'retry':
        return ok(this.retry(task, limits))
      case 'archive':
        return ok(this.world.store.tasks.move(id, 'archived', { reason: task.reason }))
    }
  }

  private async stopTurn(task: Task): Promise<void> {
    if (task.sessionId && isActive(task.status)) await runtimeOf(task, this.world).abort(task.sessionId)
  }

  /** Used-up limits get as much again, unless new ones are given. */
  private resume(task: Task, limits: Limits): Task {
    const { tasks, ledger } = this.world.store
    return ledger.transact(() => {
      tasks.setLimits(task.id, widened(task, limits))
      return tasks.move(task.id, 'queued', { resumeTo: task.resumeTo, reason: task.reason })
    })
  }

  /** A fresh round of attempts in the same session; numbers go on, so that no attempt is overwritten. */
  private retry(task: Task, limits: Limits): Task {
    const { tasks, ledger } = this.world.store
    const round = limits.attempts ?? this.world.settings.attemptsMax
    return ledger.transact(() => {
      const widenedLimits = { ...widened(task, limits), attempts: task.attempt + round }
      tasks.setLimits(task.id, widenedLimits)
      return tasks.move(task.id, 'queued', { resumeTo: null, verdict: null, troubles: 0 })
    })
  }

  /**
   * A person says that a change of what judges the work is right. `changes`: all of them, as they were shown; what was
   * changed once more meanwhile is not accepted with it.
   */
  async accept(id: string, changes: readonly string[]): Promise<Result<Task>> {
    const result = await this.supervisor.exclusive(id, () => this.acceptShown(id, changes))
    this.supervisor.nudge(id)
    this.supervisor.fillPlaces()
    return result
  }

  private acceptShown(id: string, changes: readonly string[]): Result<Task> {
    const { tasks, attempts, ledger } = this.world.store
    const task = tasks.get(id)
    if (!task) return refuse(unknownTask(id))
    const shown = attempts.checksOf(id, task.attempt).find((record) => record.tampered)?.evidence.facts?.changes
    if (task.status !== 'paused' || task.reason?.code !== 'tampered' || !Array.isArray(shown)) {
      return refuse({
        kind: 'wrong-state',
        text: `Task ${id} waits for no such word: nothing of it is to be accepted.`,
      })
    }
    if (shown.length !== changes.length || !shown.every((change) => changes.includes(change))) {
      const text = 'What is to be accepted is not what was found.'
      return refuse({ kind: 'changes-differ', text, todo: `Look at it again: openloom show ${id}` })
    }
    return ok(
      ledger.transact(() => {
        tasks.patch(id, { accepted: [...(task.accepted ?? []), ...changes] })
        ledger.emit({ type: 'tampering.accepted', taskId: id, data: { changes: [...changes] } })
        return tasks.move(id, 'queued', { resumeTo: task.resumeTo, reason: null })
      }),
    )
  }

  /**
   * A person lets the permissions of one task be answered unasked, or no longer. Counts from the next question on: what
   * was asked already is answered by whoever saw it.
   */
  autoAccept(id: string, on: boolean): Result<Task> {
    const task = this.world.store.tasks.get(id)
    if (!task) return refuse(unknownTask(id))
    if (isEnded(task.status)) {
      return refuse({ kind: 'wrong-state', text: `Task ${id} is ${task.status}; it asks for nothing any more.` })
    }
    return ok(this.world.store.tasks.setAutoAccept(id, on))
  }

  /** Runs the checks of a task again, now, in its workspace as it is. Changes nothing about the task. */
  async verify(id: string, signal: AbortSignal): Promise<Result<{ verdict: Verdict; checks: CheckRecord[] }>> {
    const task = this.world.store.tasks.get(id)
    if (!task) return refuse(unknownTask(id))
    if (isFolderGone(task)) return refuse(folderGone(task))
    const checks = await checkNow(task, this.world, signal)
    return ok({ verdict: verdictOf(checks), checks })
  }

  /** Merges, keeps or drops the worktree of an ended task. */
  async end(id: string, ending: Ending): Promise<Result<Ended>> {
    const result = await this.supervisor.exclusive(id, () => {
      const task = this.world.store.tasks.get(id)
      return task ? endIsolation(task, ending, this.world) : refuse(unknownTask(id))
    })
    this.supervisor.fillPlaces()
    return result
  }

  /** Ended tasks whose worktree waits for somebody to say what becomes of it. */
  worktrees(): Promise<Task[]> {
    return waitingWorktrees(this.world)
  }

  isolation(task: Task): Promise<IsolationLook | null> {
    return lookAtIsolation(task, this.world)
  }

  /** For the task page: what may still be used. */
  attemptsMax(task: Task): number {
    return attemptsMaxOf(task, this.world)
  }
}

function widened(task: Task, limits: Limits): Limits {
  const breach = breachOf(task, null)
  const now = task.spec.limits
  const name = breach?.code.slice('limit-'.length) as 'minutes' | 'tool_calls' | 'tokens' | undefined
  const again = name ? { [name]: usedOf(task)[name] + (now[name] ?? 0) } : {}
  return { ...now, ...again, ...limits }
}

const usedOf = (task: Task) => ({
  minutes: task.activeMs / 60_000,
  tool_calls: task.toolCalls,
  tokens: task.tokens,
})

const targetOf: Record<Command, TaskStatus> = {
  pause: 'paused',
  resume: 'queued',
  cancel: 'cancelled',
  retry: 'queued',
  archive: 'archived',
}

const allowedFrom: Record<Command, (status: TaskStatus) => boolean> = {
  pause: () => true,
  cancel: () => true,
  resume: (status) => status === 'paused',
  retry: (status) => isEnded(status),
  archive: () => true,
}

const past: Record<Command, string> = {
  pause: 'paused',
  resume: 'resumed',
  cancel: 'cancelled',
  retry: 'retried',
  archive: 'archived',
}

const hints: Record<Command, string> = {
  pause: 'Only a task that is queued or at work can be paused.',
  resume: 'Only a paused task can be resumed; a finished one can be retried.',
  cancel: 'Only a task that has not ended can be cancelled.',
  retry: 'Only a task that is done, failed or cancelled can be retried.',
  archive: 'Cancel it first.',
}

export const unknownTask = (id: string): Problem => ({
  kind: 'unknown-task',
  text: `There is no task ${id}.`,
  todo: 'List the tasks with `openloom status`.',
})
