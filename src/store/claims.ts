/** Which program runs the turns of a session: an exclusive lock a session, that the kernel frees on kill -9. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'

/** Ids of sessions are ours, and still nothing that could name another folder becomes a path. */
const idOf = /^[A-Za-z0-9_-]{1,120}$/

export class SessionClaims {
  private readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  /** What gives it back; null: another program has it. Throws where the folder cannot be written. */
  take(sessionId: string): (() => void) | null {
    if (!idOf.test(sessionId)) throw new Error(`no id of a session: ${sessionId}`)
    mkdirSync(this.folder, { recursive: true, mode: 0o700 })
    // The file stays: were it taken away, two programs could each hold one of the same name.
    const holder = new Database(join(this.folder, `${sessionId}.lock`), { timeout: 0 })
    try {
      holder.exec('begin exclusive')
    } catch (error) {
      holder.close()
      if ((error as { code?: string }).code === 'SQLITE_BUSY') return null
      throw error
    }
    return () => holder.close()
  }
}
