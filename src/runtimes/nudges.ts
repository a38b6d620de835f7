/** Tells whoever watches sessions that one of them is different: at once, or soon and once for many small changes. */
import type { Clock } from '../core/clock.ts'

const soonMs = 50

export class Nudges {
  private readonly clock: Clock
  private readonly listeners = new Set<(sessionId: string) => void>()
  private readonly waiting = new Set<string>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  listen(listener: (sessionId: string) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  now(sessionId: string): void {
    this.waiting.delete(sessionId)
    for (const listener of [...this.listeners]) listener(sessionId)
  }

  soon(sessionId: string): void {
    if (this.waiting.has(sessionId)) return
    this.waiting.add(sessionId)
    this.clock.after(soonMs, () => {
      if (this.waiting.has(sessionId)) this.now(sessionId)
    })
  }

  close(): void {
    this.listeners.clear()
    this.waiting.clear()
  }
}
