/** Workspaces over HTTP: how far a person trusts them. */
import { realpath, stat } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { Hono } from 'hono'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import { accesses, trusts } from '../../core/session.ts'
import { errnoOf } from '../../lib/files.ts'
import { digestOf, readProjectSettings } from '../../lib/project/settings.ts'
import { readToolFiles } from '../../lib/project/tools.ts'
import type { WorkspaceList, WorkspaceSaid } from '../api.ts'
import { refusal, type ServerWorld, type Variables } from '../context.ts'
import { answers, invalid } from './answers.ts'

const body = z.strictObject({
  path: z.string().min(1).max(4_096).refine(isAbsolute, 'it must be absolute'),
  trust: z.enum(trusts),
  access: z.enum(accesses).default('scoped'),
})

export function workspaceRoutes({ store }: ServerWorld) {
  return new Hono<Variables>()
    .get('/', describeRoute(answers('What was said about workspaces')), (c) => {
      return c.json({ items: store.workspaces.list() } satisfies WorkspaceList)
    })
    .put('/', describeRoute(answers('Trust a workspace, or not')), validator('json', body, invalid), async (c) => {
      const { path: written, trust, access } = c.req.valid('json')
      const path = await folderAt(written)
      if (path === null) {
        return refusal(c, 422, { kind: 'no-folder', text: 'There is no such folder.', todo: 'Name one that is there.' })
      }
      const settings = trust === 'untrusted' ? null : await readProjectSettings(path)
      const own = trust === 'trusted' ? await readToolFiles(path) : null
      const workspace = store.workspaces.say({ path, trust, access, settingsSha256: digestOf(settings, own) })
      const tools = own?.files.map(({ name }) => name) ?? []
      return c.json({ workspace, permissions: settings?.permissions ?? null, tools } satisfies WorkspaceSaid)
    })
}

/** Its real path; null where there is none. */
async function folderAt(path: string): Promise<string | null> {
  try {
    const real = await realpath(path)
    return (await stat(real)).isDirectory() ? real : null
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE'].includes(errnoOf(error))) {
      return null
    }
    throw error
  }
}
