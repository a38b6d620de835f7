/** The session that works on a task, and what it changed. Read when it is different; the diff when a turn is over. */
import type { FileDiff } from '../../../src/core/session.ts'
import type { LiveFrame, SessionDetail } from '../../../src/server/api.ts'
import { api } from './door.svelte.ts'
import { orders } from './orders.svelte.ts'
import { Reader } from './reader.ts'

const pauseMs = 2_000

export class Work {
  detail = $state.raw<SessionDetail | null>(null)
  /** Null: not known; its runtime may not tell. */
  files = $state.raw<readonly FileDiff[] | null>(null)
  busy = $state(false)
  #id = ''
  readonly #session = new Reader(() => this.#readSession(), pauseMs)
  readonly #diff = new Reader(() => this.#readDiff(), pauseMs)

  async load(sessionId: string): Promise<void> {
    this.#id = sessionId
    await Promise.all([this.#session.run(), this.#diff.run()])
  }

  apply(frames: readonly LiveFrame[]): void {
    const about = frames.filter((frame) => {
      if (frame.event === 'sessions') return frame.data.ids?.includes(this.#id) ?? true
      // Heard anew: what changed meanwhile in other programs' sessions is not told again.
      if (frame.event === 'saying') return true
      return frame.event === 'event' && frame.data.sessionId === this.#id
    })
    if (!this.#id || about.length === 0) return
    void this.#session.run()
    if (about.some((frame) => frame.event === 'event' && over.has(frame.data.type))) void this.#diff.run()
  }

  /** Stops what the session does, ends its processes and lets it begin again with what was seen. */
  async takeOver(): Promise<void> {
    if (this.busy) return
    this.busy = true
    const key = `take-over-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`
    const answer = await api.addTask(`session: ${this.#id}\nabort: true\n`, key)
    this.busy = false
    if (answer.ok) orders.say('ok', answer.value.text ?? 'Taken over.')
    else orders.refused('The take-over was refused', answer.refusal)
    await this.#session.run()
  }

  async #readSession(): Promise<void> {
    const answer = await api.session(this.#id)
    if (answer.ok) this.detail = answer.value
  }

  async #readDiff(): Promise<void> {
    const answer = await api.diff(this.#id)
    this.files = answer.ok ? answer.value.items : null
  }
}

const over: ReadonlySet<string> = new Set(['run.ended', 'verdict.reached', 'files.changed'])
