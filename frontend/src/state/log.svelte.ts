/** The event log as it is looked at: pages backwards, newcomers held back while somebody reads on. Bounded. */
import { SvelteSet } from 'svelte/reactivity'
import type { LoomEvent } from '../../../src/core/event.ts'
import type { EventPage, LiveFrame } from '../../../src/server/api.ts'
import type { Refusal } from '../answer.ts'
import { fitsLog, type LogAsked } from '../model/log.ts'
import { api } from './door.svelte.ts'
import { Meanwhile } from './meanwhile.ts'

/** Rows kept; further down, the oldest are read again when somebody goes there. */
const rowsMax = 5_000
const waitingMax = 1_000
/** Stretches of the log that one look goes through for what is rare. */
const stretchesMax = 10

export class EventLog {
  /** The newest first. */
  rows = $state.raw<LoomEvent[]>([])
  /** How many came while the list is held. */
  news = $state(0)
  readonly opened = new SvelteSet<number>()
  refusal = $state<Refusal | null>(null)
  busy = $state(false)
  loaded = $state(false)
  next = $state<number | null>(null)
  #asked: LogAsked = { type: '', task: '', session: '', q: '' }
  #question = 0
  #held = false
  #waiting: LoomEvent[] = []
  /** Events between those that wait and the first row are not here: the end of the log has to be read again. */
  #torn = false
  readonly #meanwhile = new Meanwhile()

  async load(asked: LogAsked): Promise<void> {
    this.#asked = asked
    this.#waiting = []
    this.#torn = false
    this.news = 0
    this.opened.clear()
    this.#meanwhile.begin()
    await this.#read(null)
  }

  async more(): Promise<void> {
    if (this.next !== null && !this.busy) await this.#read(this.next)
  }

  /** While somebody reads further down nothing moves. */
  hold(held: boolean): void {
    this.#held = held
    if (!held) this.catchUp()
  }

  catchUp(): void {
    if (this.#torn) {
      void this.load(this.#asked)
      return
    }
    if (this.#waiting.length > 0) this.#put(this.#waiting)
    this.#waiting = []
    this.news = 0
  }

  apply(frames: readonly LiveFrame[]): void {
    if (this.#meanwhile.holds(frames)) return
    const events = frames.flatMap((frame) => (frame.event === 'event' ? [frame.data] : []))
    const newest = this.#waiting[0]?.seq ?? this.rows[0]?.seq ?? 0
    const fresh = events.filter((event) => event.seq > newest && fitsLog(event, this.#asked)).reverse()
    if (fresh.length === 0) return
    if (this.#held || this.#torn) this.#wait(fresh)
    else this.#put(fresh)
  }

  toggle(seq: number): void {
    if (!this.opened.delete(seq)) this.opened.add(seq)
  }

  /** Beyond the bound nobody reads them one by one. */
  #wait(fresh: readonly LoomEvent[]): void {
    this.news += fresh.length
    if (!this.#torn) this.#waiting = [...fresh, ...this.#waiting]
    if (this.#waiting.length <= waitingMax) return
    this.#torn = true
    this.#waiting = []
  }

  #put(fresh: readonly LoomEvent[]): void {
    const rows = [...fresh, ...this.rows]
    if (rows.length > rowsMax) this.next = rows[rowsMax - 1]?.seq ?? null
    this.rows = rows.slice(0, rowsMax)
  }

  /** A later question makes an earlier answer worthless. */
  async #read(before: number | null): Promise<void> {
    const question = ++this.#question
    this.busy = true
    const found = await this.#find(before, () => question === this.#question)
    if (question !== this.#question) return
    this.busy = false
    if (before === null) this.loaded = found !== null
    if (found) this.#take(found, before)
    this.apply(before === null ? this.#meanwhile.end() : [])
  }

  /** Goes on through stretches in which nothing fits; null: it was refused, or nobody wants to know any more. */
  async #find(before: number | null, isWanted: () => boolean): Promise<EventPage | null> {
    let page: EventPage = { items: [], next: before }
    for (let stretch = 0; stretch < stretchesMax && page.items.length === 0; stretch++) {
      const answer = await api.log(this.#asked, page.next)
      if (!isWanted()) return null
      this.refusal = answer.ok ? null : answer.refusal
      if (!answer.ok) return null
      page = answer.value
      if (page.next === null) break
    }
    return page
  }

  /** Of too many rows the newest go, which are far from the eye by then. */
  #take({ items, next }: EventPage, before: number | null): void {
    const rows = before === null ? items : [...this.rows, ...items]
    if (rows.length > rowsMax) this.#torn = true
    this.rows = rows.slice(-rowsMax)
    this.next = next
  }
}
