/** How long to wait before try number n. */

export interface Backoff {
  firstMs: number
  factor: number
  maxMs: number
}

/** Exponential with full jitter on the upper half: between 50 % and 100 % of the step. `attempt` counts from 1. */
export function backoffMs(backoff: Backoff, attempt: number, random: () => number = Math.random): number {
  const step = Math.min(backoff.maxMs, backoff.firstMs * backoff.factor ** Math.max(0, attempt - 1))
  return Math.round(step * (0.5 + random() / 2))
}

/** `Retry-After` as ms: seconds or an HTTP date; null when absent or senseless. */
export function retryAfterMs(header: string | null | undefined, nowMs: number): number | null {
  if (!header) return null
  const seconds = Number(header)
  if (Number.isFinite(seconds)) return seconds >= 0 ? Math.round(seconds * 1000) : null
  const date = Date.parse(header)
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs)
}
