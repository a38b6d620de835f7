/** What sessions ask and nobody has answered: read once, then when one is raised; gone by its event. */
import { SvelteMap } from 'svelte/reactivity'
import type { AskItem, LiveFrame } from '../../../src/server/api.ts'
import { type AskBody, askMoves } from '../model/asks.ts'
import { api } from './door.svelte.ts'
import { orders } from './orders.svelte.ts'

class Asks {
  readonly rows = new SvelteMap<string, AskItem>()
  /** Answers on their way. */
  readonly pending = new SvelteMap<string, string>()
  /** Words that were begun and not sent, by ask: whoever looks away for a moment finds them again. */
  readonly drafts = new Map<string, string>()
  #epoch = 0
  #reading = false
  #stale = false

  async load(epoch: number): Promise<void> {
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    await this.#read()
  }

  /** What was read for this epoch together with everything else. */
  fill(items: readonly AskItem[], epoch: number): void {
    this.#epoch = epoch
    this.#show(items)
  }

  apply(frames: readonly LiveFrame[]): void {
    const { over, fresh } = askMoves(frames)
    for (const id of over) this.#forget(id)
    if (fresh) void this.#read()
  }

  /** `word`: said while the daemon has not answered. */
  async answer(ask: AskItem, body: AskBody, word: string): Promise<void> {
    if (this.pending.has(ask.id)) return
    this.pending.set(ask.id, word)
    const answer = await api.answer(ask.id, body)
    this.pending.delete(ask.id)
    if (answer.ok) this.#forget(ask.id)
    else {
      orders.refused('The answer was refused', answer.refusal)
      await this.#read()
    }
  }

  #forget(id: string): void {
    this.rows.delete(id)
    this.drafts.delete(id)
  }

  /** One read at a time; what is raised during it makes it read once more. */
  async #read(): Promise<void> {
    this.#stale = true
    if (this.#reading) return
    this.#reading = true
    while (this.#stale) {
      this.#stale = false
      const answer = await api.asks()
      if (!answer.ok) break
      this.#show(answer.value.items)
    }
    this.#reading = false
  }

  #show(items: readonly AskItem[]): void {
    const open = new Map(items.map((ask) => [ask.id, ask]))
    for (const id of this.rows.keys()) if (!open.has(id)) this.#forget(id)
    for (const [id, ask] of open) this.rows.set(id, ask)
  }
}

export const asks = new Asks()
