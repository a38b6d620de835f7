/** Receipts: appended in the transaction of their verdict, each with the digest of the one before. Never changed. */
import { and, asc, desc, eq, gt, type SQL } from 'drizzle-orm'
import type { ReceiptDraft, ReceiptFacts } from '../core/receipt.ts'
import { digestOf, type Envelope } from '../lib/dsse.ts'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'

const { receipts } = schema

export type ReceiptRow = typeof receipts.$inferSelect
export type ReceiptItem = Omit<ReceiptRow, 'envelope'>

const itemColumns = {
  seq: receipts.seq,
  taskId: receipts.taskId,
  attempt: receipts.attempt,
  digest: receipts.digest,
  prev: receipts.prev,
  at: receipts.at,
}

export class Receipts {
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  /** Gives a draft its place in the chain, has it signed, stores it. Throws what `sign` throws, with nothing stored. */
  append(draft: ReceiptDraft, sign: (facts: ReceiptFacts) => Envelope): ReceiptItem {
    return this.ledger.transact(() => {
      const before = this.ledger.db.select(itemColumns).from(receipts).orderBy(desc(receipts.seq)).limit(1).get()
      const place = { seq: (before?.seq ?? 0) + 1, prev: before?.digest ?? null, log: this.ledger.logHead() }
      const envelope = sign({ ...draft, ...place })
      const { id: taskId, attempt } = draft.task
      const at = this.ledger.clock.now()
      const item = { seq: place.seq, taskId, attempt, digest: digestOf(envelope), prev: place.prev, at }
      this.ledger.db
        .insert(receipts)
        .values({ ...item, envelope })
        .run()
      const { seq, digest } = item
      this.ledger.emit({ type: 'receipt.issued', taskId, data: { seq, digest, attempt, verdict: draft.verdict } })
      return item
    })
  }

  get(seq: number): ReceiptRow | null {
    return this.ledger.db.select().from(receipts).where(eq(receipts.seq, seq)).get() ?? null
  }

  /** At most `limit` after `seq`, oldest first. */
  after(seq: number, limit: number, taskId?: string): ReceiptRow[] {
    const where: SQL[] = [gt(receipts.seq, seq)]
    if (taskId) where.push(eq(receipts.taskId, taskId))
    return this.ledger.db
      .select()
      .from(receipts)
      .where(and(...where))
      .orderBy(asc(receipts.seq))
      .limit(limit)
      .all()
  }

  /** Of one task, oldest first, without the envelopes. */
  of(taskId: string): ReceiptItem[] {
    const { seq, taskId: task } = receipts
    return this.ledger.db.select(itemColumns).from(receipts).where(eq(task, taskId)).orderBy(asc(seq)).all()
  }
}
