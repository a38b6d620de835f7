/** The routes of the fake OpenCode server: one row each, from a call to status and JSON. */
import type { FakeAsk, FakeSession, FakeWorld, Json } from './opencode-world.ts'

/** What the routes need of the server beside its memory. */
export interface Loop {
  world: FakeWorld
  prompted(session: FakeSession, messageId: string): void
  abort(sessionId: string): void
}

export interface Call {
  method: string
  url: URL
  directory: string
  body: Json
  fake: Loop
}

interface Answer {
  status: number
  json: unknown
  headers?: Record<string, string>
}

interface Route {
  method: string
  path: RegExp
  /** `id` is what the path's group caught. */
  answer(call: Call, id: string): Answer
}

export const unknownError = {
  name: 'UnknownError',
  data: { message: 'Unexpected server error. Check server logs for details.', ref: 'err_00000001' },
}

const ok = (json: unknown, headers: Record<string, string> = {}): Answer => ({ status: 200, json, headers })
const badRequest = (message: string): Answer => ({
  status: 400,
  json: { name: 'BadRequest', data: { message, kind: 'Payload' } },
})

const withSession =
  (answer: (session: FakeSession, call: Call) => Answer) =>
  (call: Call, id: string): Answer => {
    if (!id.startsWith('ses')) return { status: 500, json: unknownError }
    const session = call.fake.world.sessions.get(id)
    const json = { name: 'NotFoundError', data: { message: `Session not found: ${id}` } }
    return session ? answer(session, call) : { status: 404, json }
  }

const listed = (session: FakeSession): Json => {
  const { projectID, directory } = session.info
  return { ...session.info, project: { id: projectID, worktree: directory } }
}

const updatedAt = (session: FakeSession): number => (session.info['time'] as { updated: number }).updated

/** Newest first; `cursor` is the instant before which the page begins. */
function allSessions({ url, fake }: Call): Answer {
  const limit = Number(url.searchParams.get('limit') ?? 100)
  const cursor = Number(url.searchParams.get('cursor') ?? Number.POSITIVE_INFINITY)
  const withArchived = url.searchParams.get('archived') === 'true'
  const found = [...fake.world.sessions.values()]
    .filter((session) => withArchived || (session.info['time'] as Json)['archived'] === undefined)
    .filter((session) => updatedAt(session) < cursor)
    .sort((a, b) => updatedAt(b) - updatedAt(a))
  const page = found.slice(0, limit)
  const last = page.at(-1)
  return ok(page.map(listed), found.length > limit && last ? { 'x-next-cursor': String(updatedAt(last)) } : {})
}

/** Oldest first, the last `limit` of them; `before` is a cursor that only the server understands. */
function messages(session: FakeSession, { url }: Call): Answer {
  const limit = Number(url.searchParams.get('limit') ?? Number.POSITIVE_INFINITY)
  const before = url.searchParams.get('before')
  const { id: beforeId } = before ? (JSON.parse(Buffer.from(before, 'base64url').toString()) as { id: string }) : {}
  const end = beforeId ? session.messages.findIndex(({ info }) => info.id === beforeId) : session.messages.length
  const page = session.messages.slice(Math.max(0, end - limit), end)
  const first = page[0]
  if (!first || session.messages[0] === first) return ok(page)
  const cursor = Buffer.from(JSON.stringify({ id: first.info.id, time: first.info.time.created })).toString('base64url')
  return ok(page, { 'x-next-cursor': cursor })
}

const agents = ['build', 'explore', 'general', 'plan']

function prompt(session: FakeSession, { body, fake }: Call): Answer {
  const { world } = fake
  const accepted = { status: 204, json: null }
  const fail = (message: string) =>
    world.emit(session, 'session.error', { error: { name: 'UnknownError', data: { message } } })
  if (!Array.isArray(body['parts'])) return badRequest('Missing key\n  at ["parts"]')
  if (body['agent'] !== undefined && !agents.includes(String(body['agent']))) {
    fail(`Agent not found: "${String(body['agent'])}". Available agents: ${agents.join(', ')}`)
    fail('UnknownError: UnknownError\n    at <anonymous>')
    return accepted
  }
  const { modelID, providerID } = (body['model'] ?? {}) as { modelID?: string; providerID?: string }
  const message = world.addUser(session, body)
  if (modelID !== undefined && modelID !== 'scripted-model') {
    const text = `Model not found: ${String(providerID)}/${modelID}.`
    world.setStatus(session, { type: 'busy' })
    fail(text)
    world.setStatus(session, { type: 'idle' })
    world.emit(session, 'session.idle', {})
    fail(`ProviderModelNotFoundError: ${text}\n    at <anonymous>`)
  } else if (body['noReply'] !== true) fake.prompted(session, message.info.id)
  return accepted
}

const asks =
  (kind: FakeAsk['kind']) =>
  ({ fake, directory }: Call): Answer =>
    ok(fake.world.asksIn(directory, kind).map(({ body }) => body))

const notFound = (kind: FakeAsk['kind'], id: string): Answer => {
  const name = kind === 'permission' ? 'Permission' : 'Question'
  const json = { _tag: `${name}NotFoundError`, requestID: id, message: `${name} request not found: ${id}` }
  return { status: 404, json }
}

/** Answers an ask of this directory. `told` is the event that says so, `reply` what the turn gets. */
function settle(
  call: Call,
  ask: { kind: FakeAsk['kind']; id: string },
  told: [string, Json],
  reply: Json | null,
): Answer {
  const { fake, directory } = call
  const found = fake.world.asksIn(directory, ask.kind).find(({ id }) => id === ask.id)
  const session = found ? fake.world.sessions.get(found.sessionId) : undefined
  if (!found || !session) return notFound(ask.kind, ask.id)
  fake.world.asks.delete(found.id)
  fake.world.emit(session, told[0], { requestID: found.id, ...told[1] })
  found.settle(reply)
  return ok(true)
}

const permissionReply = (call: Call, id: string): Answer => {
  const { reply } = call.body
  if (!['once', 'always', 'reject'].includes(String(reply))) {
    return badRequest(`Expected "once" | "always" | "reject", got "${String(reply)}"\n  at ["reply"]`)
  }
  const sessionId = call.fake.world.asks.get(id)?.sessionId
  const settled = settle(call, { kind: 'permission', id }, ['permission.replied', { reply }], call.body)
  if (reply === 'reject' && settled.status === 200 && sessionId) refuseOthers(call, sessionId)
  return settled
}

/** One refusal is one of all that the session asks for at that moment. */
function refuseOthers(call: Call, sessionId: string): void {
  for (const { id, sessionId: other } of call.fake.world.asksIn(call.directory, 'permission')) {
    const told: [string, Json] = ['permission.replied', { reply: 'reject' }]
    if (other === sessionId) settle(call, { kind: 'permission', id }, told, { reply: 'reject' })
  }
}

const questionReply = (call: Call, id: string): Answer => {
  const { answers } = call.body
  if (!Array.isArray(answers)) return badRequest('Missing key\n  at ["answers"]')
  return settle(call, { kind: 'question', id }, ['question.replied', { answers }], call.body)
}

const providers = {
  providers: [
    {
      id: 'scripted',
      name: 'scripted',
      source: 'config',
      env: [],
      options: { baseURL: 'http://127.0.0.1:8099/v1', apiKey: 'no-key' },
      models: { 'scripted-model': { id: 'scripted-model', providerID: 'scripted', name: 'scripted-model' } },
    },
  ],
  default: { scripted: 'scripted-model' },
}

function statuses({ fake, directory }: Call): Answer {
  const { world } = fake
  const here = [...world.statuses].filter(([id]) => world.sessions.get(id)?.directory === directory)
  return ok(Object.fromEntries(here))
}

const summaryDiffs = (session: FakeSession, messageId: string | null): unknown => {
  const summary = session.messages.find(({ info }) => info.id === messageId)?.info['summary'] as Json | undefined
  return summary?.['diffs'] ?? []
}

export const routes: readonly Route[] = [
  { method: 'GET', path: /^\/global\/health$/, answer: () => ok({ healthy: true, version: '1.18.33' }) },
  { method: 'GET', path: /^\/api\/health$/, answer: () => ok({ healthy: true }) },
  { method: 'GET', path: /^\/config\/providers$/, answer: () => ok(providers) },
  { method: 'GET', path: /^\/experimental\/session$/, answer: allSessions },
  {
    method: 'GET',
    path: /^\/session$/,
    answer: ({ fake, directory }) => {
      const here = [...fake.world.sessions.values()].filter((session) => session.directory === directory)
      return ok(here.map(({ info }) => info).slice(0, 100))
    },
  },
  { method: 'GET', path: /^\/session\/status$/, answer: statuses },
  {
    method: 'POST',
    path: /^\/session$/,
    answer: ({ fake, directory, body }) => ok(fake.world.create(directory, body).info),
  },
  {
    method: 'POST',
    path: /^\/session\/([^/]+)\/abort$/,
    // True whatever the id is.
    answer: ({ fake }, id) => {
      fake.abort(id)
      return ok(true)
    },
  },
  { method: 'GET', path: /^\/session\/([^/]+)$/, answer: withSession(({ info }) => ok(info)) },
  {
    method: 'PATCH',
    path: /^\/session\/([^/]+)$/,
    answer: withSession((session, { fake, body }) => {
      fake.world.update(session, body)
      return ok(session.info)
    }),
  },
  {
    method: 'DELETE',
    path: /^\/session\/([^/]+)$/,
    answer: withSession((session, { fake }) => {
      fake.world.sessions.delete(session.id)
      fake.world.emit(session, 'session.deleted', { info: session.info })
      return ok(true)
    }),
  },
  { method: 'POST', path: /^\/session\/([^/]+)\/prompt_async$/, answer: withSession(prompt) },
  { method: 'GET', path: /^\/session\/([^/]+)\/message$/, answer: withSession(messages) },
  {
    method: 'GET',
    path: /^\/session\/([^/]+)\/children$/,
    answer: withSession(({ id }, { fake }) => ok(fake.world.children(id).map(({ info }) => info))),
  },
  {
    method: 'GET',
    path: /^\/session\/([^/]+)\/diff$/,
    answer: withSession((session, { url }) => ok(summaryDiffs(session, url.searchParams.get('messageID')))),
  },
  { method: 'GET', path: /^\/permission$/, answer: asks('permission') },
  { method: 'GET', path: /^\/question$/, answer: asks('question') },
  { method: 'POST', path: /^\/permission\/([^/]+)\/reply$/, answer: permissionReply },
  { method: 'POST', path: /^\/question\/([^/]+)\/reply$/, answer: questionReply },
  {
    method: 'POST',
    path: /^\/question\/([^/]+)\/reject$/,
    answer: (call, id) => settle(call, { kind: 'question', id }, ['question.rejected', {}], null),
  },
]
