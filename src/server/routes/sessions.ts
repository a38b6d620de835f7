/** Sessions of all runtimes over HTTP: list, one, what was said and changed in it, and what a person may do to it. */
import { type Context, Hono } from 'hono'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import type { SessionState } from '../../core/session.ts'
import type { KnownSession, SessionQuery } from '../../store/watched.ts'
import type { SessionDetail, SessionDiff, SessionItem, SessionPage, Told } from '../api.ts'
import { refusal, refusalOf, type ServerWorld, type Variables } from '../context.ts'
import { answers, invalid } from './answers.ts'
import { itemsOf } from './asks.ts'

const states = [
  ...(['absent', 'unreachable', 'starting', 'busy', 'waiting', 'retrying', 'idle', 'failed', 'interrupted'] as const),
] satisfies SessionState['kind'][]

const listQuery = z.object({
  runtime: z.string().max(40).optional(),
  workspace: z.string().max(4_096).optional(),
  state: z.string().max(200).optional().describe('One or more states, separated by commas.'),
  task: z.string().max(40).optional(),
  q: z.string().max(200).optional().describe('Part of the title, or the start of an id.'),
  roots: z.enum(['true', 'false']).default('false').describe('Without subagents.'),
  archived: z.enum(['true', 'false']).default('false').describe('Those that were put away, and no others.'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  after: z.string().max(200).optional(),
})

const pageQuery = z.object({
  before: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})

const promptBody = z.strictObject({ text: z.string().trim().min(1).max(100_000) })
const originalReply = z.enum(['once', 'always', 'reject'])
const originalBody = z
  .strictObject({ reply: originalReply.optional(), response: originalReply.optional() })
  .refine(({ reply, response }) => (reply === undefined) !== (response === undefined), 'give reply or response')

export function sessionRoutes(world: ServerWorld) {
  return new Hono<Variables>()
    .get('/', describeRoute(answers('List sessions of all runtimes')), validator('query', listQuery, invalid), (c) =>
      listed(c, world, queryOf(c.req.valid('query'))),
    )
    .get('/:id', describeRoute(answers('One session with its subagents and open asks')), (c) =>
      withSession(c, world, (session) => shown(c, world, session)),
    )
    .get(
      '/:id/transcript',
      describeRoute(answers('What was said in a session, the newest page first')),
      validator('query', pageQuery, invalid),
      (c) =>
        withSession(c, world, async (session) => {
          const { before = null, limit } = c.req.valid('query')
          await world.edits.settleLine(session)
          const since = world.speech.since(session.id)
          const page = await world.sessions.transcript(await mended(world, session), { before, limit })
          return page.ok ? c.json({ ...page.value, since } satisfies Told) : refusalOf(c, page.problems)
        }),
    )
    .get('/:id/diff', describeRoute(answers('What a session changed')), (c) =>
      withSession(c, world, (session) => changed(c, world, session)),
    )
    .get('/:id/usage', describeRoute(answers('What a session used, alone and with its subagents')), (c) =>
      withSession(c, world, ({ id }) => c.json(world.store.usage.ofTree(world.store.watched.tree(id)))),
    )
    .post(
      '/:id/verify',
      describeRoute(answers('Judge what a session did by what its project tests itself with')),
      (c) =>
        withSession(c, world, async (session) => {
          const found = await world.judge.verify(session, c.req.raw.signal)
          return found.ok ? c.json(found.value) : refusalOf(c, found.problems)
        }),
    )
    .post('/:id/abort', describeRoute(answers('End the turn of a session')), (c) =>
      withSession(c, world, async (session) => {
        const done = await world.sessions.abort(session)
        return done.ok ? c.json(done.value) : refusalOf(c, done.problems)
      }),
    )
    .post(
      '/:id/prompt',
      describeRoute(answers('Send a prompt to a session')),
      validator('json', promptBody, invalid),
      (c) =>
        withSession(c, world, async (session) => {
          const key = c.req.header('idempotency-key')?.slice(0, 500) || null
          const sent = await world.sessions.prompt(session, c.req.valid('json').text, key)
          return sent.ok ? c.json(sent.value, 201) : refusalOf(c, sent.problems)
        }),
    )
    .post(
      '/:id/permissions/:ask',
      describeRoute(answers('Answer a permission, as the original spells it')),
      validator('json', originalBody, invalid),
      async (c) => {
        const { reply, response } = c.req.valid('json')
        const kind = reply ?? response ?? 'reject'
        const found = world.asks.one(c.req.param('ask') ?? '')
        if (!found.ok) return refusalOf(c, found.problems)
        if (found.value.sessionId !== c.req.param('id')) return refusal(c, 404, notOfThis)
        const done = await world.asks.answer(found.value, kind === 'reject' ? { kind, message: null } : { kind })
        return done.ok ? c.json(true) : refusalOf(c, done.problems)
      },
    )
}

async function changed(c: Context, { sessions, edits }: ServerWorld, session: KnownSession) {
  const diff = await (sessions.isWatched(session) ? sessions : edits).diff(session)
  return diff.ok ? c.json(diff.value satisfies SessionDiff) : refusalOf(c, diff.problems)
}

async function listed(c: Context, world: ServerWorld, query: SessionQuery) {
  const page = world.store.watched.page(query)
  const { items, next } = (await world.edits.mend(page.items)) ? world.store.watched.page(query) : page
  return c.json({ items: sessionItems(items, world), next } satisfies SessionPage)
}

async function shown(c: Context, world: ServerWorld, known: KnownSession) {
  const session = await mended(world, known)
  const unfinished = await world.sessions.unfinished(session)
  return c.json({ ...detailOf(session, world), unfinished } satisfies SessionDetail)
}

/** As it is when nobody is left who ran its turn. */
async function mended({ edits, store }: ServerWorld, session: KnownSession): Promise<KnownSession> {
  return ((await edits.mend([session])) ? store.watched.get(session.id) : null) ?? session
}

function queryOf(given: z.infer<typeof listQuery>): SessionQuery {
  const { runtime, workspace, state, task, q, roots, archived, limit, after } = given
  const wanted = states.filter((one) => state?.split(',').includes(one))
  return {
    limit,
    roots: roots === 'true',
    archived: archived === 'true',
    ...(runtime ? { runtime } : {}),
    ...(workspace ? { workspace } : {}),
    ...(state ? { states: wanted } : {}),
    ...(task ? { taskId: task } : {}),
    ...(q ? { text: q } : {}),
    ...(after ? { after } : {}),
  }
}

const notOfThis = { kind: 'unknown-ask', text: 'This session asks for nothing under that id.' }

function withSession(
  c: Context,
  { sessions }: ServerWorld,
  answer: (session: KnownSession) => Response | Promise<Response>,
): Response | Promise<Response> {
  const found = sessions.one(c.req.param('id') ?? '')
  return found.ok ? answer(found.value) : refusalOf(c, found.problems)
}

function sessionItems(sessions: readonly KnownSession[], { store }: ServerWorld): SessionItem[] {
  const open = store.asks.openOf(sessions.map(({ id }) => id))
  return sessions.map((session) => ({ ...session, asks: open.get(session.id) ?? 0 }))
}

function detailOf(session: KnownSession, world: ServerWorld): Omit<SessionDetail, 'unfinished'> {
  const { watched, asks, usage } = world.store
  const root = watched.rootOf(session)
  const tree = watched.tree(session.id)
  const open = asks.list({ status: 'open', rootId: root.id, limit: 200 }).filter((ask) => tree.includes(ask.sessionId))
  return {
    session: { ...session, asks: open.length },
    root: { id: root.id, title: root.title },
    profiles: world.sessions.profilesOf(session),
    own: !world.sessions.isWatched(session),
    children: sessionItems(watched.children(session.id), world),
    asks: itemsOf(open, world),
    usage: usage.ofTree(tree),
  }
}
