/** The ledger of flaky checks over HTTP: how often each was, and the quarantine that a person may give one. */
import { type Context, Hono } from 'hono'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import { ok, type Result, refuse } from '../../core/problem.ts'
import type { Flake } from '../../store/flakes.ts'
import type { FlakeList } from '../api.ts'
import { refusalOf, type ServerWorld, type Variables } from '../context.ts'
import { answers, invalid } from './answers.ts'

const dayMs = 24 * 60 * 60 * 1_000

const quarantineBody = z.strictObject({
  owner: z.string().trim().min(1).max(200).describe('Who answers for it.'),
  days: z.number().positive().max(90).describe('Until it counts again.'),
  why: z.string().trim().max(1_000).default(''),
})

export function flakeRoutes(world: ServerWorld) {
  const { store, clock } = world
  return new Hono<Variables>()
    .get('/', describeRoute(answers('Checks that are tried again when they fail')), (c) => {
      return c.json({ items: store.flakes.list() } satisfies FlakeList)
    })
    .post(
      '/:id/quarantine',
      describeRoute(answers('Let the failure of a flaky check refute nothing for some days')),
      validator('json', quarantineBody, invalid),
      (c) => {
        const { owner, days, why } = c.req.valid('json')
        const until = clock.now() + Math.round(days * dayMs)
        return changed(c, world, (flake) => store.flakes.quarantine(flake, { owner, until, why }))
      },
    )
    .delete('/:id/quarantine', describeRoute(answers('End a quarantine')), (c) => {
      return changed(c, world, (flake) => store.flakes.release(flake))
    })
}

function changed(c: Context, world: ServerWorld, change: (flake: Flake) => void): Response {
  const found = oneFlake(c.req.param('id') ?? '', world)
  if (!found.ok) return refusalOf(c, found.problems)
  change(found.value)
  return c.json({ flake: world.store.flakes.find(found.value.id)[0] })
}

function oneFlake(id: string, { store }: ServerWorld): Result<Flake> {
  const found = store.flakes.find(id)
  const [flake, another] = found
  if (flake && !another) return ok(flake)
  const todo = 'List them with `openloom flakes`.'
  if (!flake) return refuse({ kind: 'unknown-flake', text: 'No check that is tried again has this id.', todo })
  const text = `Several begin so: ${found
    .slice(0, 5)
    .map((one) => one.id)
    .join(', ')}.`
  return refuse({ kind: 'ambiguous-id', text, todo: 'Give more of the id.' })
}
