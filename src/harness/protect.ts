/**
 * Which files judge the work: names and patterns, nothing else. Pure. A file that the goal itself names is the work.
 */
import type { CheckSpec } from '../core/check.ts'
import type { TaskSpec } from '../core/spec.ts'
import { globMatcher } from '../lib/glob.ts'

/** They run elsewhere, later: a new one judges nothing here, a changed one lets something through. */
const pipelines = [
  '.github/workflows/**',
  '.github/actions/**',
  '.gitlab-ci.yml',
  '.gitlab/ci/**',
  '.circleci/**',
  '.buildkite/**',
  '.woodpecker.yml',
  '.woodpecker/**',
  '.drone.yml',
  '.travis.yml',
  'appveyor.yml',
  'azure-pipelines.yml',
  'bitbucket-pipelines.yml',
  'Jenkinsfile',
  '.ci/**',
  '.worktreeinclude',
]

/** Files by which a test runner decides what it runs, and what passes. */
const runners = [
  '**/vitest.config.*',
  '**/vitest.workspace.*',
  '**/jest.config.*',
  '**/playwright.config.*',
  '**/cypress.config.*',
  '**/karma.conf.*',
  '**/ava.config.*',
  '**/.mocharc*',
  '**/.taprc',
  '**/pytest.ini',
  '**/.pytest.ini',
  '**/conftest.py',
  '**/tox.ini',
  '**/noxfile.py',
  '**/phpunit.xml*',
  '**/.rspec',
  '**/nextest.toml',
]

const isPipeline = globMatcher(pipelines)
const isRunner = globMatcher(runners)
/** Only a part of these is a judge. */
const inParts = globMatcher(['**/package.json', '**/pyproject.toml', '**/setup.cfg'])

const testWord =
  /(^|[/._-])(tests?|specs?|__tests__|__snapshots__|checks?|verify|acceptance|e2e|fixtures?|goldens?)([/._-]|$)/i

/** By its name: a test, or what a test compares with. */
export const looksLikeTest = (path: string): boolean => testWord.test(path)

export interface Protection {
  /** A change of one of these is tampering, whatever the checks say. */
  isHard(path: string): boolean
  /** Only its part counts (`judgingPart`). */
  isInParts(path: string): boolean
  /** It decides what a runner does with the tests below its folder. */
  isRunner(path: string): boolean
  /** A new one takes the place of one that judged: another recipe, or what else belongs to a clean checkout. */
  replaces(path: string, kept: ReadonlySet<string>): boolean
  /** Named like a program that the checks start. */
  isProgram(path: string): boolean
  /** It judged before; the work has to pass with it as it was. */
  isSoft(path: string): boolean
}

/** `scripts`: the lines of the project's scripts that the checks run. */
export function protectionOf(spec: TaskSpec, checks: readonly CheckSpec[], scripts: readonly string[]): Protection {
  if (spec.protect === false) {
    const none = () => false
    return { isHard: none, isInParts: none, isRunner: none, replaces: none, isProgram: none, isSoft: none }
  }
  const text = [spec.title, spec.goal, ...spec.steps.map((step) => step.title), ...spec.acceptance].join('\n')
  const isWork = (path: string) => names(text, path)
  const isAsked = globMatcher(spec.protect ?? [])
  const lines = [...commandLines(checks), ...scripts]
  const words = new Set(lines.flatMap(wordsOf))
  const recipes = lines.flatMap((line) => recipeFiles.flatMap(([program, files]) => (program.test(line) ? files : [])))
  const programs = new Set(lines.flatMap(programsOf))
  const isNamed = (path: string) => (words.has(path) && looksLikeTest(path)) || recipes.includes(path)
  return {
    isHard: (path) => isAsked(path) || (!isWork(path) && (isPipeline(path) || isRunner(path) || isNamed(path))),
    isInParts: (path) => !isAsked(path) && inParts(path) && !isWork(path),
    isRunner,
    replaces: (path, kept) =>
      !isWork(path) && (path === declaration || (recipes.includes(path) && recipes.some((other) => kept.has(other)))),
    isProgram: (path) => !isWork(path) && programs.has(path.split('/').at(-1) ?? ''),
    isSoft: (path) => looksLikeTest(path) && !isWork(path),
  }
}

const recipeFiles: [RegExp, string[]][] = [
  [/(^|[;&|(\s])make(\s|$)/, ['Makefile', 'makefile', 'GNUmakefile']],
  [/(^|[;&|(\s])just(\s|$)/, ['justfile', 'Justfile', '.justfile']],
]

/** Says what belongs to a clean checkout beside the result. */
const declaration = '.worktreeinclude'

/** Built into the shell: a file of that name takes nobody's place. */
const builtIn = new Set([
  ...['test', 'echo', 'printf', 'true', 'false', 'cd', 'set', 'export', 'exit', 'source', 'eval', 'exec', 'time'],
  ...['if', 'then', 'else', 'for', 'while', 'do', 'case', 'wait', 'kill', 'pwd', 'read', 'trap', 'ulimit', 'umask'],
])

/** Plain names of the programs that a line starts: what a folder in PATH would be asked for. */
export function programsOf(line: string): string[] {
  const starts = line.matchAll(
    /(?:^|[;&|(`!]|\b(?:then|do|else|time)\s)\s*(?:\w+=\S*\s+)*([A-Za-z][\w.+-]*)(?=[\s;&|)`]|$)/g,
  )
  return [...starts].flatMap(([, name = '']) => (builtIn.has(name) ? [] : [name]))
}

/** As a word of its own: `test/a.js` is not named by `test/a.json`. */
function names(text: string, path: string): boolean {
  for (let at = text.indexOf(path); at >= 0; at = text.indexOf(path, at + 1)) {
    const [before, after] = [text[at - 1] ?? ' ', text.slice(at + path.length, at + path.length + 2)]
    if (!/[\w/.-]/.test(before) && !/^(\w|\/|-|\.\w)/.test(after)) return true
  }
  return false
}

export function commandLines(checks: readonly CheckSpec[]): string[] {
  return checks.flatMap(({ run }) => {
    if (typeof run === 'string') return [run]
    return Array.isArray(run) ? [run.join(' ')] : []
  })
}

const wordsOf = (line: string): string[] =>
  line.split(/[\s;&|()<>"'`=]+/).flatMap((word) => (word === '' ? [] : [word.replace(/^(\.\/)+/, '')]))

/** Names of package scripts that the lines run, e.g. of `npm test && npm run lint`. */
export function scriptNames(lines: readonly string[]): string[] {
  const found: string[] = []
  for (const line of lines) {
    for (const [, , name] of line.matchAll(/\b(npm|pnpm|yarn|bun)\s+(?:-\S+\s+)*(?:run(?:-script)?\s+)?([\w:.-]+)/g)) {
      if (name === 't' || name === 'tst') found.push('test')
      else if (name !== undefined) found.push(name)
    }
  }
  return [...new Set(found)]
}

const testSettings = ['jest', 'vitest', 'mocha', 'ava', 'tap', 'c8', 'nyc']

/** The part of a manifest that judges, as one text; null: it cannot be read, which is a state like any other. */
export function judgingPart(path: string, text: string, scripts: readonly string[]): string | null {
  if (!path.endsWith('package.json')) return tablesOf(text)
  const manifest = parsed(text)
  if (manifest === null) return null
  return JSON.stringify({
    scripts: pick(recordOf(manifest.scripts), withHooks(scripts)),
    ...pick(manifest, testSettings),
  })
}

/** `now` with the judging part of `before`; null when that cannot be done. */
export function withJudgingPart(now: string, before: string, scripts: readonly string[]): string | null {
  const [mine, theirs] = [parsed(now), parsed(before)]
  if (mine === null || theirs === null) return null
  const hooks = withHooks(scripts)
  const others = Object.entries(recordOf(mine.scripts)).filter(([name]) => !hooks.includes(name))
  const merged = Object.entries(mine).filter(([name]) => !testSettings.includes(name))
  return JSON.stringify({
    ...Object.fromEntries(merged),
    scripts: { ...Object.fromEntries(others), ...pick(recordOf(theirs.scripts), hooks) },
    ...pick(theirs, testSettings),
  })
}

/** The scripts that the lines reach, over one another. */
export function reachedScripts(lines: readonly string[], text: string): { names: string[]; lines: string[] } {
  const scripts = recordOf(parsed(text)?.scripts)
  const names = new Set<string>()
  const found: string[] = []
  for (let next = withHooks(scriptNames(lines)); next.length > 0; ) {
    const fresh = next.filter((name) => !names.has(name))
    for (const name of fresh) names.add(name)
    const reached = fresh.flatMap((name) => (typeof scripts[name] === 'string' ? [scripts[name]] : []))
    found.push(...reached)
    next = withHooks(scriptNames(reached)).filter((name) => !names.has(name))
  }
  return { names: [...names], lines: found }
}

const withHooks = (names: readonly string[]): string[] => [
  ...new Set(names.flatMap((name) => (/^(pre|post)/.test(name) ? [name] : [name, `pre${name}`, `post${name}`]))),
]

const pick = (from: Record<string, unknown>, names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(names.flatMap((name) => (name in from ? [[name, from[name]]] : [])))

const recordOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}

function parsed(text: string): Record<string, unknown> | null {
  try {
    return recordOf(JSON.parse(text))
  } catch {
    // A manifest that is none runs nothing; the command itself will say so.
    return null
  }
}

/** Tables of a TOML or INI file that set up a test runner, as they are written. */
function tablesOf(text: string): string {
  const kept: string[] = []
  let inside = false
  for (const line of text.split('\n')) {
    const table = /^\s*\[+\s*([^\]]+?)\s*\]+/.exec(line)?.[1]
    if (table !== undefined) inside = /^(tool[.:])?(pytest|tox|nox)\b/.test(table)
    if (inside && line.trim() !== '') kept.push(line.trimEnd())
  }
  return kept.join('\n')
}
