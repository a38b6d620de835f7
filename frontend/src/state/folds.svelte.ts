/** What a person folded or unfolded: it stays so when it scrolls out of sight and comes back. */
import { SvelteMap } from 'svelte/reactivity'

/** More than anybody unfolds; the oldest then go back to what they were. */
const keptMax = 2_000

export class Folds {
  readonly #chosen = new SvelteMap<string, boolean>()

  /** Null: nobody chose. */
  of(key: string): boolean | null {
    return this.#chosen.get(key) ?? null
  }

  choose(key: string, open: boolean | null): void {
    this.#chosen.delete(key)
    if (open !== null) this.#chosen.set(key, open)
    const [oldest] = this.#chosen.keys()
    if (this.#chosen.size > keptMax && oldest !== undefined) this.#chosen.delete(oldest)
  }
}
