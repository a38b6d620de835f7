/** Files, safely: atomic writes, and paths that cannot leave a folder. Knows no noun of the product. */

import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  open as openCallback,
  openSync,
  read as readCallback,
  readlinkSync,
  readSync,
} from 'node:fs'
import { type FileHandle, link, lstat, mkdir, open, realpath, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, resolve, sep } from 'node:path'
import { promisify } from 'node:util'
import { isLocal, isPlain } from './local-disk.ts'

export const errnoOf = (thrown: unknown): string => (thrown as NodeJS.ErrnoException)?.code ?? 'UNKNOWN'

export const coded = (code: string, text: string) => Object.assign(new Error(text), { code })

export interface AtomicOptions {
  mode?: number
  /** Refuses (EEXIST) an existing target, also one that appears at the same moment. */
  exclusive?: boolean
  /** Puts the whole new file in its place; what it throws leaves the target as it is. Absent: by a rename. */
  place?(temporary: string): Promise<void>
}

/**
 * Writes a temporary file beside the target, syncs it, renames it over, syncs the folder: after a crash the target is
 * the old file or the new one, never a part. Missing folders are made.
 */
export async function writeAtomic(path: string, data: string | Uint8Array, options: AtomicOptions = {}): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true })
  if (options.exclusive && (await exists(path))) throw coded('EEXIST', `${path} exists`)
  const temporary = join(folder, `.${basename(path).slice(0, 80)}.${randomBytes(6).toString('hex')}.tmp`)
  try {
    const file = await open(temporary, 'wx', options.mode ?? 0o644)
    try {
      if (options.mode !== undefined) await file.chmod(options.mode)
      await file.writeFile(data)
      await file.sync()
    } finally {
      await file.close()
    }
    if (options.exclusive) await placeNew(temporary, path)
    else if (options.place) await options.place(temporary)
    else await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(ignoreMissing)
    throw error
  }
  await syncFolder(folder)
}

/** A hard link refuses an existing name in one step; file systems without links get the rename, checked before. */
async function placeNew(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path)
    await unlink(temporary)
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP'].includes(errnoOf(error))) throw error
    await rename(temporary, path)
  }
}

/**
 * Makes a rename inside the folder durable. File systems that cannot sync a folder say EINVAL or EPERM: their limit.
 */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY)
  try {
    await handle.sync()
  } catch (error) {
    if (!['EINVAL', 'EPERM', 'EISDIR', 'ENOTSUP'].includes(errnoOf(error))) throw error
  } finally {
    await handle.close()
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return false
    throw error
  }
}

/** For `.catch(ignoreMissing)`: the file being gone is what was wanted. */
export function ignoreMissing(error: unknown): void {
  if (!['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) throw error
}

/** The real path of a folder that a person named; null: there is none, or none that we may look at. */
export async function folderAt(path: string): Promise<string | null> {
  try {
    const real = await realpath(path)
    return (await stat(real)).isDirectory() ? real : null
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE'].includes(errnoOf(error))) {
      return null
    }
    throw error
  }
}

export const isInside = (root: string, path: string): boolean =>
  path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)

/**
 * The real path of `path` (taken relative to `root`), symlinks of every existing part resolved, whether or not the last
 * parts exist yet. Null when it leaves `root` (itself a real path), holds a NUL, or runs through a broken link.
 */
export async function realPathInside(root: string, path: string): Promise<string | null> {
  if (path.includes('\0')) return null
  const wanted = isAbsolute(path) ? resolve(path) : resolve(root, path)
  if (isPlain(wanted)) return isInside(root, wanted) ? wanted : null
  let existing = wanted
  const missing: string[] = []
  for (;;) {
    try {
      const real = await realpath(existing)
      const full = missing.length === 0 ? real : join(real, ...missing)
      return isInside(root, full) ? full : null
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return null
      // A dangling symlink "exists" for lstat: writing through it would create its target somewhere else.
      if (await exists(existing).catch(() => true)) return null
      const parent = dirname(existing)
      if (parent === existing) return null
      missing.unshift(basename(existing))
      existing = parent
    }
  }
}

/**
 * Opens a regular file for reading without following a last symlink and without blocking on a FIFO.
 * Throws with `code` `ENOTREG` for anything that is not a regular file, else the errno.
 */
export async function openRegular(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  const stat = await file.stat()
  if (stat.isFile()) return file
  await file.close()
  throw notRegular(path)
}

/** Reads at most `sizeBytesMax` bytes; `whole` tells whether that was everything. */
export async function readBounded(path: string, sizeBytesMax: number): Promise<{ bytes: Buffer; whole: boolean }> {
  const file = await openRegular(path)
  try {
    const { size } = await file.stat()
    const buffer = Buffer.alloc(Math.min(size, sizeBytesMax) + 1)
    let filled = 0
    while (filled < buffer.length) {
      const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    const whole = filled <= sizeBytesMax && filled >= size
    return { bytes: buffer.subarray(0, Math.min(filled, sizeBytesMax)), whole }
  } finally {
    await file.close()
  }
}

/**
 * Throws `EMOVED` where what is open does not lie at this real path: since the path was looked at, a command may have
 * put a link in the place of any part of it. Without /proc (macOS) nobody can be asked.
 */
export function assertAt(fd: number, path: string): void {
  const found = placeOf(fd)
  // A file that was replaced meanwhile did lie there. Some file systems know names in any case.
  const isThere = found === null || found === path || found === `${path} (deleted)` || folded(found) === folded(path)
  if (!isThere) throw coded('EMOVED', `${path} led to ${found}`)
}

const folded = (path: string): string => path.normalize('NFC').toLowerCase()

function placeOf(fd: number): string | null {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    throw error
  }
}

/** As `openRegular`, of a real path: what is opened lies there and nowhere else. */
export async function openReal(path: string): Promise<FileHandle> {
  const file = await openRegular(path)
  try {
    assertAt(file.fd, path)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

const openFd = promisify(openCallback)
const readFd = promisify(readCallback)

/** Longer ones would keep everything else waiting. */
const atOnceBytesMax = 256 * 1024

export interface SmallFile {
  /** Null: there are more than were wanted. */
  bytes: Buffer | null
  size: number
  mode: number
}

/**
 * All bytes of a regular file at a real path, opened by `way`; rejects as `openReal` does. For the hot path: each way
 * to a thread and back costs more than a look at a local disk.
 */
export async function readSmall(path: string, sizeBytesMax: number, way = path): Promise<SmallFile> {
  const local = isLocal(path)
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const fd = local ? openSync(way, flags) : await openFd(way, flags)
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw notRegular(path)
    assertAt(fd, path)
    const { size, mode } = stat
    if (size > sizeBytesMax) return { bytes: null, size, mode }
    const buffer = Buffer.alloc(size)
    const atOnce = local && size <= atOnceBytesMax
    let filled = 0
    while (filled < size) {
      const left = size - filled
      const read = atOnce
        ? readSync(fd, buffer, filled, left, filled)
        : (await readFd(fd, buffer, filled, left, filled)).bytesRead
      if (read === 0) break
      filled += read
    }
    return { bytes: buffer.subarray(0, filled), size, mode }
  } finally {
    closeSync(fd)
  }
}

const notRegular = (path: string) => coded('ENOTREG', `${path} is not a regular file`)

/** Strict UTF-8 without BOM, or null. `cut`: it goes on behind, and a last character may be there in part. */
export function decodeUtf8(bytes: Uint8Array, cut = false): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: cut })
  } catch {
    return null
  }
}
