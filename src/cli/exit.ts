/** Exit codes, the same for every verb; documented in docs/guide/cli.md. */
import type { TaskItem } from '../core/task.ts'

export const exit = {
  ok: 0,
  /** The work failed, or the command could not be done. */
  failed: 1,
  /** Wrong use: arguments, configuration. */
  usage: 2,
  /** A person must act: permission, paused. */
  person: 3,
  /** The model or its service is at fault. */
  provider: 4,
  /** Done, but nothing proves it. */
  unverified: 5,
  cancelled: 130,
} as const

/** The outcome of a task as an exit code; null while it is not over. */
export function exitOf(task: Pick<TaskItem, 'status' | 'verdict'>): number | null {
  switch (task.status) {
    case 'done':
      return task.verdict === 'verified' ? exit.ok : exit.unverified
    case 'archived':
      return task.verdict === 'verified' ? exit.ok : exit.failed
    case 'failed':
      return exit.failed
    case 'cancelled':
      return exit.cancelled
    case 'paused':
      return exit.person
    default:
      return null
  }
}
