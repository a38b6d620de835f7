/**
 * Who still has a file open for writing. On Linux /proc knows, for processes of our own user (all, for root); where it
 * cannot know, it says so and the caller waits for a quiet time instead.
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { errnoOf } from '../lib/files.ts'

/** Paths out of `paths` that some process has open for writing; null when this machine cannot tell. */
export async function openForWriting(paths: ReadonlySet<string>): Promise<Set<string> | null> {
  if (process.platform !== 'linux') return null
  const found = new Set<string>()
  const uid = process.getuid?.()
  let sinceYield = performance.now()
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    if (performance.now() - sinceYield > 8) {
      await new Promise((resolve) => setImmediate(resolve))
      sinceYield = performance.now()
    }
    try {
      if (uid !== 0 && statSync(`/proc/${pid}`).uid !== uid) continue
      for (const fd of readdirSync(`/proc/${pid}/fd`)) noteIfWriting(pid, fd, { paths, found })
    } catch {
      // The process ended while we looked, or hides its descriptors (another user's): it tells nothing about our file.
    }
  }
  return found
}

function noteIfWriting(pid: string, fd: string, look: { paths: ReadonlySet<string>; found: Set<string> }): void {
  try {
    const target = readlinkSync(`/proc/${pid}/fd/${fd}`)
    if (!look.paths.has(target)) return
    const flags = /^flags:\s+([0-7]+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1]
    // O_ACCMODE: 1 is write only, 2 is read and write.
    if (flags && (Number.parseInt(flags, 8) & 3) !== 0) look.found.add(target)
  } catch (error) {
    // Closed since it was listed.
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

/** Whether the answer of `openForWriting` covers a file of this owner. */
export const canAskFor = (fileUid: number): boolean =>
  process.platform === 'linux' && (process.getuid?.() === 0 || process.getuid?.() === fileUid)
