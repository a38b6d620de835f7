/** Reads at most once in a while, and once more when something happened meanwhile: busy sessions outrun eyes. */
import { clock } from './clock.svelte.ts'

export class Reader {
  readonly #read: () => Promise<void>
  readonly #pauseMs: number
  #busy = false
  #stale = false

  constructor(read: () => Promise<void>, pauseMs: number) {
    this.#read = read
    this.#pauseMs = pauseMs
  }

  async run(): Promise<void> {
    this.#stale = true
    if (this.#busy) return
    this.#busy = true
    this.#stale = false
    await this.#read()
    clock.after(this.#pauseMs, () => {
      this.#busy = false
      if (this.#stale) void this.run()
    })
  }
}

/** Of several looks at one thing, those that a later one has overtaken say nothing any more. */
export class Looks {
  #begun = 0
  #answered = 0

  /** To be asked once, when the look is answered. */
  begin(): () => boolean {
    const look = ++this.#begun
    return () => {
      if (look < this.#answered) return false
      this.#answered = look
      return true
    }
  }
}
