/** What each session says this moment and no event has told yet: for whoever comes in the middle of it. */
import type { LoomEvent } from '../core/event.ts'
import type { LiveDelta } from '../core/runtime.ts'
import type { LiveFrame } from './api.ts'

export type Saying = Extract<LiveFrame, { event: 'saying' }>['data'][number]

const charsMax = 20_000
const sessionsMax = 100
/** What was said stands in the journal from here on, or never will. */
const ends = /^(message\.finished|tool\.ended|run\.|session\.typed|task\.(verifying|paused|done|failed|cancelled))/

export class Speech {
  readonly #said = new Map<string, Saying['parts']>()

  hear({ sessionId, kind, text }: LiveDelta): void {
    const parts = this.#said.get(sessionId) ?? []
    const last = parts.at(-1)
    const said = { kind, text: ((last?.kind === kind ? last.text : '') + text).slice(-charsMax) }
    // The one that spoke last is the last to be let go of.
    this.#said.delete(sessionId)
    this.#said.set(sessionId, bounded([...(last?.kind === kind ? parts.slice(0, -1) : parts), said]))
    const [oldest = ''] = this.#said.keys()
    if (this.#said.size > sessionsMax) this.#said.delete(oldest)
  }

  note({ type, sessionId }: LoomEvent): void {
    if (sessionId !== null && ends.test(type)) this.#said.delete(sessionId)
  }

  now(taskOf: (sessionId: string) => string | null): Saying[] {
    return [...this.#said].map(([sessionId, parts]) => ({ taskId: taskOf(sessionId), sessionId, parts }))
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
