/**
 * Opens the store: durable settings, integrity look, backup
 * before a migration, refusal of what it does not understand.
 */
import { closeSync, existsSync, openSync, readFileSync, renameSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import { migrate } from 'drizzle-orm/better-sqlite3/migrator'
import type { Clock } from '../core/clock.ts'
import { ProblemError, reasonOf } from '../core/problem.ts'
import { migrationsDir } from '../lib/paths.ts'
import { Arrivals } from './arrivals.ts'
import { Asks } from './asks.ts'
import { Attempts } from './attempts.ts'
import { Events } from './events.ts'
import { Flakes } from './flakes.ts'
import { JournalSearch } from './journal-search.ts'
import { Ledger } from './ledger.ts'
import { LogTrim } from './log-trim.ts'
import { Logins } from './logins.ts'
import { StoreOutbox } from './outbox.ts'
import { Prompts } from './prompts.ts'
import { QuietSessions } from './quiet.ts'
import { Receipts } from './receipts.ts'
import * as schema from './schema.ts'
import { Sessions } from './sessions.ts'
import { Shelf } from './shelf.ts'
import { Tasks } from './tasks.ts'
import { Threads } from './threads.ts'
import { Usage } from './usage.ts'
import { WatchedSessions } from './watched.ts'
import { Workspaces } from './workspaces.ts'

export interface StoreOptions {
  /** File path, or `:memory:`. */
  path: string
  clock: Clock
  /** Name of this machine in a fleet; `local` alone. */
  machine?: string
}

export interface Store {
  ledger: Ledger
  tasks: Tasks
  attempts: Attempts
  events: Events
  flakes: Flakes
  sessions: Sessions
  shelf: Shelf
  search: JournalSearch
  prompts: Prompts
  watched: WatchedSessions
  arrivals: Arrivals
  asks: Asks
  threads: Threads
  usage: Usage
  quiet: QuietSessions
  receipts: Receipts
  outbox: StoreOutbox
  logins: Logins
  logTrim: LogTrim
  workspaces: Workspaces
  close(): void
}

/**
 * Throws a ProblemError when the file is damaged, newer than this program, or cannot be opened. Never overwrites it.
 */
export function openStore(options: StoreOptions): Store {
  const sqlite = openFile(options.path)
  const db = drizzle(sqlite, { schema })
  const ledger = new Ledger(db, options.clock, options.machine ?? 'local')
  const sessions = new Sessions(ledger)
  return {
    ledger,
    tasks: new Tasks(ledger),
    attempts: new Attempts(ledger),
    events: new Events(ledger),
    flakes: new Flakes(ledger),
    sessions,
    shelf: new Shelf(ledger),
    search: new JournalSearch(ledger),
    prompts: new Prompts(ledger, sessions),
    watched: new WatchedSessions(ledger),
    arrivals: new Arrivals(ledger),
    asks: new Asks(ledger),
    threads: new Threads(ledger),
    usage: new Usage(ledger),
    quiet: new QuietSessions(ledger),
    receipts: new Receipts(ledger),
    outbox: new StoreOutbox(ledger),
    logins: new Logins(ledger),
    logTrim: new LogTrim(ledger),
    workspaces: new Workspaces(ledger),
    close: () => sqlite.close(),
  }
}

function openFile(path: string): Database.Database {
  let sqlite: Database.Database | null = null
  try {
    if (path !== ':memory:') keepPrivate(path)
    sqlite = new Database(path)
    sqlite.pragma('busy_timeout = 5000')
    sqlite.pragma('journal_mode = WAL')
    // An accepted task must survive power loss; at our rates FULL costs nothing (measured: 0.3 ms at p99).
    sqlite.pragma('synchronous = FULL')
    sqlite.pragma('journal_size_limit = 67108864')
    if (path !== ':memory:') refuseDamaged(sqlite)
    upgrade(sqlite, path)
    return sqlite
  } catch (error) {
    sqlite?.close()
    if (error instanceof ProblemError) throw error
    throw new ProblemError({
      kind: 'store-unreadable',
      text: `The database ${path} cannot be opened: ${reasonOf(error)}.`,
      todo: `It was not changed. Move it aside, or put a backup (${path}.before-*) in its place, and start again.`,
    })
  }
}

/** Conversations are nobody else's to read, wherever the folder is. What SQLite puts beside the file is as private. */
function keepPrivate(path: string): void {
  closeSync(openSync(path, 'a', 0o600))
}

function refuseDamaged(sqlite: Database.Database): void {
  // quick_check reads every page; a large file is checked by `openloom doctor` instead of at each start.
  const pages = sqlite.pragma('page_count', { simple: true }) as number
  if (pages > 16_384) return
  const found = sqlite.pragma('quick_check(1)', { simple: true })
  if (found !== 'ok') throw new Error(`it is damaged (${String(found)})`)
}

interface MigrationJournal {
  entries: { when: number }[]
}

function upgrade(sqlite: Database.Database, path: string): void {
  const journal = JSON.parse(readFileSync(join(migrationsDir, 'meta', '_journal.json'), 'utf8')) as MigrationJournal
  const newest = journal.entries.at(-1)?.when ?? 0
  const has = sqlite.prepare("select 1 from sqlite_master where name = '__drizzle_migrations'").get()
  const applied = has
    ? ((sqlite.prepare('select max(created_at) as at from __drizzle_migrations').get() as { at: number | null }).at ??
      0)
    : 0
  if (applied > newest) {
    throw new ProblemError({
      kind: 'store-newer',
      text: `The database ${path} was written by a newer OpenLoom than this one.`,
      todo: 'Start the newer version, or point OPENLOOM_DATA_DIR at another folder.',
    })
  }
  if (applied === newest) return
  if (applied > 0 && path !== ':memory:') backUp(sqlite, path, applied)
  migrate(drizzle(sqlite), { migrationsFolder: migrationsDir })
}

/** A copy of the file as it was, made under a temporary name so that half a copy is never taken for a backup. */
function backUp(sqlite: Database.Database, path: string, applied: number): void {
  const target = `${path}.before-${applied}`
  if (existsSync(target)) return
  keepPrivate(`${target}.tmp`)
  truncateSync(`${target}.tmp`)
  sqlite.prepare('vacuum into ?').run(`${target}.tmp`)
  renameSync(`${target}.tmp`, target)
}
