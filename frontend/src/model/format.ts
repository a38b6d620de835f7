/** Figures and instants as text for people. Every number leaves here with its unit. */

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

export function duration(ms: number): string {
  if (ms < second) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 10 * second) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`
  if (ms < minute) return `${Math.floor(ms / second)} s`
  if (ms < hour) return pair(ms, [minute, 'm'], [second, 's'])
  if (ms < day) return pair(ms, [hour, 'h'], [minute, 'm'])
  return pair(ms, [day, 'd'], [hour, 'h'])
}

function pair(ms: number, [big, bigUnit]: [number, string], [small, smallUnit]: [number, string]): string {
  const whole = Math.floor(ms / big)
  const rest = Math.floor((ms % big) / small)
  return rest === 0 ? `${whole} ${bigUnit}` : `${whole} ${bigUnit} ${rest} ${smallUnit}`
}

/** `12 s ago`, `in 3 m`; coarse on purpose, the exact instant is one hover away. */
export function relative(at: number, now: number): string {
  const ms = now - at
  if (Math.abs(ms) < 5 * second) return 'just now'
  const text = coarse(Math.abs(ms))
  return ms < 0 ? `in ${text}` : `${text} ago`
}

function coarse(ms: number): string {
  if (ms < minute) return `${Math.floor(ms / second)} s`
  if (ms < hour) return `${Math.floor(ms / minute)} m`
  if (ms < day) return `${Math.floor(ms / hour)} h`
  return `${Math.floor(ms / day)} d`
}

// Written by hand: the first `Intl` that a page makes costs it thirty milliseconds, and the first view needs none.
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const two = (n: number) => String(n).padStart(2, '0')

export function clockTime(at: number): string {
  const day = new Date(at)
  return [day.getHours(), day.getMinutes(), day.getSeconds()].map(two).join(':')
}

/** `22 Nov 2026, 12:53:36`, where the reader is. */
export function exact(at: number): string {
  const day = new Date(at)
  return `${day.getDate()} ${months[day.getMonth()]} ${day.getFullYear()}, ${clockTime(at)}`
}

/** As a whole number, by thousands. */
export const figure = (n: number): string => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',')

export function count(n: number, one: string, many = `${one}s`): string {
  return `${figure(n)} ${n === 1 ? one : many}`
}

export function bytes(n: number): string {
  if (n < 1000) return `${n} B`
  if (n < 1_000_000) return `${(n / 1000).toFixed(1)} kB`
  return `${(n / 1_000_000).toFixed(1)} MB`
}

/** `t_1kq3m2v8x7c4h2ep` → `7c4h2ep`: the random end is what tells two tasks of one moment apart. */
export function shortId(id: string): string {
  return id.length > 10 ? id.slice(-7) : id
}

/** The last two folders: what people call a workspace. The whole path is one hover away. */
export function shortPath(path: string): string {
  const parts = path.split('/').filter(Boolean)
  return parts.length <= 2 ? path : `…/${parts.slice(-2).join('/')}`
}

/** Millionths as an amount; what is not known says so. */
export function cost({ costMicros, atLeast }: { costMicros: number | null; atLeast: boolean }): string {
  if (costMicros === null) return 'cost unknown'
  const amount = (costMicros / 1_000_000).toFixed(costMicros < 100_000 ? 4 : 2)
  return `cost ${atLeast ? 'at least ' : ''}${amount}`
}

const linesMax = 50

/** One below the other; of a long list its beginning, and how much more there is. */
export function firstLines(list: readonly string[]): string {
  const rest = list.length - linesMax
  return rest > 0 ? [...list.slice(0, linesMax), `and ${figure(rest)} more`].join('\n') : list.join('\n')
}
