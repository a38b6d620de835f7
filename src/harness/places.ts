/** Who may work at the same time: so many in all, so many per runtime, one writer per workspace. Pure. */
import { isAsking, isEnded, type Reason, type Task } from '../core/task.ts'
import { isInside } from '../lib/files.ts'

export interface Concurrency {
  /** Tasks in all. */
  tasks: number
  /** Per runtime, by name; a runtime without an entry is bounded by `tasks` alone. */
  runtimes: Readonly<Record<string, number>>
}

type Place = Pick<Task, 'id' | 'workspace' | 'runtime' | 'sessionId'> & {
  /** It has, or will have, a worktree of its own: nobody else writes there. */
  isolated?: boolean
} & Partial<Pick<Task, 'status' | 'reason'>>

/** Null when `task` may start beside the active ones, else why it must wait. */
export function blockedBy(task: Place, active: readonly Place[], limits: Concurrency): Reason | null {
  const others = active.filter((other) => other.id !== task.id)
  const writer = task.isolated
    ? undefined
    : others.find(
        (o) => !o.isolated && (isInside(o.workspace, task.workspace) || isInside(task.workspace, o.workspace)),
      )
  if (writer)
    return { code: 'workspace-busy', text: `Waits until ${writer.id} leaves the workspace ${writer.workspace}.` }
  const same = others.find((other) => task.sessionId !== null && other.sessionId === task.sessionId)
  if (same) return { code: 'session-busy', text: `Waits until ${same.id} is through with the session.` }
  // Who waits for a person keeps the folder and the session, and nobody else from working: that may be until Monday.
  const atWork = others.filter(({ status, reason = null }) => !status || !isAsking({ status, reason }))
  const onRuntime = atWork.filter((other) => other.runtime === task.runtime).length
  const max = limits.runtimes[task.runtime]
  if (max !== undefined && onRuntime >= max) {
    return { code: 'runtime-full', text: `Waits for a place: ${onRuntime} of ${max} tasks run on ${task.runtime}.` }
  }
  if (atWork.length >= limits.tasks) {
    return { code: 'full', text: `Waits for a place: ${atWork.length} of ${limits.tasks} tasks are running.` }
  }
  return null
}

/** Why a task waits for one that comes before it: only a verified one lets it start. */
export function waitsFor({ id, title, status, verdict }: Pick<Task, 'id' | 'title' | 'status' | 'verdict'>): Reason {
  const name = `"${title}" (${id})`
  if (!isEnded(status)) return { code: 'after', text: `Comes after ${name}, which is ${status}.` }
  const end = status === 'done' || status === 'archived' ? `ended ${verdict ?? 'without a verdict'}` : status
  const todo = `Retry it with \`openloom retry ${id}\`, or cancel this one.`
  return { code: 'after-unmet', text: `Comes after ${name}, which is ${end}, not verified. ${todo}` }
}
