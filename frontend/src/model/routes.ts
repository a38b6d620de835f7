/** URL ↔ place in the dashboard. Every state a person may want to come back to has a URL. */
import { type LogAsked, logAsked } from './log.ts'
import { type Group, groups, type Period, periods } from './periods.ts'

/** Views whose address is their name. */
const places = ['needs', 'more', 'notifications', 'settings', 'phone'] as const
export type Place = (typeof places)[number]

/** `order`: one of `taskOrders`; empty: the newest first. `since`: how long ago at most, as `7d`. */
const taskFilters = ['q', 'status', 'verdict', 'workspace', 'runtime', 'since', 'order'] as const
/** Empty words filter nothing. */
export type TaskFilter = Record<(typeof taskFilters)[number], string>

export type Route =
  | { name: 'home' }
  | ({ name: 'tasks' } & TaskFilter)
  | { name: 'task'; id: string }
  /** `from`: the task whose text is the beginning. */
  | { name: 'new'; from: string | null }
  | { name: 'sessions'; q: string; archived: boolean }
  /** `at`: the message that is looked for. */
  | { name: 'session'; id: string; at: string | null }
  | { name: Place }
  | { name: 'log'; asked: LogAsked }
  /** `file`: the one that is opened. */
  | { name: 'inbox'; file: number | null }
  /** `workspace`: the project whose skills are there too; empty: only the user's. */
  | { name: 'skills'; workspace: string }
  /** `workspace`: the project that brings it; empty: it is the user's. */
  | { name: 'skill'; skill: string; workspace: string }
  /** `file`: the one that is opened. */
  | { name: 'memory'; workspace: string; file: string }
  | { name: 'usage'; period: Period; group: Group }
  | { name: 'login' }
  | { name: 'nowhere'; path: string }

export function parseRoute(url: URL): Route {
  const path = url.pathname.replace(/\/+$/, '') || '/'
  if (path === '/') return { name: 'home' }
  if (path === '/login') return { name: 'login' }
  if (path === '/tasks') {
    const given = taskFilters.map((name) => [name, url.searchParams.get(name) ?? ''])
    return { name: 'tasks', ...(Object.fromEntries(given) as TaskFilter) }
  }
  if (path === '/new') {
    const from = url.searchParams.get('from') ?? ''
    return { name: 'new', from: /^[A-Za-z0-9_-]{1,80}$/.test(from) ? from : null }
  }
  if (path === '/sessions') {
    return { name: 'sessions', q: url.searchParams.get('q') ?? '', archived: url.searchParams.has('archived') }
  }
  if (path === '/log') return { name: 'log', asked: logAsked(url.searchParams) }
  if (path === '/inbox') {
    const file = url.searchParams.get('file') ?? ''
    return { name: 'inbox', file: /^\d{1,15}$/.test(file) ? Number(file) : null }
  }
  const workspace = url.searchParams.get('workspace') ?? ''
  if (path === '/skills') return { name: 'skills', workspace }
  const skill = /^\/skills\/([A-Za-z0-9][\w-]{0,63})$/.exec(path)?.[1]
  if (skill) return { name: 'skill', skill, workspace }
  if (path === '/memory') return { name: 'memory', workspace, file: url.searchParams.get('file') ?? '' }
  const place = places.find((name) => path === `/${name}`)
  if (place) return { name: place }
  if (path === '/usage') {
    const period = periods.find((one) => one === url.searchParams.get('period')) ?? 'month'
    return { name: 'usage', period, group: groups.find((one) => one === url.searchParams.get('by')) ?? 'model' }
  }
  const session = /^\/sessions\/([A-Za-z0-9_-]{1,120})$/.exec(path)?.[1]
  if (session) {
    const at = url.searchParams.get('at') ?? ''
    return { name: 'session', id: session, at: /^[A-Za-z0-9_-]{1,200}$/.test(at) ? at : null }
  }
  const id = /^\/tasks\/([A-Za-z0-9_-]{1,80})$/.exec(path)?.[1]
  return id ? { name: 'task', id } : { name: 'nowhere', path: url.pathname }
}

export const sessionHref = (id: string): string => `/sessions/${encodeURIComponent(id)}`

export const messageHref = (sessionId: string, seq: number): string => `${sessionHref(sessionId)}?at=${seq}`

/** Of what is given, what says something. */
const hrefOf = (path: string, given: Record<string, string>): string => {
  const query = new URLSearchParams(Object.entries(given).filter(([, value]) => value)).toString()
  return query ? `${path}?${query}` : path
}
export const sessionsHref = (q: string, archived = false): string =>
  hrefOf('/sessions', { q, archived: archived ? '1' : '' })
export const skillsHref = (workspace: string): string => hrefOf('/skills', { workspace })
export const skillHref = (name: string, workspace: string | null): string =>
  hrefOf(`/skills/${encodeURIComponent(name)}`, { workspace: workspace ?? '' })
export const memoryHref = (workspace: string, file = ''): string => hrefOf('/memory', { workspace, file })
export const inboxHref = (file: number | null): string => hrefOf('/inbox', { file: String(file ?? '') })
export const usageHref = (period: Period, group: Group): string => hrefOf('/usage', { period, by: group })

export const newTaskHref = (from: string): string => hrefOf('/new', { from })

export const taskHref = (id: string): string => `/tasks/${encodeURIComponent(id)}`

export const noFilter: TaskFilter = { q: '', status: '', verdict: '', workspace: '', runtime: '', since: '', order: '' }

export const tasksHref = (filter: Partial<TaskFilter>): string =>
  hrefOf('/tasks', Object.fromEntries(taskFilters.map((name) => [name, filter[name] ?? ''])))
