/** No server runs, but the program is there: the daemon runs one, behind a password, and leaves nothing of it. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ownedProcesses } from '../../src/lib/process.ts'
import { eventually, type Life } from '../fakes/daemon.ts'
import { OpenCodeClient } from '../fakes/opencode-client.ts'
import { offlineEnvironment, openCodeBinary } from '../fakes/opencode-server.ts'
import { done, House, stubborn, writeResult } from './house.ts'

const house = new House({
  first: [writeResult, done],
  orphaned: [stubborn, writeResult, done],
  hung: [stubborn, writeResult, done],
})
beforeAll(async () => {
  await house.server.openHome()
  const { PATH, ...home } = offlineEnvironment(house.server.home)
  const runtime = { kind: 'opencode', env: Object.keys(home) }
  const settings = { runtimes: [{ kind: 'builtin' }, runtime], stale_busy: { every_seconds: 1, after_seconds: 4 } }
  const nobodyListens = { OPENLOOM_OPENCODE_URL: 'http://127.0.0.1:9', OPENLOOM_OPENCODE_PASSWORD: '' }
  const env = { ...home, ...nobodyListens, PATH: `${dirname(openCodeBinary())}:${PATH}`, OPENLOOM_LOG_LEVEL: 'debug' }
  await house.openRig(env, JSON.stringify(settings))
})
afterAll(() => house.close())

const readProc = (pid: number, name: string): string => readFileSync(`/proc/${pid}/${name}`, 'latin1')
const owned = (): number[] => ownedProcesses(`${house.rig.owner}-agent`)
const servers = (): number[] => owned().filter((pid) => /\0serve\0/.test(readProc(pid, 'cmdline')))

interface Server {
  pid: number
  url: string
  password: string
}

function serverNow(): Server {
  const [pid, ...more] = servers()
  if (!pid) throw new Error('no server runs')
  expect(more).toEqual([])
  const port = /--port[\0=](\d+)/.exec(readProc(pid, 'cmdline'))?.[1]
  const password = /\0OPENCODE_SERVER_PASSWORD=([^\0]+)/.exec(readProc(pid, 'environ'))?.[1] ?? ''
  return { pid, url: `http://127.0.0.1:${port}`, password }
}

/** All bytes below a folder. */
const bytesOf = (folder: string): string =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n')

const isDone = { status: 'done', verdict: 'verified', attempt: 1 }

async function atWork(name: string): Promise<{ life: Life; folder: string }> {
  const life = await house.start()
  const folder = house.drop({ name, keys: { on_hang: 'alert' } })
  await house.begun(folder)
  return { life, folder }
}

it('the first task starts it, nobody without its password is served, and it ends with the daemon', async () => {
  const life = await house.start()
  expect(owned()).toEqual([])
  house.drop({ name: 'first' })
  expect(await house.over(life, 'first')).toMatchObject(isDone)
  const { url, password } = serverNow()
  expect(password.length).toBeGreaterThanOrEqual(16)
  expect((await fetch(`${url}/global/health`)).status).toBe(401)
  const client = new OpenCodeClient({ url, username: 'opencode', password })
  expect(await client.get('GET /global/health')).toMatchObject({ healthy: true })
  for (const pid of owned()) expect(readProc(pid, 'cmdline')).not.toContain(password)
  expect(readProc(life.address.pid, 'cmdline')).not.toContain(password)
  life.child.kill('SIGTERM')
  await life.exited
  expect(owned()).toEqual([])
  expect(bytesOf(house.rig.data)).toContain('first')
  for (const told of [bytesOf(house.rig.data), bytesOf(house.rig.notices), life.errors, JSON.stringify(life.events)]) {
    expect(told).not.toContain(password)
  }
})

it('one that a killed daemon left is ended by the next, with its tools, and the task goes on', async () => {
  const { life: doomed } = await atWork('orphaned')
  await doomed.kill()
  const left = owned()
  expect(left.length).toBeGreaterThan(1)
  const life = await house.start()
  expect(await house.over(life, 'orphaned')).toMatchObject(isDone)
  expect(owned().filter((pid) => left.includes(pid))).toEqual([])
  expect(servers()).toHaveLength(1)
  await life.kill()
})

it('one that dies in the middle of a turn is started again, and the task goes on', async () => {
  const { life } = await atWork('hung')
  const before = serverNow()
  process.kill(before.pid, 'SIGKILL')
  expect(await house.over(life, 'hung')).toMatchObject(isDone)
  const now = serverNow()
  expect(now.pid).not.toBe(before.pid)
  expect(now.password).not.toBe(before.password)
  await eventually('only the new one is left', () => owned().every((pid) => pid === now.pid))
})
