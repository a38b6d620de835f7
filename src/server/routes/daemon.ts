/** The daemon itself over HTTP: state, login, events, live stream. */
import { Hono } from 'hono'
import { setCookie } from 'hono/cookie'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import type { EventPage } from '../api.ts'
import { refusal, type ServerWorld, type Variables } from '../context.ts'
import { live } from '../live.ts'
import { answers, invalid } from './answers.ts'

const eventQuery = z.object({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
})

const monthSeconds = 30 * 24 * 3_600

export function daemonRoutes(world: ServerWorld, cookieName: () => string) {
  return new Hono<Variables>()
    .get('/state', describeRoute(answers('State of the daemon')), async (c) => c.json(await world.state()))
    .get('/events', describeRoute(answers('The event log')), validator('query', eventQuery, invalid), (c) => {
      const { after, limit } = c.req.valid('query')
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
