/** Ids: sortable by time and order of making, short enough to read aloud, safe in a file name. */
import { randomInt } from 'node:crypto'

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
const timeLength = 9
const tailLength = 7
/** Half of what the tail can hold, so that counting up from a random start never overflows in practice. */
const tailStartMax = 32 ** tailLength / 2

let last = { time: -1, tail: 0 }

/**
 * `<prefix>_` + 9 characters of time (ms) + 7 that begin at random and count up within the millisecond (and while the
 * clock stands back), e.g. `t_1kq3m2v8x7c4h2ep`: what is made later sorts later.
 */
export function newId(prefix: string, nowMs: number): string {
  last = nowMs > last.time ? { time: nowMs, tail: randomInt(tailStartMax) } : { time: last.time, tail: last.tail + 1 }
  return `${prefix}_${base32(last.time, timeLength)}${base32(last.tail, tailLength)}`
}

/** Before each id that is made at this instant or later, and behind all others. */
export const idsFrom = (prefix: string, ms: number): string => `${prefix}_${base32(ms, timeLength)}`

function base32(value: number, length: number): string {
  let text = ''
  for (let i = 0, rest = value; i < length; i++, rest = Math.floor(rest / 32)) text = alphabet.charAt(rest % 32) + text
  return text
}
