/** URL ↔ place in the dashboard. Every state a person may want to come back to has a URL. */

export type Route =
  | { name: 'home' }
  | { name: 'tasks'; q: string; status: string }
  | { name: 'task'; id: string }
  | { name: 'sessions'; q: string; archived: boolean }
  /** `at`: the message that is looked for. */
  | { name: 'session'; id: string; at: string | null }
  | { name: 'phone' }
  | { name: 'login' }
  | { name: 'nowhere'; path: string }

export function parseRoute(url: URL): Route {
  const path = url.pathname.replace(/\/+$/, '') || '/'
  if (path === '/') return { name: 'home' }
  if (path === '/phone') return { name: 'phone' }
  if (path === '/login') return { name: 'login' }
  if (path === '/tasks') {
    return { name: 'tasks', q: url.searchParams.get('q') ?? '', status: url.searchParams.get('status') ?? '' }
  }
  if (path === '/sessions') {
    return { name: 'sessions', q: url.searchParams.get('q') ?? '', archived: url.searchParams.has('archived') }
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

export function sessionsHref(q: string, archived = false): string {
  const query = new URLSearchParams({ ...(q ? { q } : {}), ...(archived ? { archived: '1' } : {}) }).toString()
  return query ? `/sessions?${query}` : '/sessions'
}

export const taskHref = (id: string): string => `/tasks/${encodeURIComponent(id)}`

export function tasksHref(q: string, status: string): string {
  const query = new URLSearchParams()
  if (q) query.set('q', q)
  if (status) query.set('status', status)
  const text = query.toString()
  return text ? `/tasks?${text}` : '/tasks'
}
