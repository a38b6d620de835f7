/**
 * Hears that files which a session has read are different now, whoever changed them: by the system's own notices, never
 * by looking again and again. It is a hint that spares the model a refused edit; the edit itself compares the file.
 */
import { type FSWatcher, watch } from 'node:fs'
import { dirname, join } from 'node:path'
import { sha256 } from '../lib/digest.ts'
import { errnoOf, readBounded } from '../lib/files.ts'

const foldersMax = 256
/** Of those that earlier turns read, the newest are compared once. */
const earlierMax = 20
const toldMax = 50
const fileBytesMax = 8 * 1024 * 1024

export class Outside {
  /** Digests by real path, as the session last read or wrote them. */
  private readonly seen: ReadonlyMap<string, string>
  private readonly watched = new Map<string, FSWatcher | null>()
  private readonly touched: Set<string>
  /** What was told of a file already. */
  private readonly told = new Map<string, string>()
  private followed = 0

  constructor(seen: ReadonlyMap<string, string>) {
    this.seen = seen
    this.touched = new Set([...seen.keys()].slice(-earlierMax))
    this.follow()
  }

  /** Watches what was read since. */
  follow(): void {
    if (this.seen.size === this.followed) return
    for (const path of [...this.seen.keys()].slice(this.followed)) {
      const folder = dirname(path)
      if (!this.watched.has(folder) && this.watched.size < foldersMax) this.watched.set(folder, this.open(folder))
    }
    this.followed = this.seen.size
  }

  private open(folder: string): FSWatcher | null {
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        const path = join(folder, name ?? '')
        if (this.seen.has(path)) this.touched.add(path)
      })
      watcher.on('error', () => watcher.close())
      return watcher
    } catch {
      // No watches left, or the folder is gone: then the edit alone finds out.
      return null
    }
  }

  /** Files that are different now, each state of one told once. */
  async changed(): Promise<string[]> {
    const paths = [...this.touched].slice(0, toldMax)
    const changed: string[] = []
    for (const path of paths) {
      this.touched.delete(path)
      const now = await digestOf(path)
      if (now === null || now === this.seen.get(path) || now === this.told.get(path)) continue
      this.told.set(path, now)
      changed.push(path)
    }
    return changed
  }

  close(): void {
    for (const watcher of this.watched.values()) watcher?.close()
    this.watched.clear()
  }
}

/** `gone` where there is no file any more; null: nobody can tell. */
async function digestOf(path: string): Promise<string | null> {
  try {
    const { bytes, whole } = await readBounded(path, fileBytesMax)
    return whole ? sha256(bytes) : null
  } catch (error) {
    return ['ENOENT', 'ENOTREG', 'ENOTDIR'].includes(errnoOf(error)) ? 'gone' : null
  }
}
