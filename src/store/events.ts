/** Reading the event log, in order, in pages. Writing it is the ledger's. */
import { and, asc, desc, eq, getTableColumns, gt, lt, min, or, type SQL, sql } from 'drizzle-orm'
import type { LoomEvent } from '../core/event.ts'
import type { Ledger } from './ledger.ts'
import { holds } from './like.ts'
import * as schema from './schema.ts'

const { hash: _, ...eventColumns } = getTableColumns(schema.events)

/** An event as others see it: without its place in the hash chain. */
export { eventColumns }

/** Events looked at for one page of a search. */
const stretch = 20_000

export interface EventSearch {
  limit: number
  /** Whole types, or families as `task.*`. */
  types?: readonly string[]
  taskId?: string
  sessionId?: string
  /** All of them stand somewhere in the event; case does not count. */
  words?: readonly string[]
}

function fits({ types = [], taskId, sessionId, words = [] }: EventSearch): (SQL | undefined)[] {
  const { events } = schema
  const ofType = types.map((type) => sql`${events.type} glob ${type}`)
  const said = words.map((word) => or(holds(events.type, word), holds(events.data, word)))
  return [
    ofType.length > 0 ? or(...ofType) : undefined,
    taskId ? eq(events.taskId, taskId) : undefined,
    sessionId ? eq(events.sessionId, sessionId) : undefined,
    ...said,
  ]
}

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

  /**
   * The newest events before `seq` that fit, newest first, and where to go on; null at the beginning of the log. Of a
   * task its index is read; else one stretch of the log, by its key, so that a word nobody ever said costs no more
   * than one that everybody says.
   */
  before(seq: number, asked: EventSearch): { items: LoomEvent[]; next: number | null } {
    const { events } = schema
    const end = Math.min(seq, this.ledger.head() + 1)
    const from = asked.taskId ? 0 : Math.max(0, end - stretch)
    const items = this.ledger.db
      .select(eventColumns)
      .from(events)
      .where(and(lt(events.seq, end), gt(events.seq, from), ...fits(asked)))
      .orderBy(desc(events.seq))
      .limit(asked.limit)
      .all()
    const isFull = items.length === asked.limit
    // Before the first there is nothing, however many there were.
    return { items, next: isFull ? (items.at(-1)?.seq ?? null) : from + 1 > this.first() ? from + 1 : null }
  }

  /** Seq of the oldest event that is still there; of an empty log that of the next. */
  first(): number {
    const row = this.ledger.db
      .select({ seq: min(schema.events.seq) })
      .from(schema.events)
      .get()
    return row?.seq ?? this.ledger.head() + 1
  }

  /** The newest `limit` events, oldest first. */
  last(limit: number, taskId?: string): LoomEvent[] {
    const { events } = schema
    const query = this.ledger.db.select(eventColumns).from(events)
    const some = taskId ? query.where(eq(events.taskId, taskId)) : query
    return some.orderBy(desc(events.seq)).limit(limit).all().reverse()
  }
}

/** The first event at or after an instant: instants grow with the log, so its key is searched by halves. */
export function seqAt(ledger: Ledger, at: number): number {
  const next = ledger.db.$client.prepare<[number], { at: number }>(
    'select at from events where seq >= ? order by seq limit 1',
  )
  let [low, high] = [1, ledger.head() + 1]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if ((next.get(middle)?.at ?? Number.POSITIVE_INFINITY) >= at) high = middle
    else low = middle + 1
  }
  return low
}
