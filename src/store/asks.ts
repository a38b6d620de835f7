/**
 * Asks and grants: what sessions wait for, what was answered and by whom, and what a person said "always" to. A reply
 * is stored before it is sent, so that a crash in between loses nothing. It judges nothing.
 */
import { and, asc, desc, eq, gte, inArray, isNotNull, lt, or, type SQL, sql } from 'drizzle-orm'
import type { Ask, AskAuthority, AskReply, AskStatus, Grant } from '../core/ask.ts'
import type { NewEvent } from '../core/event.ts'
import { newId } from '../lib/id.ts'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'

const { asks, grants } = schema

const fresh = { status: 'open', reply: null, by: null, deferred: null, endedAt: null } as const
const deferredMax = 1_000

export type AskKey = Pick<Ask, 'runtime' | 'id'>
/** Where an ask belongs; may be known only later than the ask. */
export type AskPlace = Pick<Ask, 'rootId' | 'taskId' | 'workspace'>
/** What an event of an ask says beside its session and task. */
export type AskEvent = Pick<NewEvent, 'type' | 'data'>

export interface AskQuery {
  status?: AskStatus
  runtime?: string
  /** Sessions of a tree. */
  rootId?: string
  limit: number
}

export class Asks {
  private readonly ledger: Ledger
  private readonly byKey: ReturnType<typeof prepareByKey>

  constructor(ledger: Ledger) {
    this.ledger = ledger
    this.byKey = prepareByKey(ledger)
  }

  get({ runtime, id }: AskKey): Ask | null {
    return this.byKey.get({ runtime, id }) ?? null
  }

  /** Stores an ask as open, anew where it was gone; `event` null: nobody is told (yet). */
  open(ask: Omit<Ask, keyof typeof fresh | 'askedAt'>, event: AskEvent | null): Ask {
    return this.ledger.transact(() => {
      const row = { ...ask, ...fresh, askedAt: this.ledger.clock.now() }
      const target = [asks.runtime, asks.id]
      this.ledger.db.insert(asks).values(row).onConflictDoUpdate({ target, set: row }).run()
      if (event) this.tell(row, event)
      return row
    })
  }

  place(key: AskKey, place: AskPlace): void {
    this.ledger.db.update(asks).set(place).where(at(key)).run()
  }

  /** What is about to be sent; null takes it back after a refusal. `from`: the ask whose answer is used up by that. */
  intend(key: AskKey, intent: { reply: AskReply; by: AskAuthority; from?: Ask } | null): void {
    this.ledger.transact(() => {
      const { reply, by, from } = intent ?? { reply: null, by: null }
      this.ledger.db.update(asks).set({ reply, by }).where(at(key)).run()
      if (from) this.ledger.db.update(asks).set({ deferred: 'used' }).where(at(from)).run()
    })
  }

  /** The answer of this one was used up by a call that never heard it. */
  giveBack(key: AskKey): void {
    this.ledger.db
      .update(asks)
      .set({ deferred: 'told' })
      .where(and(at(key), eq(asks.deferred, 'used')))
      .run()
  }

  /** Its run goes on without the answer. */
  defer(key: AskKey): void {
    this.ledger.db.update(asks).set({ deferred: 'untold' }).where(at(key)).run()
  }

  /** The agent has heard the answer. */
  told(key: AskKey): void {
    const untold = and(at(key), eq(asks.deferred, 'untold'))
    this.ledger.db.update(asks).set({ deferred: 'told' }).where(untold).run()
  }

  /** What the runs of a task did not wait for, and what still counts of it; the oldest first. */
  deferredOf(taskId: string): Ask[] {
    const counts = and(eq(asks.taskId, taskId), inArray(asks.deferred, ['untold', 'told']))
    return this.ledger.db.select().from(asks).where(counts).orderBy(asc(asks.askedAt), asks.id).limit(deferredMax).all()
  }

  /** The task is over: its answers count for no later life of it. */
  forgetDeferred(taskId: string): void {
    const counts = and(eq(asks.taskId, taskId), isNotNull(asks.deferred))
    this.ledger.db.update(asks).set({ deferred: 'used' }).where(counts).run()
  }

  end(ask: Ask, status: Exclude<AskStatus, 'open'>, event: AskEvent): void {
    this.ledger.transact(() => {
      this.ledger.db.update(asks).set({ status, endedAt: this.ledger.clock.now() }).where(at(ask)).run()
      this.tell(ask, event)
    })
  }

  /** An event about an ask, without a change. */
  tell({ sessionId, taskId }: Pick<Ask, 'sessionId' | 'taskId'>, event: AskEvent): void {
    this.ledger.transact(() => void this.ledger.emit({ ...event, sessionId, taskId }))
  }

  /** Open ones the oldest first, others the newest first. */
  list({ status, runtime, rootId, limit }: AskQuery): Ask[] {
    const where: SQL[] = []
    if (status) where.push(eq(asks.status, status))
    if (runtime) where.push(eq(asks.runtime, runtime))
    if (rootId) where.push(eq(asks.rootId, rootId))
    const order = status === 'open' ? asc(asks.askedAt) : desc(asks.askedAt)
    const query = this.ledger.db
      .select()
      .from(asks)
      .where(and(...where))
    return query.orderBy(order, asks.id).limit(limit).all()
  }

  /** Open asks of these root sessions, by root. */
  openOf(rootIds: readonly string[]): Map<string, number> {
    const mine = and(eq(asks.status, 'open'), inArray(asks.rootId, [...rootIds]))
    const rows = this.ledger.db
      .select({ rootId: asks.rootId, n: sql<number>`count(*)` })
      .from(asks)
      .where(mine)
      .groupBy(asks.rootId)
      .all()
    return new Map(rows.map(({ rootId, n }) => [rootId, n]))
  }

  /** By id or its start: open ones first, for nobody wants to answer another. */
  find(part: string): Ask[] {
    if (!/^[A-Za-z0-9_.-]{1,120}$/.test(part)) return []
    const exact = this.select(eq(asks.id, part))
    if (exact.length > 0) return exact
    if (part.length < 3) return []
    const byStart = and(gte(asks.id, part), lt(asks.id, `${part}~`))
    const open = this.select(and(byStart, eq(asks.status, 'open')))
    return open.length > 0 ? open : this.select(byStart)
  }

  /** Replies that were stored and, as far as the store knows, never sent. */
  intents(runtime: string): Ask[] {
    return this.select(and(eq(asks.runtime, runtime), eq(asks.status, 'open'), isNotNull(asks.reply)), 1_000)
  }

  private select(where: SQL | undefined, limit = 5): Ask[] {
    return this.ledger.db.select().from(asks).where(where).orderBy(desc(asks.askedAt)).limit(limit).all()
  }

  /** Keeps what a person said "always" to; what is kept already is not kept twice. */
  grant(ask: Ask, permission: string, patterns: readonly string[]): Grant[] {
    return this.ledger.transact(() => {
      const known = this.grantsFor(ask, permission)
      const fresh = [...new Set(patterns)].filter((pattern) => !known.has(pattern))
      const createdAt = this.ledger.clock.now()
      return fresh.map((pattern) => {
        const place = { runtime: ask.runtime, workspace: ask.workspace, permission, pattern }
        const grant: Grant = { id: newId('g', createdAt), ...place, createdAt, askId: ask.id }
        this.ledger.db.insert(grants).values(grant).run()
        this.tell(ask, { type: 'grant.added', data: { grant } })
        return grant
      })
    })
  }

  /** Patterns that are granted for a permission where an ask comes from. */
  grantsFor({ runtime, workspace }: Pick<Ask, 'runtime' | 'workspace'>, permission: string): Set<string> {
    const here = and(eq(grants.runtime, runtime), eq(grants.workspace, workspace), eq(grants.permission, permission))
    const rows = this.ledger.db.select({ pattern: grants.pattern }).from(grants).where(here).all()
    return new Set(rows.map(({ pattern }) => pattern))
  }

  grants(limit: number): Grant[] {
    return this.ledger.db.select().from(grants).orderBy(desc(grants.createdAt), desc(grants.id)).limit(limit).all()
  }

  /** The grants that an id or its start names; the revoked one is told. */
  findGrants(part: string): Grant[] {
    if (!/^[a-z0-9_]{2,40}$/.test(part)) return []
    const byStart = or(eq(grants.id, part), and(gte(grants.id, part), lt(grants.id, `${part}~`)))
    return this.ledger.db.select().from(grants).where(byStart).limit(5).all()
  }

  revoke(grant: Grant): void {
    this.ledger.transact(() => {
      const { changes } = this.ledger.db.delete(grants).where(eq(grants.id, grant.id)).run()
      if (changes > 0) this.ledger.emit({ type: 'grant.revoked', data: { grant } })
    })
  }
}

const at = ({ runtime, id }: AskKey) => and(eq(asks.runtime, runtime), eq(asks.id, id))

/** Prepared once: a runtime repeats what is open at each look. */
function prepareByKey({ db }: Ledger) {
  const key = { runtime: sql.placeholder('runtime'), id: sql.placeholder('id') }
  return db
    .select()
    .from(asks)
    .where(and(eq(asks.runtime, key.runtime), eq(asks.id, key.id)))
    .prepare()
}
