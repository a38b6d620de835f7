/** Settings and permission rules over HTTP: what is in force and where it came from. Changed in their files. */
import { Hono } from 'hono'
import { describeRoute } from 'hono-openapi'
import type { FoundList, RuleList, SettingList } from '../api.ts'
import type { ServerWorld, Variables } from '../context.ts'
import { answers } from './answers.ts'

export function settingRoutes(world: ServerWorld) {
  return new Hono<Variables>()
    .get('/settings', describeRoute(answers('Settings in force, with their origin')), async (c) => {
      return c.json((await world.around.settings()) satisfies SettingList)
    })
    .get('/found', describeRoute(answers('Agents, models and keys on this machine')), async (c) => {
      return c.json((await world.around.found()) satisfies FoundList)
    })
    .get('/rules', describeRoute(answers('Permission rules in force, with their origin')), async (c) => {
      return c.json((await world.around.rules()) satisfies RuleList)
    })
}
