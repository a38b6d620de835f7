/** A file that a person edits too: who writes it says what was seen of it, and a change in between refuses. */
import { realpath, stat } from 'node:fs/promises'
import { sha256 } from './digest.ts'
import { decodeUtf8, errnoOf, readBounded, writeAtomic } from './files.ts'

export interface SeenFile {
  text: string
  /** Digest of what was read; of no file: `none`. */
  seen: string
}

const none = 'none'

/** Null: it cannot be read as text of at most so many bytes. */
export async function readSeen(path: string, sizeBytesMax: number): Promise<SeenFile | null> {
  const real = await realOf(path)
  if (real === null) return { text: '', seen: none }
  const { bytes, whole } = await readBounded(real, sizeBytesMax)
  const text = whole ? decodeUtf8(bytes) : null
  return text === null ? null : { text, seen: sha256(bytes) }
}

/** False: it is not what was seen any more. A link stays a link: what it leads to is written. */
export async function writeSeen(path: string, text: string, seen: string): Promise<boolean> {
  const now = await readSeen(path, text.length * 4 + 1_048_576)
  if (now?.seen !== seen) return false
  const real = await realOf(path)
  const mode = real === null ? 0o600 : (await stat(real)).mode & 0o777
  try {
    await writeAtomic(real ?? path, text, { mode, exclusive: real === null })
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
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
