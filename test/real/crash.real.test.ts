/** What is cut off, killed and started again while a task is at work on the real server. */
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { ownedProcesses } from '../../src/lib/process.ts'
import { eventually } from '../fakes/daemon.ts'
import { offlineEnvironment, openCodeBinary } from '../fakes/opencode-server.ts'
import { bash, done, House, type Replies, writeResult } from './house.ts'
import { Wire } from './wire.ts'

/** One effect that must not happen twice, a wait, and the end. */
const replies: Replies = [bash('echo once >> log.txt; sleep 3'), writeResult, done, done]

async function open(list: Readonly<Record<string, Replies>>, env: Record<string, string> = {}): Promise<House> {
  const house = new House(list)
  onTestFinished(() => house.close())
  return house.open(env)
}

const once = (workspace: string) => readFileSync(join(workspace, 'log.txt'), 'utf8')

it('a server that is killed in the middle of a turn: the task goes on when it is back', async () => {
  const house = await open({ restart: [bash('sleep 600; true', { timeout: 900_000 }), writeResult, done] })
  const life = await house.start()
  house.drop({ name: 'restart' })
  await house.hangs()
  await house.server.kill()
  await house.sees(life, 'runtime.lost')
  await house.server.start()
  expect(await house.over(life, 'restart')).toMatchObject({ status: 'done' })
})

it('a connection that is cut: what ended meanwhile is seen, nothing is said twice', async () => {
  const house = new House({ cut: replies })
  onTestFinished(() => house.close())
  await house.server.open()
  const wire = new Wire(house.server.port)
  onTestFinished(() => wire.close())
  await house.openRig({ OPENLOOM_OPENCODE_URL: await wire.open() })
  const life = await house.start()
  const workspace = house.drop({ name: 'cut' })
  const session = await house.session(life, 'cut')
  await house.hangs()
  wire.cut()
  await eventually('the turn ended unseen', () =>
    house.server.requests.some(({ answer, body }) => {
      return answer === 'reply' && JSON.stringify(body?.messages.at(-1) ?? '').includes('"tool"')
    }),
  )
  wire.heal()
  expect(await house.over(life, 'cut')).toMatchObject({ status: 'done', attempt: 1 })
  expect(await house.prompts(session)).toHaveLength(1)
  expect(once(workspace)).toBe('once\n')
})

it('kill -9 of the daemon while a turn runs: the next one finds the turn, and prompts nothing twice', async () => {
  const house = await open({ running: replies })
  const first = await house.start()
  const workspace = house.drop({ name: 'running' })
  const session = await house.session(first, 'running')
  await house.hangs()
  await first.kill()
  const second = await house.start()
  expect(await house.over(second, 'running')).toMatchObject({ status: 'done', attempt: 1 })
  expect(await house.prompts(session)).toHaveLength(1)
  expect(once(workspace)).toBe('once\n')
})

it('kill -9 of the daemon while the turn ends: the next one verifies what was done', async () => {
  const house = await open({ ends: replies })
  const first = await house.start()
  house.drop({ name: 'ends' })
  const session = await house.session(first, 'ends')
  await house.hangs()
  await first.kill()
  const log = await house.server.client.follow()
  onTestFinished(() => log.close())
  await log.type('session.idle', session)
  const second = await house.start()
  expect(await house.over(second, 'ends')).toMatchObject({ status: 'done', attempt: 1 })
  expect(await house.prompts(session)).toHaveLength(1)
})

it('kill -9 of the daemon while a permission waits: the next one asks again, and its answer counts', async () => {
  const house = await open({ asks: [writeResult, done] })
  const first = await house.start()
  house.drop({ name: 'asks', permission: { bash: 'ask' } })
  await house.sees(first, 'ask.raised')
  await first.kill()
  const second = await house.start()
  const list = async () => {
    const { items } = (await (await second.api('/api/asks')).json()) as { items: { id: string }[] }
    return items[0] ?? null
  }
  const { id } = await eventually('the ask is listed', list)
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"reply":"once"}' }
  expect((await second.api(`/api/asks/${id}`, init)).status).toBe(200)
  expect(await house.over(second, 'asks')).toMatchObject({ status: 'done', attempt: 1 })
})

it('kill -9 of a daemon that runs the server itself: the next one ends it, with its tools, and goes on', async () => {
  const house = new House({ managed: [bash('sleep 600; true', { timeout: 900_000 }), writeResult, done] })
  onTestFinished(() => house.close())
  await house.server.open()
  await house.server.kill()
  const home = offlineEnvironment(house.server.home)
  const path = `${dirname(openCodeBinary())}:${home['PATH']}`
  await house.openRig({ ...home, PATH: path, HOME: house.server.home })
  const runtime = { kind: 'opencode', managed: 'always', env: Object.keys(home).filter((name) => name !== 'PATH') }
  writeFileSync(join(house.rig.folder, 'openloom.yaml'), JSON.stringify({ runtimes: [{ kind: 'builtin' }, runtime] }))
  const owner = `${house.rig.owner}-agent`
  const first = await house.start()
  house.drop({ name: 'managed' })
  await house.session(first, 'managed')
  await eventually('the tool hangs', () => ownedProcesses(owner).length > 2, 60_000)
  const left = ownedProcesses(owner)
  await first.kill()
  const second = await house.start()
  expect(await house.over(second, 'managed')).toMatchObject({ status: 'done' })
  expect(ownedProcesses(owner).filter((pid) => left.includes(pid))).toEqual([])
})
