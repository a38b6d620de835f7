/**
 * The git ids of files as they lie there, asked of git once for each state of a file. A file that was written while it
 * was looked at, or a moment before, is asked for again: its times could be those of two contents.
 */
import { createHash } from 'node:crypto'
import { argumentParts, askGit, type GitRequest } from './git.ts'

const foldersMax = 20
const keptMin = 250_000
/** The coarsest time that file systems give to a change, with room. */
const settledMs = 2_000

export interface MarkedFile {
  path: string
  /** What a change of the file changes: times, size, inode. */
  mark: string
  /** Epoch ms of its last change by the file system's clock. */
  changedAt: number
}

/** Remembers what was asked, by folder. One for the life of a daemon. */
export class BlobIds {
  private readonly folders = new Map<string, Map<string, { mark: string; id: string }>>()

  /** In the order of `files`; null when one of them changed meanwhile or cannot be read. */
  async of(git: GitRequest, files: readonly MarkedFile[]): Promise<string[] | null> {
    const known = this.folders.get(git.cwd) ?? new Map<string, { mark: string; id: string }>()
    const open = files.filter(({ path, mark }) => known.get(path)?.mark !== mark)
    const askedAt = Date.now()
    const found = await hashFiles(
      git,
      open.map((file) => file.path),
    )
    if (!found) return null
    const ids = new Map(open.map(({ path }, index) => [path, found[index] ?? '']))
    const all = files.map(({ path }) => ids.get(path) ?? known.get(path)?.id ?? '')
    // A look at some files forgets nothing about the others, until most of what is known is of files long gone.
    const isStale = known.size > 2 * files.length + keptMin
    if (isStale) known.clear()
    for (const [index, { path, mark, changedAt }] of files.entries()) {
      if (!isStale && !ids.has(path)) continue
      if (changedAt < askedAt - settledMs) known.set(path, { mark, id: all[index] ?? '' })
    }
    this.folders.delete(git.cwd)
    this.folders.set(git.cwd, known)
    const [oldest] = this.folders.keys()
    if (this.folders.size > foldersMax && oldest !== undefined) this.folders.delete(oldest)
    return all
  }
}

/** By git itself, which knows the repository's object format and refuses bytes made to collide. No filters. */
async function hashFiles(git: GitRequest, paths: readonly string[]): Promise<string[] | null> {
  // Two at least, where there is enough to share between two processes.
  const parts = argumentParts(paths, 2)
  const ids: string[][] = []
  let begun = 0
  let failed = false
  const lane = async () => {
    for (let at = begun++; at < parts.length && !failed; at = begun++) {
      const part = parts[at] ?? []
      const answer = await askGit(git, ['hash-object', '--no-filters', '--', ...part], part.length * 65)
      const found = answer?.trimEnd().split('\n')
      failed ||= found?.length !== part.length
      ids[at] = found ?? []
    }
  }
  await Promise.all([lane(), lane()])
  return failed ? null : ids.flat()
}

/** What git calls an object with this content. */
export const objectId = (type: 'blob' | 'tree', body: Uint8Array, format: string): string =>
  createHash(format === 'sha256' ? 'sha256' : 'sha1')
    .update(`${type} ${body.length}\0`)
    .update(body)
    .digest('hex')
