/**
 * Sessions and the journal of our own agent. Each journal row
 * is written with the events and usage that follow from it.
 */
import type Database from 'better-sqlite3'
import { and, asc, desc, eq } from 'drizzle-orm'
import type { NewEvent } from '../core/event.ts'
import type {
  EndReason,
  Journal,
  JournalEntry,
  SessionRecord,
  SessionState,
  StoredEntry,
  ToolCall,
} from '../core/session.ts'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'

const { id, runtime, title, workspace, taskId, agent, model, createdAt } = schema.sessions
const record = { id, runtime, title, workspace, taskId, agent, model, createdAt }

export class Sessions implements Journal {
  private readonly ledger: Ledger
  private readonly taskOf = new Map<string, string | null>()
  /** Calls of the newest assistant message of each session: what a `tool.started` is about. */
  private readonly calls = new Map<string, readonly ToolCall[]>()

  private readonly insertRow: Database.Statement
  private readonly insertUsage: Database.Statement
  private readonly setState: Database.Statement

  constructor(ledger: Ledger) {
    this.ledger = ledger
    this.insertRow = prepareInsert(ledger)
    this.insertUsage = prepareUsage(ledger)
    this.setState = prepareState(ledger)
  }

  createSession(session: SessionRecord): void {
    this.ledger.transact(() => {
      const { createdAt } = session
      this.ledger.db
        .insert(schema.sessions)
        .values({ ...session, state: 'idle', stateAt: createdAt })
        .run()
      const { id, taskId, runtime, title, workspace } = session
      this.ledger.emit({ type: 'session.opened', taskId, sessionId: id, data: { runtime, title, workspace } })
    })
  }

  session(id: string): SessionRecord | null {
    return this.ledger.db.select(record).from(schema.sessions).where(eq(schema.sessions.id, id)).get() ?? null
  }

  /** Only while it still has the title that it is taken from: what a person gave stays. */
  retitle(id: string, from: string, to: string): void {
    const { sessions } = schema
    if (from === to) return
    const still = and(eq(sessions.id, id), eq(sessions.title, from))
    this.ledger.transact(() => this.ledger.db.update(sessions).set({ title: to }).where(still).run())
  }

  setProfile(id: string, profile: string): void {
    const { sessions } = schema
    const session = this.session(id)
    if (!session) throw new Error(`no session ${id}`)
    const { taskId, title } = session
    this.ledger.transact(() => {
      this.ledger.db.update(sessions).set({ agent: profile }).where(eq(sessions.id, id)).run()
      this.ledger.emit({ type: 'session.edited', taskId, sessionId: id, data: { what: 'profiled', title, profile } })
    })
  }

  sessionOfTask(taskId: string): SessionRecord | null {
    const { sessions } = schema
    return (
      this.ledger.db
        .select(record)
        .from(sessions)
        .where(eq(sessions.taskId, taskId))
        .orderBy(desc(sessions.createdAt))
        .get() ?? null
    )
  }

  append(sessionId: string, ...entries: JournalEntry[]): StoredEntry[] {
    const taskId = this.ownerOf(sessionId)
    const durable = entries.some(mustSurvivePowerLoss)
    return this.ledger.transact(() => entries.map((entry) => this.store({ sessionId, taskId }, entry)), durable)
  }

  private store(owner: { sessionId: string; taskId: string | null }, entry: JournalEntry): StoredEntry {
    const { sessionId } = owner
    const at = this.ledger.clock.now()
    const seq = Number(this.insertRow.run({ sessionId, at, entry: JSON.stringify(entry) }).lastInsertRowid)
    if (entry.type === 'usage') this.insertUsage.run({ at, ...owner, ...entry.usage })
    const state = stateAfter(entry)
    if (state) this.setState.run({ id: sessionId, state, at })
    if (entry.type === 'assistant') this.calls.set(sessionId, entry.calls)
    // The calls of before a crash were heard of by another process.
    if (entry.type === 'run.started' && entry.resumed) this.calls.set(sessionId, this.callsOf(sessionId))
    if (entry.type === 'run.ended') this.calls.delete(sessionId)
    const event = eventOf(entry, this.calls.get(sessionId) ?? [])
    if (event) this.ledger.emit({ ...event, ...owner })
    return { seq, at, entry }
  }

  entries(sessionId: string): StoredEntry[] {
    const { journal } = schema
    const rows = this.ledger.db.select().from(journal).where(eq(journal.sessionId, sessionId))
    return rows
      .orderBy(asc(journal.seq))
      .all()
      .map(({ seq, at, entry }) => ({ seq, at, entry }))
  }

  private callsOf(sessionId: string): readonly ToolCall[] {
    const last = this.entries(sessionId).findLast(({ entry }) => entry.type === 'assistant')?.entry
    return last?.type === 'assistant' ? last.calls : []
  }

  private ownerOf(sessionId: string): string | null {
    const known = this.taskOf.get(sessionId)
    if (known !== undefined) return known
    const session = this.session(sessionId)
    if (!session) throw new Error(`no session ${sessionId}`)
    const { taskId } = session
    this.taskOf.set(sessionId, taskId)
    return taskId
  }
}

/** Plain statements of the driver: the journal is written several times a step. */
const prepareInsert = ({ db }: Ledger): Database.Statement =>
  db.$client.prepare('insert into journal (session_id, at, entry) values (:sessionId, :at, :entry)')

const prepareUsage = ({ db }: Ledger): Database.Statement =>
  db.$client.prepare(
    'insert into usage (at, session_id, task_id, provider, model, input, output, reasoning, cache_read, cache_write, ' +
      'cost_micros) values (:at, :sessionId, :taskId, :provider, :model, :input, :output, :reasoning, :cacheRead, ' +
      ':cacheWrite, :costMicros)',
  )

/** For the list of sessions; what decides about a task is looked at in the journal itself. */
const prepareState = ({ db }: Ledger): Database.Statement =>
  db.$client.prepare('update sessions set state = :state, state_at = :at, updated_at = :at where id = :id')

function stateAfter(entry: JournalEntry): SessionState['kind'] | null {
  if (entry.type === 'run.started' || entry.type === 'resumed') return 'busy'
  if (entry.type === 'paused') return 'waiting'
  if (entry.type !== 'run.ended') return null
  const forPerson = { needs_permission: 'waiting', needs_input: 'waiting' } as const
  const states = { provider_error: 'failed', cancelled: 'interrupted', ...forPerson } as const
  return (states as Partial<Record<EndReason, SessionState['kind']>>)[entry.reason] ?? 'idle'
}

/** Only what a second run would repeat harmfully: a call that changes something, noted before it runs. */
const mustSurvivePowerLoss = (entry: JournalEntry): boolean =>
  entry.type === 'prompt' || entry.type === 'typing' || (entry.type === 'tool.started' && !entry.readOnly)

const summaryCharsMax = 300
const short = (text: string): string => (text.length > summaryCharsMax ? `${text.slice(0, summaryCharsMax)}…` : text)

const callOf = (call: ToolCall) => ({ name: call.name, summary: short(call.argumentsText) })

const startOf = ({ model, provider, resumed, sandbox }: Extract<JournalEntry, { type: 'run.started' }>) => ({
  ...{ model, provider, resumed },
  ...(sandbox ? { sandbox } : {}),
})

/** What the log tells of a journal row; prompts are told by the harness, notes are between loop and model. */
function eventOf(entry: JournalEntry, calls: readonly ToolCall[]): NewEvent | null {
  const call = 'callId' in entry ? calls.find((c) => c.id === entry.callId) : undefined
  switch (entry.type) {
    case 'run.started':
      return { type: 'run.started', data: startOf(entry) }
    case 'assistant':
      return { type: 'message.finished', data: { text: entry.text.slice(0, 8_000), calls: entry.calls.map(callOf) } }
    case 'tool.started':
      return { type: 'tool.started', data: { callId: entry.callId, ...(call ? callOf(call) : {}) } }
    case 'tool.ended':
      return {
        type: 'tool.ended',
        data: { callId: entry.callId, name: call?.name, ok: entry.ok, summary: short(entry.output) },
      }
    case 'usage':
      return { type: 'usage.recorded', data: { ...entry.usage } }
    case 'run.ended':
      return { type: 'run.ended', data: { reason: entry.reason, text: short(entry.text), problem: entry.problem } }
    case 'call.denied': {
      const { callId, tool, by, text } = entry
      return { type: 'permission.decided', data: { callId, tool, decision: 'deny', by, text: short(text) } }
    }
    case 'ask.answered': {
      const { askId, callId, tool, reply } = entry
      // Nobody has decided yet.
      if (reply.kind === 'reject' && reply.later) return null
      if (reply.kind !== 'reject' && reply.kind !== 'once' && reply.kind !== 'always') return null
      const decision = reply.kind === 'reject' ? 'deny' : 'allow'
      return { type: 'permission.decided', data: { callId, tool, decision, by: 'reply', askId } }
    }
    case 'note':
      return entry.changed ? { type: 'files.changed', data: { paths: entry.changed } } : null
    case 'prompt':
    case 'instructions':
    case 'steer':
    case 'steered':
    case 'plan':
    case 'plan.taken':
    case 'paused':
    case 'resumed':
    case 'elided':
    case 'compacted':
    case 'typing':
    case 'undone':
    case 'restored':
    case 'changed':
      return null
  }
}
