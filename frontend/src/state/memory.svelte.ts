/** What agents are told in a folder, and one of these files while it is read and written. */
import type { GuideText, MemoryView } from '../../../src/core/session.ts'
import type { Refusal } from '../api.ts'
import { api } from './door.svelte.ts'
import { orders } from './orders.svelte.ts'

export class Memory {
  view = $state.raw<MemoryView | null>(null)
  refusal = $state<Refusal | null>(null)
  file = $state.raw<GuideText | null>(null)
  /** While it is written; null: it is read. */
  draft = $state<string | null>(null)
  busy = $state(false)
  #workspace = ''
  #path = ''

  async load(workspace: string): Promise<void> {
    this.#workspace = workspace
    if (workspace === '') return
    const answer = await api.memory(workspace)
    if (this.#workspace !== workspace) return
    this.refusal = answer.ok ? null : answer.refusal
    this.view = answer.ok ? answer.value : null
  }

  async open(workspace: string, path: string): Promise<void> {
    this.#path = path
    this.draft = null
    if (this.file?.path !== path) this.file = null
    if (path === '' || workspace === '') return
    const answer = await api.guide(workspace, path)
    if (this.#path !== path) return
    if (answer.ok) this.file = answer.value
    else orders.refused('It cannot be read', answer.refusal)
  }

  async save(): Promise<void> {
    if (this.draft === null || !this.file || this.busy) return
    this.busy = true
    const answer = await api.writeGuide(this.#workspace, { ...this.file, text: this.draft })
    this.busy = false
    if (!answer.ok) return orders.refused('It was not saved', answer.refusal)
    this.file = answer.value
    this.draft = null
    orders.say('ok', 'Saved.', 'It counts from the next turn of a session on.')
    await this.load(this.#workspace)
  }

  async remember(text: string): Promise<boolean> {
    this.busy = true
    const answer = await api.remember(this.#workspace, text)
    this.busy = false
    if (!answer.ok) {
      orders.refused('It was not remembered', answer.refusal)
      return false
    }
    if (this.file?.path === answer.value.path) this.file = answer.value
    await this.load(this.#workspace)
    return true
  }
}
