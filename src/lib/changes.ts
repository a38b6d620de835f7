/** Whether anything below a folder was changed since an instant: a quick look with bounds, never a list of changes. */
import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'

export interface ChangeLimits {
  /** Epoch ms; only files between the two count: a date in the future is no sign of life. */
  since: number
  until: number
  entriesMax: number
  limitMs: number
  /** Folders with these names are not entered. */
  skip: readonly string[]
}

const atOnce = 64
/** A file server that does not answer is waited for no longer. */
const answerMs = 1_000

/** Epoch ms of a change that was found, not always the newest; null: none was found within the limits. */
export async function findChange(root: string, limits: ChangeLimits): Promise<number | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), limits.limitMs + answerMs)
  })
  try {
    return await Promise.race([search(root, limits), late])
  } finally {
    clearTimeout(timer)
  }
}

async function search(root: string, limits: ChangeLimits): Promise<number | null> {
  const deadline = performance.now() + limits.limitMs
  const folders = [root]
  let entries = 0
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    let batch: string[] = []
    try {
      for await (const entry of await opendir(folder, { bufferSize: 256 })) {
        if (++entries > limits.entriesMax || performance.now() > deadline) return null
        const path = join(folder, entry.name)
        if (entry.isDirectory() && !limits.skip.includes(entry.name)) folders.push(path)
        if (!entry.isDirectory()) batch.push(path)
        if (batch.length < atOnce) continue
        const found = await newestOf(batch, limits)
        if (found !== null) return found
        batch = []
      }
    } catch {
      // A folder that cannot be read, or went away, tells nothing.
      continue
    }
    const found = await newestOf(batch, limits)
    if (found !== null) return found
  }
  return null
}

async function newestOf(paths: readonly string[], { since, until }: ChangeLimits): Promise<number | null> {
  const times = await Promise.all(paths.map((path) => lstat(path).then((stats) => stats.mtimeMs, gone)))
  const found = times.filter((time) => time > since && time <= until)
  return found.length > 0 ? Math.max(...found) : null
}

/** Removed meanwhile. */
const gone = (): number => 0
