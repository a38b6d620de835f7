/** What lies in the inbox folder, for whoever looks: files that wait, the text of one that was taken. It moves none. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeUtf8, errnoOf, ignoreMissing, readBounded } from '../lib/files.ts'
import { archiveName, candidateOf } from './candidates.ts'
import { taskBytesMax } from './dispatch.ts'

const waitingMax = 20

/** Files that were not taken yet: the first names in their order, and how many more there are. */
export async function waitingFiles(dir: string): Promise<{ names: string[]; more: number }> {
  const names = (await readdir(dir).catch(ignoreMissing)) ?? []
  const waiting = names.filter((name) => candidateOf(name) !== 'ignored').sort()
  return { names: waiting.slice(0, waitingMax), more: Math.max(0, waiting.length - waitingMax) }
}

/** `name:inode:mtime:sha256`, of which only the name may hold a colon. */
export const nameOfKey = (key: string): string => key.split(':').slice(0, -3).join(':')

/** The text of a file under the name that it got when it was taken; null: it is not there as text any more. */
export async function takenText(
  dir: string,
  { name, taskId, sha256 }: { name: string; taskId: string | null; sha256: string },
): Promise<string | null> {
  const prefix = taskId === null ? `rejected-${sha256.slice(0, 8)}-` : `processed-${taskId}-`
  const suffix = taskId === null ? '.problems.md' : ''
  // Cut as the folder cuts it, so that the page of problems beside it has room.
  const taken = archiveName(prefix, name, suffix).slice(0, suffix === '' ? undefined : -suffix.length)
  try {
    return decodeUtf8((await readBounded(join(dir, taken), taskBytesMax)).bytes)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENOTREG', 'EACCES', 'ENXIO'].includes(errnoOf(error))) return null
    throw error
  }
}
