/** Whether a pattern covers a text of which parts are unknown: for sure, perhaps, or not. Pure, in bounded time. */
import { homedir } from 'node:os'
import { posix } from 'node:path'
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
 * `path` is relative to the project `from`, and absolute outside of it.
 */
export function matchPath(glob: string, path: string, from: string): Match {
  if (!isLiteral(path)) return glob === '*' || glob === '**' ? 'yes' : perhaps(glob, path)
  const key = `${from}\0${glob}`
  let matches = matchers.get(key)
  if (!matches) {
    if (matchers.size >= matchersMax) matchers.clear()
    matches = matcherOf(glob, from)
    matchers.set(key, matches)
  }
  return yesOrNo(matches(path))
}

const options = { dot: true, noextglob: true, nonegate: true, nobrace: false } as const

function matcherOf(glob: string, from: string): (path: string) => boolean {
  const bare = asGitReads(glob.replace(/^\.\//, '').replace(/\/+$/, ''))
  if (bare === '' || bare === '*' || bare === '**') return () => true
  const place = placeOf(bare, from)
  const top = escaped(from)
  const inside = place?.startsWith(`${top}/`) ? place.slice(top.length + 1) : place === top ? '**' : null
  const isOut = place !== null && !bare.startsWith('/')
  const anchored = bare.slice(0, -1).includes('/') ? bare.replace(/^\//, '') : `**/${bare.replace(/^\//, '')}`
  const globs = [inside, place, isOut ? null : anchored].filter((one) => one !== null)
  // What is around the project does not cover it: paths in it are relative.
  return picomatch(
    globs.flatMap((one) => [one || '/', `${one}/**`]),
    options,
  )
}

/** `../other`, `/etc` and `~/.ssh` name a place of the machine; `/etc` is also one at the top of the project. */
function placeOf(bare: string, from: string): string | null {
  if (/^~(\/|$)/.test(bare)) return escaped(homedir()) + bare.slice(1)
  if (/^\.\.(\/|$)/.test(bare)) return posix.normalize(`${escaped(from)}/${bare}`).replace(/\/$/, '')
  return bare.startsWith('/') ? bare : null
}

const escaped = (path: string): string => path.replace(/[\\*?{}()[\]!+@|^$]/g, '\\$&')

/** git knows `[!a]` and no groups; a class holds no slash. */
const asGitReads = (glob: string): string =>
  glob.replace(/\\.|\[([!^])?(\]?[^\]]*)\]|[()|]/gs, (found, not?: string, inner?: string) =>
    inner !== undefined ? `[${not ? '^/' : ''}${inner}]` : found.startsWith('\\') ? found : `\\${found}`,
  )

/** A name with an unknown part may be what the glob means, unless no part of it can be. */
function perhaps(glob: string, path: string): Match {
  const plain = !glob.includes('/') && !/[[{\\]/.test(glob)
  if (!plain || path === unknown) return 'maybe'
  // A glob of the shell does not cross a slash, a variable may: only a part that is wholly unknown can hide one.
  const parts = path.split('/')
  return parts.some((part) => meet(glob, part)) ? 'maybe' : 'no'
}
