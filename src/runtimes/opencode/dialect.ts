/** Finds out how a server wants to be spoken to, by the shape of what it answers: its web page answers every route. */
import { ok, type Problem, type Result, refuse } from '../../core/problem.ts'
import type { Connection } from './connection.ts'
import type { Dialect } from './remote.ts'
import { DialectV1 } from './v1.ts'

export interface Found {
  dialect: Dialect
  version: string
  /** It let us in without a password. */
  open: boolean
}

const probeMs = 5_000

export async function findDialect(connection: Connection): Promise<Result<Found>> {
  const { url, password } = connection.address
  const health = await connection.ask({ method: 'GET', path: '/global/health', timeoutMs: probeMs })
  if (!health.ok) return health
  if (health.value.status === 401) return refuse(wrongPassword(url, password !== ''))
  // A server in trouble, or a proxy before one that is: it is there, and may be well again in a minute.
  if (health.value.status >= 500) return refuse(ill(url, health.value.status))
  const version = versionIn(health.value.value)
  if (version !== null) return ok({ dialect: new DialectV1(connection), version, open: password === '' })
  const second = await connection.ask({ method: 'GET', path: '/api/info', timeoutMs: probeMs })
  if (second.ok && versionIn(second.value.value) !== null) return refuse(tooNew(url))
  return refuse(noServer(url))
}

function versionIn(value: unknown): string | null {
  const version = (value as { version?: unknown } | null)?.version
  return typeof version === 'string' ? version : null
}

const wrongPassword = (url: string, given: boolean): Problem => ({
  kind: 'opencode-password',
  text: `The OpenCode server at ${url} ${given ? 'refuses the password' : 'wants a password'}.`,
  todo: 'Set OPENLOOM_OPENCODE_PASSWORD (and _USERNAME) to those of the server.',
})

const ill = (url: string, status: number): Problem => ({
  kind: 'opencode-ill',
  text: `The server at ${url} answers ${status} to everything.`,
  todo: 'Look at its log; OpenLoom goes on asking.',
})

const tooNew = (url: string): Problem => ({
  kind: 'opencode-dialect',
  text: `The server at ${url} speaks the API of OpenCode 2, which OpenLoom does not speak yet.`,
  todo: 'Run OpenCode 1.x (`npm install -g opencode-ai@1`) and start `opencode serve`.',
})

const noServer = (url: string): Problem => ({
  kind: 'opencode-dialect',
  text: `Something answers at ${url}, but it is no OpenCode server that OpenLoom knows.`,
  todo: 'Set OPENLOOM_OPENCODE_URL to the address that `opencode serve` prints.',
})
