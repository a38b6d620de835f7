/**
 * The files that are the result of some work in a git work tree: the commit, when there is a new one; otherwise what
 * git
 * tracks, as it lies there, and what is new. The index says only which names are tracked, never what is unchanged.
 */
import { join } from 'node:path'
import { askGit, type GitRequest } from './git.ts'
import { readTree, type TreeEntry, type TreeFiles, type TreeLook, type TreeRequest, treeLimits } from './tree.ts'

const listBytesMax = 64 * 1024 * 1024
const nestingMax = 3

/** Where other files of a project are put by its tools; never part of a result unless git tracks them. */
export const dependencyFolders = ['node_modules', '.venv', 'venv'] as const

export interface ResultEntry extends TreeEntry {
  /** Where its content is taken from instead of the work tree: a commit, or a file elsewhere. */
  from?: { commit: string } | { file: string } | undefined
}

export interface Result {
  /** Real path of the top of the work tree. */
  root: string
  /** Of its object ids. */
  format: string
  headCommit: string | null
  entries: ResultEntry[]
  /** Files that lie there and are no part of it. */
  left: string[]
  /** Whether the commit is the result. */
  isCommit: boolean
  /** The look at the work tree that it was made of; null: it was not looked at. */
  look: TreeLook | null
}

export interface ResultRequest extends TreeRequest {
  /** The commit before the work; null when there was none. */
  baseCommit: string | null
  /** Ids of the files that were there before the work and git did not know. */
  untrackedBefore: ReadonlyMap<string, string>
}

/** The result, or why it cannot be told, in a few words. */
export async function resultOf(request: ResultRequest): Promise<Result | string> {
  const look = await readTree({ ...request, listing: 'git' }, treeLimits)
  if (!look.files) return look.missing ?? 'it is not in a git repository'
  const { files, headCommit } = look
  const isCommit = headCommit !== null && request.baseCommit !== null && headCommit !== request.baseCommit
  const found = isCommit ? await ofCommit(request, headCommit, files) : ofWork(files, request.untrackedBefore)
  if (typeof found === 'string') return found
  const entries = await withNested(request, { ...found, untracked: files.untracked }, nestingMax)
  if (typeof entries === 'string') return entries
  return { root: files.root, format: files.format, headCommit, entries, left: found.left, isCommit, look }
}

/** The files of a commit, all from git: nothing of what lies there counts. Or why they cannot be told. */
export async function entriesOfCommit(git: GitRequest, commit: string, root: string): Promise<Result | string> {
  const format = (await askGit(git, ['rev-parse', '--show-object-format']))?.trim()
  if (!format) return 'git did not answer'
  const files: TreeFiles = { root, format, entries: [], untracked: new Set() }
  const found = await ofCommit(git, commit, files)
  if (typeof found === 'string') return found
  const entries = found.entries.filter((entry) => entry.mode !== '160000')
  return { root, format, headCommit: commit, entries, left: [], isCommit: true, look: null }
}

interface Found {
  entries: ResultEntry[]
  left: string[]
}

function ofWork(files: TreeFiles, before: ReadonlyMap<string, string>): Found {
  const entries: ResultEntry[] = []
  const left: string[] = []
  for (const entry of files.entries) {
    const old = files.untracked.has(entry.path) && (before.get(entry.path) === entry.id || isDependency(entry.path))
    if (old) left.push(entry.path)
    else entries.push(entry)
  }
  return { entries, left }
}

export const isDependency = (path: string): boolean =>
  path.split('/').some((part) => (dependencyFolders as readonly string[]).includes(part))

/** What is committed: taken from what lies there where that is the same. */
async function ofCommit(git: GitRequest, commit: string, files: TreeFiles): Promise<Found | string> {
  const listed = await askGit(git, ['ls-tree', '-r', '-z', '--full-tree', commit], listBytesMax)
  if (listed === null) return 'git did not list the files of the commit'
  const there = new Map(files.entries.map((entry) => [entry.path, entry]))
  const entries: ResultEntry[] = []
  for (const line of listed.split('\0')) {
    const [, mode, id = '', path] = /^(\d{6}) \w+ ([0-9a-f]+)\t(.*)$/s.exec(line) ?? []
    if (path === undefined || !isMode(mode)) continue
    const lying = there.get(path)
    if (lying?.id === id) entries.push({ ...lying, mode })
    else entries.push({ path, mode, id, ...(mode === '160000' ? {} : { from: { commit } }) })
    if (lying?.id === id || mode === '160000') there.delete(path)
  }
  return { entries, left: [...there.keys()].filter((path) => !isDependency(path)).sort() }
}

const isMode = (mode: string | undefined): mode is TreeEntry['mode'] =>
  mode === '100644' || mode === '100755' || mode === '120000' || mode === '160000'

/** The files of submodules, as they lie there: a clone without them would be no fair judge. */
async function withNested(
  request: ResultRequest,
  { entries, untracked }: Pick<Found, 'entries'> & { untracked: ReadonlySet<string> },
  depth: number,
): Promise<ResultEntry[] | string> {
  const all: ResultEntry[] = []
  for (const entry of entries) {
    if (entry.mode !== '160000') {
      all.push(entry)
      continue
    }
    if (untracked.has(entry.path) || depth === 0) continue
    const look = await readTree({ ...request, cwd: join(request.cwd, entry.path), listing: 'git' }, treeLimits)
    if (!look.files) return `the submodule ${entry.path} cannot be read: ${look.missing}`
    const inner = await withNested({ ...request, cwd: join(request.cwd, entry.path) }, look.files, depth - 1)
    if (typeof inner === 'string') return inner
    all.push(...inner.map((file) => ({ ...file, path: `${entry.path}/${file.path}` })))
  }
  return all
}
