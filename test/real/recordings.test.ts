/**
 * Plays every scenario on the real server and compares with what is stored: a new version that speaks otherwise is
 * noticed here. `OPENLOOM_RECORD=compare npm run test:real` compares, `OPENLOOM_RECORD=write` stores instead.
 */

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OpenCodeServer } from '../fakes/opencode-server.ts'
import { eventsOf, type Recording, readRecording, shapesOf, writeRecording } from '../fakes/recording.ts'
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

describe('the real server', () => {
  it.each(Object.entries(scenarios))('speaks as recorded: %s', async (name, scenario) => {
    const played = await play(name, scenario)
    if (process.env['OPENLOOM_RECORD'] === 'write') writeRecording(name, played)
    expect(shapesOf(eventsOf(played))).toEqual(shapesOf(eventsOf(readRecording(name))))
  })
})
