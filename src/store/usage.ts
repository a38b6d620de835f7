/**
 * What sessions used, as rows with the time at which it was used: figures of a message grow, and each growth is a row.
 * A total larger than the rows gets one row for what nobody saw. Nothing is counted twice, and no price is invented.
 */
import { and, asc, eq, gte, inArray, isNull, lt, type SQL, sql } from 'drizzle-orm'
import type { ModelUsage, SessionUsageSums, UsageCount, UsageSum } from '../core/session.ts'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'

const { usage, sessions } = schema
const figures = ['input', 'output', 'reasoning', 'cacheRead', 'cacheWrite'] as const

export interface Growth {
  sessionId: string
  messageId: string
  taskId: string | null
  /** Stamp of its first figures: when they were told, or when the message was made if that was before our look. */
  firstAt: number
  /** Stamp of what they grow by afterwards. */
  at: number
  usage: ModelUsage
}

export interface Total {
  sessionId: string
  taskId: string | null
  /** `provider/model`, as the session names it. */
  model: string | null
  updatedAt: number
  total: UsageCount
}

export const usageGroups = ['session', 'task', 'model', 'workspace', 'day'] as const
export type UsageGroup = (typeof usageGroups)[number]

/** Epoch ms; `until` is not part of it. */
export interface Period {
  since?: number
  until?: number
}

export interface UsageRow extends UsageSum {
  /** Session, task, `provider/model`, folder or `2026-11-21`; null: of no task. */
  key: string | null
}

/** A cost that differs by less is rounding. */
const costNoiseMicros = 1_000

export class Usage {
  private readonly ledger: Ledger
  private readonly prepared: ReturnType<typeof prepare>

  constructor(ledger: Ledger) {
    this.ledger = ledger
    this.prepared = prepare(ledger)
  }

  /** Writes what the figures of a message grew by since they were written last. */
  grow({ sessionId, messageId, taskId, firstAt, at, usage: told }: Growth): void {
    this.ledger.transact(() => {
      const before = this.prepared.ofMessage.get({ sessionId, messageId })
      const delta = growthOf(told, before)
      if (!delta) return
      const isFirst = (before?.rows ?? 0) === 0
      const { model, provider } = told
      const row = { at: isFirst ? firstAt : at, sessionId, messageId, taskId, provider, model, ...delta }
      this.ledger.db.insert(usage).values(row).run()
      if (isFirst) this.unguess(sessionId, firstAt, delta)
    }, false)
  }

  /** One row for what a session used while nobody looked; only when no turn of it is under way. */
  correct({ sessionId, taskId, model: named, updatedAt, total }: Total): boolean {
    return this.ledger.transact(() => {
      const delta = growthOf(total, this.prepared.ofSession.get({ sessionId }))
      if (!delta || (figures.every((name) => delta[name] === 0) && (delta.costMicros ?? 0) < costNoiseMicros)) {
        return false
      }
      const slash = named?.indexOf('/') ?? -1
      const model = (slash >= 0 ? named?.slice(slash + 1) : named) ?? 'unknown'
      const provider = slash >= 0 ? (named?.slice(0, slash) ?? '') : ''
      const row = { at: updatedAt, sessionId, messageId: null, taskId, provider, model, ...delta }
      this.ledger.db.insert(usage).values(row).run()
      return true
    }, false)
  }

  /** A message that is told only now was part of an earlier correction: that much of it is known better now. */
  private unguess(sessionId: string, at: number, delta: UsageCount): void {
    const guessed = and(eq(usage.sessionId, sessionId), isNull(usage.messageId), gte(usage.at, at))
    const rows = this.ledger.db.select().from(usage).where(guessed).orderBy(asc(usage.at)).all()
    const left: UsageCount = { ...delta }
    for (const row of rows) {
      const next: UsageCount = { ...row }
      for (const name of figures) {
        const part = Math.min(row[name], left[name])
        next[name] -= part
        left[name] -= part
      }
      const cost = Math.min(row.costMicros ?? 0, left.costMicros ?? 0)
      if (row.costMicros !== null) next.costMicros = row.costMicros - cost
      if (left.costMicros !== null) left.costMicros -= cost
      const here = eq(usage.id, row.id)
      if (figures.every((name) => next[name] === 0)) this.ledger.db.delete(usage).where(here).run()
      else {
        const { input, output, reasoning, cacheRead, cacheWrite, costMicros } = next
        const values = { input, output, reasoning, cacheRead, cacheWrite, costMicros }
        this.ledger.db.update(usage).set(values).where(here).run()
      }
    }
  }

  /** `provider/model` of everything that answered in a session; at most ten. */
  modelsOf(sessionId: string): string[] {
    const { provider, model } = usage
    const rows = this.ledger.db.selectDistinct({ provider, model }).from(usage).where(eq(usage.sessionId, sessionId))
    return rows
      .limit(10)
      .all()
      .map((row) => [row.provider, row.model].filter(Boolean).join('/'))
      .sort()
  }

  /** Sums by one of the groups, the most first (days in their order). */
  by(group: UsageGroup, period: Period, limit: number): UsageRow[] {
    const key = keys[group]
    const rows = this.ledger.db
      .select({ key, ...sums })
      .from(usage)
      .leftJoin(sessions, eq(sessions.id, usage.sessionId))
      .where(and(...within(period)))
      .groupBy(key)
      .orderBy(group === 'day' ? asc(key) : sql`sum(${usage.input} + ${usage.output} + ${usage.reasoning}) desc`)
      .limit(limit)
      .all()
    return rows.map(({ key: of, ...row }) => ({ key: of, ...sumOf(row) }))
  }

  /** The sum of everything in the period. */
  whole(period: Period): UsageSum {
    const row = this.ledger.db
      .select(sums)
      .from(usage)
      .where(and(...within(period)))
      .get()
    return sumOf(row)
  }

  /** `tree`: ids of the session and everything below it, itself first. */
  ofTree(tree: readonly string[], period: Period = {}): SessionUsageSums {
    const of = (ids: readonly string[]) =>
      this.ledger.db
        .select(sums)
        .from(usage)
        .where(and(inArray(usage.sessionId, [...ids]), ...within(period)))
        .get()
    return { own: sumOf(of(tree.slice(0, 1))), total: sumOf(of(tree)) }
  }
}

const keys: Record<UsageGroup, SQL<string | null>> = {
  session: sql`${usage.sessionId}`,
  task: sql`${usage.taskId}`,
  model: sql`iif(${usage.provider} = '', ${usage.model}, ${usage.provider} || '/' || ${usage.model})`,
  workspace: sql`${sessions.workspace}`,
  day: sql`strftime('%Y-%m-%d', ${usage.at} / 1000, 'unixepoch', 'localtime')`,
}

const within = ({ since, until }: Period): SQL[] => [
  ...(since === undefined ? [] : [gte(usage.at, since)]),
  ...(until === undefined ? [] : [lt(usage.at, until)]),
]

const sums = {
  input: sql<number | null>`sum(${usage.input})`,
  output: sql<number | null>`sum(${usage.output})`,
  reasoning: sql<number | null>`sum(${usage.reasoning})`,
  cacheRead: sql<number | null>`sum(${usage.cacheRead})`,
  cacheWrite: sql<number | null>`sum(${usage.cacheWrite})`,
  costMicros: sql<number | null>`sum(${usage.costMicros})`,
  unknown: sql<number>`sum(${usage.costMicros} is null)`,
  rows: sql<number>`count(*)`,
}

type SumRow = { [name in keyof typeof sums]: number | null }

const sumOf = (row: SumRow | undefined): UsageSum => ({
  input: row?.input ?? 0,
  output: row?.output ?? 0,
  reasoning: row?.reasoning ?? 0,
  cacheRead: row?.cacheRead ?? 0,
  cacheWrite: row?.cacheWrite ?? 0,
  // Nothing used costs nothing; something used at no known price costs nobody knows what.
  costMicros: row?.costMicros ?? ((row?.rows ?? 0) === 0 ? 0 : null),
  atLeast: (row?.unknown ?? 0) > 0,
})

/** Null when nothing grew. Figures never shrink: what was used was used. */
function growthOf(told: UsageCount, before: SumRow | undefined): UsageCount | null {
  const more = (name: (typeof figures)[number]) => Math.max(0, told[name] - (before?.[name] ?? 0))
  const [input, output, reasoning] = [more('input'), more('output'), more('reasoning')]
  const [cacheRead, cacheWrite] = [more('cacheRead'), more('cacheWrite')]
  const costMicros = told.costMicros === null ? null : Math.max(0, told.costMicros - (before?.costMicros ?? 0))
  const grew = input + output + reasoning + cacheRead + cacheWrite > 0 || (costMicros ?? 0) > 0
  return grew ? { input, output, reasoning, cacheRead, cacheWrite, costMicros } : null
}

function prepare({ db }: Ledger) {
  const inSession = eq(usage.sessionId, sql.placeholder('sessionId'))
  const inMessage = and(inSession, eq(usage.messageId, sql.placeholder('messageId')))
  return {
    ofMessage: db.select(sums).from(usage).where(inMessage).prepare(),
    ofSession: db.select(sums).from(usage).where(inSession).prepare(),
  }
}
