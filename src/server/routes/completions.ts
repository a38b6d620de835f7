/** What a person may complete while they write to a session: names of files, and of models. It opens no file. */
import { Hono } from 'hono'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import type { FileNames, ModelList } from '../api.ts'
import { refusalOf, type ServerWorld, type Variables } from '../context.ts'
import { answers, invalid } from './answers.ts'

const fileQuery = z.object({ q: z.string().max(500).default('').describe('Start, or else part, of the path.') })
const modelQuery = z.object({ ask: z.enum(['true', 'false']).default('false').describe('Ask the providers too.') })
const shownMax = 30
/** A list as old as this will do while somebody types. */
const listAgeMs = 10_000

export function completionRoutes({ sessions, models, filesOf, clock }: ServerWorld) {
  let listed: { folder: string; at: number; names: Promise<string[]> } | null = null
  const namesOf = (folder: string): Promise<string[]> => {
    if (listed?.folder !== folder || clock.now() - listed.at > listAgeMs) {
      listed = { folder, at: clock.now(), names: filesOf(folder) }
    }
    return listed.names
  }
  return new Hono<Variables>()
    .get(
      '/sessions/:id/files',
      describeRoute(answers('Names of files of the workspace of a session')),
      validator('query', fileQuery, invalid),
      async (c) => {
        const found = sessions.one(c.req.param('id') ?? '')
        if (!found.ok) return refusalOf(c, found.problems)
        const { workspace } = found.value
        const names = workspace ? await namesOf(workspace) : []
        return c.json({ items: matching(names, c.req.valid('query').q) } satisfies FileNames)
      },
    )
    .get(
      '/models',
      describeRoute(answers('Models of the configured providers')),
      validator('query', modelQuery, invalid),
      async (c) => {
        if (c.req.valid('query').ask === 'false') {
          return c.json({ items: models.known(), problems: [] } satisfies ModelList)
        }
        const { models: items, problems } = await models.list()
        return c.json({ items, problems } satisfies ModelList)
      },
    )
}

/** Those that start so, then those whose name does, then those that hold it anywhere; never what nobody can see. */
function matching(names: readonly string[], q: string): string[] {
  const wanted = q.toLowerCase()
  const rankOf = (name: string): number => {
    const low = name.toLowerCase()
    if (low.startsWith(wanted)) return 0
    if (low.slice(low.lastIndexOf('/') + 1).startsWith(wanted)) return 1
    return low.includes(wanted) ? 2 : 3
  }
  return names
    .filter((name) => !/["\p{C}\p{Zl}\p{Zp}]/u.test(name))
    .map((name) => ({ name, rank: rankOf(name) }))
    .filter(({ rank }) => rank < 3)
    .sort((a, b) => a.rank - b.rank)
    .slice(0, shownMax)
    .map(({ name }) => name)
}
