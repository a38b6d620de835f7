/** The weave over HTTP: what each task of the last hours spent its time on. */
import { Hono } from 'hono'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import type { WeavePage } from '../api.ts'
import type { ServerWorld, Variables } from '../context.ts'
import { answers, invalid } from './answers.ts'

const query = z.object({
  hours: z.coerce.number().min(1).max(168).default(12),
  limit: z.coerce.number().int().min(1).max(100).default(24),
})
const hourMs = 3_600_000

export function weaveRoutes({ store, clock }: ServerWorld) {
  return new Hono<Variables>().get(
    '/',
    describeRoute(answers('What tasks spent their time on')),
    validator('query', query, invalid),
    (c) => {
      const { hours, limit } = c.req.valid('query')
      const from = clock.now() - hours * hourMs
      const seq = store.ledger.head()
      return c.json({ seq, from, items: store.threads.since(from, limit) } satisfies WeavePage)
    },
  )
}
