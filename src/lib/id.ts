/** Ids: sortable by time, short enough to read aloud, safe in a file name. */
import { randomBytes } from 'node:crypto'

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/** `<prefix>_` + 9 characters of time (ms) + 7 random ones, e.g. `t_1kq3m2v8x7c4h2ep`. */
export function newId(prefix: string, nowMs: number): string {
  let time = ''
  let rest = nowMs
  for (let i = 0; i < 9; i++) {
    time = alphabet.charAt(rest % 32) + time
    rest = Math.floor(rest / 32)
  }
  const tail = Array.from(randomBytes(7), (byte) => alphabet.charAt(byte % 32)).join('')
  return `${prefix}_${time}${tail}`
}
