/** A clock moved by hand: `advance` runs what is due, in order, and lets promises settle in between. */
import type { Clock, Timer } from '../../src/core/clock.ts'

export class HandClock implements Clock {
  private elapsed = 0
  private readonly due: { at: number; fn: () => void }[] = []
  private readonly epoch: number

  constructor(epoch = Date.UTC(2026, 0, 5, 8, 0, 0)) {
    this.epoch = epoch
  }

  now(): number {
    return this.epoch + this.elapsed
  }

  monotonic(): number {
    return this.elapsed
  }

  after(delayMs: number, fn: () => void): Timer {
    const entry = { at: this.elapsed + Math.max(0, delayMs), fn }
    this.due.push(entry)
    return {
      cancel: () => {
        const index = this.due.indexOf(entry)
        if (index >= 0) this.due.splice(index, 1)
      },
    }
  }

  async advance(ms: number): Promise<void> {
    const end = this.elapsed + ms
    for (;;) {
      this.due.sort((a, b) => a.at - b.at)
      const next = this.due[0]
      if (!next || next.at > end) break
      this.due.shift()
      this.elapsed = Math.max(this.elapsed, next.at)
      next.fn()
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.elapsed = end
    await new Promise((resolve) => setImmediate(resolve))
  }
}
