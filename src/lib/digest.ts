/** sha256 in hex, of text, bytes, or a file that may be large. */
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { errnoOf, openRegular, realPathInside } from './files.ts'

export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')

/**
 * Digest of a regular file inside `root`, or null when there is none (missing, a folder, a FIFO, or out of `root`).
 * Noted at the start of a task and compared later. Rejects with the errno when it is there and cannot be read.
 */
export async function digestInside(root: string, path: string, signal?: AbortSignal): Promise<string | null> {
  const real = await realPathInside(root, path)
  if (real === null) return null
  try {
    const file = await openRegular(real)
    const hash = createHash('sha256')
    await pipeline(file.createReadStream(), hash, signal ? { signal } : {})
    return hash.digest('hex')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENOTREG', 'ELOOP', 'ENXIO'].includes(errnoOf(error))) return null
    throw error
  }
}
