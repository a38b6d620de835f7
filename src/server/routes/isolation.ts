/** The worktree of a task over HTTP: how much it holds, and what becomes of it. */
import { Hono } from 'hono'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import { isolationEnds } from '../../harness/isolation.ts'
import type { IsolationAnswer, IsolationSize } from '../api.ts'
import { refusal, type ServerWorld, type Variables } from '../context.ts'
import { answers, invalid } from './answers.ts'
import { oneTask } from './tasks.ts'

const endBody = z.strictObject({
  ignored: z.boolean().default(false).describe('Also when ignored files go with the folder.'),
})

const summaries = {
  merge: 'Merge the worktree of an ended task into the branch that is checked out',
  keep: 'Let the worktree of an ended task go and keep its branch',
  drop: 'Let worktree and branch of an ended task go; a rescue reference stays',
} as const

export function isolationRoutes(world: ServerWorld) {
  const app = new Hono<Variables>()
  app.get('/:id/isolation', describeRoute(answers('How much the worktree of a task holds')), async (c) => {
    const task = oneTask(c, world)
    if (task instanceof Response) return task
    return c.json({ look: await world.commands.isolation(task) } satisfies IsolationSize)
  })
  for (const end of isolationEnds) {
    const described = describeRoute(answers(summaries[end]))
    app.post(`/:id/${end}`, described, validator('json', endBody, invalid), async (c) => {
      const task = oneTask(c, world)
      if (task instanceof Response) return task
      const result = await world.commands.end(task.id, { end, ignored: c.req.valid('json').ignored })
      return result.ok ? c.json(result.value satisfies IsolationAnswer) : refusal(c, 409, ...result.problems)
    })
  }
  return app
}
