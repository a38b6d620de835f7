/** Whether a pattern covers a text of which parts are unknown: for sure, perhaps, or not. Pure, in bounded time. */
import picomatch from 'picomatch'
import { fits } from '../../lib/wildcard.ts'
import { isLiteral, unknown } from './words.ts'

export type Match = 'yes' | 'maybe' | 'no'

const yesOrNo = (matches: boolean): Match => (matches ? 'yes' : 'no')

/** Wildcards over one line. An unknown part is covered for sure only by a star, whatever it turns out to be. */
export function matchLine(pattern: string, text: string): Match {
  if (isLiteral(text)) return yesOrNo(fits(pattern, text))
  // A question mark takes one character, which an unknown part need not be.
  if (fits(pattern.replaceAll('?', '\0'), text)) return 'yes'
  return meet(pattern, text) ? 'maybe' : 'no'
}

const cellsMax = 4_000_000

/** Whether any text fits both the pattern and the other, in which `unknown` is any text. */
export function meet(pattern: string, text: string): boolean {
  if (pattern.length * text.length > cellsMax) return true
  let row = new Uint8Array(text.length + 1)
  for (let p = 0; p <= pattern.length; p++) {
    const next = new Uint8Array(text.length + 1)
    const before = pattern[p - 1]
    for (let t = 0; t <= text.length; t++) {
      const char = text[t - 1]
      const isFirst = p === 0 && t === 0
      const skipsUnknown = char === unknown && next[t - 1] === 1
      const stays = before === '*' && t > 0 && next[t - 1] === 1
      const consumed = char === unknown && p > 0 && row[t] === 1
      const empty = before === '*' && row[t] === 1
      const same = p > 0 && t > 0 && row[t - 1] === 1 && (before === '?' || before === char)
      if (isFirst || skipsUnknown || stays || consumed || empty || same) next[t] = 1
    }
    row = next
  }
  return row[text.length] === 1
}

const matchers = new Map<string, (path: string) => boolean>()
const matchersMax = 2_000

/**
 * As in .gitignore: without a slash at any depth, with one from the top of the project; a folder covers what is in it.
 * `path` is relative to the project, `..` and `/` lead out of it.
 */
export function matchPath(glob: string, path: string): Match {
  if (!isLiteral(path)) return glob === '*' || glob === '**' ? 'yes' : perhaps(glob, path)
  let matches = matchers.get(glob)
  if (!matches) {
    if (matchers.size >= matchersMax) matchers.clear()
    matches = matcherOf(glob)
    matchers.set(glob, matches)
  }
  return yesOrNo(matches(path))
}

const options = { dot: true, noextglob: true, nonegate: true, nobrace: false } as const

function matcherOf(glob: string): (path: string) => boolean {
  // Paths that lead out are named as they are: `../other/**`, `/etc/**`, `~/.ssh/**`.
  const isOut = /^(\.\.|~)(\/|$)/.test(glob)
  const bare = glob.replace(/^\.\//, '').replace(/\/+$/, '')
  if (bare === '' || bare === '*' || bare === '**') return () => true
  const anchored = isOut || bare.slice(0, -1).includes('/')
  const inner = bare.startsWith('/') ? bare.slice(1) : bare
  const whole = anchored ? inner : `**/${inner}`
  const alone = picomatch([whole, `${whole}/**`], options)
  const absolute = bare.startsWith('/') ? picomatch([bare, `${bare}/**`], options) : null
  return (path) => alone(path) || (absolute?.(path) ?? false)
}

/** A name with an unknown part may be what the glob means, unless no part of it can be. */
function perhaps(glob: string, path: string): Match {
  const plain = !glob.includes('/') && !/[[{\\]/.test(glob)
  if (!plain || path === unknown) return 'maybe'
  // A glob of the shell does not cross a slash, a variable may: only a part that is wholly unknown can hide one.
  const parts = path.split('/')
  return parts.some((part) => meet(glob, part)) ? 'maybe' : 'no'
}
