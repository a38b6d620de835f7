/** The daemon's HTTP API over scripted data: for browser stories only. It decides nothing and checks no task. */
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { createAdaptorServer, type ServerType } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { type SSEStreamingApi, streamSSE } from 'hono/streaming'
import { rowsMax, sectionOf, sections } from '../../frontend/src/model/groups.ts'
import type { LoomEvent } from '../../src/core/event.ts'
import type { FileDiff, TranscriptMessage } from '../../src/core/session.ts'
import type { TaskItem } from '../../src/core/task.ts'
import { ignoreMissing } from '../../src/lib/files.ts'
import type {
  AskItem,
  ContextUse,
  DaemonState,
  IsolationSize,
  LiveFrame,
  ModelItem,
  ProblemBody,
  SessionItem,
  SessionPlans,
  SessionSearch,
  TaskDetail,
} from '../../src/server/api.ts'
import type { HomeView } from '../../src/server/routes/home.ts'

export interface Scene {
  state: DaemonState
  /** Newest first. */
  details: TaskDetail[]
  events: LoomEvent[]
  /** Open ones. */
  asks?: AskItem[]
  /** What was touched last comes first. */
  sessions?: SessionItem[]
  /** By session. */
  said?: Record<string, TranscriptMessage[]>
  changed?: Record<string, FileDiff[]>
  /** Why what each session changed is not all known. */
  uncovered?: string[]
  contexts?: Record<string, ContextUse>
  plans?: Record<string, SessionPlans['items']>
  /** Places where anything that is looked for was said. */
  hits?: SessionSearch['items']
  /** To what is sent to a session, by the last word of the address. */
  answers?: Record<string, unknown>
  /** Names of files of every workspace, and the models. */
  files?: string[]
  models?: ModelItem[]
  /** Of worktrees, by task. */
  looks?: Record<string, IsolationSize['look']>
}

export interface Post {
  path: string
  headers: Record<string, string>
  body: unknown
}

const csp = [
  "default-src 'self'",
  "script-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "connect-src 'self'",
].join('; ')

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
}

export function itemOf({ task }: TaskDetail): TaskItem {
  const { id, title, status, reason, verdict, attempt, workspace, runtime, source, progress } = task
  const { createdAt, updatedAt, startedAt, endedAt, tokens, costMicros } = task
  const what = { id, title, status, reason, verdict, attempt, workspace, runtime, source, progress }
  return { ...what, createdAt, updatedAt, startedAt, endedAt, tokens, costMicros }
}

export class FakeApi {
  scene: Scene
  /** When false, everything but the login is a 401. */
  signedIn = true
  logins = [{ id: 'a1b2c3d4e5f6', createdAt: Date.now() - 60_000, expiresAt: Date.now() + 86_400_000, current: true }]
  /** Another build of the page than the one on disk. */
  edit = (html: string): string => html
  /** Files that are not there and were asked for. */
  readonly missed: string[] = []
  /** A refusal per action word; the others succeed and change nothing by themselves. */
  readonly refusals = new Map<string, ProblemBody>()
  readonly posts: Post[] = []
  /** `after` of each connection to the live stream. */
  readonly connects: number[] = []
  readonly #streams = new Set<SSEStreamingApi>()
  readonly #webRoot: string
  #server: ServerType | null = null
  #port = 0

  constructor(scene: Scene, webRoot: string) {
    this.scene = scene
    this.#webRoot = webRoot
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get listeners(): number {
    return this.#streams.size
  }

  async open(): Promise<void> {
    const server = createAdaptorServer({ fetch: this.#routes().fetch })
    this.#server = server
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (server.address() as AddressInfo).port
  }

  /** Ends the server as a stopped daemon would; `open` again takes the same port. */
  async close(): Promise<void> {
    const server = this.#server
    this.#server = null
    if (!server) return
    this.#streams.clear()
    const closed = new Promise((resolve) => server.close(resolve))
    if ('closeAllConnections' in server) server.closeAllConnections()
    await closed
  }

  /** Stores the event, moves its task, and sends it to everybody who listens. */
  async emit(event: LoomEvent): Promise<void> {
    this.scene.events.push(event)
    this.scene.state.seq = event.seq
    const item = event.data['task'] as TaskItem | undefined
    const detail = this.scene.details.find((d) => d.task.id === event.taskId)
    if (item && detail) Object.assign(detail.task, item)
    await this.#send({ event: 'event', data: event })
  }

  /** Says that sessions are different, as the daemon does after it wrote them. */
  async sessions(ids: string[] | null): Promise<void> {
    await this.#send({ event: 'sessions', data: { ids } })
  }

  /** Said after the last event. */
  async delta(data: Omit<Extract<LiveFrame, { event: 'delta' }>['data'], 'since'>): Promise<void> {
    await this.#send({ event: 'delta', data: { since: this.scene.state.seq, ...data } })
  }

  async #send(frame: LiveFrame): Promise<void> {
    const id = frame.event === 'event' ? { id: String(frame.data.seq) } : {}
    const message = { event: frame.event, data: JSON.stringify(frame.data), ...id }
    await Promise.all([...this.#streams].map((stream) => stream.writeSSE(message)))
  }

  #routes(): Hono {
    const app = new Hono()
    app.use(async (c, next) => {
      await next()
      c.header('content-security-policy', csp)
    })
    app.use('/api/*', async (c, next) => {
      if (c.req.method !== 'GET') {
        this.posts.push({ path: c.req.path, headers: c.req.header(), body: await c.req.json() })
      }
      if (this.signedIn || c.req.path === '/api/login') return next()
      return refuse(problem('Not signed in', 401, 'A login link lets you in.'))
    })
    app.post('/api/login', async (c) => {
      const { code } = (await c.req.json()) as { code: string }
      if (code !== 'right-code') {
        return refuse(problem('Unknown code', 401, 'It was used already, or it is too old.'))
      }
      this.signedIn = true
      return c.json({ ok: true })
    })
    app.get('/api/logins', (c) => c.json({ items: this.logins }))
    app.post('/api/login-codes', (c) => c.json({ url: `${new URL(c.req.url).origin}/login#one-time-code` }, 201))
    app.get('/api/state', (c) => c.json(this.scene.state))
    app.get('/api/home', (c) => {
      const all = this.scene.details.map(itemOf)
      const tasks = sections.flatMap((one) => all.filter((i) => sectionOf(i.status) === one).slice(0, rowsMax[one]))
      return c.json({ state: this.scene.state, asks: this.scene.asks ?? [], tasks } satisfies HomeView)
    })
    app.get('/api/live', (c) => this.#live(c))
    app.get('/api/weave', (c) => {
      const threads = this.scene.details.map(({ task: { id, title, status, verdict } }) => {
        const marks = this.scene.events.filter((event) => event.taskId === id)
        return { id, title, status, verdict, marks }
      })
      const items = threads.filter(({ marks }) => marks.length > 0).slice(0, Number(c.req.query('limit')))
      return c.json({ seq: this.scene.state.seq, from: Date.now() - 12 * 3_600_000, items })
    })
    app.get('/api/found', (c) => c.json({ items: [], file: '/home/ada/.config/openloom/config.yaml' }))
    this.#taskRoutes(app)
    this.#sessionRoutes(app)
    app.get('*', (c) => this.#file(c))
    return app
  }

  #taskRoutes(app: Hono): void {
    app.get('/api/tasks', (c) => c.json(this.#page(c)))
    app.post('/api/tasks', (c) => c.json({ id: 'ses', order: 'take-over', text: 'Taken over.' }))
    app.get('/api/tasks/:id', (c) => {
      const found = this.scene.details.find((d) => d.task.id.startsWith(c.req.param('id')))
      if (found) return c.json(found)
      return refuse(problem('No such task', 404, `Nothing begins with ${c.req.param('id')}.`))
    })
    app.get('/api/tasks/:id/events', (c) => {
      const after = Number(c.req.query('after') ?? 0)
      const own = this.scene.events.filter((e) => e.taskId === c.req.param('id') && e.seq > after)
      const items = own.slice(0, 500)
      return c.json({ items, next: own.length > items.length ? (items.at(-1)?.seq ?? null) : null })
    })
    app.get('/api/tasks/:id/isolation', (c) => c.json({ look: this.scene.looks?.[c.req.param('id')] ?? null }))
    app.get('/api/receipts/:seq', (c) => {
      c.header('content-disposition', `attachment; filename="receipt-${c.req.param('seq')}.json"`)
      return c.json({ payload: 'e30=', payloadType: 'application/vnd.in-toto+json', signatures: [] })
    })
    app.post('/api/tasks/:id/:action', (c) => {
      const refusal = this.refusals.get(c.req.param('action'))
      return refusal ? refuse(refusal) : c.json({ ok: true, text: 'Done as asked.' })
    })
  }

  #sessionRoutes(app: Hono): void {
    app.get('/api/asks', (c) => c.json({ items: this.scene.asks ?? [] }))
    app.post('/api/asks/:id', (c) => {
      const refusal = this.refusals.get('answer')
      if (refusal) return refuse(refusal)
      const ask = this.scene.asks?.find((one) => one.id === c.req.param('id'))
      this.scene.asks = this.scene.asks?.filter((one) => one !== ask) ?? []
      return c.json({ ask })
    })
    app.get('/api/sessions', (c) => {
      const q = (c.req.query('q') ?? '').toLowerCase()
      const archived = c.req.query('archived') === 'true'
      const items = (this.scene.sessions ?? [])
        .filter((one) => one.title.toLowerCase().includes(q))
        .filter((one) => (one.archivedAt !== null) === archived)
      return c.json({ items: items.filter((one) => one.parentId === null), next: null })
    })
    app.get('/api/models', (c) => c.json({ items: this.scene.models ?? [], problems: [] }))
    app.get('/api/sessions/:id/files', (c) => {
      const items = (this.scene.files ?? []).filter((name) => name.includes(c.req.query('q') ?? ''))
      return c.json({ items })
    })
    app.get('/api/sessions/search', (c) => c.json({ titled: [], items: this.scene.hits ?? [], partial: false }))
    app.post('/api/sessions', async (c) => {
      const made = {
        ...this.scene.sessions?.[0],
        ...(await c.req.json()),
        id: 'ses_new',
        parentId: null,
      } as SessionItem
      this.scene.sessions?.unshift(made)
      return c.json(made)
    })
    app.delete('/api/sessions/:id', (c) => c.json({ id: c.req.param('id') }))
    app.get('/api/sessions/:id/context', (c) => {
      const context = this.scene.contexts?.[c.req.param('id')]
      return context ? c.json(context) : refuse(problem('Not found', 404, 'It cannot tell.'))
    })
    app.get('/api/sessions/:id', (c) => {
      const all = this.scene.sessions ?? []
      const session = all.find((one) => one.id === c.req.param('id'))
      if (!session) return refuse(problem('No such session', 404, `Nothing begins with ${c.req.param('id')}.`))
      const root = all.find((one) => one.id === session.parentId) ?? session
      const figures = { input: 120_400, output: 8_210, reasoning: 900, cacheRead: 98_000, cacheWrite: 0 }
      const sum = { ...figures, costMicros: 412_000, atLeast: true }
      const children = all.filter((one) => one.parentId === session.id)
      const asks = (this.scene.asks ?? []).filter((ask) => ask.rootId === session.id)
      const own = session.runtime === 'builtin'
      return c.json({ session, root, own, children, asks, usage: { own: sum, total: sum } })
    })
    app.get('/api/sessions/:id/transcript', (c) => {
      const all = this.scene.said?.[c.req.param('id')] ?? []
      const before = all.findIndex((message) => message.id === c.req.query('before'))
      const end = before < 0 ? all.length : before
      const start = Math.max(0, end - Number(c.req.query('limit')))
      const next = start > 0 ? all[start]?.id : null
      return c.json({ messages: all.slice(start, end), next, since: this.scene.state.seq })
    })
    app.get('/api/sessions/:id/plans', (c) => c.json({ items: this.scene.plans?.[c.req.param('id')] ?? [] }))
    app.get('/api/sessions/:id/diff', (c) => {
      const { changed, uncovered } = this.scene
      return c.json({ items: changed?.[c.req.param('id')] ?? [], uncovered: uncovered ?? [] })
    })
    app.post('/api/sessions/:id/:what', (c) => {
      const refusal = this.refusals.get(c.req.param('what'))
      return refusal ? refuse(refusal) : c.json(this.scene.answers?.[c.req.param('what')] ?? { pausedTaskId: null })
    })
  }

  #page(c: Context): { items: TaskItem[]; next: string | null } {
    const statuses = (c.req.query('status') ?? '').split(',').filter(Boolean)
    const q = (c.req.query('q') ?? '').toLowerCase()
    const limit = Number(c.req.query('limit') ?? 50)
    const start = Number(c.req.query('after') ?? 0)
    const found = this.scene.details
      .map(itemOf)
      .filter((item) => statuses.length === 0 || statuses.includes(item.status))
      .filter((item) => `${item.title} ${item.workspace}`.toLowerCase().includes(q))
    const next = start + limit < found.length ? String(start + limit) : null
    return { items: found.slice(start, start + limit), next }
  }

  #live(c: Context): Response {
    const after = Number(c.req.header('last-event-id') ?? c.req.query('after') ?? 0)
    this.connects.push(after)
    return streamSSE(c, async (stream) => {
      for (const event of this.scene.events.filter((e) => e.seq > after)) {
        await stream.writeSSE({ event: 'event', data: JSON.stringify(event), id: String(event.seq) })
      }
      this.#streams.add(stream)
      // As the daemon does: what was told of sessions before this is read anew by whoever hears it.
      await stream.writeSSE({ event: 'saying', data: '[]' })
      await new Promise<void>((resolve) => stream.onAbort(() => resolve()))
      this.#streams.delete(stream)
    })
  }

  /** A file of the build, or the page itself for every address that the page routes. */
  async #file(c: Context): Promise<Response> {
    const wanted = normalize(c.req.path).replace(/^\/+/, '')
    const path = extname(wanted) ? wanted : 'index.html'
    const body = await readFile(join(this.#webRoot, path)).catch(ignoreMissing)
    if (!body) {
      this.missed.push(c.req.path)
      return c.text('Not found', 404)
    }
    if (path === 'index.html') return c.html(this.edit(body.toString()))
    return c.body(new Uint8Array(body), 200, { 'content-type': types[extname(path)] ?? 'application/octet-stream' })
  }
}

export const problem = (title: string, status: number, detail: string, todo?: string): ProblemBody => ({
  type: 'about:blank',
  title,
  status,
  detail,
  problems: todo ? [{ kind: 'refused', text: detail, todo }] : [],
})

function refuse(body: ProblemBody): Response {
  return Response.json(body, { status: body.status, headers: { 'content-type': 'application/problem+json' } })
}
