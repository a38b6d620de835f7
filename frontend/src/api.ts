/** The daemon's HTTP API, typed. A refusal is a value and never an exception; it shows nothing and keeps nothing. */

import type { FileDiff, TranscriptPage } from '../../src/core/session.ts'
import type { IsolationEnd, TaskStatus } from '../../src/core/task.ts'
import type {
  AskItem,
  AskList,
  ContextUse,
  DaemonState,
  EventPage,
  FileNames,
  IsolationAnswer,
  IsolationSize,
  ModelList,
  ProblemBody,
  Restored,
  SessionDetail,
  SessionItem,
  SessionPage,
  SessionSearch,
  TaskDetail,
  TaskPage,
  Undone,
} from '../../src/server/api.ts'
import type { Action } from './model/actions.ts'
import type { AskBody } from './model/asks.ts'

export interface Refusal {
  /** HTTP status, or 0 when the daemon did not answer. */
  status: number
  title: string
  detail: string
  todo: string | null
}

export type Answer<T> = { ok: true; value: T } | { ok: false; refusal: Refusal }

const answerTimeoutMs = 15_000

export interface TaskQuery {
  statuses?: readonly (TaskStatus | string)[]
  q?: string
  limit?: number
  after?: string | null
}

/** What is sent to a session, and what comes back. */
interface SessionEdits {
  abort: { body: object; answer: { pausedTaskId: string | null } }
  prompt: { body: { text: string }; answer: unknown }
  steer: { body: { text: string }; answer: unknown }
  compact: { body: object; answer: { done: boolean } }
  rename: { body: { title: string }; answer: SessionItem }
  model: { body: { model: string | null }; answer: SessionItem }
  archive: { body: { archived: boolean }; answer: SessionItem }
  fork: { body: { at?: number }; answer: SessionItem }
  undo: { body: { files: boolean }; answer: Undone }
  restore: { body: { paths?: string[] }; answer: Restored }
}

const sessionUrl = (id: string, rest = ''): string =>
  `/api/sessions/${encodeURIComponent(id)}${rest === '' ? '' : `/${rest}`}`

export class Api {
  readonly #onSignedOut: () => void

  constructor(onSignedOut: () => void) {
    this.#onSignedOut = onSignedOut
  }

  state(): Promise<Answer<DaemonState>> {
    return this.#ask('/api/state')
  }

  tasks(query: TaskQuery): Promise<Answer<TaskPage>> {
    const search = new URLSearchParams()
    if (query.statuses?.length) search.set('status', query.statuses.join(','))
    if (query.q) search.set('q', query.q)
    if (query.limit) search.set('limit', String(query.limit))
    if (query.after) search.set('after', query.after)
    return this.#ask(`/api/tasks?${search}`)
  }

  task(id: string): Promise<Answer<TaskDetail>> {
    return this.#ask(`/api/tasks/${encodeURIComponent(id)}`)
  }

  events(id: string, after: number): Promise<Answer<EventPage>> {
    return this.#ask(`/api/tasks/${encodeURIComponent(id)}/events?after=${after}&limit=500`)
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

  login(code: string): Promise<Answer<unknown>> {
    return this.#ask('/api/login', { code })
  }

  /** With a body it is one that changes something, and carries what a foreign page cannot send. */
  async #ask<T>(url: string, body?: object, method = 'POST'): Promise<Answer<T>> {
    const headers: Record<string, string> = { accept: 'application/json' }
    const init: RequestInit = { headers, signal: AbortSignal.timeout(answerTimeoutMs), credentials: 'same-origin' }
    if (body) {
      headers['content-type'] = 'application/json'
      headers['x-openloom'] = '1'
      init.method = method
      init.body = JSON.stringify(body)
    }
    try {
      const response = await fetch(url, init)
      const text = await response.text()
      if (response.ok) return { ok: true, value: (text ? JSON.parse(text) : null) as T }
      if (response.status === 401) this.#onSignedOut()
      return { ok: false, refusal: refusalOf(response.status, text) }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return {
        ok: false,
        refusal: { status: 0, title: 'The daemon does not answer', detail: why, todo: 'Is "openloom serve" running?' },
      }
    }
  }
}

function refusalOf(status: number, text: string): Refusal {
  const fallback = { status, title: `The daemon answered ${status}`, detail: text.slice(0, 300), todo: null }
  try {
    const body = JSON.parse(text) as Partial<ProblemBody>
    return {
      status,
      title: typeof body.title === 'string' ? body.title : fallback.title,
      detail: typeof body.detail === 'string' ? body.detail : '',
      todo: body.problems?.[0]?.todo ?? null,
    }
  } catch (error) {
    if (error instanceof SyntaxError) return fallback
    throw error
  }
}
