/** Reading the event log, in order, in pages. Writing it is the ledger's. */
import { and, asc, desc, eq, getTableColumns, gt, type SQL } from 'drizzle-orm'
import type { LoomEvent } from '../core/event.ts'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'

const { hash: _, ...eventColumns } = getTableColumns(schema.events)

/** An event as others see it: without its place in the hash chain. */
export { eventColumns }

export class Events {
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  /** At most `limit` events after `seq`, oldest first. */
  after(seq: number, limit: number, taskId?: string): LoomEvent[] {
    const { events } = schema
    const where: SQL[] = [gt(events.seq, seq)]
    if (taskId) where.push(eq(events.taskId, taskId))
    return this.ledger.db
      .select(eventColumns)
      .from(events)
      .where(and(...where))
      .orderBy(asc(events.seq))
      .limit(limit)
      .all()
  }

  /** The newest `limit` events, oldest first. */
  last(limit: number, taskId?: string): LoomEvent[] {
    const { events } = schema
    const query = this.ledger.db.select(eventColumns).from(events)
    const some = taskId ? query.where(eq(events.taskId, taskId)) : query
    return some.orderBy(desc(events.seq)).limit(limit).all().reverse()
  }
}
