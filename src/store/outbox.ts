/** The outbox of the courier: how far each sink is in the log, what failed and when it is due again, what is dead. */
import { and, asc, count, desc, eq, getTableColumns, gt, inArray, lte, min } from 'drizzle-orm'
import { type EventType, eventTypes, isNotable, type LoomEvent } from '../core/event.ts'
import type { Task } from '../core/task.ts'
import { eventColumns } from './events.ts'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'
import { taskOf } from './tasks.ts'

/** One delivery that failed: waiting for its next try, or dead. */
export interface FailedDelivery {
  sink: string
  seq: number
  attempts: number
  dueAt: number
  dead: boolean
  problem: string
  updatedAt: number
}

/** A delivery that waits or is dead, with what it tells of. */
export interface OpenDelivery extends FailedDelivery {
  event: { type: EventType; at: number; taskId: string | null; title: string | null } | null
}

const telling: EventType[] = eventTypes.filter(isNotable)

export class StoreOutbox {
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  head(): number {
    return this.ledger.head()
  }

  /** Null: this sink is new. */
  cursor(sink: string): number | null {
    return this.ledger.db.select().from(schema.cursors).where(eq(schema.cursors.sink, sink)).get()?.seq ?? null
  }

  setCursor(sink: string, seq: number): void {
    const { cursors } = schema
    this.ledger.db
      .insert(cursors)
      .values({ sink, seq })
      .onConflictDoUpdate({ target: cursors.sink, set: { seq } })
      .run()
  }

  /** At most `limit` events after `seq` that anybody could want to hear of, with their task as it is now. */
  eventsAfter(seq: number, limit: number): { event: LoomEvent; task: Task | null }[] {
    const { events } = schema
    const match = and(gt(events.seq, seq), inArray(events.type, telling))
    const rows = this.ledger.db
      .select(eventColumns)
      .from(events)
      .where(match)
      .orderBy(asc(events.seq))
      .limit(limit)
      .all()
    return rows.map((event) => ({ event, task: this.task(event.taskId) }))
  }

  event(seq: number): { event: LoomEvent; task: Task | null } | null {
    const event = this.ledger.db.select(eventColumns).from(schema.events).where(eq(schema.events.seq, seq)).get()
    return event ? { event, task: this.task(event.taskId) } : null
  }

  /** Moves the cursor past an event whose delivery failed and keeps the delivery for later, in one transaction. */
  defer(delivery: Omit<FailedDelivery, 'dead' | 'updatedAt'>): void {
    this.put({ ...delivery, dead: false })
  }

  bury(delivery: Omit<FailedDelivery, 'dead' | 'updatedAt'>): void {
    this.put({ ...delivery, dead: true })
  }

  settle(sink: string, seq: number): void {
    this.ledger.db.delete(schema.deliveries).where(at(sink, seq)).run()
  }

  due(sink: string, now: number, limit: number): FailedDelivery[] {
    const { deliveries } = schema
    const match = and(eq(deliveries.sink, sink), eq(deliveries.dead, false), lte(deliveries.dueAt, now))
    return this.ledger.db.select().from(deliveries).where(match).orderBy(asc(deliveries.dueAt)).limit(limit).all()
  }

  /** Instant of the next try of this sink, null when none waits. */
  nextDueAt(sink: string): number | null {
    const { deliveries } = schema
    const match = and(eq(deliveries.sink, sink), eq(deliveries.dead, false))
    return (
      this.ledger.db
        .select({ at: min(deliveries.dueAt) })
        .from(deliveries)
        .where(match)
        .get()?.at ?? null
    )
  }

  /** What was not delivered: those that wait by their next try, dead ones with the newest first. */
  open(dead: boolean, limit: number): OpenDelivery[] {
    const { deliveries, events, tasks } = schema
    const event = { type: events.type, at: events.at, taskId: events.taskId, title: tasks.title }
    return this.ledger.db
      .select({ ...getTableColumns(deliveries), event })
      .from(deliveries)
      .leftJoin(events, eq(events.seq, deliveries.seq))
      .leftJoin(tasks, eq(tasks.id, events.taskId))
      .where(eq(deliveries.dead, dead))
      .orderBy(dead ? desc(deliveries.seq) : asc(deliveries.dueAt))
      .limit(limit)
      .all()
      .map((row) => ({ ...row, event: row.event?.type ? row.event : null }) as OpenDelivery)
  }

  /** Makes dead deliveries of a sink due at once, one or all; how many there were. */
  replay(sink: string, seq?: number): number {
    const now = this.ledger.clock.now()
    const values = { dead: false, attempts: 0, dueAt: now, updatedAt: now }
    const wanted = seq === undefined ? eq(schema.deliveries.sink, sink) : at(sink, seq)
    const dead = and(wanted, eq(schema.deliveries.dead, true))
    return this.ledger.db.update(schema.deliveries).set(values).where(dead).run().changes
  }

  counts(sink: string): { pending: number; dead: number } {
    const { deliveries } = schema
    const rows = this.ledger.db
      .select({ dead: deliveries.dead, n: count() })
      .from(deliveries)
      .where(eq(deliveries.sink, sink))
      .groupBy(deliveries.dead)
      .all()
    const of = (dead: boolean) => rows.find((row) => row.dead === dead)?.n ?? 0
    return { pending: of(false), dead: of(true) }
  }

  private put(delivery: Omit<FailedDelivery, 'updatedAt'>): void {
    const { deliveries } = schema
    const row = { ...delivery, updatedAt: this.ledger.clock.now() }
    this.ledger.transact(() => {
      const target = [deliveries.sink, deliveries.seq]
      this.ledger.db.insert(deliveries).values(row).onConflictDoUpdate({ target, set: row }).run()
      const before = this.cursor(delivery.sink) ?? 0
      if (delivery.seq > before) this.setCursor(delivery.sink, delivery.seq)
    })
  }

  private task(id: string | null): Task | null {
    if (id === null) return null
    const row = this.ledger.db.select().from(schema.tasks).where(eq(schema.tasks.id, id)).get()
    return row ? taskOf(row) : null
  }
}

const at = (sink: string, seq: number) => and(eq(schema.deliveries.sink, sink), eq(schema.deliveries.seq, seq))
