/** Trouble with a model as a Problem, and which of it may go away by waiting. Knows no wire and no retry. */
import type { Problem } from '../../core/problem.ts'
import { retryAfterMs } from '../../lib/backoff.ts'

export interface Trouble {
  problem: Problem
  transient: boolean
  /** What the server asked for. */
  retryAfterMs: number | null
  aborted?: boolean
}

/** Kinds that waiting may heal. The journal keeps only the Problem; this says the rest. */
const transientKinds = new Set([
  'model-unreachable',
  'model-rate-limited',
  'model-server-error',
  'model-stalled',
  'model-truncated',
])

export const isTransient = (problem: Problem): boolean => transientKinds.has(problem.kind)

const trouble = (kind: string, text: string, todo?: string): Trouble => ({
  problem: { kind, text, ...(todo ? { todo } : {}) },
  transient: transientKinds.has(kind),
  retryAfterMs: null,
})

export const unreachable = (url: string, reason: string): Trouble =>
  trouble('model-unreachable', `The model at ${url} cannot be reached: ${reason}.`, 'Is its server running?')

export const cutOff = (reason: string): Trouble =>
  trouble('model-unreachable', `The connection to the model was cut in the middle of its reply: ${reason}.`)

export const truncated = (): Trouble =>
  trouble('model-truncated', 'The reply of the model ended without saying that it was finished.')

export const stalled = (seconds: number): Trouble =>
  trouble('model-stalled', `The model said nothing for ${Math.round(seconds)} seconds.`)

export const flooded = (bytesMax: number): Trouble =>
  trouble('model-reply-too-long', `The reply of the model is longer than ${bytesMax} bytes.`)

export const abortedTrouble = (): Trouble => ({ ...trouble('aborted', 'The model call was stopped.'), aborted: true })

const overflowWords =
  /context.{0,20}(length|window|size|limit|overflow)|maximum.{0,30}tokens|too many tokens|prompt is too long/i

/** What the server said with a status of 400 or more. `detail` is its own text, already free of the key. */
export function httpTrouble(status: number, detail: string, retryAfter: string | null, nowMs: number): Trouble {
  const said = detail ? `: ${detail}` : ''
  // Google refuses a wrong key with 400.
  if (status === 401 || status === 403 || (status === 400 && /api.?key.{0,20}(not valid|invalid)/i.test(detail))) {
    return trouble(
      'model-key-refused',
      `The model server refused the API key (HTTP ${status})${said}.`,
      'Set the key in the variable that the provider names, or with `openloom secret set`, then resume.',
    )
  }
  if (status === 429) {
    const waitMs = retryAfterMs(retryAfter, nowMs)
    const when = waitMs === null ? '' : ` It asks to wait ${Math.ceil(waitMs / 1000)} seconds.`
    const limited = trouble('model-rate-limited', `The model server limits the rate (HTTP 429)${said}.${when}`)
    return { ...limited, retryAfterMs: waitMs }
  }
  if (status >= 500 || status === 408 || status === 425) {
    const failed = trouble('model-server-error', `The model server failed (HTTP ${status})${said}.`)
    return { ...failed, retryAfterMs: retryAfterMs(retryAfter, nowMs) }
  }
  if ((status === 400 || status === 413) && overflowWords.test(detail)) {
    return trouble('model-context-overflow', `The conversation is too long for the model (HTTP ${status})${said}.`)
  }
  if (status === 404) {
    return trouble(
      'model-not-found',
      `The server does not know the model or the address (HTTP 404)${said}.`,
      'Check model and base_url of the provider.',
    )
  }
  return trouble('model-request-refused', `The model server refused the request (HTTP ${status})${said}.`)
}

const streamCodes: readonly (readonly [RegExp, number])[] = [
  [/rate.?limit|resource.?exhausted/i, 429],
  [/authentication|permission/i, 401],
  [/invalid.?(request|prompt|argument)/i, 400],
]

/** An error object in the middle of a stream. */
export function streamTrouble(message: string, code: string): Trouble {
  const known = streamCodes.find(([pattern]) => pattern.test(code))?.[1]
  const status = /^[45]\d\d$/.test(code) ? Number(code) : (known ?? null)
  if (status !== null) return httpTrouble(status, message, null, 0)
  if (overflowWords.test(`${code} ${message}`)) return httpTrouble(400, message || code, null, 0)
  return trouble('model-server-error', `The model server reported an error in its reply: ${message || code}.`)
}
