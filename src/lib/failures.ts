/**
 * Names of what failed, recognised in the plain output of common test runners, compilers and linters. Guesswork by
 * form: it may miss a failure, so that nobody may take an empty answer for "nothing failed". Pure and bounded.
 */
import { stripVTControlCharacters } from 'node:util'

export const failuresMax = 1_000
const nameCharsMax = 240
const lineCharsMax = 2_000
const linesMax = 200_000

export interface Failures {
  /**
   * In the order of the output. What comes a second time is told by a number behind it: lines are no part of a name,
   * and two files may hold a test of one name.
   */
  names: string[]
  /** Whether the list holds every name that was recognised. */
  whole: boolean
}

interface Shape {
  pattern: RegExp
  /** The name; null: not a failure after all. */
  name(match: RegExpExecArray): string | null
}

const first = (match: RegExpExecArray): string => match[1] ?? ''
/** `path rule` or `path message`. */
const placedName = (match: RegExpExecArray): string => `${match[1] ?? ''} ${match[2] ?? ''}`

const shapes: readonly Shape[] = [
  // TAP
  {
    pattern: /^\s*not ok\b(?:\s+\d+)?\s*-?\s*(.+)$/,
    name: (m) => (/#\s*(todo|skip)\b/i.test(first(m)) ? null : first(m)),
  },
  // go test
  { pattern: /^\s*--- FAIL:\s+(.+)$/, name: first },
  // cargo test
  { pattern: /^test (\S.*?) \.\.\. FAILED$/, name: first },
  // pytest
  { pattern: /^(?:FAILED|ERROR)\s+([^\s:(]+(?:::.+?)?)(?: - .*)?$/, name: first },
  // unittest
  { pattern: /^(?:FAIL|ERROR): (\S+ \(.+\).*)$/, name: first },
  // vitest, jest, go: a file, a package or a test of it
  { pattern: /^\s*FAIL\s+(\S.*)$/, name: (m) => first(m).replace(/\s*\[ .* \]$/, '') },
  // vitest, jest, node, mocha, ava and others
  { pattern: /^\s*[✗✘✖✕×]\s+(\S.*)$/u, name: (m) => (first(m).endsWith(':') || isCount(first(m)) ? null : first(m)) },
  // jest: one test in full
  { pattern: /^\s*● (\S.* › .+)$/, name: first },
  // rspec
  { pattern: /^rspec (\S+?):\d+ # (.+)$/, name: placedName },
  // gradle
  { pattern: /^(\S.* > .+) FAILED$/, name: first },
  // surefire
  { pattern: /^\[ERROR\]\s+(\S+?)\s+(?:--\s+)?Time elapsed:.*<<< (?:FAILURE|ERROR)!/, name: first },
  // javac by maven
  { pattern: /^\[ERROR\]\s+(\S+):\[\d+,\d+\]\s+(.+)$/, name: placedName },
  // tsc, both forms
  { pattern: /^(\S[^():]*)(?:\(\d+,\d+\):|:\d+:\d+ -) (error TS\d+: .+)$/, name: placedName },
  // gcc, clang, mypy, swiftc
  { pattern: /^(\S+?):\d+(?::\d+)?: ((?:fatal )?error: .+)$/, name: placedName },
  // ruff, flake8
  { pattern: /^(\S+?):\d+:\d+: ([A-Z]{1,4}\d{2,4}\b.*)$/, name: placedName },
  // go vet, go build
  { pattern: /^(?:vet: )?(\S+\.go):\d+:\d+: (.+)$/, name: placedName },
]

const isCount = (text: string): boolean => /^\d+ (problems?|errors?|tests?|failed|failing)\b/.test(text)

/** `workspace`: real path, which is taken out of the names. */
export function failuresOf(output: string, workspace: string): Failures {
  const lines = stripVTControlCharacters(output).split(/\r?\n/, linesMax)
  const names = new Set<string>()
  const times = new Map<string, number>()
  const places = new Places()
  for (const line of lines) {
    if (line.length > lineCharsMax) continue
    const name = plainName(places.nameOf(line) ?? nameIn(line) ?? '', workspace)
    if (name === '') continue
    const count = (times.get(name) ?? 0) + 1
    times.set(name, count)
    names.add(count > 1 ? `${name} (${count})` : name)
    if (names.size > failuresMax) break
  }
  const whole = names.size <= failuresMax && lines.length < linesMax
  return { names: [...names].slice(0, failuresMax), whole }
}

function nameIn(line: string): string | null {
  for (const { pattern, name } of shapes) {
    const match = pattern.exec(line)
    if (match) return name(match)
  }
  return null
}

/** Findings that take two lines: file and rule (eslint), rule and severity (biome), message and file (rustc). */
class Places {
  private file = ''
  private message = ''
  private rule = ''

  nameOf(line: string): string | null {
    const finding = /^\s+\d+:\d+\s+(error|warning)\s+(.+?)$/.exec(line)
    if (finding && this.file !== '') return finding[1] === 'error' ? `${this.file} ${finding[2]}` : null
    const place = /^\s+--> (\S+?):\d+:\d+$/.exec(line)
    if (place && this.message !== '') return this.taken('message', `${place[1]} ${this.message}`)
    const severity = /^\s+([×✖!i]) \S/u.exec(line)
    if (severity && this.rule !== '') {
      const name = this.taken('rule', this.rule)
      if (severity[1] === '×' || severity[1] === '✖') return name
    }
    if (/^\S+\.\w+$/.test(line)) this.file = line
    const rule = /^(\S+?)(?::\d+:\d+)? ((?:lint|parse|assist|format)(?:\/\S+)?)\b.*━/.exec(line)
    if (rule) this.rule = `${rule[1]} ${rule[2]}`
    const message = /^(error(?:\[E\d+\])?: .+)$/.exec(line)
    if (message || /^warning/.test(line)) this.message = message?.[1] ?? ''
    return null
  }

  private taken(kept: 'message' | 'rule', name: string): string {
    this[kept] = ''
    return name
  }
}

/** Without what differs between two runs of the same failure. */
function plainName(found: string, workspace: string): string {
  return found
    .replaceAll(`file://${workspace}/`, '')
    .replaceAll(`${workspace}/`, '')
    .replace(/\s*[([]?\d+(?:\.\d+)?\s?(?:ms|s|m|sec|seconds)[)\]]?\s*$/, '')
    .replace(/(\.\w+):\d+(?::\d+)?/g, '$1')
    .replace(/\b0x[0-9a-f]+\b/gi, '0x')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, nameCharsMax)
}
