/** Kill -9 of our daemon and of the real server, and a cut connection: nothing is lost, and nothing is done twice. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { TaskItem } from '../../src/core/task.ts'
import { eventually, type Life } from '../fakes/daemon.ts'
import { bareHang, bash, done, House, untilLetGo, writeResult } from './house.ts'
import { Wire } from './wire.ts'

const once = bash('echo once >> log.txt')

const house = new House({
  opened: [once, writeResult, done],
  prompted: [once, writeResult, done],
  verifying: [once, writeResult, done],
  concluded: [once, { text: 'All is done.' }, writeResult, done],
  busy: [untilLetGo, done],
  next: [bash('echo next > next.txt'), done],
  ended: [untilLetGo, done],
  asks: [writeResult, done],
  'put-off': [writeResult, { text: 'It is missing.' }, writeResult, done],
  retrying: [{ fault: '429', retry_after: 3 }, writeResult, done],
  'server-killed': [bash('echo once >> log.txt; touch begun; sleep 600'), writeResult, done],
  cut: [untilLetGo, once, done],
  'cut-short': [untilLetGo, done],
  stopped: [untilLetGo, done],
  rescued: [bareHang, writeResult, writeResult, done],
  reboot: [bash('echo once >> log.txt; touch begun; sleep 600'), writeResult, done],
  'not-yet': [writeResult, done],
})
beforeAll(async () => {
  await house.open({ OPENLOOM_STALE_BUSY_SECONDS: '3600' }, 'concurrency: { tasks: 12 }\n')
})
afterAll(() => house.close())

const isDone = { status: 'done', verdict: 'verified', attempt: 1 }
const isOf = (name: string) => (event: { data: Record<string, unknown> }) =>
  (event.data['task'] as TaskItem | undefined)?.title === name

/** Of all sessions that the server has, those of a task. */
async function sessionsOf(name: string): Promise<{ id: string }[]> {
  const all = await house.server.client.get<{ id: string; title: string }[]>('GET /experimental/session?limit=500')
  return all.filter(({ title }) => title === name)
}

async function promptsOf(name: string): Promise<number> {
  const [session, ...more] = await sessionsOf(name)
  expect(more).toEqual([])
  return (await house.prompts(session?.id ?? '')).length
}

describe('a daemon that is killed', () => {
  let life: Life
  beforeEach(async () => {
    for (const before of house.rig.lives.splice(0)) await before.kill()
  })

  it.each([
    ['after its session was made', 'opened', 'harness.opened', 1],
    ['right after its prompt', 'prompted', 'harness.prompted', 1],
    ['while its task is verified', 'verifying', 'verify.checked', 1],
    ['between a refutation and the next prompt', 'concluded', 'harness.concluded', 2],
  ])('%s finds it again: one session, no prompt twice', async (_, name, failpoint, prompts) => {
    const doomed = await house.start({ env: { OPENLOOM_FAILPOINT: failpoint } })
    const folder = house.drop({ name })
    expect(await doomed.exited).toMatchObject({ signal: 'SIGKILL' })
    life = await house.start()
    expect(await house.over(life, name)).toMatchObject({ ...isDone, attempt: prompts })
    expect(house.lines(folder, 'log.txt')).toEqual(['once'])
    expect(await promptsOf(name)).toBe(prompts)
    expect(house.begunTurns(name)).toBe(prompts)
  })

  it('while its tasks are queued, busy in a tool, ask, and are retried, goes on with each', async () => {
    const doomed = await house.start()
    const folder = house.drop({ name: 'busy' })
    await house.begun(folder)
    house.drop({ name: 'next', workspace: folder, check: 'contains: next.txt /next/' })
    const ended = house.drop({ name: 'ended' })
    await house.begun(ended)
    house.drop({ name: 'asks', keys: { ask: 'wait' }, permission: { bash: 'ask' } })
    const ask = await house.ask(doomed, 'asks')
    await house.sees(doomed, 'task.created', isOf('next'))
    house.drop({ name: 'retrying' })
    await eventually('the model refuses', () => house.server.requests.some((one) => one.answer.includes('rate_limit')))
    await doomed.kill()
    // Its turn ends while nobody looks.
    house.letGo(ended)
    await eventually('it wrote', () => house.lines(ended, 'result.txt').length > 0)
    life = await house.start()
    house.letGo(folder)
    expect(await house.openloom(['approve', ask])).toMatchObject({ code: 0 })
    const names = ['busy', 'ended', 'asks', 'retrying', 'next']
    for (const name of names) expect(await house.over(life, name), name).toMatchObject(isDone)
    for (const name of names) expect(await promptsOf(name), name).toBe(1)
    for (const name of names) expect(house.begunTurns(name), name).toBe(name === 'retrying' ? 2 : 1)
    expect(house.count(life, 'ask.raised', 'asks')).toBe(0)
  })

  it('PM-6 once a run has asked what it does not wait for, and once that is answered, does it, once', async () => {
    const first = await house.start()
    const folder = house.drop({ name: 'put-off', permission: { bash: 'ask' } })
    const ask = await house.ask(first, 'put-off')
    await first.kill()
    const second = await house.start()
    await house.sees(second, 'task.waiting', isOf('put-off'))
    expect(house.lines(folder, 'result.txt')).toEqual([])
    expect(await house.openloom(['approve', ask])).toMatchObject({ code: 0 })
    await second.kill()
    life = await house.start()
    expect(await house.over(life, 'put-off')).toMatchObject({ ...isDone, attempt: 2 })
    expect(house.lines(folder, 'result.txt')).toEqual(['right'])
    expect(await promptsOf('put-off')).toBe(2)
    for (const one of [second, life]) expect(house.count(one, 'ask.raised', 'put-off')).toBe(0)
  })

  it('in the middle of a take-over leaves no turn behind that nobody looks after', async () => {
    const env = { OPENLOOM_STALE_BUSY_SECONDS: '1' }
    const doomed = await house.start({ env })
    const folder = house.drop({ name: 'rescued', keys: { on_hang: 'take-over' } })
    await house.sees(doomed, 'session.aborted')
    await doomed.kill()
    const life = await house.start({ env })
    expect(await house.over(life, 'rescued')).toMatchObject(isDone)
    expect(house.tools(folder)).toEqual([])
    expect(await sessionsOf('rescued')).toHaveLength(1)
  })
})

describe('a daemon that is stopped', () => {
  it('leaves the turn to OpenCode, and the next one takes it up', async () => {
    for (const before of house.rig.lives.splice(0)) await before.kill()
    const first = await house.start()
    const folder = house.drop({ name: 'stopped' })
    await house.begun(folder)
    first.child.kill('SIGTERM')
    expect(await first.exited).toMatchObject({ code: 0 })
    house.letGo(folder)
    await eventually('it wrote', () => house.lines(folder, 'result.txt').length > 0)
    const life = await house.start()
    expect(await house.over(life, 'stopped')).toMatchObject(isDone)
    expect(house.begunTurns('stopped')).toBe(1)
  })
})

describe('a server that is killed', () => {
  it('in the middle of a turn loses no task and doubles none', async () => {
    for (const before of house.rig.lives.splice(0)) await before.kill()
    const life = await house.start()
    const folder = house.drop({ name: 'server-killed' })
    await house.begun(folder)
    await house.server.kill()
    const waiting = await house.sees(life, 'task.waiting', isOf('server-killed'))
    expect(waiting.data['task']).toMatchObject({ reason: { code: 'unreachable' } })
    await house.server.start()
    expect(await house.over(life, 'server-killed')).toMatchObject(isDone)
    expect(house.lines(folder, 'log.txt')).toEqual(['once'])
    expect(await sessionsOf('server-killed')).toHaveLength(1)
  })

  it('together with the daemon loses no task either', async () => {
    for (const before of house.rig.lives.splice(0)) await before.kill()
    const doomed = await house.start()
    const folder = house.drop({ name: 'reboot' })
    await house.begun(folder)
    await Promise.all([doomed.kill(), house.server.kill()])
    const life = await house.start()
    house.drop({ name: 'not-yet' })
    const waiting = await house.sees(life, 'task.waiting', isOf('not-yet'))
    expect(waiting.data['task']).toMatchObject({ reason: { text: expect.stringContaining('Start `opencode serve`') } })
    await house.server.start()
    for (const name of ['reboot', 'not-yet']) expect(await house.over(life, name), name).toMatchObject(isDone)
    for (const name of ['reboot', 'not-yet']) expect(await sessionsOf(name), name).toHaveLength(1)
    expect(house.lines(folder, 'log.txt')).toEqual(['once'])
  })
})

describe('a connection that is cut', () => {
  it('and comes back hides nothing of what went on meanwhile', async () => {
    for (const before of house.rig.lives.splice(0)) await before.kill()
    const wire = new Wire(house.server.port)
    onTestFinished(() => wire.close())
    const life = await house.start({ env: { OPENLOOM_OPENCODE_URL: await wire.open() } })
    const folder = house.drop({ name: 'cut' })
    const short = house.drop({ name: 'cut-short' })
    await Promise.all([house.begun(folder), house.begun(short)])
    wire.cut()
    house.letGo(short)
    await house.sees(life, 'task.waiting', isOf('cut'))
    await eventually('it wrote', () => house.lines(short, 'result.txt').length > 0)
    wire.heal()
    house.letGo(folder)
    for (const name of ['cut', 'cut-short']) expect(await house.over(life, name), name).toMatchObject(isDone)
    for (const name of ['cut', 'cut-short']) expect(house.begunTurns(name), name).toBe(1)
    expect(house.lines(folder, 'log.txt')).toEqual(['once'])
  })
})
