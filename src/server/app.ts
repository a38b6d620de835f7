/** The HTTP application: guards first, then routes, one file a noun. Listens nowhere by itself. */
import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { openAPIRouteHandler } from 'hono-openapi'
import { reasonOf } from '../core/problem.ts'
import { limitBody } from './body.ts'
import { refusal, type ServerWorld, type Variables } from './context.ts'
import { guard } from './guard.ts'
import { askRoutes } from './routes/asks.ts'
import { completionRoutes } from './routes/completions.ts'
import { daemonRoutes } from './routes/daemon.ts'
import { flakeRoutes } from './routes/flakes.ts'
import { homeRoutes } from './routes/home.ts'
import { intakeRoutes } from './routes/intake.ts'
import { isolationRoutes } from './routes/isolation.ts'
import { loginRoutes } from './routes/logins.ts'
import { memoryRoutes } from './routes/memory.ts'
import { receiptRoutes } from './routes/receipts.ts'
import { sessionCopyRoutes, sessionEditRoutes } from './routes/session-edits.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { settingRoutes } from './routes/settings.ts'
import { sinkRoutes } from './routes/sinks.ts'
import { skillRoutes } from './routes/skills.ts'
import { taskRoutes } from './routes/tasks.ts'
import { turnRoutes } from './routes/turns.ts'
import { usageRoutes } from './routes/usage.ts'
import { weaveRoutes } from './routes/weave.ts'
import { workspaceRoutes } from './routes/workspaces.ts'
import { servePage } from './static.ts'

export interface AppOptions {
  /** Values of the Host header that are ours, with port; asked at each request, as the port may be chosen late. */
  hosts(): readonly string[]
  cookieName(): string
  webDir: string
}

const bodyBytesMax = 512 * 1024
/** A long session is larger than anything else that comes in. */
const importBytesMax = 32 * 1024 * 1024

export function createApp(world: ServerWorld, { hosts, cookieName, webDir }: AppOptions) {
  const base = new Hono<Variables>()
  base.use(guard({ hosts, auth: world.auth, cookieName }))
  base.use(limitBody((path) => (path === '/api/sessions/import' ? importBytesMax : bodyBytesMax)))
  base.onError((error, c) => {
    if (error instanceof HTTPException) {
      return refusal(c, error.status === 400 ? 400 : error.status, { kind: 'bad-request', text: `${error.message}.` })
    }
    world.log.error({ error: reasonOf(error), path: new URL(c.req.url).pathname }, 'request failed')
    const full = (error as { code?: string }).code === 'SQLITE_FULL'
    if (full) return refusal(c, 503, { kind: 'disk-full', text: 'The disk is full; nothing was stored.' })
    return refusal(c, 500, { kind: 'internal-error', text: 'OpenLoom failed to answer; its log says why.' })
  })
  const app = base
    .get('/healthz', (c) => c.text('ok\n'))
    .route('/api/tasks', isolationRoutes(world))
    .route('/api/tasks', taskRoutes(world))
    .route('/api/inbox', intakeRoutes(world))
    .route('/api/sessions', sessionCopyRoutes(world))
    .route('/api/sessions', sessionEditRoutes(world))
    .route('/api/sessions', sessionRoutes(world))
    .route('/api/sessions', turnRoutes(world))
    .route('/api', completionRoutes(world))
    .route('/api/usage', usageRoutes(world))
    .route('/api/weave', weaveRoutes(world))
    .route('/api/receipts', receiptRoutes(world))
    .route('/api/flakes', flakeRoutes(world))
    .route('/api/logins', loginRoutes(world))
    .route('/api/workspaces', workspaceRoutes(world))
    .route('/api/skills', skillRoutes(world))
    .route('/api/memory', memoryRoutes(world))
    .route('/api', homeRoutes(world))
    .route('/api', askRoutes(world))
    .route('/api', settingRoutes(world))
    .route('/api', sinkRoutes(world))
    .route('/api', daemonRoutes(world, cookieName))
  const info = {
    title: 'OpenLoom',
    version: world.version,
    description: 'Supervises coding agents; proves what they did.',
  }
  const page = servePage(webDir)
  app.get('/api/openapi.json', openAPIRouteHandler(app, { documentation: { openapi: '3.1.0', info } }))
  app.get('*', page)
  app.notFound((c) => refusal(c, 404, { kind: 'not-found', text: 'There is nothing at this address.' }))
  return app
}

/** Type of the whole API, for the typed client. */
export type App = ReturnType<typeof createApp>
