/**
 * Runs ripgrep, the one searcher: it honours ignore rules at every level and matches in linear time, so that a hostile
 * pattern cannot stop the daemon.
 */
import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { rgPath } from '@vscode/ripgrep'
import type { ToolContext } from '../../core/tool.ts'
import { errnoOf } from '../../lib/files.ts'
import { newId } from '../../lib/id.ts'
import { runBeside } from '../../lib/process.ts'
import type { Place } from './text-file.ts'

const timeoutMs = 30_000
const problemBytesMax = 2_000

/** Hidden files count, ignore files do too outside of repositories; these never do. */
const always = ['--no-config', '--hidden', '--no-require-git', '--no-messages', '--color', 'never', '--null']
const neverSearched = [
  '.git',
  'node_modules',
  '__pycache__',
  '*.pyc',
  '.venv',
  '.mypy_cache',
  '.pytest_cache',
  '.cache',
]
const exclusions = neverSearched.flatMap((name) => ['--glob', `!${name}`])

export interface Search {
  cwd: string
  /** Globs that choose files, before those that never count. */
  globs?: readonly string[]
  args: readonly string[]
  /** One piece of output ends with this. */
  separator: '\n' | '\0'
  /** False: enough, the search is ended. */
  onPiece(piece: string): boolean
}

/** Null, or why the search failed. */
export async function searchWith(context: ToolContext, search: Search): Promise<string | null> {
  const stop = new AbortController()
  const onAbort = () => stop.abort()
  context.signal.addEventListener('abort', onAbort, { once: true })
  if (context.signal.aborted) stop.abort()
  let rest = ''
  let enough = false
  const take = (text: string) => {
    const pieces = (rest + text).split(search.separator)
    rest = pieces.pop() ?? ''
    for (const piece of pieces) {
      if (enough) return
      enough = !search.onPiece(piece)
      if (enough) stop.abort()
    }
  }
  const outcome = await runBeside({
    argv: [
      rgPath,
      ...always,
      ...(search.globs ?? []).flatMap((glob) => ['--glob', glob]),
      ...exclusions,
      ...search.args,
    ],
    cwd: search.cwd,
    env: context.env,
    owner: `${context.owner}/${newId('rg', context.clock.now())}`,
    timeoutMs,
    signal: stop.signal,
    outputBytesMax: problemBytesMax,
    onOutput: take,
    // ripgrep starts no children: nothing is left behind to look for.
    keepBackground: true,
  })
  context.signal.removeEventListener('abort', onAbort)
  if (context.signal.aborted) return 'The search was stopped.'
  if (enough) return null
  if (outcome.ended === 'timeout') return `The search took longer than ${timeoutMs / 1000} seconds; narrow it down.`
  if (outcome.ended === 'not-started') return `ripgrep could not be started: ${outcome.error}`
  if (outcome.ended === 'lost') return `The search was lost: ${outcome.error}. Try it again.`
  if (outcome.exitCode !== 0 && outcome.exitCode !== 1)
    return outcome.output.trim().slice(0, 600) || 'The search failed.'
  return null
}

/**
 * How files are chosen by a glob. Without a slash it is a name at any depth, which a file type says without touching
 * ignore rules. With one, ripgrep's `--glob` would bring ignored files back: they are listed first and then compared.
 */
export type Chooser = { kind: 'all' } | { kind: 'name'; args: string[] } | { kind: 'among'; paths: ReadonlySet<string> }

/** The chooser, or why there is none. Paths of `among` are relative to `cwd`. */
export async function chooserOf(
  context: ToolContext,
  cwd: string,
  glob: string | undefined,
): Promise<Chooser | { problem: string }> {
  if (glob === undefined || glob === '' || glob === '**' || glob === '**/*') return { kind: 'all' }
  if (glob.startsWith('!')) return { problem: 'A pattern that starts with ! is not supported.' }
  const name = glob.replace(/^(\*\*\/)+/, '')
  if (!name.includes('/') && !name.includes(':')) {
    return { kind: 'name', args: ['--type-add', `wanted:${name}`, '--type', 'wanted'] }
  }
  const paths = new Set<string>()
  const problem = await searchWith(context, {
    cwd,
    globs: [relativeGlob(cwd, glob)],
    args: ['--files'],
    separator: '\0',
    onPiece(path) {
      paths.add(path)
      return paths.size < matchesMax
    },
  })
  return problem === null ? { kind: 'among', paths } : { problem }
}

const matchesMax = 200_000

/** Models like to write absolute patterns. */
function relativeGlob(cwd: string, glob: string): string {
  return glob.startsWith(`${cwd}/`) ? glob.slice(cwd.length + 1) : glob.replace(/^\.\//, '')
}

export interface SearchPlace {
  cwd: string
  /** The one file to search, or null for the whole folder. */
  file: string | null
  /** Put before each found path, so that it is relative to the workspace. */
  prefix: string
}

/** The place, or why there is none to search. */
export async function searchPlace(place: Place): Promise<SearchPlace | { problem: string }> {
  const found = await stat(place.real).catch(errnoOf)
  if (found === 'ENOENT' || found === 'ENOTDIR') return { problem: `${place.shown} does not exist.` }
  if (typeof found === 'string') return { problem: `${place.shown} cannot be looked at: ${found}.` }
  const prefixOf = (shown: string) => (shown === '.' ? '' : `${shown}/`)
  if (found.isDirectory()) return { cwd: place.real, file: null, prefix: prefixOf(place.shown) }
  return { cwd: dirname(place.real), file: basename(place.real), prefix: prefixOf(dirname(place.shown)) }
}
