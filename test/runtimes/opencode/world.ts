/** The OpenCode runtime over the fake server, with a store in memory and a clock of the machine. */
import { onTestFinished } from 'vitest'
import { type Clock, systemClock } from '../../../src/core/clock.ts'
import type { SessionFact } from '../../../src/core/session.ts'
import { OpenCode } from '../../../src/runtimes/opencode/runtime.ts'
import { ServerSource } from '../../../src/runtimes/opencode/source.ts'
import { openStore, type Store } from '../../../src/store/open.ts'
import { FakeOpenCode, type FakeOpenCodeOptions } from '../../fakes/opencode.ts'

export interface OpenCodeWorld {
  fake: FakeOpenCode
  runtime: OpenCode
  store: Store
  facts: SessionFact[]
  /** The runtime anew on the same store and server, as after a kill of the daemon. */
  again(): Promise<OpenCode>
}

export const limits = { toolCalls: null, tokens: null }

export async function openCodeWorld(
  options: FakeOpenCodeOptions = {},
  clock: Clock = systemClock,
): Promise<OpenCodeWorld> {
  const fake = await new FakeOpenCode(options).open()
  const store = openStore({ path: ':memory:', clock: systemClock })
  const facts: SessionFact[] = []
  const open = () => {
    const address = { url: fake.url, username: 'opencode', password: options.password ?? '' }
    const source = new ServerSource({ address, mode: 'never', own: null, command: 'opencode' })
    const runtime = new OpenCode({ source, book: store.prompts, clock })
    runtime.watch.onFact((fact) => facts.push(fact))
    return runtime
  }
  const world: OpenCodeWorld = {
    fake,
    runtime: open(),
    store,
    facts,
    async again() {
      await world.runtime.close()
      world.runtime = open()
      return world.runtime
    },
  }
  onTestFinished(async () => {
    await world.runtime.close()
    await fake.close()
    store.close()
  })
  return world
}

export async function openSession(world: OpenCodeWorld, taskId = 't1', session: string | null = null): Promise<string> {
  const request = { taskId, title: 'A task', workspace: '/srv/app', agent: null, model: null, session }
  const opened = await world.runtime.open(request)
  if (!opened.ok) throw new Error(JSON.stringify(opened.problems))
  return opened.value.sessionId
}
