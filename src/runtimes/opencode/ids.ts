/** Names of messages as OpenCode makes them: it sorts by them, so that ours must grow with time like its own. */
import { randomInt } from 'node:crypto'

const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
let last = { at: 0, count: 0 }

/** `msg_`, 48 bits of epoch ms × 4096 plus a counter as hex, 14 random characters (seen on 1.18.33). */
export function newMessageId(nowMs: number): string {
  last = { at: nowMs, count: nowMs === last.at ? last.count + 1 : 1 }
  const time = (BigInt(nowMs) * 4096n + BigInt(last.count)) & 0xffff_ffff_ffffn
  const tail = Array.from({ length: 14 }, () => letters[randomInt(letters.length)]).join('')
  return `msg_${time.toString(16).padStart(12, '0')}${tail}`
}
