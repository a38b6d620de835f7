/**
 * What a person does to sessions as records: new titles, away and back, copies, gone for good. Rows of a journal come
 * in whole or leave whole; it never changes one.
 */
import { and, desc, eq, isNull, sql } from 'drizzle-orm'
import type { JournalEntry, SessionRecord } from '../core/session.ts'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'
import type { KnownSession } from './watched.ts'

const { sessions, journal } = schema

export type Edit =
  | 'renamed'
  | 'remodelled'
  | 'profiled'
  | 'archived'
  | 'unarchived'
  | 'undone'
  | 'restored'
  | 'imported'
  | 'forked'
  | 'deleted'
  | 'left'

type Told = Pick<KnownSession, 'id' | 'taskId' | 'title'>

export interface Copy {
  session: SessionRecord
  forkedFrom: string | null
  rows: readonly { at: number; entry: JournalEntry }[]
}

export class Shelf {
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  /** Notes a deed that needs no more than its journal rows. */
  append(session: Told, what: Edit, entries: readonly JournalEntry[]): void {
    this.ledger.transact(() => {
      for (const entry of entries) this.insert(session.id, { at: this.ledger.clock.now(), entry })
      this.touch(session.id)
      this.tell(session, what)
    })
  }

  rename(session: Told, title: string): void {
    this.ledger.transact(() => {
      this.ledger.db.update(sessions).set({ title }).where(eq(sessions.id, session.id)).run()
      this.tell({ ...session, title }, 'renamed')
    })
  }

  /** Which model answers from now on; null: the one of the settings. */
  setModel(session: Told, model: string | null): void {
    this.ledger.transact(() => {
      this.ledger.db.update(sessions).set({ model }).where(eq(sessions.id, session.id)).run()
      this.tell(session, 'remodelled', { model })
    })
  }

  /** Which profile it has from now on; null: the usual one. */
  setProfile(session: Told, agent: string | null): void {
    this.ledger.transact(() => {
      this.ledger.db.update(sessions).set({ agent }).where(eq(sessions.id, session.id)).run()
      this.tell(session, 'profiled', { profile: agent })
    })
  }

  /** The program that ran its turn is gone. */
  leave(session: Told): void {
    this.ledger.transact(() => {
      const left = { state: 'interrupted' as const, stateAt: this.ledger.clock.now() }
      this.ledger.db.update(sessions).set(left).where(eq(sessions.id, session.id)).run()
      this.tell(session, 'left')
    })
  }

  setArchived(session: Told, archived: boolean): void {
    this.ledger.transact(() => {
      const archivedAt = archived ? this.ledger.clock.now() : null
      this.ledger.db.update(sessions).set({ archivedAt }).where(eq(sessions.id, session.id)).run()
      this.tell(session, archived ? 'archived' : 'unarchived')
    })
  }

  /** A new session with the rows of another; what they cost was counted where they were made. */
  add({ session, forkedFrom, rows }: Copy): void {
    this.ledger.transact(() => {
      const updatedAt = this.ledger.clock.now()
      this.ledger.db
        .insert(sessions)
        .values({ ...session, forkedFrom, updatedAt, state: 'idle' })
        .run()
      for (const row of rows) this.insert(session.id, row)
      this.tell(session, forkedFrom === null ? 'imported' : 'forked', forkedFrom === null ? {} : { forkedFrom })
    })
  }

  /** The session, its rows and what is found by them. Events, which prove themselves, and figures of usage stay. */
  remove(session: Told): void {
    this.ledger.transact(() => {
      const { db } = this.ledger
      const own = sql`select ${journal.seq} from ${journal} where ${journal.sessionId} = ${session.id}`
      db.run(sql`delete from journal_text where rowid in (${own})`)
      db.delete(journal).where(eq(journal.sessionId, session.id)).run()
      db.delete(sessions).where(eq(sessions.id, session.id)).run()
      this.tell(session, 'deleted')
    })
  }

  /** Ids of sessions of that runtime that nothing was done in since `before`, the oldest first. */
  idleSince(runtime: string, before: number, limit: number): KnownSession['id'][] {
    const touched = sql`coalesce(${sessions.updatedAt}, ${sessions.createdAt})`
    const where = and(eq(sessions.runtime, runtime), isNull(sessions.parentId), sql`${touched} < ${before}`)
    const rows = this.ledger.db.select({ id: sessions.id }).from(sessions).where(where).orderBy(touched).limit(limit)
    return rows.all().map(({ id }) => id)
  }

  /** Ids of sessions of that runtime beyond its newest `keep`. */
  beyond(runtime: string, keep: number, limit: number): KnownSession['id'][] {
    const touched = sql`coalesce(${sessions.updatedAt}, ${sessions.createdAt})`
    const where = and(eq(sessions.runtime, runtime), isNull(sessions.parentId))
    const newestFirst = this.ledger.db
      .select({ id: sessions.id })
      .from(sessions)
      .where(where)
      .orderBy(desc(touched), desc(sessions.id))
    return newestFirst
      .limit(limit)
      .offset(keep)
      .all()
      .map(({ id }) => id)
  }

  private insert(sessionId: string, { at, entry }: Copy['rows'][number]): void {
    this.ledger.db.insert(journal).values({ sessionId, at, entry }).run()
  }

  private touch(id: string): void {
    this.ledger.db.update(sessions).set({ updatedAt: this.ledger.clock.now() }).where(eq(sessions.id, id)).run()
  }

  private tell({ id: sessionId, taskId, title }: Told, what: Edit, more: Record<string, unknown> = {}): void {
    this.ledger.emit({ type: 'session.edited', sessionId, taskId, data: { what, title, ...more } })
  }
}
