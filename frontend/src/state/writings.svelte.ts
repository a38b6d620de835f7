/** The files that a person writes on this page: found again by whoever looks away, until they are saved or left. */
import { SvelteMap } from 'svelte/reactivity'
import type { GuideText } from '../../../src/core/session.ts'

class Writings {
  /** By path. The digest is of the text that each began from: what the file became meanwhile nobody has seen. */
  readonly #begun = new SvelteMap<string, GuideText>()

  of(path: string | undefined): GuideText | null {
    return this.#begun.get(path ?? '') ?? null
  }

  begin({ path, text, sha256 }: GuideText): void {
    this.#begun.set(path, { path, text, sha256 })
  }

  write(path: string, text: string): void {
    const begun = this.#begun.get(path)
    if (begun) this.begin({ ...begun, text })
  }

  end(path: string): void {
    this.#begun.delete(path)
  }

  /** It is over, unless more was typed while it was on its way. */
  saved({ path, text }: GuideText, sha256: string | null): void {
    const now = this.#begun.get(path)
    if (now && now.text !== text) this.begin({ ...now, sha256 })
    else this.end(path)
  }
}

export const writings = new Writings()
