/**
 * Every session that a runtime told of, ours and others', as our own ledger: what vanishes from its runtime stays here.
 * It asks no runtime, and news that change nothing write nothing.
 */
import { and, count, desc, eq, gte, inArray, isNotNull, isNull, lt, or, type SQL, sql } from 'drizzle-orm'
import type { SessionState, WatchedSession } from '../core/session.ts'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'

const { sessions, tasks } = schema

const columns = {
  id: sessions.id,
  runtime: sessions.runtime,
  parentId: sessions.parentId,
  title: sessions.title,
  workspace: sessions.workspace,
  taskId: sessions.taskId,
  agent: sessions.agent,
  model: sessions.model,
  createdAt: sessions.createdAt,
  updatedAt: sessions.updatedAt,
  state: sessions.state,
  stateAt: sessions.stateAt,
  goneAt: sessions.goneAt,
  quietSince: sessions.quietSince,
  stalledAt: sessions.stalledAt,
  rescues: sessions.rescues,
  diagnosis: sessions.diagnosis,
  archivedAt: sessions.archivedAt,
  forkedFrom: sessions.forkedFrom,
}

/** A session as the ledger knows it. Figures of a session that was never watched are null. */
export type KnownSession = Pick<typeof sessions.$inferSelect, keyof typeof columns>

export interface StateNews {
  sessionId: string
  state: SessionState['kind']
  at: number
}

/** The newest of each, as it came in since the last writing. */
export interface SessionNews {
  sessions: readonly WatchedSession[]
  states: readonly StateNews[]
  vanished: readonly string[]
}

export interface Kept {
  /** Sessions of which anything is different now. */
  changed: string[]
  /** Those among them that were not known before. */
  added: string[]
  /** States of sessions that nobody told of yet. */
  unplaced: StateNews[]
}

export interface SessionQuery {
  runtime?: string
  workspace?: string
  states?: readonly SessionState['kind'][]
  taskId?: string
  /** Part of the title, or the start of an id. */
  text?: string
  /** Without subagents. */
  roots?: boolean
  /** Those that a person put away, and no others. Absent: the others. */
  archived?: boolean
  /** `next` of the page before. */
  after?: string
  limit: number
}

const depthMax = 50
const treeMax = 1_000
/** Figures of a task's last turn may be told a moment after its verdict. */
const afterEndMs = 2_000

export class WatchedSessions {
  private readonly ledger: Ledger
  private readonly prepared: ReturnType<typeof prepare>

  constructor(ledger: Ledger) {
    this.ledger = ledger
    this.prepared = prepare(ledger)
  }

  /** Writes news of one runtime. A session made after `since` is told as found; older ones were there all along. */
  keep(runtime: string, news: SessionNews, since: number): Kept {
    const kept: Kept = { changed: [], added: [], unplaced: [] }
    this.ledger.transact(() => {
      for (const session of news.sessions) this.put(runtime, session, since, kept)
      for (const state of news.states) this.setState(runtime, state, kept)
      for (const id of news.vanished) this.vanish(runtime, id, kept)
    }, false)
    return kept
  }

  private put(runtime: string, told: WatchedSession, since: number, kept: Kept): void {
    const before = this.get(told.id)
    // Ids of two runtimes never meet in practice; if they do, the first keeps its row.
    if (before && before.runtime !== runtime) return
    const { total: _, ...row } = {
      ...told,
      taskId: told.taskId ?? before?.taskId ?? null,
      title: shortTitle(told.title),
    }
    if (before && isSame(before, row)) return
    this.prepared.put.run({ ...row, runtime })
    kept.changed.push(told.id)
    if (before) return
    kept.added.push(told.id)
    if (told.createdAt <= since) return
    const { title, workspace, parentId, taskId } = row
    const data = { runtime, title, workspace, ...(parentId ? { parentId } : {}) }
    this.ledger.emit({ type: 'session.found', sessionId: told.id, taskId, data })
  }

  private setState(runtime: string, news: StateNews, kept: Kept): void {
    const before = this.get(news.sessionId)
    if (!before) {
      kept.unplaced.push(news)
      return
    }
    if (before.runtime !== runtime || before.state === news.state) return
    this.prepared.state.run({ id: news.sessionId, state: news.state, at: news.at })
    kept.changed.push(news.sessionId)
  }

  private vanish(runtime: string, id: string, kept: Kept): void {
    const before = this.get(id)
    if (!before || before.runtime !== runtime || before.goneAt !== null) return
    this.prepared.gone.run({ id, at: this.ledger.clock.now() })
    const { title, workspace, taskId } = before
    this.ledger.emit({ type: 'session.vanished', sessionId: id, taskId, data: { runtime, title, workspace } })
    kept.changed.push(id)
  }

  get(id: string): KnownSession | null {
    return this.prepared.byId.get({ id }) ?? null
  }

  /** By its id or the start of it; several when that is ambiguous. */
  find(part: string): KnownSession[] {
    const exact = this.get(part)
    if (exact) return [exact]
    if (!/^[A-Za-z0-9_-]{3,120}$/.test(part)) return []
    const byStart = and(gte(sessions.id, part), lt(sessions.id, `${part}~`))
    return this.ledger.db.select(columns).from(sessions).where(byStart).limit(5).all()
  }

  /** The session at the top of the tree that this one is in; itself when it has no parent, or none that is known. */
  rootOf(session: KnownSession): KnownSession {
    let top = session
    for (let depth = 0; depth < depthMax && top.parentId !== null; depth++) {
      const parent = this.get(top.parentId)
      if (!parent || parent.id === session.id) break
      top = parent
    }
    return top
  }

  /** Ids of the session and everything below it, itself first. */
  tree(id: string): string[] {
    const found = new Set([id])
    for (const one of found) {
      if (found.size >= treeMax) break
      for (const child of this.prepared.children.all({ id: one })) found.add(child.id)
    }
    return [...found].slice(0, treeMax)
  }

  children(id: string): KnownSession[] {
    return this.prepared.children.all({ id })
  }

  /** The task that worked in this root session at that time; else the one whose mark it carries. */
  taskAt(root: KnownSession, at: number): string | null {
    const found = this.prepared.task.get({ id: root.id, at, before: at - afterEndMs })
    if (found) return found.id
    return root.taskId && this.prepared.exists.get({ id: root.taskId }) ? root.taskId : null
  }

  /** Sessions of a runtime that are not gone. */
  count(runtime: string): number {
    const here = and(eq(sessions.runtime, runtime), isNull(sessions.goneAt))
    return this.ledger.db.select({ n: count() }).from(sessions).where(here).get()?.n ?? 0
  }

  /** What was touched last comes first. */
  page(query: SessionQuery): { items: KnownSession[]; next: string | null } {
    const rows = this.ledger.db
      .select(columns)
      .from(sessions)
      .where(and(...conditionsOf(query)))
      .orderBy(desc(touched), desc(sessions.id))
      .limit(query.limit + 1)
      .all()
    const items = rows.slice(0, query.limit)
    const last = items.at(-1)
    const next = last && rows.length > query.limit ? `${last.updatedAt ?? last.createdAt}.${last.id}` : null
    return { items, next }
  }
}

const touched = sql<number>`coalesce(${sessions.updatedAt}, ${sessions.createdAt})`

function conditionsOf(query: SessionQuery): SQL[] {
  const { runtime, workspace, states, taskId, text, roots, archived, after } = query
  const where: (SQL | undefined)[] = []
  if (runtime) where.push(eq(sessions.runtime, runtime))
  if (workspace) where.push(eq(sessions.workspace, workspace))
  if (states) where.push(inArray(sessions.state, [...states]))
  if (taskId) where.push(or(eq(sessions.taskId, taskId), sql`${sessions.id} in ${sessionsOf(taskId)}`))
  if (text) {
    const inTitle = sql`instr(lower(${sessions.title}), lower(${text})) > 0`
    where.push(or(inTitle, sql`substr(${sessions.id}, 1, ${text.length}) = ${text}`))
  }
  if (roots) where.push(isNull(sessions.parentId))
  where.push(archived ? isNotNull(sessions.archivedAt) : isNull(sessions.archivedAt))
  const cursor = /^(\d{1,16})\.(.+)$/.exec(after ?? '')
  if (cursor) where.push(sql`(${touched}, ${sessions.id}) < (${Number(cursor[1])}, ${cursor[2]})`)
  return where.filter((one): one is SQL => one !== undefined)
}

/** A task that was given an existing session leaves no mark in it. */
const sessionsOf = (taskId: string) =>
  sql`(select ${tasks.sessionId} from ${tasks} where ${tasks.id} = ${taskId} and ${isNotNull(tasks.sessionId)})`

const titleCharsMax = 500
const shortTitle = (title: string): string =>
  title.length > titleCharsMax ? `${title.slice(0, titleCharsMax)}…` : title

type Told = Omit<WatchedSession, 'total'>

const toldFields = [
  ...(['parentId', 'title', 'workspace', 'taskId', 'agent', 'model', 'createdAt', 'updatedAt'] as const),
]
const isSame = (before: KnownSession, told: Told): boolean =>
  before.goneAt === null && toldFields.every((field) => before[field] === told[field])

/** Prepared once: a thousand sessions are told at each connection, and busy ones several times a second. */
function prepare({ db }: Ledger) {
  const given = (name: string) => sql.placeholder(name)
  const told = {
    parentId: given('parentId'),
    title: given('title'),
    workspace: given('workspace'),
    taskId: given('taskId'),
    agent: given('agent'),
    model: given('model'),
    createdAt: given('createdAt'),
    updatedAt: given('updatedAt'),
  }
  const excluded = Object.fromEntries(
    toldFields.map((field) => [field, sql.raw(`excluded.${sessions[field].name}`)]),
  ) as Record<(typeof toldFields)[number], SQL>
  const busyThen = and(
    eq(tasks.sessionId, given('id')),
    sql`${tasks.startedAt} <= ${given('at')}`,
    sql`(${tasks.endedAt} is null or ${tasks.endedAt} >= ${given('before')})`,
  )
  const here = eq(sessions.id, given('id'))
  return {
    byId: db.select(columns).from(sessions).where(here).prepare(),
    children: db
      .select(columns)
      .from(sessions)
      .where(eq(sessions.parentId, given('id')))
      .limit(treeMax)
      .prepare(),
    task: db.select({ id: tasks.id }).from(tasks).where(busyThen).orderBy(desc(tasks.id)).limit(1).prepare(),
    exists: db
      .select({ id: tasks.id })
      .from(tasks)
      .where(eq(tasks.id, given('id')))
      .prepare(),
    put: db
      .insert(sessions)
      .values({ id: given('id'), runtime: given('runtime'), ...told })
      .onConflictDoUpdate({ target: sessions.id, set: { ...excluded, goneAt: null } })
      .prepare(),
    state: db
      .update(sessions)
      .set({ state: sql`${given('state')}`, stateAt: sql`${given('at')}` })
      .where(here)
      .prepare(),
    gone: db
      .update(sessions)
      .set({ goneAt: sql`${given('at')}` })
      .where(here)
      .prepare(),
  }
}
