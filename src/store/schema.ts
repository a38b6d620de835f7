/** The tables. Times are epoch ms; JSON columns hold values of core types. Only store/ reads this. */
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { AskAuthority, AskDeferral, AskReply, AskRequest, AskStatus } from '../core/ask.ts'
import type { Diagnosis } from '../core/diagnosis.ts'
import type { EventType } from '../core/event.ts'
import type { JournalEntry, SessionState, Workspace } from '../core/session.ts'
import type { TaskSpec } from '../core/spec.ts'
import type { AddedCheck, Isolation, Reason, Source, TaskStatus } from '../core/task.ts'
import type { CheckRecord, Quarantine, Verdict } from '../core/verdict.ts'
import type { Envelope } from '../lib/dsse.ts'

export const tasks = sqliteTable(
  'tasks',
  {
    id: text('id').primaryKey(),
    machine: text('machine').notNull(),
    title: text('title').notNull(),
    workspace: text('workspace').notNull(),
    runtime: text('runtime').notNull(),
    status: text('status').$type<TaskStatus>().notNull(),
    reason: text('reason', { mode: 'json' }).$type<Reason>(),
    resumeTo: text('resume_to').$type<TaskStatus>(),
    attempt: integer('attempt').notNull(),
    sessionId: text('session_id'),
    verdict: text('verdict').$type<Verdict>(),
    proven: integer('proven').notNull(),
    total: integer('total').notNull(),
    source: text('source').$type<Source>().notNull(),
    externalId: text('external_id').notNull(),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
    startedAt: integer('started_at'),
    endedAt: integer('ended_at'),
    activeMs: integer('active_ms').notNull(),
    toolCalls: integer('tool_calls').notNull(),
    tokens: integer('tokens').notNull(),
    costMicros: integer('cost_micros'),
    retryAt: integer('retry_at'),
    troubles: integer('troubles').notNull(),
    promptNumber: integer('prompt_number').notNull(),
    promptText: text('prompt_text'),
    baseCommit: text('base_commit'),
    baseline: text('baseline', { mode: 'json' }).$type<Record<string, string | null>>().notNull(),
    added: text('added', { mode: 'json' }).$type<AddedCheck[]>(),
    accepted: text('accepted', { mode: 'json' }).$type<string[]>(),
    isolation: text('isolation', { mode: 'json' }).$type<Isolation>(),
    spec: text('spec', { mode: 'json' }).$type<TaskSpec>().notNull(),
  },
  (t) => [
    index('tasks_by_status').on(t.status, t.id),
    index('tasks_by_session').on(t.sessionId),
    index('tasks_by_verdict').on(t.verdict, t.id),
    index('tasks_by_workspace').on(t.workspace, t.id),
    index('tasks_by_runtime').on(t.runtime, t.id),
    index('tasks_by_end').on(t.endedAt, t.id),
  ],
)

/** Every arrival by source and key: what makes a way in idempotent. Outlives the file or request it came with. */
export const intake = sqliteTable(
  'intake',
  {
    source: text('source').$type<Source>().notNull(),
    externalId: text('external_id').notNull(),
    bodySha256: text('body_sha256').notNull(),
    /** Null: refused. */
    taskId: text('task_id'),
    at: integer('at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.source, t.externalId] }), index('intake_by_task').on(t.taskId)],
)

export const events = sqliteTable(
  'events',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    at: integer('at').notNull(),
    machine: text('machine').notNull(),
    type: text('type').$type<EventType>().notNull(),
    taskId: text('task_id'),
    sessionId: text('session_id'),
    data: text('data', { mode: 'json' }).$type<Record<string, unknown>>().notNull(),
    /** Chains it to the row before (store/log-chain.ts); null in rows older than the chain. */
    hash: text('hash'),
  },
  (t) => [index('events_by_task').on(t.taskId, t.seq)],
)

/** One row a verdict, chained by `prev`; never changed. */
export const receipts = sqliteTable(
  'receipts',
  {
    seq: integer('seq').primaryKey(),
    taskId: text('task_id').notNull(),
    attempt: integer('attempt').notNull(),
    digest: text('digest').notNull(),
    prev: text('prev'),
    envelope: text('envelope', { mode: 'json' }).$type<Envelope>().notNull(),
    at: integer('at').notNull(),
  },
  (t) => [index('receipts_by_task').on(t.taskId, t.seq)],
)

export const attempts = sqliteTable(
  'attempts',
  {
    taskId: text('task_id').notNull(),
    number: integer('number').notNull(),
    sessionId: text('session_id'),
    prompt: text('prompt').notNull(),
    startedAt: integer('started_at').notNull(),
    endedAt: integer('ended_at'),
    claim: text('claim'),
    verdict: text('verdict').$type<Verdict>(),
  },
  (t) => [primaryKey({ columns: [t.taskId, t.number] })],
)

export const checks = sqliteTable(
  'checks',
  {
    taskId: text('task_id').notNull(),
    attempt: integer('attempt').notNull(),
    position: integer('position').notNull(),
    record: text('record', { mode: 'json' }).$type<CheckRecord>().notNull(),
  },
  (t) => [primaryKey({ columns: [t.taskId, t.attempt, t.position] })],
)

/** Checks that did not always say the same about the same files, and who said that this is known. */
export const flakes = sqliteTable(
  'flakes',
  {
    workspace: text('workspace').notNull(),
    /** Digest of the definition of the check. */
    specSha256: text('spec_sha256').notNull(),
    title: text('title').notNull(),
    /** Looks in all, and those in which its runs on the same files differed. */
    looks: integer('looks').notNull(),
    flaky: integer('flaky').notNull(),
    flakyAt: integer('flaky_at'),
    quarantine: text('quarantine', { mode: 'json' }).$type<Quarantine>(),
  },
  (t) => [primaryKey({ columns: [t.workspace, t.specSha256] })],
)

export const sessions = sqliteTable(
  'sessions',
  {
    id: text('id').primaryKey(),
    runtime: text('runtime').notNull(),
    title: text('title').notNull(),
    workspace: text('workspace').notNull(),
    taskId: text('task_id'),
    agent: text('agent'),
    model: text('model'),
    createdAt: integer('created_at').notNull(),
    /** Session that started it as a subagent. */
    parentId: text('parent_id'),
    /** As its runtime says; null for a session that was never watched. */
    updatedAt: integer('updated_at'),
    state: text('state').$type<SessionState['kind']>(),
    stateAt: integer('state_at'),
    /** Its runtime does not know it any more. */
    goneAt: integer('gone_at'),
    /** Looks in a row that found it busy without a sign of life, the first of them, and what it looked like. */
    quietChecks: integer('quiet_checks').notNull().default(0),
    quietSince: integer('quiet_since'),
    quietMark: text('quiet_mark'),
    /** Latch of the alert: set once an episode. */
    stalledAt: integer('stalled_at'),
    /** Steps of the ladder taken in this episode. */
    rescues: integer('rescues').notNull().default(0),
    diagnosis: text('diagnosis', { mode: 'json' }).$type<Diagnosis>(),
    /** Put away by a person: in lists only when asked for. */
    archivedAt: integer('archived_at'),
    /** The session whose beginning it has. */
    forkedFrom: text('forked_from'),
  },
  (t) => [
    index('sessions_by_task').on(t.taskId),
    index('sessions_by_parent').on(t.parentId),
    index('sessions_by_time').on(t.updatedAt, t.id),
  ],
)

/** What a person said about a workspace; one that is not here is untrusted. */
export const workspaces = sqliteTable('workspaces', {
  /** Real path. */
  path: text('path').primaryKey(),
  trust: text('trust').$type<Workspace['trust']>().notNull(),
  access: text('access').$type<Workspace['access']>().notNull(),
  /** Of the project's own settings that were accepted; others are not taken. */
  settingsSha256: text('settings_sha256'),
  at: integer('at').notNull(),
})

/** The name that a prompt of ours has in its runtime: a second sending is the same message. */
export const prompts = sqliteTable(
  'prompts',
  {
    promptId: text('prompt_id').primaryKey(),
    sessionId: text('session_id').notNull(),
    messageId: text('message_id').notNull(),
    /** Epoch ms of the first sending; null: not sent yet. */
    sentAt: integer('sent_at'),
  },
  (t) => [index('prompts_by_session').on(t.sessionId), index('prompts_by_message').on(t.messageId)],
)

export const asks = sqliteTable(
  'asks',
  {
    id: text('id').notNull(),
    runtime: text('runtime').notNull(),
    sessionId: text('session_id').notNull(),
    rootId: text('root_id').notNull(),
    taskId: text('task_id'),
    workspace: text('workspace').notNull(),
    scope: text('scope').notNull(),
    request: text('request', { mode: 'json' }).$type<AskRequest>().notNull(),
    status: text('status').$type<AskStatus>().notNull(),
    reply: text('reply', { mode: 'json' }).$type<AskReply>(),
    by: text('by').$type<AskAuthority>(),
    call: text('call'),
    deferred: text('deferred').$type<AskDeferral>(),
    askedAt: integer('asked_at').notNull(),
    endedAt: integer('ended_at'),
  },
  (t) => [
    primaryKey({ columns: [t.runtime, t.id] }),
    index('asks_by_status').on(t.status, t.askedAt),
    index('asks_by_root').on(t.rootId, t.status),
    index('asks_by_task').on(t.taskId, t.deferred),
  ],
)

/** What a person said "always" to. */
export const grants = sqliteTable(
  'grants',
  {
    id: text('id').primaryKey(),
    runtime: text('runtime').notNull(),
    workspace: text('workspace').notNull(),
    permission: text('permission').notNull(),
    pattern: text('pattern').notNull(),
    createdAt: integer('created_at').notNull(),
    askId: text('ask_id').notNull(),
  },
  (t) => [index('grants_by_place').on(t.runtime, t.workspace, t.permission)],
)

export const journal = sqliteTable(
  'journal',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    sessionId: text('session_id').notNull(),
    at: integer('at').notNull(),
    entry: text('entry', { mode: 'json' }).$type<JournalEntry>().notNull(),
  },
  (t) => [index('journal_by_session').on(t.sessionId, t.seq)],
)

/** One row a growth of a message's figures, with the time of the growth, so that "today" means today. */
export const usage = sqliteTable(
  'usage',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    at: integer('at').notNull(),
    sessionId: text('session_id').notNull(),
    /** Null for our own agent, where a row is a model call, and for what was there before we looked. */
    messageId: text('message_id'),
    taskId: text('task_id'),
    provider: text('provider').notNull(),
    model: text('model').notNull(),
    input: integer('input').notNull(),
    output: integer('output').notNull(),
    reasoning: integer('reasoning').notNull(),
    cacheRead: integer('cache_read').notNull(),
    cacheWrite: integer('cache_write').notNull(),
    costMicros: integer('cost_micros'),
  },
  (t) => [index('usage_by_time').on(t.at), index('usage_by_session').on(t.sessionId, t.messageId)],
)

/** How far each sink has come in the event log. */
export const cursors = sqliteTable('cursors', {
  sink: text('sink').primaryKey(),
  seq: integer('seq').notNull(),
})

/** Deliveries that failed: due again at `dueAt`, or dead. */
export const deliveries = sqliteTable(
  'deliveries',
  {
    sink: text('sink').notNull(),
    seq: integer('seq').notNull(),
    attempts: integer('attempts').notNull(),
    dueAt: integer('due_at').notNull(),
    dead: integer('dead', { mode: 'boolean' }).notNull(),
    problem: text('problem').notNull(),
    updatedAt: integer('updated_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.sink, t.seq] }), index('deliveries_due').on(t.sink, t.dead, t.dueAt)],
)

/** Logged-in browsers: sha256 of the cookie. */
export const logins = sqliteTable('logins', {
  digest: text('digest').primaryKey(),
  createdAt: integer('created_at').notNull(),
  expiresAt: integer('expires_at').notNull(),
})
