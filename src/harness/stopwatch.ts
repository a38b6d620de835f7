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
   * Ms of work since the last `lap`, without ending it. The first look after
   * a start of the daemon counts from now: what happened before was not seen.
   */
  running(id: string, status: TaskStatus): number {
    if (!counted.includes(status)) return 0
    const now = this.clock.monotonic()
    const since = this.marks.get(id)
    if (since === undefined) this.marks.set(id, now)
    return since === undefined ? 0 : Math.max(0, Math.round(now - since))
  }

  /** Ends the count: what it gave has been stored. A task that is not at work is forgotten. */
  lap(id: string, status: TaskStatus): void {
    if (counted.includes(status)) this.marks.set(id, this.clock.monotonic())
    else this.marks.delete(id)
  }
}
