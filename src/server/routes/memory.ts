/** What agents are told beside the conversation, over HTTP: instruction files, and the memory of repositories. */
import { isAbsolute } from 'node:path'
import { type Context, Hono } from 'hono'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import type { GuideText, MemoryView } from '../../core/session.ts'
import { folderAt } from '../../lib/files.ts'
import { refusal, refusalOf, type ServerWorld, type Variables } from '../context.ts'
import { noFolder } from '../said.ts'
import { answers, invalid } from './answers.ts'

const folder = z.string().min(1).max(4_096).refine(isAbsolute, 'it must be absolute')
const viewQuery = z.object({ workspace: folder })
const fileQuery = z.object({ workspace: folder, path: folder })
const writeBody = z.strictObject({
  workspace: folder,
  path: folder,
  text: z.string().max(300_000),
  sha256: z.string().nullable().describe('Digest of the text that was changed; null: there was no file.'),
})
const noteBody = z.strictObject({ workspace: folder, text: z.string().max(2_000) })

/**
 * Its real path; undefined: there is none. The page knows only folders in which somebody worked or of which somebody
 * spoke; whoever has the token can look by themselves.
 */
export async function knownFolder(c: Context<Variables>, { store }: ServerWorld, path: string) {
  const real = await folderAt(path)
  return real !== null && (c.get('by') === 'token' || store.workspaces.knows(real)) ? real : undefined
}

export function memoryRoutes(world: ServerWorld) {
  const { guides } = world
  return new Hono<Variables>()
    .get(
      '/',
      describeRoute(answers('What agents are told in a folder')),
      validator('query', viewQuery, invalid),
      async (c) => {
        const workspace = await knownFolder(c, world, c.req.valid('query').workspace)
        if (workspace === undefined) return refusal(c, 422, noFolder)
        return c.json((await guides.view(workspace)) satisfies MemoryView)
      },
    )
    .get('/file', describeRoute(answers('One of these files')), validator('query', fileQuery, invalid), async (c) => {
      const { workspace: path, path: file } = c.req.valid('query')
      const workspace = await knownFolder(c, world, path)
      if (workspace === undefined) return refusal(c, 422, noFolder)
      const found = await guides.read(workspace, file)
      return found.ok ? c.json(found.value satisfies GuideText) : refusalOf(c, found.problems)
    })
    .put('/file', describeRoute(answers('Write one of them')), validator('json', writeBody, invalid), async (c) => {
      const { workspace: path, ...written } = c.req.valid('json')
      const workspace = await knownFolder(c, world, path)
      if (workspace === undefined) return refusal(c, 422, noFolder)
      const result = await guides.write(workspace, written)
      return result.ok ? c.json(result.value satisfies GuideText) : refusalOf(c, result.problems)
    })
    .post(
      '/notes',
      describeRoute(answers('Remember one line of a repository')),
      validator('json', noteBody, invalid),
      async (c) => {
        const { workspace: path, text } = c.req.valid('json')
        const workspace = await knownFolder(c, world, path)
        if (workspace === undefined) return refusal(c, 422, noFolder)
        const result = await guides.remember(workspace, text)
        return result.ok ? c.json(result.value satisfies GuideText) : refusalOf(c, result.problems)
      },
    )
}
