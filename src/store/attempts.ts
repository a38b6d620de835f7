/** Attempts and the checks of each: what was asked, what was claimed, what was found. */
import { and, asc, desc, eq, notInArray, sql } from 'drizzle-orm'
import type { CheckOutcome } from '../core/check.ts'
import { type AttemptRecord, type CheckRecord, flakyIn, type Verdict } from '../core/verdict.ts'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'

export class Attempts {
  private readonly ledger: Ledger
  private readonly flaky

  constructor(ledger: Ledger) {
    this.ledger = ledger
    const { events } = schema
    const id = sql<string>`wanted.value`
    const reached = and(eq(events.taskId, id), eq(events.type, 'verdict.reached'))
    const flaky = sql<number | null>`json_extract(${events.data}, '$.flaky')`
    const last = ledger.db.select({ flaky }).from(events).where(reached).orderBy(desc(events.seq)).limit(1)
    const columns = { id, flaky: sql<number | null>`${last}` }
    this.flaky = ledger.db
      .select(columns)
      .from(sql`json_each(${sql.placeholder('ids')}) wanted`)
      .prepare()
  }

  /** Begins attempt `number`; beginning it again (after a crash) changes nothing. */
  begin(taskId: string, number: number, prompt: string): void {
    this.ledger.transact(() => {
      const row = { taskId, number, prompt, startedAt: this.ledger.clock.now() }
      const { changes } = this.ledger.db.insert(schema.attempts).values(row).onConflictDoNothing().run()
      if (changes > 0) this.ledger.emit({ type: 'attempt.started', taskId, data: { number, prompt } })
    })
  }

  /** Another prompt, for an attempt whose prompt has not been sent. */
  reword(taskId: string, number: number, prompt: string): void {
    this.ledger.db.update(schema.attempts).set({ prompt }).where(this.at(taskId, number)).run()
  }

  bindSession(taskId: string, number: number, sessionId: string): void {
    this.ledger.db.update(schema.attempts).set({ sessionId }).where(this.at(taskId, number)).run()
  }

  /** Stores one finished check with its event; the same check of the same attempt is stored once: false, it was. */
  addCheck(taskId: string, attempt: number, record: CheckRecord): boolean {
    return this.ledger.transact(() => {
      const row = { taskId, attempt, position: record.index, record }
      const { changes } = this.ledger.db.insert(schema.checks).values(row).onConflictDoNothing().run()
      if (changes === 0) return false
      const { index, title, outcome, durationMs } = record
      const data = { attempt, index, title, outcome, durationMs, summary: record.evidence.summary }
      this.ledger.emit({ type: 'check.finished', taskId, data })
      return true
    })
  }

  /** Replaces what is stored of an attempt by a later look at the same; a record that is new has its event. */
  amendChecks(taskId: string, attempt: number, records: readonly CheckRecord[]): void {
    this.ledger.transact(() => {
      const known = new Set(this.checksOf(taskId, attempt).map((record) => record.index))
      for (const record of records) {
        if (!known.has(record.index)) this.addCheck(taskId, attempt, record)
        else {
          const at = and(this.checksAt(taskId, attempt), eq(schema.checks.position, record.index))
          this.ledger.db.update(schema.checks).set({ record }).where(at).run()
        }
      }
      const kept = records.map((record) => record.index)
      const gone = notInArray(schema.checks.position, kept)
      this.ledger.db
        .delete(schema.checks)
        .where(and(this.checksAt(taskId, attempt), gone))
        .run()
    })
  }

  /** Keeps the agent's last words of an attempt. */
  claim(taskId: string, attempt: number, claim: string): void {
    this.ledger.db.update(schema.attempts).set({ claim }).where(this.at(taskId, attempt)).run()
  }

  /** Ends an attempt with its verdict. */
  conclude(taskId: string, attempt: number, verdict: Verdict): void {
    this.ledger.transact(() => {
      const endedAt = this.ledger.clock.now()
      this.ledger.db.update(schema.attempts).set({ verdict, endedAt }).where(this.at(taskId, attempt)).run()
      const records = this.checksOf(taskId, attempt)
      const outcomes = records.map((record) => record.outcome)
      const flaky = flakyIn(records)
      const passed = outcomes.filter((o) => o === 'pass').length
      const failed = outcomes.filter((o) => o === 'fail').length
      const data = {
        attempt,
        verdict,
        passed,
        failed,
        errors: outcomes.length - passed - failed,
        ...(flaky > 0 ? { flaky } : {}),
      }
      this.ledger.emit({ type: 'verdict.reached', taskId, data })
    })
  }

  /**
   * How many checks behind the last verdict of each of these tasks were flaky; those without one are not in it. From
   * its event, which is small, unlike the records. One statement: a list asks for a whole page.
   */
  flakyOf(taskIds: readonly string[]): Map<string, number> {
    const rows = this.flaky.all({ ids: JSON.stringify(taskIds) })
    return new Map(rows.flatMap(({ id, flaky }) => (flaky !== null && flaky > 0 ? [[id, flaky]] : [])))
  }

  /** What the checks said before the work began: stored as those of attempt 0, which nobody made. */
  addBase(taskId: string, records: readonly CheckRecord[]): void {
    const count = (outcome: CheckOutcome) => records.filter((record) => record.outcome === outcome).length
    this.ledger.transact(() => {
      const rows = records.map((record) => ({ taskId, attempt: 0, position: record.index, record }))
      if (rows.length > 0) this.ledger.db.insert(schema.checks).values(rows).onConflictDoNothing().run()
      const green = records.filter((record) => record.outcome === 'pass').map((record) => record.title)
      const data = { red: count('fail'), unknown: count('error'), green }
      this.ledger.emit({ type: 'base.examined', taskId, data })
    })
  }

  /** Forgets the checks of an attempt that is to be judged anew: what they looked at may have changed. */
  forgetChecks(taskId: string, attempt: number): void {
    this.ledger.db.delete(schema.checks).where(this.checksAt(taskId, attempt)).run()
  }

  checksOf(taskId: string, attempt: number): CheckRecord[] {
    const { checks } = schema
    return this.ledger.db
      .select()
      .from(checks)
      .where(this.checksAt(taskId, attempt))
      .orderBy(asc(checks.position))
      .all()
      .map((row) => row.record)
  }

  /** Oldest first. */
  of(taskId: string): AttemptRecord[] {
    const { attempts } = schema
    const rows = this.ledger.db
      .select()
      .from(attempts)
      .where(eq(attempts.taskId, taskId))
      .orderBy(attempts.number)
      .all()
    return rows.map(({ taskId: _, ...row }) => ({ ...row, checks: this.checksOf(taskId, row.number) }))
  }

  private checksAt(taskId: string, attempt: number) {
    return and(eq(schema.checks.taskId, taskId), eq(schema.checks.attempt, attempt))
  }

  private at(taskId: string, number: number) {
    return and(eq(schema.attempts.taskId, taskId), eq(schema.attempts.number, number))
  }
}
