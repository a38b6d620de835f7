/**
 * A file is written in the folder that was meant: it is held open, so that no link which a command puts in the place of
 * a part of its path leads anywhere else. Without /proc (macOS) the path is all there is.
 */
import { constants, existsSync, renameSync } from 'node:fs'
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { sha256 } from './digest.ts'
import { assertAt, coded, errnoOf, readSmall, writeAtomic } from './files.ts'
import { isLocal } from './local-disk.ts'

export interface HeldWrite {
  data: string | Uint8Array
  /** Of a new file: as writeAtomic has it. */
  mode?: number
  /** Digest of what was read there; null: there was no file. */
  expected: string | null
}

/** Longer ones were not read before either. */
const comparedBytesMax = 64 * 1024 * 1024
const canHold = existsSync('/proc/self/fd')
/** O_PATH, which Node has no name for: a folder may be entered that cannot be listed. */
const enter = process.platform === 'linux' ? 0o10000000 : constants.O_RDONLY

/**
 * Writes as writeAtomic does, to a real path. Rejects with `EMOVED` where a part of it leads elsewhere by now, with
 * `ECHANGED` or `EEXIST` where what lies there is not what was read; nothing was changed then.
 */
export async function writeHeld(path: string, { data, mode, expected }: HeldWrite): Promise<void> {
  const folder = await holdFolder(dirname(path))
  const way = wayIn(folder, dirname(path), basename(path))
  const rights = mode === undefined ? {} : { mode }
  try {
    if (expected === null) return await writeAtomic(way, data, { ...rights, exclusive: true })
    await writeAtomic(way, data, { ...rights, place: (temporary) => replace(temporary, { path, way, expected }) })
  } finally {
    await folder.close()
  }
}

/** On a local disk nothing of this process comes between the look and the rename. */
async function replace(
  temporary: string,
  { path, way, expected }: { path: string; way: string; expected: string },
): Promise<void> {
  const { bytes } = await readSmall(path, comparedBytesMax, way).catch((error: unknown) => {
    if (['ENOENT', 'ELOOP', 'ENOTREG'].includes(errnoOf(error))) return { bytes: null }
    throw error
  })
  if (!bytes || sha256(bytes) !== expected) throw coded('ECHANGED', `${path} is not what was read`)
  if (isLocal(path)) renameSync(temporary, way)
  else await rename(temporary, way)
}

const wayIn = (folder: FileHandle, path: string, name: string): string =>
  join(canHold ? `/proc/self/fd/${folder.fd}` : path, name)

/** The folder at this real path; what is missing of it is made. */
async function holdFolder(path: string): Promise<FileHandle> {
  const missing: string[] = []
  let [at, held] = [path, await openFolder(path)]
  while (held === null) {
    missing.unshift(basename(at))
    at = dirname(at)
    held = await openFolder(at)
  }
  try {
    assertAt(held.fd, at)
    for (const name of missing) {
      const way = wayIn(held, at, name)
      await mkdir(way).catch(ignoreThere)
      const next: FileHandle | null = await openFolder(way)
      if (next === null) throw coded('EMOVED', `${join(at, name)} is gone again`)
      await held.close()
      held = next
      at = join(at, name)
      assertAt(held.fd, at)
    }
    return held
  } catch (error) {
    await held.close()
    throw error
  }
}

/** Null: there is none. */
async function openFolder(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, enter | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    throw error
  }
}

function ignoreThere(error: unknown): void {
  if (errnoOf(error) !== 'EEXIST') throw error
}
