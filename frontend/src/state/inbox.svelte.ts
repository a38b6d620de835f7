/** The files of the inbox, page after page, and the text of the one that is opened; read again when something came. */
import type { InboxFile, InboxItem, InboxPage, LiveFrame } from '../../../src/server/api.ts'
import type { Refusal } from '../answer.ts'
import { api } from './door.svelte.ts'
import { Reader } from './reader.ts'

const tells = (type: string): boolean => /^(inbox|task)\./.test(type)

export class Inbox {
  page = $state.raw<InboxPage | null>(null)
  items = $state.raw<InboxItem[]>([])
  file = $state.raw<InboxFile | null>(null)
  refusal = $state<Refusal | null>(null)
  busy = $state(false)
  #opened: number | null = null
  readonly #reader = new Reader(() => this.#read(null), 1_000)

  load(): Promise<void> {
    return this.#reader.run()
  }

  async more(): Promise<void> {
    if (this.page?.next && !this.busy) await this.#read(this.page.next)
  }

  async open(number: number | null): Promise<void> {
    this.#opened = number
    if (number === null || this.file?.item.number !== number) this.file = null
    if (number === null) return
    const answer = await api.inboxFile(number)
    if (this.#opened !== number) return
    if (answer.ok) this.file = answer.value
    else this.refusal = answer.refusal
  }

  apply(frames: readonly LiveFrame[]): void {
    if (frames.some((frame) => frame.event === 'event' && tells(frame.data.type))) void this.load()
  }

  /** The first page takes the place of what was read of it before; later pages stay. */
  async #read(before: number | null): Promise<void> {
    this.busy = true
    const answer = await api.inbox(before)
    this.busy = false
    this.refusal = answer.ok ? null : answer.refusal
    if (!answer.ok) return
    const { items, next } = answer.value
    const last = items.at(-1)?.number ?? 0
    // Where more came than a page holds, what was read before lies beyond a gap, and is read again further down.
    const joins = (this.items[0]?.number ?? 0) >= last
    const kept = before === null && joins ? this.items.filter(({ number }) => number < last) : []
    this.items = before === null ? [...items, ...kept] : [...this.items, ...items]
    this.page = { ...answer.value, next: kept.length > 0 ? (this.page?.next ?? null) : next }
  }
}
