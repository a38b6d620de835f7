/** What happens while an answer is on its way: it may or may not know of that, so it is told again afterwards. */
import type { LiveFrame } from '../../../src/server/api.ts'

/** An answer takes seconds at most; beyond so many the newest are what counts. */
const framesMax = 20_000

export class Meanwhile {
  #frames: LiveFrame[] | null = null

  begin(): void {
    this.#frames = []
  }

  /** True: they are kept until the answer is there. */
  holds(frames: readonly LiveFrame[]): boolean {
    if (!this.#frames) return false
    this.#frames = [...this.#frames, ...frames].slice(-framesMax)
    return true
  }

  end(): readonly LiveFrame[] {
    const frames = this.#frames ?? []
    this.#frames = null
    return frames
  }
}
