/**
 * The style of docs/design as functions over source text: each
 * rule returns complaints, so that a test can see it fail.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { parseSync } from 'vite'

export interface Source {
  /** Path from the project's root, with `/`. */
  path: string
  text: string
}

interface Node {
  type: string
  start: number
  end: number
  [key: string]: unknown
}

export const limits = {
  functionLines: 70,
  fileLines: 400,
  componentLines: 200,
  scriptLines: 80,
  columns: 120,
  parameters: 4,
}

/** Folder → what it may import of ours, beside core and lib (architecture §1). `*` is everything. */
const mayImport: Record<string, readonly string[]> = {
  core: [],
  lib: [],
  store: [],
  inbox: [],
  checks: [],
  agent: [],
  jobs: [],
  skills: [],
  browser: [],
  sample: [],
  runtimes: ['agent'],
  notify: ['store'],
  harness: ['store'],
  server: ['store', 'harness'],
  cli: ['store', 'server', 'daemon.ts', 'parts.ts', 'config.ts', 'sample'],
  'daemon.ts': ['*'],
  'parts.ts': ['*'],
  'surroundings.ts': ['*'],
  'following.ts': ['*'],
  'setting-changes.ts': ['*'],
  'main.ts': ['*'],
  'config.ts': ['*'],
  'config-problems.ts': [],
}

export function readSources(root: string, folders: readonly string[]): Source[] {
  const found: Source[] = []
  const walk = (folder: string) => {
    if (!existsSync(folder)) return
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (['node_modules', 'dist', 'fixtures', 'migrations'].includes(entry.name)) continue
      const path = join(folder, entry.name)
      if (entry.isDirectory()) walk(path)
      else if (/\.(ts|svelte)$/.test(entry.name)) {
        found.push({ path: relative(root, path).replaceAll('\\', '/'), text: readFileSync(path, 'utf8') })
      }
    }
  }
  for (const folder of folders) walk(join(root, folder))
  return found
}

/** The script of a component (module and instance), or the whole of a TypeScript file. */
export function codeOf(source: Source): string {
  if (!source.path.endsWith('.svelte')) return source.text
  return [...source.text.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map((match) => match[1] ?? '').join('\n')
}

function programOf(source: Source): Node {
  return parseSync(`${source.path}.ts`, codeOf(source)).program as unknown as Node
}

function visit(node: unknown, see: (node: Node) => void): void {
  if (Array.isArray(node)) for (const child of node) visit(child, see)
  else if (node && typeof node === 'object' && typeof (node as Node).type === 'string') {
    see(node as Node)
    for (const value of Object.values(node)) if (value && typeof value === 'object') visit(value, see)
  }
}

const linesOf = (text: string) => text.replace(/\n$/, '').split('\n').length
const lineAt = (text: string, offset: number) => text.slice(0, offset).split('\n').length

export function sizeComplaints(source: Source): string[] {
  const complaints: string[] = []
  const component = source.path.endsWith('.svelte')
  const max = component ? limits.componentLines : limits.fileLines
  const lines = linesOf(source.text)
  if (lines > max) complaints.push(`${source.path}: ${lines} lines, at most ${max}; split it by what it knows`)
  const code = codeOf(source)
  if (component && linesOf(code) > limits.scriptLines) {
    complaints.push(
      `${source.path}: script of ${linesOf(code)} lines, at most ${limits.scriptLines}; move state to .svelte.ts`,
    )
  }
  source.text.split('\n').forEach((line, index) => {
    if (line.length > limits.columns)
      complaints.push(`${source.path}:${index + 1}: line over ${limits.columns} columns`)
  })
  visit(programOf(source), (node) => {
    if (!/^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)) return
    const length = linesOf(code.slice(node.start, node.end))
    const at = `${source.path}:${lineAt(code, node.start)}`
    const isSuite = source.path.startsWith('test/') && /^(async )?\(\) =>/.test(code.slice(node.start, node.end))
    if (length > limits.functionLines && !isSuite) {
      complaints.push(
        `${at}: function of ${length} lines, at most ${limits.functionLines}; keep the flow, move out the leaves`,
      )
    }
    const parameters = (node.params as unknown[] | undefined)?.length ?? 0
    if (parameters > limits.parameters) complaints.push(`${at}: ${parameters} parameters; pass one options object`)
  })
  return complaints
}

const banned: { pattern: RegExp; instead: string; except: RegExp }[] = [
  {
    pattern: /\bDate\.now\(/,
    instead: 'take a Clock (core/clock.ts)',
    except: /^src\/(core\/clock|lib\/)|^frontend\/src\/state\/clock\.svelte\.ts|^(test|bench)\//,
  },
  {
    pattern: /\b(setTimeout|setInterval)\(/,
    instead: 'use clock.after (core/clock.ts)',
    except: /^src\/(core\/clock|lib\/)|^frontend\/src\/state\/clock\.svelte\.ts|^(bench|test)\//,
  },
  { pattern: /:\s*any\b|\bas any\b|<any>/, instead: 'use unknown and narrow it', except: /^test\/tidy/ },
  { pattern: /@ts-ignore|@ts-expect-error|biome-ignore/, instead: 'fix the type or the rule', except: /^test\/tidy/ },
  { pattern: /\b(TODO|FIXME|XXX|HACK)\b/, instead: 'finish it or file an issue', except: /^test\/tidy/ },
  {
    pattern: /catch\s*(\([^)]*\))?\s*\{\s*\}/,
    instead: 'handle it, wrap it, or say why it may be dropped',
    except: /^test\/tidy/,
  },
  { pattern: /\.(skip|only|todo)\(/, instead: 'a test runs, or is gone', except: /^test\/tidy|^src\// },
]

export function bannedComplaints(source: Source): string[] {
  return source.text
    .split('\n')
    .flatMap((line, index) =>
      banned
        .filter((ban) => !ban.except.test(source.path) && ban.pattern.test(line))
        .map((ban) => `${source.path}:${index + 1}: ${line.trim().slice(0, 60)} — ${ban.instead}`),
    )
}

/** A file opens with what it is and what it refuses to be. */
export function openingComplaints(source: Source): string[] {
  const start = source.path.endsWith('.svelte') ? /^<!--|^<script[^>]*>\s*(\/\*\*|\/\/)/ : /^(#!.*\n)?(\/\*\*|\/\/)/
  return start.test(source.text) ? [] : [`${source.path}: opens without a line that says what it is`]
}

export interface Edge {
  from: string
  to: string
  typeOnly: boolean
}

/** Imports of our own files, resolved; `known` are all paths. */
export function edgesOf(source: Source, known: ReadonlySet<string>): Edge[] {
  const edges: Edge[] = []
  visit(programOf(source), (node) => {
    if (!/^(Import|Export(Named|All))Declaration$|^ImportExpression$/.test(node.type)) return
    const value = (node.source as { value?: unknown } | undefined)?.value
    if (typeof value !== 'string' || !value.startsWith('.')) return
    const target = relative(resolve('/'), resolve('/', dirname(source.path), value))
    const typeOnly = node.importKind === 'type' || node.exportKind === 'type'
    if (known.has(target)) edges.push({ from: source.path, to: target, typeOnly })
  })
  return edges
}

const placeOf = (path: string) => path.split('/')[1] ?? ''

export function directionComplaints(edges: readonly Edge[]): string[] {
  return edges.flatMap((edge) => {
    if (edge.from.startsWith('frontend/') && edge.to.startsWith('src/')) {
      const allowed = edge.typeOnly && ['core', 'server'].includes(placeOf(edge.to))
      return allowed ? [] : [`${edge.from} imports ${edge.to}: the dashboard takes only types of core and server`]
    }
    if (!edge.from.startsWith('src/')) return []
    const [from, to] = [placeOf(edge.from), placeOf(edge.to)]
    const allowed = mayImport[from]
    if (!allowed) return [`${edge.from}: folder ${from} is not in the layout (docs/design/architecture.md)`]
    if (from === to || ['core', 'lib'].includes(to) || allowed.includes('*') || allowed.includes(to)) {
      return from === 'core' && to === 'lib' ? [`${edge.from} imports ${edge.to}: core imports nothing`] : []
    }
    return [`${edge.from} imports ${edge.to}: ${from} may import core, lib${allowed.map((a) => `, ${a}`).join('')}`]
  })
}

export function cycleComplaints(edges: readonly Edge[]): string[] {
  const next = new Map<string, string[]>()
  for (const edge of edges) next.set(edge.from, [...(next.get(edge.from) ?? []), edge.to])
  const state = new Map<string, 'open' | 'closed'>()
  const complaints: string[] = []
  const walk = (path: string, trail: readonly string[]) => {
    if (state.get(path) === 'closed') return
    if (state.get(path) === 'open') {
      complaints.push(`import cycle: ${[...trail.slice(trail.indexOf(path)), path].join(' → ')}`)
      return
    }
    state.set(path, 'open')
    for (const target of next.get(path) ?? []) walk(target, [...trail, path])
    state.set(path, 'closed')
  }
  for (const path of next.keys()) walk(path, [])
  return complaints
}

/** Entry points are reached by a program, not by an import; declarations of others' modules by the compiler. */
const entries =
  /\.d\.ts$|^src\/(main|lib\/fork-server)\.ts$|^frontend\/(src\/main\.ts|vite\.config\.ts)$|^(test|bench)\//

export function orphanComplaints(sources: readonly Source[], edges: readonly Edge[]): string[] {
  const reached = new Set(edges.filter((edge) => !edge.from.startsWith('test/')).map((edge) => edge.to))
  return sources
    .filter((source) => !entries.test(source.path) && !reached.has(source.path))
    .map((source) => `${source.path}: nobody imports it`)
}
