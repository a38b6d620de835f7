/** Settings and rules over HTTP: what is in force, where it came from, and the few that a page may change. */
import { type Context, Hono } from 'hono'
import { describeRoute, validator } from 'hono-openapi'
import { z } from 'zod'
import type { Result } from '../../core/problem.ts'
import type { FoundList, RuleList, SettingChange, SettingList, SettingWritten } from '../api.ts'
import { refusalOf, type ServerWorld, type Variables } from '../context.ts'
import { settingAsked } from '../setting-change.ts'
import { answers, invalid } from './answers.ts'

const previewBody = z.strictObject({ asked: settingAsked })
const changeBody = z.strictObject({
  asked: settingAsked,
  seen: z.string().min(1).max(100).describe('As the preview gave it: a file that changed since is left alone.'),
})

export function settingRoutes(world: ServerWorld) {
  return new Hono<Variables>()
    .get('/settings', describeRoute(answers('Settings in force, with their origin')), async (c) => {
      return c.json((await world.around.settings()) satisfies SettingList)
    })
    .post(
      '/settings/preview',
      describeRoute(answers("What a change of the user's settings file would write; writes nothing")),
      validator('json', previewBody, invalid),
      async (c) => answer(c, (await world.around.preview(c.req.valid('json').asked)) satisfies Result<SettingChange>),
    )
    .put(
      '/settings',
      describeRoute(answers("Change one of a few settings in the user's file, and use it at once")),
      validator('json', changeBody, invalid),
      async (c) => {
        const { asked, seen } = c.req.valid('json')
        return answer(c, (await world.around.change(asked, seen)) satisfies Result<SettingWritten>)
      },
    )
    .get('/found', describeRoute(answers('Agents, models and keys on this machine')), async (c) => {
      return c.json((await world.around.found()) satisfies FoundList)
    })
    .get('/rules', describeRoute(answers('Permission rules in force, with their origin')), async (c) => {
      return c.json((await world.around.rules()) satisfies RuleList)
    })
}

const answer = <T extends object>(c: Context, result: Result<T>): Response =>
  result.ok ? c.json(result.value) : refusalOf(c, result.problems)
