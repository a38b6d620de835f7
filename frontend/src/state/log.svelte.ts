/** The event log as it is looked at: pages backwards, newcomers held back while somebody reads on. Bounded. */
import { SvelteSet } from 'svelte/reactivity'
import type { LoomEvent } from '../../../src/core/event.ts'
import type { LiveFrame } from '../../../src/server/api.ts'
import type { Refusal } from '../api.ts'
import { fitsLog, type LogAsked } from '../model/log.ts'
import { api } from './door.svelte.ts'

/** Rows kept; further down, the oldest are read again when somebody goes there. */
const rowsMax = 5_000
const waitingMax = 1_000
/** Stretches of the log that one look goes through for what is rare. */
const stretchesMax = 10

export class EventLog {
  /** The newest first. */
  rows = $state.raw<LoomEvent[]>([])
  waiting = $state.raw<LoomEvent[]>([])
  readonly opened = new SvelteSet<number>()
  refusal = $state<Refusal | null>(null)
  busy = $state(false)
  loaded = $state(false)
  next = $state<number | null>(null)
  #asked: LogAsked = { type: '', task: '', session: '', q: '' }
  #question = 0
  #held = false

  async load(asked: LogAsked): Promise<void> {
    this.#asked = asked
    this.waiting = []
    this.opened.clear()
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
    if (this.waiting.length > 0) this.#put(this.waiting)
    this.waiting = []
  }

  apply(frames: readonly LiveFrame[]): void {
    if (!this.loaded) return
    const events = frames.flatMap((frame) => (frame.event === 'event' ? [frame.data] : []))
    const fresh = events.filter((event) => fitsLog(event, this.#asked)).reverse()
    if (fresh.length === 0) return
    // Beyond the bound nobody reads them one by one: they are read again when asked for.
    if (this.#held) this.waiting = [...fresh, ...this.waiting].slice(0, waitingMax)
    else this.#put(fresh)
  }

  toggle(seq: number): void {
    if (!this.opened.delete(seq)) this.opened.add(seq)
  }

  #put(fresh: readonly LoomEvent[]): void {
    const newest = this.rows[0]?.seq ?? 0
    const rows = [...fresh.filter(({ seq }) => seq > newest), ...this.rows]
    if (rows.length > rowsMax) this.next = rows[rowsMax - 1]?.seq ?? null
    this.rows = rows.slice(0, rowsMax)
  }

  /** A later question makes an earlier answer worthless. Goes on through stretches in which nothing fits. */
  async #read(before: number | null): Promise<void> {
    const question = ++this.#question
    this.busy = true
    const found: LoomEvent[] = []
    let cursor = before
    for (let stretch = 0; stretch < stretchesMax && found.length === 0; stretch++) {
      const answer = await api.log(this.#asked, cursor)
      if (question !== this.#question) return
      this.refusal = answer.ok ? null : answer.refusal
      if (!answer.ok) break
      found.push(...answer.value.items)
      cursor = answer.value.next
      if (cursor === null) break
    }
    this.busy = false
    if (this.refusal) return
    const known = before === null ? [] : this.rows
    const oldest = known.at(-1)?.seq ?? Number.POSITIVE_INFINITY
    this.rows = [...known, ...found.filter(({ seq }) => seq < oldest)].slice(-rowsMax)
    this.next = cursor
    this.loaded = true
  }
}
