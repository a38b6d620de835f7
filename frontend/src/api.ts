/** The daemon's HTTP API, typed. A refusal is a value and never an exception; it shows nothing and keeps nothing. */

import type { FileDiff, TranscriptPage, Workspace } from '../../src/core/session.ts'
import type { IsolationEnd, TaskStatus } from '../../src/core/task.ts'
import type {
  AskItem,
  AskList,
  ContextUse,
  DaemonState,
  DeliveryList,
  EventPage,
  FileNames,
  FoundList,
  GrantList,
  InboxFile,
  InboxPage,
  IsolationAnswer,
  IsolationSize,
  ModelList,
  ProblemBody,
  ReceiptPage,
  Replayed,
  Restored,
  RuleList,
  SessionDetail,
  SessionItem,
  SessionPage,
  SessionSearch,
  SettingAsked,
  SettingChange,
  SettingList,
  SettingWritten,
  SinkList,
  SinkTested,
  TaskDetail,
  TaskPage,
  TaskPreview,
  Undone,
  UsageReport,
  WeavePage,
  WorkspaceList,
  WorkspaceSaid,
} from '../../src/server/api.ts'
import type { Action } from './model/actions.ts'
import type { AskBody } from './model/asks.ts'
import type { LogAsked } from './model/log.ts'

export interface Refusal {
  /** HTTP status, or 0 when the daemon did not answer. */
  status: number
  title: string
  detail: string
  todo: string | null
  /** Each with its line, where it is about one. */
  problems: ProblemBody['problems']
}

/** Why, and what to do next; what was refused is known to whoever asked. */
export const whyOf = ({ status, title, detail, todo }: Refusal): string =>
  [status === 0 || detail === '' ? `${title}.` : detail, todo].filter(Boolean).join(' ')

export type Answer<T> = { ok: true; value: T } | { ok: false; refusal: Refusal }

const isItUp = 'Is "openloom serve" running?'
const stateUrl = '/api/state'
const answerTimeoutMs = 15_000
/** A shell line ends within two minutes, or is ended. */
const lineTimeoutMs = 150_000

export interface TaskQuery {
  verdict?: string
  workspace?: string
  runtime?: string
  /** Epoch ms. */
  since?: number | null
  statuses?: readonly (TaskStatus | string)[]
  q?: string
  order?: string
  limit?: number
  after?: string | null
}

export interface UsageQuery {
  by?: string
  /** A word of the daemon (`today`, `month`, `30d`) or epoch ms; absent: without end. */
  since?: string | number
  until?: number
  limit?: number
}

/** What is sent to a session, and what comes back. */
interface SessionEdits {
  abort: { body: object; answer: { pausedTaskId: string | null } }
  prompt: { body: { text: string }; answer: unknown }
  steer: { body: { text: string }; answer: unknown }
  compact: { body: object; answer: { done: boolean } }
  rename: { body: { title: string }; answer: SessionItem }
  model: { body: { model: string | null }; answer: SessionItem }
  profile: { body: { profile: string | null }; answer: SessionItem }
  archive: { body: { archived: boolean }; answer: SessionItem }
  fork: { body: { at?: number }; answer: SessionItem }
  undo: { body: { files: boolean }; answer: Undone }
  restore: { body: { paths?: string[] }; answer: Restored }
}

const sessionUrl = (id: string, rest = ''): string =>
  `/api/sessions/${encodeURIComponent(id)}${rest === '' ? '' : `/${rest}`}`

interface More {
  headers?: Record<string, string>
  signal?: AbortSignal
}

export class Api {
  readonly #onSignedOut: () => void
  readonly #onMissed: () => void
  readonly #onDate: (date: string | null) => void

  constructor(onSignedOut: () => void, onMissed: () => void, onDate: (date: string | null) => void) {
    this.#onSignedOut = onSignedOut
    this.#onMissed = onMissed
    this.#onDate = onDate
  }

  state(): Promise<Answer<DaemonState>> {
    return this.#ask(stateUrl)
  }

  tasks(query: TaskQuery): Promise<Answer<TaskPage>> {
    const search = new URLSearchParams()
    if (query.statuses?.length) search.set('status', query.statuses.join(','))
    for (const name of ['q', 'verdict', 'workspace', 'runtime', 'since'] as const) {
      const value = query[name]
      if (value) search.set(name, String(value))
    }
    if (query.order) search.set('order', query.order)
    if (query.limit) search.set('limit', String(query.limit))
    if (query.after) search.set('after', query.after)
    return this.#ask(`/api/tasks?${search}`)
  }

  task(id: string): Promise<Answer<TaskDetail>> {
    return this.#ask(`/api/tasks/${encodeURIComponent(id)}`)
  }

  /** What a text, or the fields of a task, would become. */
  previewTask(body: { markdown: string } | Record<string, unknown>): Promise<Answer<TaskPreview>> {
    return this.#ask('/api/tasks/preview', body)
  }

  /** `key`: the same request sent again is the same task. With `order` it was no task but a word on what waits. */
  addTask(markdown: string, key: string): Promise<Answer<{ id: string; order?: string; text?: string }>> {
    return this.#ask('/api/tasks', { markdown }, 'POST', { headers: { 'idempotency-key': key } })
  }

  events(id: string, after: number): Promise<Answer<EventPage>> {
    return this.#ask(`/api/tasks/${encodeURIComponent(id)}/events?after=${after}&limit=500`)
  }

  /** Backwards; `before` null: from the end of the log. */
  log(asked: LogAsked, before: number | null): Promise<Answer<EventPage>> {
    const search = new URLSearchParams({ before: before === null ? 'end' : String(before), limit: '100' })
    for (const [key, value] of Object.entries(asked)) if (value) search.set(key, value)
    return this.#ask(`/api/events?${search}`)
  }

  /** Whether the permissions of a task are answered unasked. */
  autoAccept(id: string, on: boolean): Promise<Answer<unknown>> {
    return this.#ask(`/api/tasks/${encodeURIComponent(id)}/auto-accept`, { on })
  }

  order(id: string, action: Action): Promise<Answer<unknown>> {
    return this.#ask(`/api/tasks/${encodeURIComponent(id)}/${action}`, {})
  }

  /** `changes`: all of them, exactly as they were shown. */
  accept(id: string, changes: readonly string[]): Promise<Answer<unknown>> {
    return this.#ask(`/api/tasks/${encodeURIComponent(id)}/accept`, { changes })
  }

  isolation(id: string): Promise<Answer<IsolationSize>> {
    return this.#ask(`/api/tasks/${encodeURIComponent(id)}/isolation`)
  }

  endWorktree(id: string, end: IsolationEnd, ignored: boolean): Promise<Answer<IsolationAnswer>> {
    return this.#ask(`/api/tasks/${encodeURIComponent(id)}/${end}`, { ignored })
  }

  /** Of one task, with the keys that check them. */
  receipts(taskId: string): Promise<Answer<ReceiptPage>> {
    return this.#ask(`/api/receipts?task=${encodeURIComponent(taskId)}&limit=500`)
  }

  usage(query: UsageQuery): Promise<Answer<UsageReport>> {
    const words = Object.entries(query).map(([name, value]) => [name, String(value)])
    return this.#ask(`/api/usage?${new URLSearchParams(words)}`)
  }

  asks(): Promise<Answer<AskList>> {
    return this.#ask('/api/asks')
  }

  answer(id: string, body: AskBody): Promise<Answer<{ ask: AskItem }>> {
    return this.#ask(`/api/asks/${encodeURIComponent(id)}`, body)
  }

  sessions(q: string, archived: boolean, after: string | null): Promise<Answer<SessionPage>> {
    const search = new URLSearchParams({ roots: 'true', limit: '100', ...(archived ? { archived: 'true' } : {}) })
    if (q) search.set('q', q)
    if (after) search.set('after', after)
    return this.#ask(`/api/sessions?${search}`)
  }

  searchSessions(q: string): Promise<Answer<SessionSearch>> {
    return this.#ask(`/api/sessions/search?${new URLSearchParams({ q })}`)
  }

  createSession(body: { workspace: string; title: string; model: string | null }): Promise<Answer<SessionItem>> {
    return this.#ask('/api/sessions', body)
  }

  session(id: string): Promise<Answer<SessionDetail>> {
    return this.#ask(sessionUrl(id))
  }

  removeSession(id: string): Promise<Answer<{ id: string }>> {
    return this.#ask(sessionUrl(id), {}, 'DELETE')
  }

  /** One of the edits of our own sessions; each is a word in the address. */
  edit<E extends keyof SessionEdits>(
    id: string,
    edit: E,
    body: SessionEdits[E]['body'],
  ): Promise<Answer<SessionEdits[E]['answer']>> {
    return this.#ask(sessionUrl(id, edit), body)
  }

  /** A shell line of the person's own. `stop` ends it. */
  type(id: string, line: string, stop: AbortSignal): Promise<Answer<{ ok: boolean; ran: boolean; output: string }>> {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(lineTimeoutMs)])
    return this.#ask(sessionUrl(id, 'type'), { line }, 'POST', { signal })
  }

  context(id: string): Promise<Answer<ContextUse>> {
    return this.#ask(sessionUrl(id, 'context'))
  }

  transcript(id: string, { before, limit }: { before: string | null; limit: number }): Promise<Answer<TranscriptPage>> {
    const search = new URLSearchParams({ limit: String(limit), ...(before ? { before } : {}) })
    return this.#ask(sessionUrl(id, `transcript?${search}`))
  }

  files(id: string, q: string): Promise<Answer<FileNames>> {
    return this.#ask(sessionUrl(id, `files?${new URLSearchParams({ q })}`))
  }

  /** Of the configured providers, without a word to them. */
  models(): Promise<Answer<ModelList>> {
    return this.#ask('/api/models')
  }

  diff(id: string): Promise<Answer<{ items: FileDiff[] }>> {
    return this.#ask(sessionUrl(id, 'diff'))
  }

  /** A link that signs another browser in, once. */
  loginCode(): Promise<Answer<{ url: string }>> {
    return this.#ask('/api/login-codes', {})
  }

  settings(): Promise<Answer<SettingList>> {
    return this.#ask('/api/settings')
  }

  /** What the user's file would become. */
  previewSetting(asked: SettingAsked): Promise<Answer<SettingChange>> {
    return this.#ask('/api/settings/preview', { asked })
  }

  /** Only while the file is what was `seen`. */
  changeSetting({ asked, seen }: Pick<SettingChange, 'asked' | 'seen'>): Promise<Answer<SettingWritten>> {
    return this.#ask('/api/settings', { asked, seen }, 'PUT')
  }

  found(): Promise<Answer<FoundList>> {
    return this.#ask('/api/found')
  }

  rules(): Promise<Answer<RuleList>> {
    return this.#ask('/api/rules')
  }

  grants(): Promise<Answer<GrantList>> {
    return this.#ask('/api/grants')
  }

  revoke(id: string): Promise<Answer<unknown>> {
    return this.#ask(`/api/grants/${encodeURIComponent(id)}`, {}, 'DELETE')
  }

  weave(hours: number, limit: number): Promise<Answer<WeavePage>> {
    return this.#ask(`/api/weave?hours=${hours}&limit=${limit}`)
  }

  workspaces(): Promise<Answer<WorkspaceList>> {
    return this.#ask('/api/workspaces')
  }

  trust(body: Pick<Workspace, 'path' | 'trust' | 'access'>): Promise<Answer<WorkspaceSaid>> {
    return this.#ask('/api/workspaces', body, 'PUT')
  }

  inbox(before: number | null): Promise<Answer<InboxPage>> {
    return this.#ask(`/api/inbox?limit=50${before === null ? '' : `&before=${before}`}`)
  }

  inboxFile(number: number): Promise<Answer<InboxFile>> {
    return this.#ask(`/api/inbox/${number}`)
  }

  sinks(): Promise<Answer<SinkList>> {
    return this.#ask('/api/sinks')
  }

  testSink(id: string): Promise<Answer<SinkTested>> {
    return this.#ask(`/api/sinks/${encodeURIComponent(id)}/test`, {})
  }

  deliveries(state: 'dead' | 'waiting'): Promise<Answer<DeliveryList>> {
    return this.#ask(`/api/deliveries?state=${state}`)
  }

  /** Without `seq`, all dead deliveries of the sink. */
  replay(sink: string, seq?: number): Promise<Answer<Replayed>> {
    return this.#ask('/api/deliveries/replay', seq === undefined ? { sink } : { sink, seq })
  }

  login(code: string): Promise<Answer<unknown>> {
    return this.#ask('/api/login', { code })
  }

  /** With a body it is one that changes something, and carries what a foreign page cannot send. */
  async #ask<T>(url: string, body?: object, method = 'POST', more: More = {}): Promise<Answer<T>> {
    const headers: Record<string, string> = { accept: 'application/json', ...more.headers }
    const signal = more.signal ?? AbortSignal.timeout(answerTimeoutMs)
    const init: RequestInit = { headers, signal, credentials: 'same-origin' }
    if (body) {
      headers['content-type'] = 'application/json'
      headers['x-openloom'] = '1'
      init.method = method
      init.body = JSON.stringify(body)
    }
    try {
      const response = await fetch(url, init)
      if (url === stateUrl) this.#onDate(response.headers.get('date'))
      const text = await response.text()
      if (response.ok) return { ok: true, value: (text ? JSON.parse(text) : null) as T }
      if (response.status === 401) this.#onSignedOut()
      return { ok: false, refusal: refusalOf(response.status, text) }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      // The state is asked for again and again until it is there; the rest is not.
      if (!body && url !== stateUrl) this.#onMissed()
      return {
        ok: false,
        refusal: { status: 0, title: 'The daemon does not answer', detail: why, todo: isItUp, problems: [] },
      }
    }
  }
}

function refusalOf(status: number, text: string): Refusal {
  const fallback = {
    status,
    title: `The daemon answered ${status}`,
    detail: text.slice(0, 300),
    todo: null,
    problems: [],
  }
  try {
    const body = JSON.parse(text) as Partial<ProblemBody>
    const problems = body.problems ?? []
    // The daemon's detail has the texts with what to do; here that stands apart.
    const told = problems.length > 0 ? problems.map((problem) => problem.text).join('\n') : (body.detail ?? '')
    const todo = [...new Set(problems.flatMap((problem) => problem.todo ?? []))].join('\n') || null
    return { status, title: body.title ?? fallback.title, detail: told, todo, problems }
  } catch (error) {
    if (error instanceof SyntaxError) return fallback
    throw error
  }
}
