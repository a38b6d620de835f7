/** What agents are told in a folder, and one of these files while it is read and written. */
import type { GuideText, MemoryView } from '../../../src/core/session.ts'
import type { Refusal } from '../answer.ts'
import { api } from './door.svelte.ts'
import { orders } from './orders.svelte.ts'
import { writings } from './writings.svelte.ts'

export class Memory {
  view = $state.raw<MemoryView | null>(null)
  refusal = $state<Refusal | null>(null)
  file = $state.raw<GuideText | null>(null)
  busy = $state(false)
  #workspace = ''
  #path = ''

  /** While the file is written; null: it is read. */
  get draft(): string | null {
    return writings.of(this.file?.path)?.text ?? null
  }

  async load(workspace: string): Promise<void> {
    // Files of another folder lead nowhere from here.
    if (this.#workspace !== workspace) this.view = null
    this.#workspace = workspace
    if (workspace === '') return
    const answer = await api.memory(workspace)
    if (this.#workspace !== workspace) return
    this.refusal = answer.ok ? null : answer.refusal
    if (answer.ok) this.view = answer.value
  }

  async open(workspace: string, path: string): Promise<void> {
    this.#path = path
    if (this.file?.path !== path) this.file = null
    if (path === '' || workspace === '') return
    const answer = await api.guide(workspace, path)
    if (this.#path !== path) return
    if (answer.ok) this.file = answer.value
    else orders.refused('It cannot be read', answer.refusal)
  }

  edit(): void {
    if (this.file) writings.begin(this.file)
  }

  write(text: string): void {
    if (this.file) writings.write(this.file.path, text)
  }

  leave(): void {
    if (this.file) writings.end(this.file.path)
  }

  async save(): Promise<void> {
    const written = writings.of(this.file?.path)
    if (!written || this.busy) return
    this.busy = true
    const answer = await api.writeGuide(this.#workspace, written)
    this.busy = false
    if (!answer.ok) return orders.refused('It was not saved', answer.refusal)
    writings.saved(written, answer.value.sha256)
    this.#show(answer.value)
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
    this.#show(answer.value)
    await this.load(this.#workspace)
    return true
  }

  /** Unless another one was opened meanwhile. */
  #show(file: GuideText): void {
    if (this.#path === file.path) this.file = file
  }
}
