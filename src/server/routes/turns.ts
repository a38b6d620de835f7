/** What a person does to the turn of a session over HTTP: says something into it, holds it, makes room, looks at it. */
import { type Context, Hono } from 'hono'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import { ok, type Result } from '../../core/problem.ts'
import { plansOf } from '../../harness/plans.ts'
import type { KnownSession } from '../../store/watched.ts'
import type { SessionPlans } from '../api.ts'
import { refusalOf, type ServerWorld, type Variables } from '../context.ts'
import { answers, invalid } from './answers.ts'

const steerBody = z.strictObject({
  text: z.string().trim().min(1).max(20_000),
  key: z.string().min(1).max(200).optional().describe('The same key again is the same message.'),
})

const typeBody = z.strictObject({ line: z.string().trim().min(1).max(20_000).describe('For bash, in its workspace.') })

export function turnRoutes({ sessions, typed, store }: ServerWorld) {
  const run = async (c: Context, act: (session: KnownSession) => Promise<Result<unknown>>): Promise<Response> => {
    const found = sessions.one(c.req.param('id') ?? '')
    if (!found.ok) return refusalOf(c, found.problems)
    const done = await act(found.value)
    return done.ok ? c.json(done.value ?? {}) : refusalOf(c, done.problems)
  }
  return new Hono<Variables>()
    .post(
      '/:id/steer',
      describeRoute(answers('Say something into the turn that runs')),
      validator('json', steerBody, invalid),
      (c) => {
        const { text, key = c.req.header('idempotency-key')?.slice(0, 200) } = c.req.valid('json')
        return run(c, (session) => sessions.steer(session, text, key))
      },
    )
    .post(
      '/:id/type',
      describeRoute(
        answers('Run a shell line of your own in a session, under its permissions; the agent is told of it'),
      ),
      validator('json', typeBody, invalid),
      (c) => run(c, (session) => typed.type(session, c.req.valid('json').line, c.req.raw.signal)),
    )
    .post('/:id/pause', describeRoute(answers('Stop a turn after the call in flight, and leave it open')), (c) =>
      run(c, (session) => sessions.pause(session)),
    )
    .post('/:id/resume', describeRoute(answers('Let a paused turn go on')), (c) =>
      run(c, (session) => sessions.resume(session)),
    )
    .post('/:id/compact', describeRoute(answers('Make room in the history of a session')), (c) =>
      run(c, (session) => sessions.compact(session)),
    )
    .get('/:id/plans', describeRoute(answers('Plans that a session handed in, the newest first')), (c) =>
      run(c, async ({ id }) => ok({ items: plansOf(store.sessions.entries(id)) } satisfies SessionPlans)),
    )
    .get('/:id/context', describeRoute(answers('How full the context of a session is, and of what')), (c) =>
      run(c, (session) => sessions.context(session)),
    )
}
