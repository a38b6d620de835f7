/** The inbox over HTTP: what became of its files, and a task from a phone or a script, as text or as a file in it. */
import { type Context, Hono } from 'hono'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import type { Origin } from '../../core/task.ts'
import { sha256 } from '../../lib/digest.ts'
import { refusal, type ServerWorld, type Variables } from '../context.ts'
import { answers, invalid, submitted } from './answers.ts'
import { keyOf } from './tasks.ts'

const triggerBody = z
  .strictObject({
    text: z.string().max(300_000).optional(),
    path: z.string().max(4_096).optional(),
    sessionId: z.string().max(120).optional(),
    defaultWorkspace: z.string().max(4_096).optional(),
  })
  .refine((body) => (body.text === undefined) !== (body.path === undefined), 'give either text or path')

const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  before: z.coerce.number().int().min(1).optional(),
})

export function intakeRoutes(world: ServerWorld) {
  const app = new Hono<Variables>()
  const page = validator('query', pageQuery, invalid)
  app.get('/', describeRoute(answers('Files of the inbox and what became of them')), page, async (c) => {
    const { limit, before } = c.req.valid('query')
    return c.json(await world.around.inbox({ limit, ...(before === undefined ? {} : { before }) }))
  })
  app.get('/:number{[0-9]{1,15}}', describeRoute(answers('One file of the inbox, with its text')), async (c) => {
    const found = await world.around.inboxFile(Number(c.req.param('number')))
    if (!found) return refusal(c, 404, { kind: 'unknown-file', text: 'No file of the inbox has this number.' })
    return c.json(found)
  })
  return app.post('/trigger', describeRoute(answers('Add a task from text')), async (c) => {
    const raw = await c.req.text()
    const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''
    const plain = ['text/plain', 'text/markdown'].includes(type)
    // A form post of a foreign page needs no preflight; only a program with the token may send plain text.
    if (!plain && type !== 'application/json') return refusal(c, 415, onlyJson)
    if (plain && c.get('by') !== 'token') return refusal(c, 415, onlyJson)
    const origin: Origin = { source: 'webhook', externalId: keyOf(c), bodySha256: sha256(raw) }
    if (plain) return submitted(c, await world.ways.submitText(raw, origin))
    return trigger(c, raw, { world, origin })
  })
}

async function trigger(c: Context, raw: string, { world, origin }: { world: ServerWorld; origin: Origin }) {
  const body = triggerBody.safeParse(parsed(raw))
  if (!body.success) return invalid({ success: false, error: body.error.issues }, c) ?? refusal(c, 400)
  const { text, path, sessionId, defaultWorkspace } = body.data
  if (path !== undefined) return submitted(c, await world.ways.submitInboxFile(path))
  const also = {
    ...(sessionId ? { session: sessionId } : {}),
    ...(defaultWorkspace ? { workspace: defaultWorkspace } : {}),
  }
  return submitted(c, await world.ways.submitText(text ?? '', origin, also))
}

function parsed(raw: string): unknown {
  try {
    return JSON.parse(raw)
  } catch {
    // Undefined fails the schema, which answers in the common form.
    return undefined
  }
}

const onlyJson = {
  kind: 'bad-type',
  text: 'Send JSON, or plain text with the token.',
  todo: 'Set `Content-Type: application/json`.',
}
