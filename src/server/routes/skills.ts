/** Skills over HTTP: look, write, copy, run. A run is a task, accepted in the one way. */
import { isAbsolute } from 'node:path'
import { type Context, Hono } from 'hono'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import type { SkillFile, SkillRead, SkillRef } from '../../core/spec.ts'
import type { SkillDetail, SkillList } from '../../core/task.ts'
import { sha256 } from '../../lib/digest.ts'
import { refusal, refusalOf, type ServerWorld, type Variables } from '../context.ts'
import { noFolder } from '../said.ts'
import { answers, invalid, submitted } from './answers.ts'
import { knownFolder } from './memory.ts'
import { keyOf } from './tasks.ts'

const folder = z.string().max(4_096).refine(isAbsolute, 'it must be absolute')
const project = folder.nullish().describe('The project that brings the skill; without it, the user.')
const text = z.string().max(100_000)
const digest = z.string().regex(/^[0-9a-f]{64}$/)

const where = z.object({ workspace: folder.optional() })
const previewBody = z.strictObject({ name: z.string().max(64).default('skill'), text })
const writeBody = z.strictObject({
  workspace: project,
  text,
  seen: digest.nullable().describe('Digest of the text that was changed; null: there was none.'),
})
const beginBody = z.strictObject({ name: z.string().max(64), workspace: project })
const removeBody = z.strictObject({ workspace: project, seen: digest })
const copyBody = z.strictObject({ workspace: project })
const value = z.union([z.string().max(20_000), z.number(), z.boolean()])
const runBody = z.strictObject({
  workspace: project,
  folder: folder.optional().describe('Where it works; a skill of a project works in it.'),
  parameters: z.record(z.string().max(60), value).default({}),
})

export function skillRoutes(world: ServerWorld) {
  const { skills } = world
  /** The skill that an address names, or why there is none. */
  const refOf = async (c: Context<Variables>, path: string | null | undefined): Promise<SkillRef | Response> => {
    const workspace = path ? await knownFolder(c, world, path) : null
    if (workspace === undefined) return refusal(c, 422, noFolder)
    return { name: c.req.param('name') ?? '', workspace }
  }
  return new Hono<Variables>()
    .get('/', describeRoute(answers('List skills')), validator('query', where, invalid), async (c) => {
      const ref = await refOf(c, c.req.valid('query').workspace)
      return ref instanceof Response ? ref : c.json((await skills.list(ref.workspace)) satisfies SkillList)
    })
    .post('/', describeRoute(answers('Begin a new skill')), validator('json', beginBody, invalid), async (c) => {
      const { name, workspace } = c.req.valid('json')
      const ref = await refOf(c, workspace)
      if (ref instanceof Response) return ref
      const result = await skills.begin({ ...ref, name })
      return result.ok ? c.json(result.value satisfies SkillFile, 201) : refusalOf(c, result.problems)
    })
    .post(
      '/preview',
      describeRoute(answers('What a text would be as a skill; stores nothing')),
      validator('json', previewBody, invalid),
      async (c) => {
        const { name, text: written } = c.req.valid('json')
        return c.json((await skills.judge(name, written)) satisfies SkillRead)
      },
    )
    .get('/:name', describeRoute(answers('One skill')), validator('query', where, invalid), async (c) => {
      const ref = await refOf(c, c.req.valid('query').workspace)
      if (ref instanceof Response) return ref
      const found = await skills.one(ref)
      return found.ok ? c.json(found.value satisfies SkillDetail) : refusalOf(c, found.problems)
    })
    .put('/:name', describeRoute(answers('Write a skill')), validator('json', writeBody, invalid), async (c) => {
      const { workspace: path, text: written, seen } = c.req.valid('json')
      const ref = await refOf(c, path)
      if (ref instanceof Response) return ref
      const result = await skills.write(ref, written, seen)
      return result.ok ? c.json(result.value satisfies SkillFile) : refusalOf(c, result.problems)
    })
    .delete('/:name', describeRoute(answers('Delete a skill')), validator('json', removeBody, invalid), async (c) => {
      const { workspace: path, seen } = c.req.valid('json')
      const ref = await refOf(c, path)
      if (ref instanceof Response) return ref
      const result = await skills.remove(ref, seen)
      return result.ok ? c.json(result.value satisfies SkillFile) : refusalOf(c, result.problems)
    })
    .post(
      '/:name/duplicate',
      describeRoute(answers('Copy a skill under a free name')),
      validator('json', copyBody, invalid),
      async (c) => {
        const ref = await refOf(c, c.req.valid('json').workspace)
        if (ref instanceof Response) return ref
        const result = await skills.duplicate(ref)
        return result.ok ? c.json(result.value satisfies SkillFile) : refusalOf(c, result.problems)
      },
    )
    .post('/:name/run', describeRoute(answers('Run a skill')), validator('json', runBody, invalid), async (c) => {
      const body = c.req.valid('json')
      const ref = await refOf(c, body.workspace)
      if (ref instanceof Response) return ref
      const source = c.req.header('x-openloom-source') === 'cli' ? 'cli' : 'api'
      const origin = { source, externalId: keyOf(c), bodySha256: sha256(JSON.stringify(body)) } as const
      const { folder: at, parameters } = body
      return submitted(c, await skills.run(ref, { folder: at, parameters, origin }))
    })
}
