/** The contract of runtimes, kept by the real OpenCode server. */
import { onTestFinished } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { OpenCode } from '../../src/runtimes/opencode/runtime.ts'
import { ServerSource } from '../../src/runtimes/opencode/source.ts'
import { openStore } from '../../src/store/open.ts'
import { contractScript, runtimeContract } from '../contracts/runtime.ts'
import { OpenCodeServer } from '../fakes/opencode-server.ts'

runtimeContract('OpenCode, the real server', async () => {
  const server = await new OpenCodeServer({ script: contractScript }).open()
  onTestFinished(() => server.close())
  // The first turn in a folder takes seconds more than any other: the contract is about the others.
  const { client } = server
  const log = await client.follow()
  const { id } = await client.get<{ id: string }>('POST /session', { body: {}, directory: server.work })
  await client.call(`POST /session/${id}/prompt_async`, { body: { parts: [{ type: 'text', text: 'Say hello.' }] } })
  await log.type('session.idle', id)
  await log.close()
  const before = server.requests.length
  const store = openStore({ path: ':memory:', clock: systemClock })
  const { url, username } = server
  const address = { url, username, password: server.password ?? '' }
  const source = new ServerSource({ address, mode: 'never', own: null, command: 'opencode' })
  const runtime = new OpenCode({ source, book: store.prompts, clock: systemClock })
  return {
    runtime,
    workspace: server.work,
    turns: () => server.requests.slice(before).filter((request) => (request.body?.tools?.length ?? 0) > 0).length,
    async close() {
      await runtime.close()
      store.close()
    },
  }
})
