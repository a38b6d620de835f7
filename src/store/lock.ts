/** One daemon per data directory: an exclusive lock that the kernel frees on kill -9. No pid file decides anything. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { type Problem, reasonOf } from '../core/problem.ts'

export interface DaemonAddress {
  pid: number
  url: string
}

export interface Lock {
  /** Tells others (second daemons, the command line) where this daemon listens. */
  announce(address: DaemonAddress): void
  release(): void
}

/** Takes the lock at once or says who has it. */
export function takeLock(dataDir: string): Lock | Problem {
  const path = join(dataDir, 'daemon.json')
  const holder = new Database(join(dataDir, 'lock.db'), { timeout: 0 })
  try {
    holder.exec('begin exclusive')
  } catch (error) {
    holder.close()
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error
    const owner = readAddress(dataDir)
    return {
      kind: 'already-running',
      text: `Another OpenLoom daemon${owner ? ` (process ${owner.pid}, ${owner.url})` : ''} uses ${dataDir}.`,
      todo: 'Use that one, stop it first, or set OPENLOOM_DATA_DIR to another folder.',
    }
  }
  return {
    announce: (address) => writeFileSync(path, `${JSON.stringify(address)}\n`, { mode: 0o600 }),
    release() {
      rmSync(path, { force: true })
      holder.close()
    },
  }
}

/** Where a daemon of this data directory last said it listens; it may be gone since. */
export function readAddress(dataDir: string): DaemonAddress | null {
  try {
    const value = JSON.parse(readFileSync(join(dataDir, 'daemon.json'), 'utf8')) as DaemonAddress
    return typeof value.url === 'string' && typeof value.pid === 'number' ? value : null
  } catch (error) {
    const missing = (error as { code?: string }).code === 'ENOENT' || error instanceof SyntaxError
    if (missing) return null
    throw new Error(`cannot read the address of the daemon: ${reasonOf(error)}`)
  }
}
