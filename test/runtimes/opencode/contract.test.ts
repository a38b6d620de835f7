/** The contract of runtimes, kept by OpenCode's runtime over a server that behaves as the recorded one. */
import { onTestFinished } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import { OpenCode } from '../../../src/runtimes/opencode/runtime.ts'
import { ServerSource } from '../../../src/runtimes/opencode/source.ts'
import { openStore } from '../../../src/store/open.ts'
import { runtimeContract } from '../../contracts/runtime.ts'
import { FakeOpenCode } from '../../fakes/opencode.ts'

runtimeContract('OpenCode, the fake server', async () => {
  const fake = await new FakeOpenCode({ auto: true, password: 'secret' }).open()
  onTestFinished(() => fake.close())
  const store = openStore({ path: ':memory:', clock: systemClock })
  const address = { url: fake.url, username: 'opencode', password: 'secret' }
  const source = new ServerSource({ address, mode: 'never', own: null, command: 'opencode' })
  const runtime = new OpenCode({ source, book: store.prompts, clock: systemClock })
  return {
    runtime,
    workspace: '/srv/app',
    turns: () => fake.turns,
    async close() {
      await runtime.close()
      store.close()
    },
  }
})
