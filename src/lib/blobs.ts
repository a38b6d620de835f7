/**
 * Contents of files by their digest, each stored once, and files as they are now. Synchronous: it stands between the
 * steps of an agent, where a few small reads cost less than their turns of the event loop. It keeps no names.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { sha256 } from './digest.ts'
import { errnoOf } from './files.ts'

export class Blobs {
  private readonly dir: string

  constructor(dir: string) {
    this.dir = dir
  }

  /** Its digest. A kill leaves the whole content or none. */
  put(bytes: Uint8Array, digest = sha256(bytes)): string {
    const path = join(this.dir, digest)
    if (existsSync(path)) return digest
    mkdirSync(this.dir, { recursive: true, mode: 0o700 })
    const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`
    writeFileSync(temporary, bytes, { mode: 0o600 })
    renameSync(temporary, path)
    return digest
  }

  /** Null: it is not there, or not what it was. */
  get(digest: string): Buffer | null {
    try {
      const bytes = readFileSync(join(this.dir, digest))
      return sha256(bytes) === digest ? bytes : null
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null
      throw error
    }
  }
}

export interface FileNow {
  bytes: Buffer
  mode: number
}

/** Kinds of what is no regular file, as they stand before the permission bits of a mode. */
export const linkMode = constants.S_IFLNK
export const folderMode = constants.S_IFDIR
export const isLinkMode = (mode: number): boolean => (mode & constants.S_IFMT) === linkMode
export const isFolderMode = (mode: number): boolean => (mode & constants.S_IFMT) === folderMode

/** Null: there is nothing; `unknown`: larger, of another kind, or not to be read. A link's bytes say where it leads. */
export function readNow(path: string, sizeBytesMax: number): FileNow | null | 'unknown' {
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (errnoOf(error) === 'ELOOP') return linkNow(path)
    return ['ENOENT', 'ENOTDIR'].includes(errnoOf(error)) ? null : 'unknown'
  }
  try {
    const stat = fstatSync(file)
    if (stat.isDirectory()) return { bytes: Buffer.alloc(0), mode: folderMode | (stat.mode & 0o7777) }
    if (!stat.isFile() || stat.size > sizeBytesMax) return 'unknown'
    const bytes = Buffer.allocUnsafe(stat.size + 1)
    const read = readSync(file, bytes, 0, bytes.length, 0)
    return read === stat.size ? { bytes: bytes.subarray(0, read), mode: stat.mode & 0o7777 } : 'unknown'
  } finally {
    closeSync(file)
  }
}

function linkNow(path: string): FileNow | 'unknown' {
  try {
    return { bytes: readlinkSync(path, { encoding: 'buffer' }), mode: linkMode }
  } catch {
    // A folder on its way is a circle of links, or it is no link any more.
    return 'unknown'
  }
}
