/** Workspaces over HTTP: how far a person trusts them. */
import { isAbsolute } from 'node:path'
import { Hono } from 'hono'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import { accesses, trusts } from '../../core/session.ts'
import type { WorkspaceList, WorkspaceSaid } from '../api.ts'
import { refusal, type ServerWorld, type Variables } from '../context.ts'
import { noFolder, sayTrust } from '../said.ts'
import { answers, invalid } from './answers.ts'

const body = z.strictObject({
  path: z.string().min(1).max(4_096).refine(isAbsolute, 'it must be absolute'),
  trust: z.enum(trusts),
  access: z.enum(accesses).default('scoped'),
})

export function workspaceRoutes({ store }: ServerWorld) {
  return new Hono<Variables>()
    .get('/', describeRoute(answers('What was said about workspaces')), (c) => {
      return c.json({ items: store.workspaces.list(), recent: store.workspaces.recent() } satisfies WorkspaceList)
    })
    .put('/', describeRoute(answers('Trust a workspace, or not')), validator('json', body, invalid), async (c) => {
      const said = await sayTrust(store, c.req.valid('json'))
      return said ? c.json(said satisfies WorkspaceSaid) : refusal(c, 422, noFolder)
    })
}
