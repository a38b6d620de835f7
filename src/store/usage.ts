/** Sums over time-stamped usage rows; tokens and cost never come from anywhere else. */
import { eq, sql } from 'drizzle-orm'
import type { SessionUsage } from '../core/session.ts'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'

export class Usage {
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  /** Tokens and cost of one task; the cost is null while any part of it has no known price. */
  ofTask(taskId: string): Omit<SessionUsage, 'toolCalls'> {
    const { usage } = schema
    const { input, output, cacheRead, cacheWrite } = usage
    const row = this.ledger.db
      .select({
        tokens: sql<number>`coalesce(sum(${input} + ${output} + ${cacheRead} + ${cacheWrite}), 0)`,
        cost: sql<number>`coalesce(sum(${usage.costMicros}), 0)`,
        unknown: sql<number>`sum(${usage.costMicros} is null)`,
      })
      .from(usage)
      .where(eq(usage.taskId, taskId))
      .get()
    return { tokens: row?.tokens ?? 0, costMicros: row?.unknown ? null : (row?.cost ?? 0) }
  }
}
