/** The daemon itself over HTTP: state, login, events, live stream. */
import { Hono } from 'hono'
import { setCookie } from 'hono/cookie'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import type { EventPage } from '../api.ts'
import { refusal, type ServerWorld, type Variables } from '../context.ts'
import { live } from '../live.ts'
import { answers, invalid } from './answers.ts'

const type = /^([a-z]+\.(\*|[a-z_]+))(,[a-z]+\.(\*|[a-z_]+)){0,19}$/
const id = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,120}$/)
  .optional()

const eventQuery = z.object({
  after: z.coerce.number().int().min(0).default(0),
  before: z
    .union([z.literal('end'), z.coerce.number().int().min(1)])
    .optional()
    .describe('Backwards from there, the newest first, and only what fits the words beside it; `end`: from the last.'),
  type: z.string().regex(type).optional().describe('Types or families (`task.*`), with commas between.'),
  task: id,
  session: id,
  q: z.string().max(200).optional().describe('Words that all stand in the event.'),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
})

const monthSeconds = 30 * 24 * 3_600

export function daemonRoutes(world: ServerWorld, cookieName: () => string) {
  return new Hono<Variables>()
    .get('/state', describeRoute(answers('State of the daemon')), async (c) => c.json(await world.state()))
    .get('/events', describeRoute(answers('The event log')), validator('query', eventQuery, invalid), (c) => {
      const { after, limit, before, type, task, session, q } = c.req.valid('query')
      if (before !== undefined) {
        const found = world.store.events.before(before === 'end' ? Number.MAX_SAFE_INTEGER : before, {
          limit,
          types: type?.split(',') ?? [],
          words: (q ?? '').split(/\s+/).filter(Boolean).slice(0, 10),
          ...(task ? { taskId: task } : {}),
          ...(session ? { sessionId: session } : {}),
        })
        return c.json(found satisfies EventPage)
      }
      const items = world.store.events.after(after, limit)
      return c.json({ items, next: items.at(-1)?.seq ?? null } satisfies EventPage)
    })
    .get('/live', describeRoute(answers('The event log as it grows (SSE)')), (c) => live(c, world))
    .post('/login', validator('json', z.strictObject({ code: z.string().min(1).max(200) }), invalid), (c) => {
      const cookie = world.auth.redeem(c.req.valid('json').code)
      if (!cookie) return refusal(c, 401, usedUp)
      const secure = new URL(c.req.url).protocol === 'https:'
      setCookie(c, cookieName(), cookie, {
        httpOnly: true,
        sameSite: 'Strict',
        path: '/',
        maxAge: monthSeconds,
        secure,
      })
      return c.json({ ok: true })
    })
    .post('/login-codes', describeRoute(answers('A one-time login link')), (c) => {
      const { origin } = new URL(c.req.url)
      return c.json({ url: `${origin}/login#${world.auth.newCode()}` }, 201)
    })
}

const usedUp = {
  kind: 'login-code',
  text: 'This login link was used already or is too old.',
  todo: 'Run `openloom status --login` for a new one.',
}
