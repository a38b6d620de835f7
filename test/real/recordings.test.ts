/**
 * Plays every scenario on the real server and compares with what is stored: a new version that speaks otherwise is
 * noticed here. `OPENLOOM_RECORD=1 npm run test:real` stores instead.
 */

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OpenCodeServer } from '../fakes/opencode-server.ts'
import { eventsOf, type Recording, readRecording, shapeOf, writeRecording } from '../fakes/recording.ts'
import { type Scenario, scenarios } from './scenarios.ts'
import { Stage } from './stage.ts'

const promptOf = (name: string) => `Play the scenario ${name}.`

/** All scenarios as one script: the first message tells which one it is. */
const script = {
  conversations: Object.entries(scenarios).flatMap(([name, { replies, childReplies, atEnd = 'error' as const }]) => [
    { match: `scenario ${name}\\.$`, replies: childReplies ? naming(replies, name) : replies, at_end: atEnd },
    ...(childReplies ? [{ match: `^Child of ${name}\\.$`, replies: childReplies }] : []),
  ]),
}

/** The prompt of a subagent says whose it is, so that its model is found in the script. */
function naming(replies: Scenario['replies'], name: string): Scenario['replies'] {
  return JSON.parse(JSON.stringify(replies).replaceAll('Child of', `Child of ${name}.`)) as Scenario['replies']
}

let shared: OpenCodeServer
beforeAll(async () => {
  shared = await new OpenCodeServer({ script }).open()
})
afterAll(() => shared.close())

async function play(name: string, scenario: Scenario): Promise<Recording> {
  const server = scenario.alone ? await new OpenCodeServer({ script }).open() : shared
  try {
    const directory = scenario.inStartFolder ? server.work : join(server.folder, `app-${name}`)
    const stage = await Stage.open(server, directory, scenario.permission)
    await scenario.play(stage, promptOf(name))
    return await stage.finish()
  } finally {
    if (scenario.alone) await server.close()
  }
}

/** What our side relies on: which types come, and the shape of each; not how often or how fast. */
function shapesOf(recording: Recording): Record<string, string[]> {
  const shapes: Record<string, Set<string>> = {}
  for (const { payload } of eventsOf(recording)) {
    const { type, properties } = payload
    shapes[type] = new Set([...(shapes[type] ?? []), ...shapeOf(properties)])
  }
  return Object.fromEntries(Object.entries(shapes).map(([type, shape]) => [type, [...shape].sort()]))
}

/** Told by the file system or by a race; their absence means nothing. */
const fleeting = /^(file\.|session\.(updated|diff)|server\.|sync$)/

describe('the real server', () => {
  it.each(Object.entries(scenarios))('speaks as recorded: %s', async (name, scenario) => {
    const played = await play(name, scenario)
    if (process.env['OPENLOOM_RECORD']) writeRecording(name, played)
    const [now, then] = [shapesOf(played), shapesOf(readRecording(name))]
    for (const type of Object.keys(then).filter((one) => !fleeting.test(one))) {
      expect({ type, shape: now[type] }).toEqual({ type, shape: then[type] })
    }
  })
})
