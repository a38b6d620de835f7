/** Aborts when the caller does, or when the next piece of a reply does not come in time. */
import type { Clock, Timer } from '../../core/clock.ts'

export class Watch {
  stalledAfter: number | null = null
  private readonly stop = new AbortController()
  private readonly clock: Clock
  private readonly outer: AbortSignal
  private timer: Timer | null = null
  private readonly onAbort = () => this.stop.abort(this.outer.reason)

  constructor(clock: Clock, outer: AbortSignal) {
    this.clock = clock
    this.outer = outer
    outer.addEventListener('abort', this.onAbort, { once: true })
    if (outer.aborted) this.onAbort()
  }

  get signal(): AbortSignal {
    return this.stop.signal
  }

  /** `told`: the seconds that whoever waits is told of, where only a part of them is left. */
  expect(seconds: number, told = seconds): void {
    this.timer?.cancel()
    this.timer = this.clock.after(seconds * 1000, () => {
      this.stalledAfter = told
      this.stop.abort(new Error('stalled'))
    })
  }

  end(): void {
    this.timer?.cancel()
    this.outer.removeEventListener('abort', this.onAbort)
  }
}
