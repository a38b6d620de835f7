/**
 * What stands before every route: Host, Origin, token. Hono checks none of these and its csrf() lets JSON posts pass.
 */
import type { Context, MiddlewareHandler } from 'hono'
import { getCookie } from 'hono/cookie'
import type { Problem } from '../core/problem.ts'
import type { Auth } from './auth.ts'
import { refusal, type Variables } from './context.ts'

export interface GuardOptions {
  /** Host header values that are ours, with port. */
  hosts(): readonly string[]
  auth: Auth
  cookieName(): string
}

const policy = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "form-action 'none'",
  "connect-src 'self'",
].join('; ')

const security: Record<string, string> = {
  'content-security-policy': policy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
}

/** Reachable without a token: a sign of life, the login itself, and the page's own files (which hold no data). */
const open = (path: string): boolean => path === '/healthz' || path === '/api/login' || !path.startsWith('/api/')

export function guard({ hosts, auth, cookieName }: GuardOptions): MiddlewareHandler<Variables> {
  return async (c, next) => {
    const problem = foreignHost(c, hosts()) ?? foreignOrigin(c, hosts())
    if (problem) return refusal(c, problem.kind === 'foreign-host' ? 421 : 403, problem)
    const path = new URL(c.req.url).pathname
    const who = identify(c, auth, cookieName())
    if (who) {
      c.set('by', who.by)
      c.set('login', who.login)
    } else if (!open(path)) return refusal(c, 401, notLoggedIn)
    if (who?.login && !isSafe(c) && c.req.header('x-openloom') !== '1') return refusal(c, 403, noMark)
    await next()
    for (const [name, value] of Object.entries(security)) c.header(name, value)
    if (path.startsWith('/api/')) c.header('cache-control', 'no-store')
  }
}

const isSafe = (c: Context): boolean => ['GET', 'HEAD', 'OPTIONS'].includes(c.req.method)

function identify(c: Context, auth: Auth, cookieName: string): Variables['Variables'] | null {
  const bearer = /^Bearer ([\x21-\x7e]{1,200})$/.exec(c.req.header('authorization') ?? '')?.[1]
  if (bearer) return auth.isToken(bearer) ? { by: 'token', login: null } : null
  const cookie = getCookie(c, cookieName)
  const login = cookie ? auth.loginOf(cookie) : null
  return login ? { by: 'cookie', login } : null
}

/** Against DNS rebinding: the browser says which name it thinks it talks to. */
function foreignHost(c: Context, hosts: readonly string[]): Problem | null {
  const host = c.req.header('host') ?? ''
  const target = new URL(c.req.url).host
  if (hosts.includes(host) && hosts.includes(target)) return null
  return {
    kind: 'foreign-host',
    text: 'This address is not one that OpenLoom answers to.',
    todo: 'Use the printed address, or add the name to server.allowed_hosts.',
  }
}

/** Against pages of other sites: whoever names an origin must name ours. */
function foreignOrigin(c: Context, hosts: readonly string[]): Problem | null {
  const origin = c.req.header('origin')
  const site = c.req.header('sec-fetch-site')
  const ours = origin === undefined || hosts.some((host) => origin === `http://${host}` || origin === `https://${host}`)
  const navigates = c.req.method === 'GET' && c.req.header('sec-fetch-mode') === 'navigate'
  if (ours && (site === undefined || ['same-origin', 'none'].includes(site) || navigates)) return null
  return { kind: 'foreign-origin', text: 'Pages of other sites may not talk to OpenLoom.' }
}

const notLoggedIn: Problem = {
  kind: 'not-logged-in',
  text: 'This needs a login or a token.',
  todo: 'Run `openloom status --login` for a link, or send the token as `Authorization: Bearer …`.',
}

const noMark: Problem = { kind: 'no-mark', text: 'The header "X-OpenLoom: 1" is missing.' }
