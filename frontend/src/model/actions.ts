/** What a person may do with a task in each status, and where that leads. The daemon has the last word. */
import type { TaskStatus } from '../../../src/core/task.ts'

export const actions = ['pause', 'resume', 'retry', 'cancel', 'archive'] as const
export type Action = (typeof actions)[number]

const working = ['pause', 'cancel'] as const
const ended = ['retry', 'archive'] as const

export const actionsOf: Record<TaskStatus, readonly Action[]> = {
  queued: working,
  starting: working,
  running: working,
  verifying: working,
  waiting: working,
  paused: ['resume', 'cancel'],
  done: ended,
  failed: ended,
  cancelled: ended,
  archived: [],
}

export interface ActionWords {
  label: string
  /** Said while the daemon has not answered yet. */
  doing: string
  /** Asked first when something would be lost; names what is touched. */
  warning?: string
}

export const actionWords: Record<Action, ActionWords> = {
  pause: { label: 'Pause', doing: 'Pausing' },
  resume: { label: 'Resume', doing: 'Resuming' },
  retry: { label: 'Retry', doing: 'Queueing again' },
  cancel: {
    label: 'Cancel',
    doing: 'Cancelling',
    warning: 'Stops the agent and what it runs. Files in the workspace stay as they are.',
  },
  archive: {
    label: 'Archive',
    doing: 'Archiving',
    warning: 'Takes the task out of the lists for good. Its evidence stays stored.',
  },
}

/** The status shown until the daemon has answered. */
export function expectedStatus(action: Action): TaskStatus {
  const table: Record<Action, TaskStatus> = {
    pause: 'paused',
    resume: 'queued',
    retry: 'queued',
    cancel: 'cancelled',
    archive: 'archived',
  }
  return table[action]
}
