/** Tasks as rows of a list, in an order, page after page. It changes none. */
import { and, desc, eq, gte, inArray, lt, or, type SQL, sql } from 'drizzle-orm'
import type { TaskItem, TaskStatus } from '../core/task.ts'
import type { Verdict } from '../core/verdict.ts'
import { idsFrom } from '../lib/id.ts'
import type { Ledger } from './ledger.ts'
import { begins, holds } from './like.ts'
import * as schema from './schema.ts'

const { tasks } = schema

/** What a list may be in the order of, the most first. */
export const taskOrders = ['created', 'updated', 'tokens', 'cost', 'work'] as const
export type TaskOrder = (typeof taskOrders)[number]

export interface TaskQuery {
  statuses?: readonly TaskStatus[]
  verdicts?: readonly Verdict[]
  /** Whole, as the task has it. */
  workspace?: string | undefined
  runtime?: string | undefined
  /** Made at or after this instant, and before that one (epoch ms). */
  since?: number | undefined
  until?: number | undefined
  /** Part of the title or of the folder, or the start of an id. */
  text?: string
  /** Absent: the newest first. */
  order?: TaskOrder
  /** Id of the last row of the page before. */
  after?: string
  limit: number
}

const orders: Record<TaskOrder, SQL> = {
  created: sql`${tasks.createdAt}`,
  updated: sql`${tasks.updatedAt}`,
  tokens: sql`${tasks.tokens}`,
  // What is not known comes after all that is.
  cost: sql`coalesce(${tasks.costMicros}, -1)`,
  work: sql`${tasks.activeMs}`,
}

const columns = {
  id: tasks.id,
  title: tasks.title,
  status: tasks.status,
  reason: tasks.reason,
  verdict: tasks.verdict,
  attempt: tasks.attempt,
  workspace: tasks.workspace,
  runtime: tasks.runtime,
  source: tasks.source,
  proven: tasks.proven,
  total: tasks.total,
  createdAt: tasks.createdAt,
  updatedAt: tasks.updatedAt,
  startedAt: tasks.startedAt,
  endedAt: tasks.endedAt,
  tokens: tasks.tokens,
  costMicros: tasks.costMicros,
}

const itemOf = <R extends { proven: number; total: number }>({ proven, total, ...row }: R) => ({
  ...row,
  progress: { proven, total },
})

/** Tasks whose key at the way in begins so, the newest first: by the index of arrivals. `start` ends in a `:`. */
export function tasksByKey({ db }: Ledger, start: string, limit: number): TaskItem[] {
  const { intake } = schema
  const rows = db
    .select(columns)
    .from(intake)
    .innerJoin(tasks, eq(tasks.id, intake.taskId))
    .where(
      and(
        inArray(intake.source, ['api', 'cli']),
        gte(intake.externalId, start),
        lt(intake.externalId, `${start.slice(0, -1)};`),
      ),
    )
    .orderBy(desc(tasks.id))
    .limit(limit)
    .all()
  return rows.map(itemOf)
}

/** What ended last, the last first. Read along the ends: by status, all that ever ended would be sorted. */
export function endedTasks({ db }: Ledger, statuses: readonly TaskStatus[], limit: number): TaskItem[] {
  const rows = db
    .select(columns)
    .from(tasks)
    .where(inArray(sql`+${tasks.status}`, [...statuses]))
    .orderBy(desc(tasks.endedAt), desc(tasks.id))
    .limit(limit)
    .all()
  return rows.map(itemOf)
}

export function taskPage({ db }: Ledger, query: TaskQuery): { items: TaskItem[]; next: string | null } {
  const by = orders[query.order ?? 'created']
  const where: (SQL | undefined)[] = []
  if (query.statuses) where.push(inArray(tasks.status, query.statuses))
  if (query.verdicts) where.push(inArray(tasks.verdict, query.verdicts))
  if (query.workspace) where.push(eq(tasks.workspace, query.workspace))
  if (query.runtime) where.push(eq(tasks.runtime, query.runtime))
  // An id begins with the time of its making.
  if (query.since !== undefined) where.push(gte(tasks.id, idsFrom('t', query.since)))
  if (query.until !== undefined) where.push(lt(tasks.id, idsFrom('t', query.until)))
  if (query.after) {
    const last = sql`(select ${by}, ${tasks.id} from ${tasks} where ${tasks.id} = ${query.after})`
    where.push(query.order ? sql`(${by}, ${tasks.id}) < ${last}` : lt(tasks.id, query.after))
  }
  if (query.text) {
    const { text } = query
    where.push(or(holds(tasks.title, text), holds(tasks.workspace, text), begins(tasks.id, text)))
  }
  const rows = db
    .select(columns)
    .from(tasks)
    .where(and(...where))
    .orderBy(...(query.order ? [desc(by)] : []), desc(tasks.id))
    .limit(query.limit + 1)
    .all()
  const items = rows.slice(0, query.limit).map(itemOf)
  return { items, next: rows.length > query.limit ? (items.at(-1)?.id ?? null) : null }
}
