/** Requests to one server: address, password, a deadline on each. It knows no route. */
import { ok, type Problem, type Result, refuse } from '../../core/problem.ts'
import { sendRequest } from '../../lib/request.ts'

export interface ServerAddress {
  /** Without a path at its end, e.g. `http://127.0.0.1:4096`. */
  url: string
  username: string
  /** Empty: none. */
  password: string
}

export interface ServerRequest {
  method: 'GET' | 'POST'
  path: string
  query?: Readonly<Record<string, string | number | boolean | null>>
  body?: unknown
  timeoutMs?: number
}

/** `value` is null for a body that is not JSON, e.g. an empty one. */
export interface ServerAnswer {
  status: number
  value: unknown
  /** The body was a web page: the server has no such route. */
  isPage: boolean
  headers: Readonly<Record<string, string>>
}

const answerMs = 10_000
const bodyBytesMax = 64 * 1024 * 1024

export class Connection {
  readonly address: ServerAddress
  requests = 0

  constructor(address: ServerAddress) {
    this.address = address
  }

  get headers(): Record<string, string> {
    const { username, password } = this.address
    if (password === '') return {}
    return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }
  }

  urlOf(path: string, query: ServerRequest['query'] = {}): URL {
    const url = new URL(path, this.address.url)
    for (const [name, value] of Object.entries(query)) if (value !== null) url.searchParams.set(name, String(value))
    return url
  }

  /** Any answer of the server, errors included; refused only when there was none. */
  async ask(request: ServerRequest): Promise<Result<ServerAnswer>> {
    this.requests += 1
    const timeoutMs = request.timeoutMs ?? answerMs
    const body = request.body === undefined ? {} : { body: JSON.stringify(request.body) }
    const answer = await sendRequest({
      url: this.urlOf(request.path, request.query),
      method: request.method,
      headers: { ...this.headers, ...('body' in body ? { 'content-type': 'application/json' } : {}) },
      ...body,
      timeoutMs,
      bodyBytesMax,
    })
    if (answer.kind !== 'answer') {
      const why = answer.kind === 'failed' ? answer.text : `it did not answer within ${timeoutMs / 1_000} s`
      return refuse(unreachable(this.address.url, why))
    }
    const text = answer.body.toString('utf8')
    const isPage = (answer.headers['content-type'] ?? '').includes('html')
    return ok({ status: answer.status, value: isPage ? null : parsed(text), isPage, headers: answer.headers })
  }

  /** The JSON of a 2xx answer; everything else is a problem that says what the server said. */
  async get(request: ServerRequest): Promise<Result<unknown>> {
    const answer = await this.ask(request)
    if (!answer.ok) return answer
    const { status, value, isPage } = answer.value
    if (isPage) return refuse(strange(this.address.url, request.path))
    return status >= 200 && status < 300 ? ok(value) : refuse(refusalOf(this.address.url, status, value))
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // An empty body, or plain text: the status says what there is to know.
    return text === '' ? null : text.slice(0, 300)
  }
}

export const unreachable = (url: string, why: string): Problem => ({
  kind: 'opencode-down',
  text: `No OpenCode server can be reached at ${url}: ${why}.`,
  todo: 'Start `opencode serve`, set OPENLOOM_OPENCODE_URL, or let OpenLoom run it (managed: always).',
})

export const strange = (url: string, path: string): Problem => ({
  kind: 'opencode-strange',
  text: `The server at ${url} answers ${path} in a way that this version does not understand.`,
  todo: 'OpenLoom speaks the API of OpenCode 1.x; look at the version of the server.',
})

/** The three shapes that errors have on the wire. */
function refusalOf(url: string, status: number, value: unknown): Problem {
  if (status === 401 || status === 403) {
    const todo = 'Set OPENLOOM_OPENCODE_PASSWORD (and _USERNAME) to those of the server.'
    return { kind: 'opencode-password', text: `The OpenCode server at ${url} refuses the password.`, todo }
  }
  const told = value as { data?: { message?: unknown; path?: unknown }; message?: unknown } | string | null
  const message = typeof told === 'string' ? told : (told?.data?.message ?? told?.message ?? '')
  const kind = status === 404 ? 'opencode-missing' : status === 409 ? 'session-busy' : 'opencode-refused'
  // Of a broken opencode.json: which one it is stands beside a drawing of several lines.
  const path = typeof told === 'object' && typeof told?.data?.path === 'string' ? `${told.data.path}: ` : ''
  const reason = redact(`${path}${message}`.replace(/\s+/g, ' ').replaceAll('--- ', '').trim())
  return { kind, text: `OpenCode answered ${status}: ${reason || 'without a reason'}.` }
}

/** Errors of a provider echo addresses, headers and bodies: what looks like a secret does not get out of here. */
export function redact(text: string): string {
  return text
    .replace(/:\/\/[^\s/@:]+:[^\s/@]+@/g, '://***@')
    .replace(/\b(bearer|basic)\s+[\w.~+/=-]+/gi, '$1 ***')
    .replace(/\b(sk|pk|key|token|secret|password)([-_=:]\s*|["']\s*:\s*["'])[\w.~+/=-]{6,}/gi, '$1$2***')
    .slice(0, 500)
    .replace(/\.$/, '')
}
