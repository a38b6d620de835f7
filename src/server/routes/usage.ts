/** What was used over HTTP: tokens and cost in a period, by one of a few groups. */
import { Hono } from 'hono'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import { instantOf, instantWords } from '../../lib/period.ts'
import { type Period, type UsageGroup, type UsageRow, usageGroups } from '../../store/usage.ts'
import type { UsageReport } from '../api.ts'
import { refusal, type ServerWorld, type Variables } from '../context.ts'
import { answers, invalid } from './answers.ts'

const query = z.object({
  by: z.enum(usageGroups).default('model'),
  since: z.string().max(40).optional().describe(instantWords),
  until: z.string().max(40).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
})

export function usageRoutes(world: ServerWorld) {
  return new Hono<Variables>().get(
    '/',
    describeRoute(answers('What was used in a period')),
    validator('query', query, invalid),
    (c) => {
      const { by, since, until, limit } = c.req.valid('query')
      const now = world.clock.now()
      const [from, to] = [since, until].map((word) => (word === undefined ? undefined : instantOf(word, now)))
      if (from === null || to === null) {
        return refusal(c, 400, { kind: 'bad-instant', text: 'This is no instant.', todo: `Write ${instantWords}.` })
      }
      const period = { ...(from === undefined ? {} : { since: from }), ...(to === undefined ? {} : { until: to }) }
      const items = world.store.usage.by(by, period, limit).map((row) => labelled(row, { by, period, world }))
      const whole = world.store.usage.whole(period)
      return c.json({ by, since: from ?? null, until: to ?? null, whole, items } satisfies UsageReport)
    },
  )
}

function labelled(row: UsageRow, asked: { by: UsageGroup; period: Period; world: ServerWorld }) {
  const { watched, tasks, usage } = asked.world.store
  if (row.key === null) return { ...row, label: null }
  if (asked.by === 'task') return { ...row, label: tasks.get(row.key)?.title ?? null }
  if (asked.by !== 'session') return { ...row, label: null }
  const { total } = usage.ofTree(watched.tree(row.key), asked.period)
  return { ...row, label: watched.get(row.key)?.title ?? null, total }
}
