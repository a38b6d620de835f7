/** The rig itself: the real server, offline, with the scripted model as its agent; nothing of it is left afterwards. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { ownedProcesses } from '../../src/lib/process.ts'
import { OpenCodeServer } from '../fakes/opencode-server.ts'

it('runs a turn with the scripted model behind a password, and leaves no process', async () => {
  const write = { name: 'write', arguments: { filePath: 'hello.md', content: 'Hello!\n' } }
  const server = new OpenCodeServer({ script: [{ tool_calls: [write] }, { text: 'Written.' }] })
  onTestFinished(() => server.close())
  await server.open()
  const { client } = server
  const nobody = await fetch(`${server.url}/global/health`)
  expect(nobody.status).toBe(401)
  const log = await client.follow()
  onTestFinished(() => log.close())
  const session = await client.get<{ id: string; directory: string }>('POST /session', {
    body: {},
    directory: server.work,
  })
  expect(session.directory).toBe(server.work)
  const body = { parts: [{ type: 'text', text: 'Write hello.md' }] }
  expect(await client.call(`POST /session/${session.id}/prompt_async`, { body })).toMatchObject({ status: 204 })
  await log.type('session.idle', session.id)
  expect(readFileSync(join(server.work, 'hello.md'), 'utf8')).toBe('Hello!\n')
  expect(server.requests.every((request) => request.status === 200)).toBe(true)
  expect(server.processes).toContain(server.pid)
  await log.close()
  await server.close()
  expect(ownedProcesses(server.owner)).toEqual([])
  expect(existsSync(server.folder)).toBe(false)
})
