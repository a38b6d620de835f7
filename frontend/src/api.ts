/** The daemon's HTTP API: each question with its address and the shape of its answer. It shows and keeps nothing. */

import type { GuideText, MemoryView, Workspace } from '../../src/core/session.ts'
import type { SkillFile, SkillRead, SkillRef } from '../../src/core/spec.ts'
import type { IsolationEnd, SkillDetail, SkillList } from '../../src/core/task.ts'
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
  ReceiptPage,
  Replayed,
  RuleList,
  SessionDetail,
  SessionDiff,
  SessionItem,
  SessionPage,
  SessionPlans,
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
  Told,
  UsageReport,
  WeavePage,
  WorkspaceList,
  WorkspaceSaid,
} from '../../src/server/api.ts'
import type { HomeView } from '../../src/server/routes/home.ts'
import type { LoginList, LoginsEnded } from '../../src/server/routes/logins.ts'
import type { Answer } from './answer.ts'
import type { NewSession, SessionEdits, TaskQuery, UsageQuery } from './asked.ts'
import type { Action } from './model/actions.ts'
import type { AskBody } from './model/asks.ts'
import type { LogAsked } from './model/log.ts'
import { homeUrl, stateUrl, Wire } from './wire.ts'

/** A shell line ends within two minutes, or is ended. */
const lineTimeoutMs = 150_000

const sessionUrl = (id: string, rest = ''): string =>
  `/api/sessions/${encodeURIComponent(id)}${rest === '' ? '' : `/${rest}`}`

const skillUrl = (name: string): string => `/api/skills/${encodeURIComponent(name)}`
/** Of a project; of none: only the user's own. */
const within = (workspace: string | null): string => (workspace ? `?${new URLSearchParams({ workspace })}` : '')

export class Api extends Wire {
  /** All that the first view shows. */
  home(): Promise<Answer<HomeView>> {
    return this.ask(homeUrl)
  }

  state(): Promise<Answer<DaemonState>> {
    return this.ask(stateUrl)
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
    return this.ask(`/api/tasks?${search}`)
  }

  task(id: string): Promise<Answer<TaskDetail>> {
    return this.ask(`/api/tasks/${encodeURIComponent(id)}`)
  }

  /** What a text, or the fields of a task, would become. */
  previewTask(body: { markdown: string } | Record<string, unknown>): Promise<Answer<TaskPreview>> {
    return this.ask('/api/tasks/preview', body)
  }

  /** `key`: the same request sent again is the same task. With `order` it was no task but a word on what waits. */
  addTask(markdown: string, key: string): Promise<Answer<{ id: string; order?: string; text?: string }>> {
    return this.ask('/api/tasks', { markdown }, 'POST', { headers: { 'idempotency-key': key } })
  }

  events(id: string, after: number): Promise<Answer<EventPage>> {
    return this.ask(`/api/tasks/${encodeURIComponent(id)}/events?after=${after}&limit=500`)
  }

  /** Backwards; `before` null: from the end of the log. */
  log(asked: LogAsked, before: number | null): Promise<Answer<EventPage>> {
    const search = new URLSearchParams({ before: before === null ? 'end' : String(before), limit: '100' })
    for (const [key, value] of Object.entries(asked)) if (value) search.set(key, value)
    return this.ask(`/api/events?${search}`)
  }

  /** Whether the permissions of a task are answered unasked. */
  autoAccept(id: string, on: boolean): Promise<Answer<unknown>> {
    return this.ask(`/api/tasks/${encodeURIComponent(id)}/auto-accept`, { on })
  }

  order(id: string, action: Action): Promise<Answer<unknown>> {
    return this.ask(`/api/tasks/${encodeURIComponent(id)}/${action}`, {})
  }

  /** `changes`: all of them, exactly as they were shown. */
  accept(id: string, changes: readonly string[]): Promise<Answer<unknown>> {
    return this.ask(`/api/tasks/${encodeURIComponent(id)}/accept`, { changes })
  }

  isolation(id: string): Promise<Answer<IsolationSize>> {
    return this.ask(`/api/tasks/${encodeURIComponent(id)}/isolation`)
  }

  endWorktree(id: string, end: IsolationEnd, ignored: boolean): Promise<Answer<IsolationAnswer>> {
    return this.ask(`/api/tasks/${encodeURIComponent(id)}/${end}`, { ignored })
  }

  /** Of one task, with the keys that check them. */
  receipts(taskId: string): Promise<Answer<ReceiptPage>> {
    return this.ask(`/api/receipts?task=${encodeURIComponent(taskId)}&limit=500`)
  }

  usage(query: UsageQuery): Promise<Answer<UsageReport>> {
    const words = Object.entries(query).map(([name, value]) => [name, String(value)])
    return this.ask(`/api/usage?${new URLSearchParams(words)}`)
  }

  asks(): Promise<Answer<AskList>> {
    return this.ask('/api/asks')
  }

  answer(id: string, body: AskBody): Promise<Answer<{ ask: AskItem }>> {
    return this.ask(`/api/asks/${encodeURIComponent(id)}`, body)
  }

  sessions(q: string, archived: boolean, after: string | null): Promise<Answer<SessionPage>> {
    const search = new URLSearchParams({ roots: 'true', limit: '100', ...(archived ? { archived: 'true' } : {}) })
    if (q) search.set('q', q)
    if (after) search.set('after', after)
    return this.ask(`/api/sessions?${search}`)
  }

  searchSessions(q: string): Promise<Answer<SessionSearch>> {
    return this.ask(`/api/sessions/search?${new URLSearchParams({ q })}`)
  }

  createSession(body: NewSession): Promise<Answer<SessionItem>> {
    return this.ask('/api/sessions', body)
  }

  session(id: string): Promise<Answer<SessionDetail>> {
    return this.ask(sessionUrl(id))
  }

  removeSession(id: string): Promise<Answer<{ id: string }>> {
    return this.ask(sessionUrl(id), {}, 'DELETE')
  }

  /** One of the edits of our own sessions; each is a word in the address. */
  edit<E extends keyof SessionEdits>(
    id: string,
    edit: E,
    body: SessionEdits[E]['body'],
  ): Promise<Answer<SessionEdits[E]['answer']>> {
    return this.ask(sessionUrl(id, edit), body)
  }

  /** A shell line of the person's own. `stop` ends it. */
  type(id: string, line: string, stop: AbortSignal): Promise<Answer<{ ok: boolean; ran: boolean; output: string }>> {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(lineTimeoutMs)])
    return this.ask(sessionUrl(id, 'type'), { line }, 'POST', { signal })
  }

  context(id: string): Promise<Answer<ContextUse>> {
    return this.ask(sessionUrl(id, 'context'))
  }

  transcript(id: string, { before, limit }: { before: string | null; limit: number }): Promise<Answer<Told>> {
    const search = new URLSearchParams({ limit: String(limit), ...(before ? { before } : {}) })
    return this.ask(sessionUrl(id, `transcript?${search}`))
  }

  files(id: string, q: string): Promise<Answer<FileNames>> {
    return this.ask(sessionUrl(id, `files?${new URLSearchParams({ q })}`))
  }

  /** Of the configured providers, without a word to them. */
  models(): Promise<Answer<ModelList>> {
    return this.ask('/api/models')
  }

  plans(id: string): Promise<Answer<SessionPlans>> {
    return this.ask(sessionUrl(id, 'plans'))
  }

  diff(id: string): Promise<Answer<SessionDiff>> {
    return this.ask(sessionUrl(id, 'diff'))
  }

  /** A link that signs another browser in, once. */
  loginCode(): Promise<Answer<{ url: string }>> {
    return this.ask('/api/login-codes', {})
  }

  logins(): Promise<Answer<LoginList>> {
    return this.ask('/api/logins')
  }

  /** Null: every browser but this one. */
  endLogin(id: string | null): Promise<Answer<LoginsEnded>> {
    return this.ask(id === null ? '/api/logins' : `/api/logins/${encodeURIComponent(id)}`, {}, 'DELETE')
  }

  settings(): Promise<Answer<SettingList>> {
    return this.ask('/api/settings')
  }

  /** What the user's file would become. */
  previewSetting(asked: SettingAsked): Promise<Answer<SettingChange>> {
    return this.ask('/api/settings/preview', { asked })
  }

  /** Only while the file is what was `seen`. */
  changeSetting({ asked, seen }: Pick<SettingChange, 'asked' | 'seen'>): Promise<Answer<SettingWritten>> {
    return this.ask('/api/settings', { asked, seen }, 'PUT')
  }

  found(): Promise<Answer<FoundList>> {
    return this.ask('/api/found')
  }

  rules(): Promise<Answer<RuleList>> {
    return this.ask('/api/rules')
  }

  grants(): Promise<Answer<GrantList>> {
    return this.ask('/api/grants')
  }

  revoke(id: string): Promise<Answer<unknown>> {
    return this.ask(`/api/grants/${encodeURIComponent(id)}`, {}, 'DELETE')
  }

  weave(hours: number, limit: number): Promise<Answer<WeavePage>> {
    return this.ask(`/api/weave?hours=${hours}&limit=${limit}`)
  }

  workspaces(): Promise<Answer<WorkspaceList>> {
    return this.ask('/api/workspaces')
  }

  trust(body: Pick<Workspace, 'path' | 'trust' | 'access'>): Promise<Answer<WorkspaceSaid>> {
    return this.ask('/api/workspaces', body, 'PUT')
  }

  skills(workspace: string): Promise<Answer<SkillList>> {
    return this.ask(`/api/skills${within(workspace)}`)
  }

  skill({ name, workspace }: SkillRef): Promise<Answer<SkillDetail>> {
    return this.ask(`${skillUrl(name)}${within(workspace)}`)
  }

  beginSkill(ref: SkillRef): Promise<Answer<SkillFile>> {
    return this.ask('/api/skills', ref)
  }

  /** What a text would be as a skill. */
  previewSkill(name: string, text: string): Promise<Answer<SkillRead>> {
    return this.ask('/api/skills/preview', { name, text })
  }

  /** Only while the file is what was `seen`. */
  writeSkill({ name, workspace }: SkillRef, text: string, seen: string | null): Promise<Answer<SkillFile>> {
    return this.ask(skillUrl(name), { workspace, text, seen }, 'PUT')
  }

  removeSkill({ name, workspace }: SkillRef, seen: string): Promise<Answer<SkillFile>> {
    return this.ask(skillUrl(name), { workspace, seen }, 'DELETE')
  }

  duplicateSkill({ name, workspace }: SkillRef): Promise<Answer<SkillFile>> {
    return this.ask(`${skillUrl(name)}/duplicate`, { workspace })
  }

  runSkill(
    { name, workspace }: SkillRef,
    asked: { folder?: string; parameters: Record<string, string | boolean> },
    key: string,
  ): Promise<Answer<{ id: string }>> {
    const more = { headers: { 'idempotency-key': key } }
    return this.ask(`${skillUrl(name)}/run`, { workspace, ...asked }, 'POST', more)
  }

  memory(workspace: string): Promise<Answer<MemoryView>> {
    return this.ask(`/api/memory?${new URLSearchParams({ workspace })}`)
  }

  guide(workspace: string, path: string): Promise<Answer<GuideText>> {
    return this.ask(`/api/memory/file?${new URLSearchParams({ workspace, path })}`)
  }

  /** Only while the file has this digest. */
  writeGuide(workspace: string, file: GuideText): Promise<Answer<GuideText>> {
    return this.ask('/api/memory/file', { workspace, ...file }, 'PUT')
  }

  /** One line for every session in the repository of this folder. */
  remember(workspace: string, text: string): Promise<Answer<GuideText>> {
    return this.ask('/api/memory/notes', { workspace, text })
  }

  inbox(before: number | null): Promise<Answer<InboxPage>> {
    return this.ask(`/api/inbox?limit=50${before === null ? '' : `&before=${before}`}`)
  }

  inboxFile(number: number): Promise<Answer<InboxFile>> {
    return this.ask(`/api/inbox/${number}`)
  }

  sinks(): Promise<Answer<SinkList>> {
    return this.ask('/api/sinks')
  }

  testSink(id: string): Promise<Answer<SinkTested>> {
    return this.ask(`/api/sinks/${encodeURIComponent(id)}/test`, {})
  }

  deliveries(state: 'dead' | 'waiting'): Promise<Answer<DeliveryList>> {
    return this.ask(`/api/deliveries?state=${state}`)
  }

  /** Without `seq`, all dead deliveries of the sink. */
  replay(sink: string, seq?: number): Promise<Answer<Replayed>> {
    return this.ask('/api/deliveries/replay', seq === undefined ? { sink } : { sink, seq })
  }

  login(code: string): Promise<Answer<unknown>> {
    return this.ask('/api/login', { code })
  }
}
