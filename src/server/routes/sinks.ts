/** Notifications over HTTP: the sinks, a test of one, what was not delivered, and another try of what is dead. */
import { Hono } from 'hono'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import type { DeliveryList, Replayed, SinkList, SinkTested } from '../api.ts'
import { refusal, refusalOf, type ServerWorld, type Variables } from '../context.ts'
import { answers, invalid } from './answers.ts'

const listQuery = z.object({
  state: z.enum(['dead', 'waiting']).default('dead'),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
})

const replayBody = z.strictObject({
  sink: z.string().min(1).max(200),
  seq: z.number().int().min(1).optional().describe('Without it, all dead deliveries of the sink.'),
})

export function sinkRoutes(world: ServerWorld) {
  const { store, sinks } = world
  return new Hono<Variables>()
    .get('/sinks', describeRoute(answers('Where notifications go')), (c) => {
      return c.json({ items: sinks.looks() } satisfies SinkList)
    })
    .post('/sinks/:id/test', describeRoute(answers('Send one notification through one sink')), async (c) => {
      const tested = await sinks.test(c.req.param('id') ?? '')
      return tested.ok ? c.json(tested.value satisfies SinkTested) : refusalOf(c, tested.problems)
    })
    .get(
      '/deliveries',
      describeRoute(answers('Deliveries that failed')),
      validator('query', listQuery, invalid),
      (c) => {
        const { state, limit } = c.req.valid('query')
        return c.json({ items: store.outbox.open(state === 'dead', limit) } satisfies DeliveryList)
      },
    )
    .post('/deliveries/replay', validator('json', replayBody, invalid), (c) => {
      const { sink, seq } = c.req.valid('json')
      const replayed = store.outbox.replay(sink, seq)
      if (replayed === 0) return refusal(c, 404, { kind: 'unknown-delivery', text: 'There is no such dead delivery.' })
      sinks.nudge()
      return c.json({ ok: true, replayed } satisfies Replayed)
    })
}
