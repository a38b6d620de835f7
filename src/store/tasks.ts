/** Tasks: accept once, move by the table, list in pages. Every move is one transaction with its event. */
import { and, count, desc, eq, gt, gte, inArray, lt, or, sql } from 'drizzle-orm'
import type { EventType } from '../core/event.ts'
import type { Limits, TaskSpec } from '../core/spec.ts'
import { flattenChecks } from '../core/spec.ts'
import {
  type Acceptance,
  activeStatuses,
  endedStatuses,
  mayMove,
  type NewTask,
  type Origin,
  type Task,
  type TaskItem,
  type TaskStatus,
} from '../core/task.ts'
import { newId } from '../lib/id.ts'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'
import { endedTasks, type TaskQuery, taskPage, tasksByKey } from './task-list.ts'

export type TaskPatch = Partial<
  Pick<
    Task,
    | 'reason'
    | 'resumeTo'
    | 'attempt'
    | 'sessionId'
    | 'verdict'
    | 'progress'
    | 'startedAt'
    | 'activeMs'
    | 'toolCalls'
    | 'tokens'
    | 'costMicros'
    | 'retryAt'
    | 'troubles'
    | 'promptNumber'
    | 'promptText'
    | 'baseCommit'
    | 'baseline'
    | 'added'
    | 'accepted'
    | 'isolation'
    | 'workspace'
  >
>

/** What the concurrency limits look at. */
export type Place = Pick<Task, 'id' | 'workspace' | 'runtime' | 'sessionId' | 'status' | 'reason'> & {
  isolated: boolean
}

const eventOf: Record<TaskStatus, EventType> = {
  queued: 'task.queued',
  starting: 'task.started',
  running: 'task.running',
  verifying: 'task.verifying',
  waiting: 'task.waiting',
  paused: 'task.paused',
  done: 'task.done',
  failed: 'task.failed',
  cancelled: 'task.cancelled',
  archived: 'task.archived',
}

type Row = typeof schema.tasks.$inferSelect

export class Tasks {
  private readonly ledger: Ledger
  private readonly held = new Set<string>()

  /** Prepared once: every step of the harness begins with it. */
  private readonly byId
  private readonly bySession
  private readonly afterOf

  constructor(ledger: Ledger) {
    this.ledger = ledger
    const { tasks } = schema
    const atWork = and(eq(tasks.sessionId, sql.placeholder('sessionId')), inArray(tasks.status, activeStatuses))
    this.bySession = ledger.db.select({ id: tasks.id }).from(tasks).where(atWork).prepare()
    const after = sql<string | null>`json_extract(${tasks.spec}, '$.after')`
    const one = eq(tasks.id, sql.placeholder('id'))
    this.afterOf = ledger.db.select({ after }).from(tasks).where(one).prepare()
    this.byId = ledger.db.select().from(tasks).where(one).prepare()
  }

  /** Inserts the task and its `task.created`, or finds what came before under the same source and key. */
  accept(wanted: NewTask): Acceptance {
    const { source, externalId, bodySha256 } = wanted.origin
    return this.ledger.transact(() => {
      const before = this.arrival(wanted.origin)
      if (before) {
        const task = before.taskId ? this.get(before.taskId) : null
        return { kind: before.bodySha256 === bodySha256 ? 'known' : 'conflict', task }
      }
      const at = this.ledger.clock.now()
      const id = newId('t', at)
      this.ledger.db.insert(schema.intake).values({ source, externalId, bodySha256, taskId: id, at }).run()
      this.ledger.db
        .insert(schema.tasks)
        .values(newRow(id, wanted, at, this.ledger.machine))
        .run()
      const task = this.require(id)
      this.ledger.emit({ type: 'task.created', taskId: id, data: { task: itemOf(task), source } })
      return { kind: 'accepted', task }
    })
  }

  /** What came before under this source and key, if anything. */
  arrival(origin: Pick<Origin, 'source' | 'externalId'>): { taskId: string | null; bodySha256: string } | null {
    const { intake } = schema
    const match = and(eq(intake.source, origin.source), eq(intake.externalId, origin.externalId))
    return this.ledger.db.select().from(intake).where(match).get() ?? null
  }

  /** Remembers a refused arrival, so that the same bytes are refused once and told once. False: known already. */
  refuse(origin: Origin, event: { type: EventType; data: Record<string, unknown> }): boolean {
    return this.ledger.transact(() => {
      if (this.arrival(origin)) return false
      const { source, externalId, bodySha256 } = origin
      const at = this.ledger.clock.now()
      this.ledger.db.insert(schema.intake).values({ source, externalId, bodySha256, taskId: null, at }).run()
      this.ledger.emit(event)
      return true
    })
  }

  /** Replaces the spec of a task that has not started; false when it has. */
  revise(id: string, spec: TaskSpec, because: string): boolean {
    return this.ledger.transact(() => {
      const task = this.require(id)
      if (task.status !== 'queued' || task.attempt > 0) return false
      const total = totalOf(spec)
      const sessionId = spec.session ?? task.sessionId
      this.write(id, { spec, title: spec.title, sessionId, total, updatedAt: this.ledger.clock.now() })
      this.ledger.emit({ type: 'task.updated', taskId: id, data: { task: itemOf(this.require(id)), because } })
      return true
    })
  }

  /** Moves by the table (core/task.ts) with its event. Throws on a move that may not happen: the caller has a bug. */
  move(id: string, to: TaskStatus, patch: TaskPatch = {}, data: Record<string, unknown> = {}): Task {
    return this.ledger.transact(() => {
      const task = this.require(id)
      if (!mayMove(task.status, to)) throw new Error(`task ${id} cannot move from ${task.status} to ${to}`)
      const at = this.ledger.clock.now()
      const ends = to === 'done' || to === 'failed' || to === 'cancelled'
      const endedAt = ends ? at : to === 'archived' ? task.endedAt : null
      this.write(id, { reason: null, retryAt: null, ...rowPatch(patch), status: to, updatedAt: at, endedAt })
      const moved = this.require(id)
      const { flaky, ...told } = data
      const item: TaskItem = { ...itemOf(moved), ...(typeof flaky === 'number' && flaky > 0 ? { flaky } : {}) }
      const event = { from: task.status, ...(moved.reason ? { reason: moved.reason } : {}), ...told }
      this.ledger.emit({ type: eventOf[to], taskId: id, sessionId: moved.sessionId, data: { task: item, ...event } })
      return moved
    })
  }

  /** Emits an event about the task as it is now. */
  tell(id: string, type: EventType, data: Record<string, unknown>): void {
    this.ledger.transact(() => {
      const task = this.require(id)
      this.ledger.emit({ type, taskId: id, sessionId: task.sessionId, data: { task: itemOf(task), ...data } })
    })
  }

  /** Changes figures of a task without a move and without an event. */
  patch(id: string, patch: TaskPatch): Task {
    return this.ledger.transact(() => {
      this.write(id, { ...rowPatch(patch), updatedAt: this.ledger.clock.now() })
      return this.require(id)
    })
  }

  get(id: string): Task | null {
    const row = this.byId.get({ id })
    return row ? taskOf(row) : null
  }

  /** A task by the start of its id, or by its end, which is what people see; several answers when it is ambiguous. */
  find(part: string): Task[] {
    const { tasks } = schema
    if (!/^[a-z0-9_]{2,}$/.test(part)) return []
    const byStart = and(gte(tasks.id, part), lt(tasks.id, `${part}~`))
    const byEnd = sql`substr(${tasks.id}, ${-part.length}) = ${part}`
    const found = this.ledger.db.select().from(tasks).where(byStart).limit(5).all()
    const rows = found.length > 0 ? found : this.ledger.db.select().from(tasks).where(byEnd).limit(5).all()
    return rows.map(taskOf)
  }

  withStatus(statuses: readonly TaskStatus[]): Task[] {
    const { tasks } = schema
    return this.ledger.db
      .select()
      .from(tasks)
      .where(inArray(tasks.status, statuses))
      .orderBy(tasks.id)
      .all()
      .map(taskOf)
  }

  /** The next queued tasks, oldest first. */
  queued(limit: number, after = ''): Place[] {
    const { tasks } = schema
    const match = and(eq(tasks.status, 'queued'), gt(tasks.id, after))
    return this.ledger.db.select(placeColumns).from(tasks).where(match).orderBy(tasks.id).limit(limit).all()
  }

  /** Who works, waits for a person, or has been given a place and is about to begin. */
  places(): Place[] {
    const { tasks } = schema
    const atWork = inArray(tasks.status, activeStatuses)
    // An empty list in an OR would make the index useless.
    const match = this.held.size > 0 ? or(atWork, inArray(tasks.id, [...this.held])) : atWork
    return this.ledger.db.select(placeColumns).from(tasks).where(match).all()
  }

  /** Ended ones of whose worktree nothing has become yet. Reads the whole table: for a start. */
  isolated(limit = 100): Task[] {
    const { tasks } = schema
    const open = sql`json_extract(${tasks.isolation}, '$.outcome') in ('open', 'conflict')`
    const match = and(open, inArray(tasks.status, endedStatuses))
    return this.ledger.db.select().from(tasks).where(match).orderBy(tasks.id).limit(limit).all().map(taskOf)
  }

  /** The newest with this title. */
  titled(title: string): Task | null {
    const { tasks } = schema
    const rows = this.ledger.db.select().from(tasks).where(eq(tasks.title, title)).orderBy(desc(tasks.id)).limit(1)
    const row = rows.get()
    return row ? taskOf(row) : null
  }

  /** The first task that this one comes after and that is not verified; null: all are. */
  unmet(id: string): Pick<Task, 'id' | 'title' | 'status' | 'verdict'> | null {
    const after = this.afterOf.get({ id })?.after
    for (const before of after ? (JSON.parse(after) as string[]) : []) {
      const task = this.get(before)
      const isMet = task?.verdict === 'verified' && (task.status === 'done' || task.status === 'archived')
      if (task && !isMet) return task
    }
    return null
  }

  isHeld(id: string): boolean {
    return this.held.has(id)
  }

  /**
   * Gives a queued task its place before it has moved; `release`
   * when its step is over. Lost with the process, rightly.
   */
  hold(id: string): void {
    this.held.add(id)
  }

  release(id: string): void {
    this.held.delete(id)
  }

  setLimits(id: string, limits: Limits): void {
    this.ledger.transact(() => {
      const task = this.require(id)
      this.write(id, { spec: { ...task.spec, limits } })
    })
  }

  /** Whether permissions of this task are answered unasked from now on. The same again is nothing new. */
  setAutoAccept(id: string, on: boolean): Task {
    return this.ledger.transact(() => {
      const task = this.require(id)
      if ((task.spec.auto_accept ?? false) === on) return task
      this.write(id, { spec: { ...task.spec, auto_accept: on }, updatedAt: this.ledger.clock.now() })
      const because = `A person switched auto-accept ${on ? 'on' : 'off'}.`
      this.tell(id, 'task.updated', { autoAccept: on, because })
      return this.require(id)
    })
  }

  /** Ids of the tasks at work in a session. */
  activeOfSession(sessionId: string): string[] {
    return this.bySession.all({ sessionId }).map((row) => row.id)
  }

  byKey(start: string, limit: number): TaskItem[] {
    return tasksByKey(this.ledger, start, limit)
  }

  page(query: TaskQuery): ReturnType<typeof taskPage> {
    return taskPage(this.ledger, query)
  }

  ended(statuses: readonly TaskStatus[], limit: number): TaskItem[] {
    return endedTasks(this.ledger, statuses, limit)
  }

  counts(): Record<string, number> {
    const { tasks } = schema
    const rows = this.ledger.db.select({ status: tasks.status, n: count() }).from(tasks).groupBy(tasks.status).all()
    return Object.fromEntries(rows.map((row) => [row.status, row.n]))
  }

  private require(id: string): Task {
    const task = this.get(id)
    if (!task) throw new Error(`task ${id} does not exist`)
    return task
  }

  private write(id: string, values: Partial<Row>): void {
    this.ledger.db.update(schema.tasks).set(values).where(eq(schema.tasks.id, id)).run()
  }
}

const totalOf = (spec: TaskSpec): number => (spec.steps.length > 0 ? spec.steps.length : flattenChecks(spec).length)

function newRow(id: string, wanted: NewTask, at: number, machine: string): typeof schema.tasks.$inferInsert {
  return {
    id,
    machine,
    title: wanted.spec.title,
    workspace: wanted.workspace,
    runtime: wanted.runtime,
    status: 'queued',
    attempt: 0,
    sessionId: wanted.spec.session ?? null,
    proven: 0,
    total: totalOf(wanted.spec),
    source: wanted.origin.source,
    externalId: wanted.origin.externalId,
    createdAt: at,
    updatedAt: at,
    activeMs: 0,
    toolCalls: 0,
    tokens: 0,
    costMicros: 0,
    troubles: 0,
    promptNumber: 0,
    baseline: {},
    spec: wanted.spec,
  }
}

/** A row as the task it is. */
export const taskOf = ({ proven, total, ...row }: Row): Task => ({ ...row, progress: { proven, total } })

function rowPatch({ progress, ...patch }: TaskPatch): Partial<Row> {
  return progress ? { ...patch, proven: progress.proven, total: progress.total } : patch
}

const placeColumns = {
  id: schema.tasks.id,
  workspace: schema.tasks.workspace,
  runtime: schema.tasks.runtime,
  sessionId: schema.tasks.sessionId,
  status: schema.tasks.status,
  reason: schema.tasks.reason,
  isolated: sql<number>`json_extract(${schema.tasks.spec}, '$.isolation') is 'worktree'`.mapWith(Boolean),
}

/** The row of a list, from a whole task. */
export function itemOf(task: Task): TaskItem {
  const { id, title, status, reason, verdict, attempt, workspace, runtime, source, progress } = task
  const { createdAt, updatedAt, startedAt, endedAt, tokens, costMicros } = task
  const life = { createdAt, updatedAt, startedAt, endedAt, tokens, costMicros }
  return { id, title, status, reason, verdict, attempt, workspace, runtime, source, progress, ...life }
}
