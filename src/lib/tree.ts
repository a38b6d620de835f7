/**
 * The identity of a folder's files as a git tree: what `git write-tree` would answer for exactly what lies there. It
 * reads; no index, object or reference of the repository is touched, and nothing that the repository names is executed.
 */
import { createHash } from 'node:crypto'
import { constants, lstatSync } from 'node:fs'
import { lstat, opendir, readlink, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setImmediate as breathe } from 'node:timers/promises'
import { BlobIds, objectId } from './blob-ids.ts'
import { errnoOf, isInside, openRegular } from './files.ts'
import { answerOfGit, askGit, type GitRequest, GitSilent, hasRepository, headCommit } from './git.ts'

export interface Tree {
  gitTree: string
  /** `git`: tracked files and new ones that git does not ignore. `folder`: everything. */
  listing: 'git' | 'folder'
  entries: number
  sizeBytes: number
}

export interface TreeLook {
  headCommit: string | null
  tree: Tree | null
  /** What the tree was made of; null where there is no git. */
  files: TreeFiles | null
  /** Why there is no tree, in a few words. */
  missing: string | null
}

export interface TreeLimits {
  entriesMax: number
  sizeBytesMax: number
  limitMs: number
}

export const treeLimits: TreeLimits = { entriesMax: 200_000, sizeBytesMax: 4 * 1024 ** 3, limitMs: 10_000 }
const listBytesMax = 64 * 1024 * 1024
/** Files looked at in one go, about a millisecond: asking for each by callback costs three times as much. */
const goSize = 200

export interface TreeFiles {
  /** Real path of the folder. */
  root: string
  /** Of its object ids. */
  format: string
  entries: TreeEntry[]
  /** Those that are not in the index. */
  untracked: ReadonlySet<string>
}

export interface TreeRequest extends GitRequest {
  /** What earlier looks found, to be asked only for what changed. */
  ids?: BlobIds
  /** As an earlier look listed the files; absent: by git where there is git. */
  listing?: Tree['listing']
}

export interface TreeEntry {
  path: string
  mode: '100644' | '100755' | '120000' | '160000'
  id: string
  /** Of a regular file: what a change of it changes (lib/blob-ids.ts). */
  mark?: string
}

interface Look {
  git: TreeRequest & { signal: AbortSignal }
  limits: TreeLimits
}

/** Why there is no tree; thrown, because every step may find out. */
class Unreadable extends Error {}

/** Never rejects, and ends at its limits, or with the signal, whatever the folder holds. */
export async function readTree(request: TreeRequest, limits: TreeLimits = treeLimits): Promise<TreeLook> {
  if (request.signal?.aborted) return { ...nothing, headCommit: null, missing: 'stopped' }
  const late = AbortSignal.timeout(limits.limitMs)
  const signal = request.signal ? AbortSignal.any([request.signal, late]) : late
  const look: Look = { git: { ...request, signal }, limits }
  const head = headCommit(look.git).then(
    (commit) => ({ commit, fault: null }),
    (fault: unknown) => ({ commit: null, fault }),
  )
  const ended = new Promise<never>((_, reject) => {
    const stop = () => reject(new Unreadable(late.aborted ? `it took over ${limits.limitMs / 1000} s` : 'stopped'))
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    const found = await Promise.race([listAndHash(look), ended])
    const { commit, fault } = await head
    if (fault !== null) throw fault
    return { headCommit: commit, ...found, missing: null }
  } catch (error) {
    return { headCommit: (await head).commit, ...nothing, missing: whyMissing(error) }
  }
}

function whyMissing(error: unknown): string {
  if (error instanceof GitSilent) return 'git did not answer'
  return error instanceof Unreadable ? error.message : `a file cannot be read (${errnoOf(error)})`
}

const nothing = { tree: null, files: null }

async function listAndHash(look: Look): Promise<Pick<TreeLook, 'tree' | 'files'>> {
  const { git } = look
  if (git.listing === 'folder') return { tree: await ofFolder(look), files: null }
  // All at once: of a repository of ten thousand files half the time would be waiting for one answer after the other.
  const [opened, staged, others] = (await hasRepository(git.cwd))
    ? await Promise.all([
        answerOfGit(git, ['rev-parse', '--show-object-format', '--show-toplevel']),
        askGit(git, ['ls-files', '--stage', '-z'], listBytesMax),
        askGit(git, ['ls-files', '--others', '--exclude-standard', '-z'], listBytesMax),
      ])
    : [null, null, null]
  if (opened === null && git.listing === 'git') throw new Unreadable('it is not in a git repository')
  if (opened === null) return { tree: await ofFolder(look), files: null }
  const [format = '', ...top] = opened.trimEnd().split('\n')
  const root = await realpath(top.join('\n'))
  if (!isInside(root, await realpath(git.cwd))) throw new Unreadable('git takes another folder for the work tree')
  if (staged === null || others === null) throw new Unreadable('git did not list the files')
  if (staged.includes('\ufffd') || others.includes('\ufffd')) throw new Unreadable('a name is not UTF-8')
  const links = new Map<string, string>()
  const paths = new Set<string>()
  for (const line of staged.split('\0')) {
    const [, mode, id = '', path] = /^(\d{6}) ([0-9a-f]+) \d\t(.*)$/s.exec(line) ?? []
    if (path === undefined) continue
    paths.add(path)
    if (mode === '160000') links.set(path, id)
  }
  // A nested repository is listed with a closing slash.
  const untracked = new Set(others.split('\0').flatMap((path) => (path === '' ? [] : [path.replace(/\/$/, '')])))
  for (const path of untracked) paths.add(path)
  const found = await statAll(look, [...paths].sort())
  const entries = await entriesOf(look, found, { format, links })
  const { sizeBytes } = found
  return {
    tree: { ...fold(entries, format), listing: 'git', entries: entries.length, sizeBytes },
    files: { root: await realpath(git.cwd), format, entries, untracked },
  }
}

/** What lies at a path, a link not followed. */
export interface Stat {
  kind: 'file' | 'folder' | 'link' | 'other'
  executable: boolean
  /** Permission bits. */
  mode: number
  sizeBytes: number
  mark: string
  changedAt: number
}

interface Found {
  stats: Map<string, Stat>
  sizeBytes: number
}

/** What is there, links not followed; nothing behind a folder that is a link now. */
async function statAll({ git, limits }: Look, paths: readonly string[]): Promise<Found> {
  if (paths.length > limits.entriesMax) throw new Unreadable(`there are over ${limits.entriesMax} files`)
  const folders = new Set<string>()
  for (const path of paths) {
    for (let up = dirname(path); up !== '.' && !folders.has(up); up = dirname(up)) folders.add(up)
  }
  const above = await statMany(git.cwd, [...folders])
  const real = (path: string): boolean => path === '.' || (above.get(path)?.kind === 'folder' && real(dirname(path)))
  const shut = new Set([...folders].filter((folder) => !real(folder)))
  const stats = await statMany(
    git.cwd,
    paths.filter((path) => !shut.has(dirname(path))),
  )
  let sizeBytes = 0
  for (const stat of stats.values()) if (stat.kind === 'file') sizeBytes += stat.sizeBytes
  if (sizeBytes > limits.sizeBytesMax) throw new Unreadable(`there are over ${limits.sizeBytesMax} bytes`)
  return { stats, sizeBytes }
}

/** What is there; the rest is left out. */
async function statMany(root: string, paths: readonly string[]): Promise<Map<string, Stat>> {
  // A file server that does not answer is to stop this look, not the daemon.
  await lstat(root)
  const stats = new Map<string, Stat>()
  for (const [index, path] of paths.entries()) {
    if (index % goSize === goSize - 1) await breathe()
    const stat = lookAt(`${root}/${path}`)
    if (stat) stats.set(path, stat)
  }
  return stats
}

const kinds: Record<number, Stat['kind']> = {
  [constants.S_IFREG]: 'file',
  [constants.S_IFDIR]: 'folder',
  [constants.S_IFLNK]: 'link',
}

/** Null when nothing is there. */
export function lookAt(path: string): Stat | null {
  try {
    const stat = lstatSync(path, { throwIfNoEntry: false })
    if (!stat) return null
    const { mode, size, mtimeMs, ctimeMs, ino } = stat
    const kind = kinds[mode & constants.S_IFMT] ?? 'other'
    const mark = `${mtimeMs} ${ctimeMs} ${size} ${ino}`
    return { kind, executable: (mode & 0o100) !== 0, mode: mode & 0o7777, sizeBytes: size, mark, changedAt: ctimeMs }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return null
    throw error
  }
}

async function entriesOf(
  look: Look,
  { stats }: Found,
  { format, links }: { format: string; links: ReadonlyMap<string, string> },
): Promise<TreeEntry[]> {
  const files = [...stats].flatMap(([path, stat]) => (stat.kind === 'file' ? [{ path, ...stat }] : []))
  const ids = await (look.git.ids ?? new BlobIds()).of(look.git, files)
  if (!ids) throw new Unreadable('files changed, or cannot be read')
  const entries: TreeEntry[] = files.map(({ path, mark, executable }, index) => {
    return { path, mode: executable ? '100755' : '100644', id: ids[index] ?? '', mark }
  })
  for (const [path, stat] of stats) {
    if (stat.kind === 'link') entries.push(await linkEntry(look.git.cwd, path, format))
    if (stat.kind !== 'folder') continue
    const id = (await nestedHead(look, path)) ?? links.get(path)
    if (id) entries.push({ path, mode: '160000', id })
  }
  return entries
}

async function linkEntry(root: string, path: string, format: string): Promise<TreeEntry> {
  const target = await readlink(join(root, path), { encoding: 'buffer' })
  return { path, mode: '120000', id: objectId('blob', target, format) }
}

/** A repository inside stands for its commit, as for git. Without a `.git` of its own it is not one. */
async function nestedHead({ git }: Look, path: string): Promise<string | null> {
  const folder = join(git.cwd, path)
  const own = await statMany(folder, ['.git'])
  return own.size === 0 ? null : headCommit({ ...git, cwd: folder })
}

interface Branch {
  branches: Map<string, Branch>
  leaves: { name: string; mode: string; id: string }[]
}

/** The tree objects from the leaves up, as git would write them. */
export function fold(entries: readonly TreeEntry[], format: string): { gitTree: string } {
  const root: Branch = { branches: new Map(), leaves: [] }
  for (const { path, mode, id } of entries) {
    const parts = path.split('/')
    const name = parts.pop() ?? path
    let at = root
    for (const part of parts) {
      const next = at.branches.get(part) ?? { branches: new Map(), leaves: [] }
      at.branches.set(part, next)
      at = next
    }
    at.leaves.push({ name, mode, id })
  }
  return { gitTree: idOf(root, format) }
}

function idOf({ branches, leaves }: Branch, format: string): string {
  const rows = leaves.map(({ name, mode, id }) => ({ key: name, head: `${mode} ${name}\0`, id }))
  for (const [name, branch] of branches) {
    // Git sorts a folder as if its name ended in a slash.
    rows.push({ key: `${name}/`, head: `40000 ${name}\0`, id: idOf(branch, format) })
  }
  const isPlain = !rows.some(({ key }) => /[\ud800-\udfff]/.test(key))
  rows.sort((a, b) => (isPlain ? byUnits(a.key, b.key) : Buffer.compare(Buffer.from(a.key), Buffer.from(b.key))))
  const sizes = rows.map(({ head, id }) => Buffer.byteLength(head) + id.length / 2)
  const body = Buffer.alloc(sizes.reduce((sum, size) => sum + size, 0))
  let at = 0
  for (const { head, id } of rows) {
    at += body.write(head, at)
    at += body.write(id, at, 'hex')
  }
  return objectId('tree', body, format)
}

/** The order of UTF-8, unless a character is written as two. */
const byUnits = (a: string, b: string): number => (a < b ? -1 : 1)

/** Without git: every file below the folder, read here, in git's own SHA-256 format. */
async function ofFolder(look: Look): Promise<Tree> {
  const { git, limits } = look
  const found: Found = { stats: new Map(), sizeBytes: 0 }
  const folders = ['']
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    const names: string[] = []
    for await (const entry of await opendir(join(git.cwd, folder))) {
      if (entry.name.includes('\ufffd')) throw new Unreadable('a name is not UTF-8')
      if (entry.name !== '.git') names.push(folder === '' ? entry.name : `${folder}/${entry.name}`)
      if (found.stats.size + names.length > limits.entriesMax) {
        throw new Unreadable(`there are over ${limits.entriesMax} files`)
      }
    }
    for (const [path, stat] of (await statAll(look, names)).stats) {
      if (stat.kind === 'folder') folders.push(path)
      else found.stats.set(path, stat)
      if (stat.kind === 'file') found.sizeBytes += stat.sizeBytes
    }
    if (found.sizeBytes > limits.sizeBytesMax) throw new Unreadable(`there are over ${limits.sizeBytesMax} bytes`)
  }
  const entries: TreeEntry[] = []
  for (const [path, stat] of found.stats) {
    git.signal.throwIfAborted()
    if (stat.kind === 'link') entries.push(await linkEntry(git.cwd, path, 'sha256'))
    if (stat.kind !== 'file') continue
    const mode = stat.executable ? '100755' : '100644'
    entries.push({ path, mode, id: await hashFile(join(git.cwd, path), stat.sizeBytes, git.signal) })
  }
  return { ...fold(entries, 'sha256'), listing: 'folder', entries: entries.length, sizeBytes: found.sizeBytes }
}

async function hashFile(path: string, sizeBytes: number, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256').update(`blob ${sizeBytes}\0`)
  const file = await openRegular(path)
  let read = 0
  const counted = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      read += chunk.length
      yield chunk
    }
  }
  await pipeline(file.createReadStream(), counted, hash, { signal })
  if (read !== sizeBytes) throw new Unreadable('files changed while they were read')
  return hash.digest('hex')
}
