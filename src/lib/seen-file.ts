/** A file that a person edits too: who writes it says what was seen of it, and a change in between refuses. */
import { realpath, stat } from 'node:fs/promises'
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import { sha256 } from './digest.ts'
import { decodeUtf8, errnoOf, readBounded, writeAtomic } from './files.ts'
import { oneByOneEach } from './one-by-one.ts'

export interface SeenFile {
  text: string
  /** Digest of what was read; null: there is no file. */
  seen: string | null
}

export interface Change {
  text: string
  seen: string | null
  /** Of a new file. */
  mode: number
}

const inTurn = oneByOneEach()

/** Null: it cannot be read as text of at most so many bytes. */
export async function readSeen(path: string, sizeBytesMax: number): Promise<SeenFile | null> {
  const real = await realOf(path)
  if (real === null) return { text: '', seen: null }
  const { bytes, whole } = await readBounded(real, sizeBytesMax)
  const text = whole ? decodeUtf8(bytes) : null
  return text === null ? null : { text, seen: sha256(bytes) }
}

/** Keeps the rights that the file had. A link stays a link: what it leads to is written. */
export function writeSeen(path: string, change: Change): Promise<Result<void>> {
  return inTurn(path, () => write(path, change))
}

async function write(path: string, { text, seen, mode }: Change): Promise<Result<void>> {
  try {
    const now = await readSeen(path, text.length * 4 + 1_048_576)
    if (now?.seen !== seen) return refuse(changedSince(path))
    const real = await realOf(path)
    const kept = real === null ? {} : { mode: (await stat(real)).mode & 0o777 }
    await writeAtomic(real ?? path, text, { mode, ...kept, exclusive: real === null })
    return ok(undefined)
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return refuse(changedSince(path))
    if (unwritable.includes(errnoOf(error))) return refuse(cannotWrite(path, errnoOf(error)))
    throw error
  }
}

async function realOf(path: string): Promise<string | null> {
  try {
    return await realpath(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    throw error
  }
}

const unwritable = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'ENOTREG', 'ELOOP', 'ENOSPC', 'EDQUOT']

export const changedSince = (path: string): Problem => ({
  kind: 'changed-since',
  text: `${path} is not as it was when you opened it; nothing was written.`,
  todo: 'Look at it as it is now, then change it again.',
})

const cannotWrite = (path: string, errno: string): Problem => ({
  kind: 'unwritable',
  text: `${path} cannot be written (${errno}).`,
  todo: 'Look at its rights and at the room on its disk, then save again.',
})
