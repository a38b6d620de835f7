/** How long tasks have been at work, on the monotonic clock: time queued, waiting, paused or asleep does not count. */
import type { Clock } from '../core/clock.ts'
import type { TaskStatus } from '../core/task.ts'

const counted: readonly TaskStatus[] = ['starting', 'running', 'verifying']

export class Stopwatch {
  private readonly clock: Clock
  private readonly marks = new Map<string, number>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  /**
   * Ms of work since the last lap. The first lap after a start of the daemon counts from now: it did not see before.
   */
  lap(id: string, status: TaskStatus): number {
    const now = this.clock.monotonic()
    const since = this.marks.get(id)
    if (!counted.includes(status)) {
      this.marks.delete(id)
      return 0
    }
    this.marks.set(id, now)
    return since === undefined ? 0 : Math.max(0, Math.round(now - since))
  }
}
