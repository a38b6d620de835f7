/** Tests as a reader of reports finds them, counted and named in bounded memory. It judges nothing. */
import { type Census, censusNamesMax } from '../../core/check.ts'
import { sha256 } from '../digest.ts'

export type Mark = 'passed' | 'failed' | 'skipped'

export const nameCharsMax = 500
/** Of one list, so that a record of a check stays one that can be stored and sent. */
const listCharsMax = 300_000
const timesMax = 1_000_000

/** Between the parts of a name: file or suite, then the test. */
export const joint = ' > '

const unseen = /\p{Cc}+/gu

/** One line; two long names that differ stay different. */
export function clipped(name: string): string {
  const line = name.replace(unseen, ' ').trim()
  return line.length <= nameCharsMax ? line : `${line.slice(0, nameCharsMax - 20)}…${sha256(line).slice(0, 12)}`
}

/** Parts of a name, each once in a row: many tools repeat the suite in the class and the class in the test. */
export const joined = (parts: readonly string[]): string =>
  parts.filter((part, index) => part !== '' && part !== parts[index - 1]).join(joint)

export class Tally {
  private readonly counts: Record<Mark, number> = { passed: 0, failed: 0, skipped: 0 }
  private readonly names: Record<Mark, Set<string>> = { passed: new Set(), failed: new Set(), skipped: new Set() }
  private readonly roots: readonly string[]

  /** `root`: paths below it are named from there, so that two checkouts have the same names. */
  constructor(root = '') {
    this.roots = root === '' ? [] : [`file://${root}/`, `${root}/`]
  }

  add(mark: Mark, name: string, times = 1): void {
    this.counts[mark] += Math.min(times, timesMax)
    this.names[mark].add(clipped(this.within(name)) || 'without a name')
  }

  /** A path as it is seen from the root. */
  within(path: string): string {
    const root = this.roots.find((one) => path.startsWith(one)) ?? ''
    return path.slice(root.length)
  }

  get failed(): number {
    return this.counts.failed
  }

  census(format: string): Census {
    const names = { passed: this.list('passed'), failed: this.list('failed'), skipped: this.list('skipped') }
    const marks: readonly Mark[] = ['passed', 'failed', 'skipped']
    const whole = marks.every((mark) => names[mark].length === this.names[mark].size)
    return { format, ...this.counts, names, whole }
  }

  private list(mark: Mark): string[] {
    return bounded([...this.names[mark]].sort())
  }
}

/** As many as may be kept, from the front. */
function bounded(sorted: readonly string[]): string[] {
  let room = listCharsMax
  const end = sorted.findIndex((name, index) => {
    room -= name.length
    return index >= censusNamesMax || room < 0
  })
  return end < 0 ? [...sorted] : sorted.slice(0, end)
}

/** Several reports of one command as one. */
export function mergeCensus(parts: readonly Census[]): Census | null {
  const [first] = parts
  if (!first || parts.length === 1) return first ?? null
  const sum = (mark: Mark) => parts.reduce((total, part) => total + part[mark], 0)
  const all = (mark: Mark) => [...new Set(parts.flatMap((part) => part.names[mark]))].sort()
  const unions = { passed: all('passed'), failed: all('failed'), skipped: all('skipped') }
  const names = {
    passed: bounded(unions.passed),
    failed: bounded(unions.failed),
    skipped: bounded(unions.skipped),
  }
  const kept = names.passed.length + names.failed.length + names.skipped.length
  const found = unions.passed.length + unions.failed.length + unions.skipped.length
  return {
    format: [...new Set(parts.map((part) => part.format))].sort().join('+'),
    ...{ passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') },
    names,
    whole: kept === found && parts.every((part) => part.whole),
  }
}
