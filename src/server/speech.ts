/** What each session says this moment and no event has told yet: for whoever comes in the middle of it. */
import type { LoomEvent } from '../core/event.ts'
import type { LiveDelta } from '../core/runtime.ts'
import type { Store } from '../store/open.ts'
import type { LiveFrame } from './api.ts'

export type Saying = Extract<LiveFrame, { event: 'saying' }>['data'][number]

const charsMax = 20_000
const sessionsMax = 100
const knownMax = 2_000
/** What was said stands in the journal from here on, or never will. */
const ends = /^(message\.finished|tool\.ended|run\.|session\.typed|task\.(verifying|paused|done|failed|cancelled))/

export class Speech {
  readonly #said = new Map<string, Saying['parts']>()
  /** Of the last event that put what was said into the journal. */
  readonly #told = new Map<string, number>()
  /** For those of which nothing is known: never less than what was. */
  #floor: number

  constructor({ ledger }: Pick<Store, 'ledger'>, onDelta: (listener: (delta: LiveDelta) => void) => unknown) {
    this.#floor = ledger.head()
    onDelta((delta) => this.#hear(delta))
    ledger.onEvent((event) => this.#note(event))
  }

  /** What is said now came after this event; what was said before it stands in the transcript. */
  since(sessionId: string): number {
    return this.#told.get(sessionId) ?? this.#floor
  }

  #hear({ sessionId, kind, text }: LiveDelta): void {
    const parts = this.#said.get(sessionId) ?? []
    const last = parts.at(-1)
    const said = { kind, text: ((last?.kind === kind ? last.text : '') + text).slice(-charsMax) }
    // The one that spoke last is the last to be let go of.
    this.#said.delete(sessionId)
    this.#said.set(sessionId, bounded([...(last?.kind === kind ? parts.slice(0, -1) : parts), said]))
    const [oldest = ''] = this.#said.keys()
    if (this.#said.size > sessionsMax) this.#said.delete(oldest)
  }

  #note({ seq, type, sessionId }: LoomEvent): void {
    if (sessionId === null || !ends.test(type)) return
    this.#said.delete(sessionId)
    this.#told.delete(sessionId)
    this.#told.set(sessionId, seq)
    const [[oldest, told] = ['', 0]] = this.#told
    if (this.#told.size <= knownMax) return
    this.#told.delete(oldest)
    this.#floor = Math.max(this.#floor, told)
  }

  now(taskOf: (sessionId: string) => string | null): Saying[] {
    return [...this.#said].map(([sessionId, parts]) => {
      return { taskId: taskOf(sessionId), sessionId, since: this.since(sessionId), parts }
    })
  }
}

/** The newest characters of all parts together. */
function bounded(parts: Saying['parts']): Saying['parts'] {
  let left = charsMax
  const kept: Saying['parts'] = []
  for (const { kind, text } of [...parts].reverse()) {
    if (left <= 0) break
    kept.unshift({ kind, text: text.slice(-left) })
    left -= text.length
  }
  return kept
}
