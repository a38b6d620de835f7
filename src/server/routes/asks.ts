/** Asks over HTTP: what waits for a person, the answers, and what was allowed for good. */
import { type Context, Hono } from 'hono'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import { type Ask, type AskReply, askStatuses, isKeepable } from '../../core/ask.ts'
import type { Result } from '../../core/problem.ts'
import type { AskItem, AskList, GrantList } from '../api.ts'
import { refusalOf, type ServerWorld, type Variables } from '../context.ts'
import { answers, invalid } from './answers.ts'

const listQuery = z.object({
  status: z.enum([...askStatuses, 'all']).default('open'),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
})

const replyBody = z
  .strictObject({
    reply: z
      .enum(['once', 'always', 'reject', 'execute', 'execute_fresh', 'feedback'])
      .optional()
      .describe('The last three are for plans.'),
    message: z
      .string()
      .trim()
      .max(10_000)
      .optional()
      .describe('With reject: what the agent is told. With feedback: what is to be different in the plan.'),
    answers: z
      .array(z.array(z.string().max(10_000)).max(50))
      .max(20)
      .optional()
      .describe('One list a question.'),
  })
  .refine((body) => (body.reply === undefined) !== (body.answers === undefined), 'give either reply or answers')
  .refine(({ reply, message }) => !message || reply === 'reject' || reply === 'feedback', 'a message goes with reject')

export function askRoutes(world: ServerWorld) {
  return new Hono<Variables>()
    .get('/asks', describeRoute(answers('What sessions ask')), validator('query', listQuery, invalid), (c) => {
      const { status, limit } = c.req.valid('query')
      const found = world.store.asks.list({ limit, ...(status === 'all' ? {} : { status }) })
      return c.json({ items: itemsOf(found, world) } satisfies AskList)
    })
    .get('/asks/:id', describeRoute(answers('One ask')), (c) => {
      const found = world.asks.one(c.req.param('id') ?? '')
      return answered(c, found, world)
    })
    .post('/asks/:id', describeRoute(answers('Answer')), validator('json', replyBody, invalid), async (c) => {
      const found = world.asks.one(c.req.param('id') ?? '')
      if (!found.ok) return refusalOf(c, found.problems)
      return answered(c, await world.asks.answer(found.value, replyOf(c.req.valid('json'))), world)
    })
    .get('/grants', describeRoute(answers('What was allowed for good')), (c) => {
      return c.json({ items: world.store.asks.grants(1_000) } satisfies GrantList)
    })
    .delete('/grants/:id', describeRoute(answers('Take a grant back')), (c) => {
      const revoked = world.asks.revoke(c.req.param('id') ?? '')
      return revoked.ok ? c.json({ grant: revoked.value }) : refusalOf(c, revoked.problems)
    })
    .get('/permissions', describeRoute(answers('Open permissions, as the original spells them')), (c) => {
      const open = world.store.asks.list({ status: 'open', limit: 200 })
      return c.json({ permissions: itemsOf(open, world).flatMap(originalOf) })
    })
}

function replyOf({ reply, message, answers: given }: z.infer<typeof replyBody>): AskReply {
  if (given) return { kind: 'answers', answers: given }
  if (reply === 'feedback') return { kind: 'feedback', text: message ?? '' }
  return reply === undefined || reply === 'reject' ? { kind: 'reject', message: message || null } : { kind: reply }
}

function answered(c: Context, result: Result<Ask>, world: ServerWorld): Response {
  return result.ok ? c.json({ ask: itemsOf([result.value], world)[0] }) : refusalOf(c, result.problems)
}

export function itemsOf(asks: readonly Ask[], { store, asks: desk }: ServerWorld): AskItem[] {
  const titleOf = (ask: Ask) => store.watched.get(ask.rootId)?.title ?? ''
  return asks.map((ask) => {
    return { ...ask, title: titleOf(ask), deadlineAt: desk.deadlineAt(ask), keepable: isKeepable(ask.request) }
  })
}

const originalOf = ({ id, sessionId: sessionID, request, title, askedAt }: AskItem) => {
  if (request.kind !== 'permission') return []
  const { permission, patterns, always, detail } = request
  return [{ id, sessionID, permission, patterns, always, metadata: { detail }, title, time: { created: askedAt } }]
}
