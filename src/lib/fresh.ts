/** Which files were written since a moment: by what the file system notes and nobody can set back. It reads none. */
import { stat } from 'node:fs/promises'
import { ignoreMissing } from './files.ts'

export interface Moment {
  at: number
  /** What is known of each file that was there. */
  seen: ReadonlyMap<string, string>
}

/** Some file systems note whole seconds, or every second one. */
const slackMs = 2_000

export async function momentOf(paths: readonly string[]): Promise<Moment> {
  const at = Date.now()
  const seen = new Map<string, string>()
  for (const path of paths) {
    const mark = await markOf(path)
    if (mark) seen.set(path, mark.identity)
  }
  return { at, seen }
}

/** Another file, or other bytes, than at that moment, and none that was only moved here. */
export async function isWrittenSince({ at, seen }: Moment, path: string): Promise<boolean> {
  const mark = await markOf(path)
  return mark !== null && mark.identity !== seen.get(path) && mark.writtenAt >= at - slackMs
}

async function markOf(path: string): Promise<{ identity: string; writtenAt: number } | null> {
  const found = await stat(path, { bigint: true }).catch(ignoreMissing)
  if (!found) return null
  // The time of change (ctime) is the kernel's own: `touch` cannot set it back.
  return { identity: `${found.dev}:${found.ino}:${found.ctimeNs}`, writtenAt: Number(found.mtimeMs) }
}
