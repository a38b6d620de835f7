/** What a person does to sessions of our own agent, over HTTP: search, titles, copies, turns and files taken back. */
import { type Context, Hono } from 'hono'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import { ok, type Result } from '../../core/problem.ts'
import { markdownOf } from '../../harness/session-file.ts'
import type { KnownSession } from '../../store/watched.ts'
import type { SessionSearch, SessionSteps } from '../api.ts'
import { refusalOf, type ServerWorld, type Variables } from '../context.ts'
import { answers, invalid } from './answers.ts'

const searchQuery = z.object({
  q: z.string().max(1_000),
  limit: z.coerce.number().int().min(1).max(200).default(30),
})
const path = z.string().min(1).max(4_096)
const renameBody = z.strictObject({ title: z.string().trim().min(1).max(500) })
const modelBody = z.strictObject({
  model: z.string().trim().min(1).max(200).nullable().describe('From its next turn on; null: the one of the runtime.'),
})
const profileBody = z.strictObject({
  profile: z.string().trim().min(1).max(100).nullable().describe('From its next turn on; null: the usual one.'),
})
const archiveBody = z.strictObject({ archived: z.boolean() })
const createBody = z.strictObject({
  workspace: path.describe('Folder that the agent works in.'),
  title: z.string().trim().min(1).max(500).default('New session'),
  agent: z.string().min(1).max(100).nullable().default(null),
  model: z.string().min(1).max(200).nullable().default(null),
})
const undoBody = z.strictObject({ files: z.boolean().default(false).describe('With what its calls changed.') })
const forkBody = z.strictObject({
  at: z.coerce.number().int().min(1).optional().describe('Id of the last message that it shall have; absent: all.'),
})
const restoreBody = z.strictObject({
  from: z.string().max(500).optional().describe('The first call whose changes go; absent: all.'),
  paths: z.array(path).min(1).max(10_000).optional().describe('Only these files; real paths.'),
})
const importBody = z.strictObject({
  workspace: path.describe('Folder that it goes on in.'),
  file: z.unknown().describe('What an export gave.'),
})
const exportQuery = z.object({ format: z.enum(['json', 'markdown']).default('json') })

export function sessionEditRoutes(world: ServerWorld) {
  const { edits } = world
  return new Hono<Variables>()
    .get('/search', describeRoute(answers('Find words in sessions')), validator('query', searchQuery, invalid), (c) => {
      const { q, limit } = c.req.valid('query')
      return c.json(found(world, q, limit))
    })
    .delete('/:id', describeRoute(answers('Delete a session with its rows and files')), (c) =>
      withOne(c, world, (session) => edits.remove(session)),
    )
    .post('/:id/rename', describeRoute(answers('Rename')), validator('json', renameBody, invalid), (c) =>
      withOne(c, world, (session) => edits.rename(session, c.req.valid('json').title)),
    )
    .post(
      '/:id/archive',
      describeRoute(answers('Put a session away, or back')),
      validator('json', archiveBody, invalid),
      (c) => withOne(c, world, (session) => edits.setArchived(session, c.req.valid('json').archived)),
    )
    .post(
      '/:id/model',
      describeRoute(answers('Go on with another model')),
      validator('json', modelBody, invalid),
      (c) =>
        withOne(c, world, async (session) => {
          const { model } = c.req.valid('json')
          const named = model === null ? ok(null) : await world.models.named(model)
          return named.ok ? edits.setModel(session, named.value) : named
        }),
    )
    .post(
      '/:id/profile',
      describeRoute(answers('Go on with another profile')),
      validator('json', profileBody, invalid),
      (c) => withOne(c, world, (session) => edits.setProfile(session, c.req.valid('json').profile)),
    )
    .post('/:id/undo', describeRoute(answers('Take the last turn back')), validator('json', undoBody, invalid), (c) =>
      withOne(c, world, (session) => edits.undo(session, c.req.valid('json').files)),
    )
    .get('/:id/steps', describeRoute(answers('Which call changed which files')), (c) =>
      withOne(c, world, async (session): Promise<Result<SessionSteps>> => {
        const steps = await edits.steps(session)
        return steps.ok ? { ok: true, value: { items: steps.value } } : steps
      }),
    )
    .post(
      '/:id/restore',
      describeRoute(answers('Bring files back to what they were')),
      validator('json', restoreBody, invalid),
      (c) =>
        withOne(c, world, (session) => {
          const { from = null, paths = null } = c.req.valid('json')
          return edits.restore(session, { from, paths })
        }),
    )
}

/** Where sessions come from and go to. */
export function sessionCopyRoutes(world: ServerWorld) {
  const { edits } = world
  return new Hono<Variables>()
    .post(
      '/',
      describeRoute(answers('Begin a session of our own agent')),
      validator('json', createBody, invalid),
      async (c) => {
        const { workspace, ...given } = c.req.valid('json')
        const named = given.model === null ? ok(null) : await world.models.named(given.model)
        return answer(c, named.ok ? await edits.create(workspace, given) : named)
      },
    )
    .post(
      '/import',
      describeRoute(answers('Take an exported session in')),
      validator('json', importBody, invalid),
      async (c) => {
        const { file, workspace } = c.req.valid('json')
        return answer(c, await edits.import(file, workspace))
      },
    )
    .post('/:id/fork', describeRoute(answers('Copy its beginning')), validator('json', forkBody, invalid), (c) =>
      withOne(c, world, (session) => edits.fork(session, c.req.valid('json').at ?? null)),
    )
    .get(
      '/:id/export',
      describeRoute(answers('A session as a file')),
      validator('query', exportQuery, invalid),
      async (c) => {
        const one = world.sessions.one(c.req.param('id') ?? '')
        const file = one.ok ? await edits.export(one.value) : one
        if (!file.ok) return refusalOf(c, file.problems)
        if (c.req.valid('query').format === 'json') return c.json(file.value)
        return c.body(markdownOf(file.value), 200, { 'content-type': 'text/markdown; charset=utf-8' })
      },
    )
}

function found({ store }: ServerWorld, q: string, limit: number): SessionSearch {
  const { hits, partial } = store.search.find(q, limit)
  const items = hits.flatMap((hit) => {
    const session = store.watched.get(hit.sessionId)
    return session ? [{ ...hit, title: session.title, workspace: session.workspace }] : []
  })
  return { titled: store.search.titled(q, limit), items, partial }
}

async function withOne<T extends object>(
  c: Context,
  { sessions }: ServerWorld,
  edit: (session: KnownSession) => Promise<Result<T>>,
): Promise<Response> {
  const one = sessions.one(c.req.param('id') ?? '')
  return answer(c, one.ok ? await edit(one.value) : one)
}

const answer = <T extends object>(c: Context, result: Result<T>): Response =>
  result.ok ? c.json(result.value) : refusalOf(c, result.problems)
