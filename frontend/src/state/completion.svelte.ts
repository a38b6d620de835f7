/** What may be meant while somebody writes to a session: commands, models, files. It offers; the composer takes. */

import { commandsFor, type Draft, draftAt, fileOffer } from '../model/commands.ts'
import { count } from '../model/format.ts'
import { api } from './door.svelte.ts'
import type { OneSession } from './session.svelte.ts'

export interface Offer {
  /** What stands in the field once it is taken. */
  text: string
  about: string
}

const asOffer = (name: string): Offer[] => {
  const text = fileOffer(name)
  return text === null ? [] : [{ text, about: '' }]
}

export class Completion {
  offers = $state.raw<Offer[]>([])
  chosen = $state(0)
  #draft: Draft | null = null
  #question = 0
  readonly #one: Pick<OneSession, 'id' | 'detail'>

  constructor(one: Pick<OneSession, 'id' | 'detail'>) {
    this.#one = one
  }

  /** A later letter makes an earlier answer worthless. */
  async look(text: string, cursor: number, active: boolean): Promise<void> {
    const question = ++this.#question
    const draft = draftAt(text, cursor)
    if (!draft) return this.close()
    const offers = await this.#offersFor(draft, active)
    if (question !== this.#question) return
    this.#draft = draft
    this.offers = offers
    this.chosen = 0
  }

  close(): void {
    this.#question++
    this.#draft = null
    this.offers = []
  }

  step(by: 1 | -1): void {
    const { length } = this.offers
    this.chosen = (this.chosen + by + length) % length
  }

  /** The field as it is after the offer was taken, and where its cursor stands then. */
  take(text: string, cursor: number, at = this.chosen): { text: string; cursor: number } | null {
    const offer = this.offers[at]
    const draft = this.#draft
    this.close()
    if (!offer || !draft) return null
    const before = `${text.slice(0, draft.from)}${offer.text} `
    return { text: before + text.slice(cursor), cursor: before.length }
  }

  async #offersFor({ kind, typed }: Draft, active: boolean): Promise<Offer[]> {
    if (kind === 'command') {
      return commandsFor(typed, active).map(({ name, takes = '', does }) => {
        return { text: `/${name}`, about: [takes, does].filter(Boolean).join(' — ') }
      })
    }
    if (kind === 'model') {
      const answer = await api.models()
      const found = answer.ok ? answer.value.items : []
      const named = found.map((one) => ({ ...one, text: `${one.provider}/${one.model}` }))
      return named
        .filter(({ text }) => text.toLowerCase().includes(typed.toLowerCase()))
        .slice(0, 30)
        .map(({ text, contextTokens, price, isDefault }) => {
          const room = contextTokens === null ? 'context unknown' : count(contextTokens, 'token')
          const cost = price ? `${price.input} in, ${price.output} out per million` : 'price unknown'
          return { text, about: [isDefault ? 'the usual one' : '', room, cost].filter(Boolean).join(' · ') }
        })
    }
    if (kind === 'profile') {
      const { profiles = [], session } = this.#one.detail ?? {}
      const named = profiles.filter((name) => name.startsWith(typed))
      const now = session?.agent ?? profiles[0]
      return named.map((text) => ({ text, about: text === now ? 'in use now' : '' }))
    }
    const answer = await api.files(this.#one.id, typed)
    return answer.ok ? answer.value.items.flatMap(asOffer) : []
  }
}
