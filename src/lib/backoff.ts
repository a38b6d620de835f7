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
  // Proxies join two headers with a comma, and some servers write the unit.
  const seconds = /^\s*(\d+(?:\.\d+)?)\s*s?\s*(?:,|$)/i.exec(header)?.[1]
  if (seconds !== undefined) return Math.round(Number(seconds) * 1000)
  // A date has the name of a month or a T in it; what is neither would still be read as some day.
  const date = /[a-z]/i.test(header) ? Date.parse(header) : Number.NaN
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs)
}
