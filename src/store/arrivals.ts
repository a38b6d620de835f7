/** Reading what came in through the inbox and what became of it. Writing it is the tasks' (store/tasks.ts). */
import { and, desc, eq, inArray, isNull, lt, sql } from 'drizzle-orm'
import type { EventType, LoomEvent } from '../core/event.ts'
import type { TaskStatus } from '../core/task.ts'
import type { Verdict } from '../core/verdict.ts'
import { eventColumns } from './events.ts'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'

const { intake, tasks, events } = schema

export interface Arrival {
  /** Grows with each. */
  number: number
  /** name:inode:mtime:sha256 of the file. */
  key: string
  sha256: string
  at: number
  task: { id: string; title: string; status: TaskStatus; verdict: Verdict | null } | null
}

const number = sql<number>`${intake}.rowid`

export class Arrivals {
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  /** Files of the inbox, the newest first, before a number. Walks the rows backwards and stops at `limit`. */
  page(limit: number, before?: number): Arrival[] {
    return this.select(limit, before === undefined ? undefined : lt(number, before))
  }

  one(wanted: number): Arrival | null {
    return this.select(1, eq(number, wanted))[0] ?? null
  }

  /** The last refusals that were told, the newest first. By the index of events that belong to no task. */
  refusals(limit: number): LoomEvent[] {
    const types: EventType[] = ['inbox.rejected']
    const rows = this.ledger.db.select(eventColumns).from(events)
    const match = and(isNull(events.taskId), inArray(events.type, types))
    return rows.where(match).orderBy(desc(events.seq)).limit(limit).all()
  }

  private select(limit: number, match: ReturnType<typeof eq> | undefined): Arrival[] {
    const task = { id: tasks.id, title: tasks.title, status: tasks.status, verdict: tasks.verdict }
    return this.ledger.db
      .select({ number, key: intake.externalId, sha256: intake.bodySha256, at: intake.at, task })
      .from(intake)
      .leftJoin(tasks, eq(tasks.id, intake.taskId))
      .where(and(sql`+${intake.source} = 'inbox'`, match))
      .orderBy(desc(number))
      .limit(limit)
      .all()
      .map((row) => ({ ...row, task: row.task?.id ? row.task : null }) as Arrival)
  }
}
