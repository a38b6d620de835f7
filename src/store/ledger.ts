/** The one writer: a state and its events are one transaction; listeners hear of events only after the commit. */
import type Database from 'better-sqlite3'
import { desc } from 'drizzle-orm'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import type { Clock } from '../core/clock.ts'
import { eventDataBytesMax, type LoomEvent, type NewEvent } from '../core/event.ts'
import { genesis, hashOf, type LogHead } from './log-chain.ts'
import * as schema from './schema.ts'

export type Db = BetterSQLite3Database<typeof schema> & { $client: Database.Database }

export class Ledger {
  readonly db: Db
  readonly clock: Clock
  readonly machine: string
  private depth = 0
  private syncMode: 'full' | 'normal' | null = null
  private unheard: LoomEvent[] = []
  /** Of the running transaction only: a rollback takes it back, and another process may write in between. */
  private chain: LogHead | null = null
  private readonly listeners = new Set<(event: LoomEvent) => void>()

  private readonly insertEvent: Database.Statement
  private readonly readHead: Database.Statement<[], StoredHead>
  private readonly begin: Database.Statement
  private readonly commit: Database.Statement
  private readonly rollback: Database.Statement

  constructor(db: Db, clock: Clock, machine: string) {
    this.db = db
    const prepare = (text: string) => db.$client.prepare(text)
    this.begin = prepare('begin immediate')
    this.commit = prepare('commit')
    this.rollback = prepare('rollback')
    this.insertEvent = prepareInsert(db)
    this.readHead = prepareHead(db)
    this.clock = clock
    this.machine = machine
  }

  /**
   * Runs `work` as one immediate transaction; called inside another it joins it. Throws what `work` throws, undone.
   * `durable` false survives kill -9 like any other, but a power cut may take the last ones: for rows whose loss only
   * means that something harmless is done again.
   */
  transact<T>(work: () => T, durable = true): T {
    if (this.depth > 0) return work()
    this.sync(durable ? 'full' : 'normal')
    this.depth++
    let result: T
    try {
      this.begin.run()
      result = work()
      this.commit.run()
    } catch (error) {
      this.unheard = []
      // A full disk or a lost file may have ended it already.
      if (this.db.$client.inTransaction) this.rollback.run()
      throw error
    } finally {
      this.depth--
      this.chain = null
    }
    const heard = this.unheard
    this.unheard = []
    for (const event of heard) for (const listener of this.listeners) listener(event)
    return result
  }

  private sync(mode: 'full' | 'normal'): void {
    if (mode === this.syncMode) return
    this.db.$client.exec(mode === 'full' ? 'pragma synchronous = full' : 'pragma synchronous = normal')
    this.syncMode = mode
  }

  /** Appends one event; only inside `transact`, beside the state it tells of. */
  emit(event: NewEvent): LoomEvent {
    if (this.depth === 0) throw new Error(`${event.type} emitted outside a transaction`)
    const head = this.logHead()
    const told = bounded(event.data)
    const data = JSON.stringify(told)
    const row = {
      seq: head.seq + 1,
      at: this.clock.now(),
      machine: this.machine,
      type: event.type,
      taskId: event.taskId ?? null,
      sessionId: event.sessionId ?? null,
    }
    const hash = hashOf(head.hash, { ...row, data })
    this.insertEvent.run({ ...row, data, hash })
    this.chain = { seq: row.seq, hash }
    const stored = { ...row, data: told }
    this.unheard.push(stored)
    return stored
  }

  /** The last event and its hash, as of now; only inside `transact`, where nobody else writes. */
  logHead(): LogHead {
    if (this.depth === 0) throw new Error('the head of the log was asked for outside a transaction')
    if (this.chain === null) {
      const found = this.readHead.get()
      // The counter, not the last row: a row that was taken away must leave a hole.
      this.chain = { seq: found?.seq ?? 0, hash: found?.hash ?? genesis }
    }
    return this.chain
  }

  /** For facts without a state of their own. */
  note(event: NewEvent): LoomEvent {
    return this.transact(() => this.emit(event))
  }

  /** Highest seq, 0 when the log is empty. */
  head(): number {
    const row = this.db.select({ seq: schema.events.seq }).from(schema.events).orderBy(desc(schema.events.seq)).limit(1)
    return row.get()?.seq ?? 0
  }

  /** Hears every event after its commit, in order. A listener must not throw and must not write at once. */
  onEvent(listener: (event: LoomEvent) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
}

type StoredHead = { [key in keyof LogHead]: LogHead[key] | null }

/** Plain statements of the driver: the log is written several times at each step of each task. */
const prepareInsert = ({ $client }: Db): Database.Statement =>
  $client.prepare(
    'insert into events (seq, at, machine, type, task_id, session_id, data, hash) ' +
      'values (:seq, :at, :machine, :type, :taskId, :sessionId, :data, :hash)',
  )

const prepareHead = ({ $client }: Db): Database.Statement<[], StoredHead> =>
  $client.prepare(
    "select (select seq from sqlite_sequence where name = 'events') as seq, " +
      '(select hash from events order by seq desc limit 1) as hash',
  )

/** Events are read by phones and receivers: one oversized text is cut, and says so, instead of growing the log. */
function bounded(data: Record<string, unknown>): Record<string, unknown> {
  if (JSON.stringify(data).length <= eventDataBytesMax) return data
  const cut = Object.entries(data).map(([key, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return text !== undefined && text.length > 2_000 ? [key, `${text.slice(0, 2_000)}… (cut)`] : [key, value]
  })
  const smaller = Object.fromEntries(cut) as Record<string, unknown>
  return JSON.stringify(smaller).length <= eventDataBytesMax ? smaller : { cut: true }
}
