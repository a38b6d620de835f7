/**
 * Runs ripgrep, the one searcher: it honours ignore rules at every level and matches in linear time, so that a hostile
 * pattern cannot stop the daemon.
 */
import { constants, existsSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { basename, dirname, relative } from 'node:path'
import { rgPath } from '@vscode/ripgrep'
import type { ToolContext } from '../../core/tool.ts'
import { assertAt, errnoOf, isInside } from '../../lib/files.ts'
import { newId } from '../../lib/id.ts'
import { runBeside } from '../../lib/process.ts'
import { ledAway, type Place } from './text-file.ts'

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

export interface Search extends Pick<SearchPlace, 'cwd' | 'real'> {
  /** Globs that choose files, before those that never count. */
  globs?: readonly string[]
  args: readonly string[]
  /** One piece of output ends with this. */
  separator: '\n' | '\0'
  /** False: enough, the search is ended. */
  onPiece(piece: string): boolean
}

/** What lies below is not even opened. */
const hiddenBelow = ({ hidden = [] }: ToolContext, folder: string): string[] =>
  hidden
    .filter((place) => place !== folder && isInside(folder, place))
    .flatMap((place) => ['--glob', `!/${relative(folder, place).replace(/[\\*?[\]{}]/g, '\\$&')}`])

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
      ...hiddenBelow(context, search.real),
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

/** The chooser, or why there is none. Paths of `among` are relative to the folder. */
export async function chooserOf(
  context: ToolContext,
  { cwd, real }: Pick<SearchPlace, 'cwd' | 'real'>,
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
    real,
    globs: [relativeGlob(real, glob)],
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
function relativeGlob(folder: string, glob: string): string {
  return glob.startsWith(`${folder}/`) ? glob.slice(folder.length + 1) : glob.replace(/^\.\//, '')
}

export interface SearchPlace {
  /** Where ripgrep starts; it leads to the place whatever that is called by now. */
  cwd: string
  real: string
  /** The one file to search and how it is called, or null for the whole folder. */
  file: { way: string; name: string } | null
  /** Put before each found path, so that it is relative to the workspace. */
  prefix: string
}

/**
 * What `search` made of the place, or why there is none to search. It is held open meanwhile: another program is to
 * find it where it was, whatever a command has put in the place of a part of its path.
 */
export async function searching<T>(
  place: Place,
  search: (where: SearchPlace) => Promise<T>,
): Promise<T | { problem: string }> {
  const held = await hold(place)
  if ('problem' in held) return held
  const { handle, isFolder } = held
  try {
    // Of this process, for the one that is started sees other descriptors.
    const way = canHold ? `/proc/${process.pid}/fd/${handle.fd}` : place.real
    const folder = isFolder ? place.shown : dirname(place.shown)
    const [prefix, { real }] = [folder === '.' ? '' : `${folder}/`, place]
    if (isFolder) return await search({ cwd: way, real, file: null, prefix })
    return await search({ cwd: '/', real, file: { way, name: basename(real) }, prefix })
  } finally {
    await handle.close()
  }
}

const canHold = existsSync('/proc/self/fd')

type Held = { handle: FileHandle; isFolder: boolean }

async function hold(place: Place): Promise<Held | { problem: string }> {
  let handle: FileHandle | null = null
  try {
    handle = await open(place.real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    assertAt(handle.fd, place.real)
    return { handle, isFolder: (await handle.stat()).isDirectory() }
  } catch (error) {
    await handle?.close()
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return { problem: `${place.shown} does not exist.` }
    if (code === 'EMOVED' || code === 'ELOOP') return { problem: ledAway(place) }
    return { problem: `${place.shown} cannot be looked at: ${code}.` }
  }
}
