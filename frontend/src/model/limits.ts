/** How much of a task's limits is used, as text and as a share. A task without a limit shows the bare figure. */
import type { Task } from '../../../src/core/task.ts'
import { duration, figure } from './format.ts'

export interface Use {
  name: string
  text: string
  /** 0 to 1, or null where there is no limit. */
  share: number | null
}

type Used = Pick<Task, 'status' | 'activeMs' | 'updatedAt' | 'attempt' | 'toolCalls' | 'tokens'> & {
  spec: Pick<Task['spec'], 'limits'>
}

const minuteMs = 60_000

/** Time at work, counted on while the task is at work: `activeMs` is true only up to `updatedAt`. */
export function activeMsAt(task: Pick<Task, 'status' | 'activeMs' | 'updatedAt'>, now: number): number {
  const counting = task.status === 'starting' || task.status === 'running' || task.status === 'verifying'
  return task.activeMs + (counting ? Math.max(0, now - task.updatedAt) : 0)
}

function use(name: string, used: number, limit: number | undefined, show: (n: number) => string): Use {
  if (limit === undefined) return { name, text: show(used), share: null }
  return { name, text: `${show(used)} of ${show(limit)}`, share: limit > 0 ? Math.min(1, used / limit) : 1 }
}

export function usesOf(task: Used, now: number): Use[] {
  const { attempts, tool_calls, tokens, minutes } = task.spec.limits
  return [
    use('attempt', task.attempt, attempts, figure),
    use('tool calls', task.toolCalls, tool_calls, figure),
    use('tokens', task.tokens, tokens, figure),
    use('time at work', activeMsAt(task, now), minutes === undefined ? undefined : minutes * minuteMs, duration),
  ]
}
