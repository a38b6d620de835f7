/** One question to the daemon and its answer. A refusal is a value and never an exception. */
import { type Answer, refusalOf } from './answer.ts'

export const stateUrl = '/api/state'
export const homeUrl = '/api/home'
/** Answers that the page's clock is set by: they are the first of each connection. */
const dated = [stateUrl, homeUrl]
const isItUp = 'Is "openloom serve" running?'
const answerTimeoutMs = 15_000

interface More {
  headers?: Record<string, string>
  signal?: AbortSignal
}

export class Wire {
  readonly #onSignedOut: () => void
  readonly #onMissed: () => void
  readonly #onAsk: () => (date: string | null) => void

  constructor(onSignedOut: () => void, onMissed: () => void, onAsk: () => (date: string | null) => void) {
    this.#onSignedOut = onSignedOut
    this.#onMissed = onMissed
    this.#onAsk = onAsk
  }

  /** With a body it is one that changes something, and carries what a foreign page cannot send. */
  protected async ask<T>(url: string, body?: object, method = 'POST', more: More = {}): Promise<Answer<T>> {
    const headers: Record<string, string> = { accept: 'application/json', ...more.headers }
    const signal = more.signal ?? AbortSignal.timeout(answerTimeoutMs)
    const init: RequestInit = { headers, signal, credentials: 'same-origin' }
    if (body) {
      headers['content-type'] = 'application/json'
      headers['x-openloom'] = '1'
      init.method = method
      init.body = JSON.stringify(body)
    }
    const told = this.#onAsk()
    try {
      const response = await fetch(url, init)
      if (dated.includes(url)) told(response.headers.get('date'))
      const text = await response.text()
      if (response.ok) return { ok: true, value: (text ? JSON.parse(text) : null) as T }
      if (response.status === 401) this.#onSignedOut()
      return { ok: false, refusal: refusalOf(response.status, text) }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      // The state is asked for again and again until it is there; the rest is not.
      if (!body && url !== stateUrl) this.#onMissed()
      return {
        ok: false,
        refusal: { status: 0, title: 'The daemon does not answer', detail: why, todo: isItUp, problems: [] },
      }
    }
  }
}
