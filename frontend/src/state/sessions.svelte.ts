/** The sessions of all runtimes as a list, and what was said in them by words. Read when they are different. */
import type { LiveFrame, SessionItem, SessionSearch } from '../../../src/server/api.ts'
import type { Refusal } from '../answer.ts'
import { api } from './door.svelte.ts'
import { Reader } from './reader.ts'

const pauseMs = 1000

export class Sessions {
  items = $state.raw<SessionItem[]>([])
  next = $state<string | null>(null)
  loaded = $state(false)
  refusal = $state<Refusal | null>(null)
  #q = ''
  #question = 0
  #archived = false
  /** Found in what was said; null: nothing was searched for. */
  said = $state.raw<SessionSearch | null>(null)
  readonly #reader = new Reader(() => this.#first(), pauseMs)

  async load(q: string, archived: boolean): Promise<void> {
    this.#q = q
    this.#archived = archived
    await Promise.all([this.#first(), this.#search()])
  }

  apply(frames: readonly LiveFrame[]): void {
    if (frames.some((frame) => (frame.event === 'event' ? tells(frame.data.type) : frame.event !== 'delta'))) {
      void this.#reader.run()
    }
  }

  async more(): Promise<void> {
    const answer = this.next ? await api.sessions(this.#q, this.#archived, this.next) : null
    if (!answer?.ok) return
    const known = new Set(this.items.map(({ id }) => id))
    this.items = [...this.items, ...answer.value.items.filter(({ id }) => !known.has(id))]
    this.next = answer.value.next
  }

  async #first(): Promise<void> {
    const question = ++this.#question
    const answer = await api.sessions(this.#q, this.#archived, null)
    if (question !== this.#question) return
    this.refusal = answer.ok ? null : answer.refusal
    if (!answer.ok) return
    this.items = answer.value.items
    this.next = answer.value.next
    this.loaded = true
  }

  async #search(): Promise<void> {
    const q = this.#q
    if (q.trim() === '') {
      this.said = null
      return
    }
    const answer = await api.searchSessions(q)
    if (answer.ok && q === this.#q) this.said = answer.value
  }
}

/** Our own agent's sessions are told by their runs. */
export const tells = (type: string): boolean => /^(session|ask|run)\./.test(type)
