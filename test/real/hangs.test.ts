/** Turns that hang on the real server: said once with the reason, cured as the task allows, nothing of them left. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, type Life } from '../fakes/daemon.ts'
import { bareHang, bash, done, House, hang, type Replies, stubborn, subagent, writeResult } from './house.ts'

const prints = bash('touch begun; for n in 1 2 3 4 5 6 7 8; do echo $n; sleep 1; done; echo right > result.txt')

const replies: Record<string, Replies> = {
  alert: [hang, writeResult, done],
  'kill-child': [hang, writeResult, done],
  bare: [bareHang, writeResult, done],
  stubborn: [stubborn, writeResult, done],
  healthy: [prints, done],
  mute: [{ fault: 'stall' }, writeResult, done],
  // What had been said stays in the history, as one answer.
  stalled: [{ text: 'I begin', fault: 'stall' }, writeResult, writeResult, done],
  'parent-a': [subagent('child-a'), writeResult, done],
  'child-a': [hang, { text: 'The child is done.' }],
  'parent-b': [subagent('child-b'), writeResult, done],
  'child-b': [bareHang, { text: 'The child is done.' }],
  'robbed-by-goal': [stubborn, writeResult, done],
  'taken-by-file': [bareHang, writeResult, done],
  cancelled: [stubborn, done],
  lonely: [stubborn, writeResult, done],
}
const house = new House(replies)
const settings = 'stale_busy: { every_seconds: 1, after_seconds: 4 }\nconcurrency: { tasks: 12 }\n'
let life: Life
beforeAll(async () => {
  await house.open({}, settings)
  await house.warm(Object.keys(replies))
  life = await house.start()
})
afterAll(() => house.close())

const stallOf = (name: string) => house.sees(life, 'session.stalled', (event) => event.data['title'] === name)

describe.concurrent('a turn that hangs', () => {
  it.each(['mute', 'stalled'])('because the model is silent is told as that, and taken over: %s', async (name) => {
    house.drop({ name, keys: { on_hang: 'take-over' } })
    expect((await stallOf(name)).data).toMatchObject({ cause: 'model-silent' })
    expect(await house.over(life, name)).toMatchObject({ status: 'done', attempt: 1 })
    expect(house.count(life, 'session.taken_over', name)).toBe(1)
  })

  it('is said once, with what hangs and since when, and left alone', async () => {
    const folder = house.drop({ name: 'alert' })
    const stalled = await stallOf('alert')
    const told = { cause: 'sleeping', title: 'alert', workspace: folder, runtime: 'opencode' }
    expect(stalled.data).toMatchObject({ ...told, diagnosis: expect.stringContaining('sleep 600') })
    expect(stalled.data['quietForMs']).toBeGreaterThanOrEqual(4_000)
    const list = await house.openloom(['sessions', '--workspace', folder])
    expect(list.out).toContain('stalled: sleeping')
    expect(house.tools(folder).length).toBeGreaterThan(0)
    const session = await house.session(life, 'alert')
    expect((await house.openloom(['sessions', 'abort', session])).out).toContain('is paused')
    await eventually('its processes are gone', () => house.tools(folder).length === 0)
    expect(await house.over(life, 'alert')).toMatchObject({ status: 'paused' })
    const counts = ['session.stalled', 'session.child_killed', 'session.taken_over'] as const
    expect(counts.map((type) => house.count(life, type, 'alert'))).toEqual([1, 0, 0])
  })

  it('goes on when only the process to blame is ended', async () => {
    const folder = house.drop({ name: 'kill-child', keys: { on_hang: 'kill-child' } })
    expect(await house.over(life, 'kill-child')).toMatchObject({ status: 'done', attempt: 1 })
    expect((await stallOf('kill-child')).data).toMatchObject({ cause: 'sleeping' })
    expect(house.lines(folder, 'after.txt')).toEqual(['after'])
    expect(await house.prompts(await house.session(life, 'kill-child'))).toHaveLength(1)
    expect(house.count(life, 'session.child_killed', 'kill-child')).toBe(1)
    expect(house.tools(folder)).toEqual([])
  })

  it.each(['bare', 'stubborn'])('is taken over, and no process of it is left: %s', async (name) => {
    const folder = house.drop({ name, keys: { on_hang: 'take-over' } })
    await house.begun(folder)
    const hung = house.tools(folder)
    expect(hung.length).toBeGreaterThan(0)
    expect(await house.over(life, name)).toMatchObject({ status: 'done' })
    expect(house.count(life, 'session.taken_over', name)).toBe(1)
    expect(house.tools(folder)).toEqual([])
  })

  it('is ended with its task, and no process of it is left', async () => {
    const folder = house.drop({ name: 'cancelled' })
    await house.begun(folder)
    const session = await house.session(life, 'cancelled')
    const [task] = (await house.asked<{ tasks: { id: string; title: string }[] }>('status', '--all')).tasks.filter(
      ({ title }) => title === 'cancelled',
    )
    expect(await house.openloom(['cancel', task?.id ?? ''])).toMatchObject({ code: 0 })
    expect(await house.over(life, 'cancelled')).toMatchObject({ status: 'cancelled' })
    await eventually('its processes are gone', () => house.tools(folder).length === 0)
    expect(await house.prompts(session)).toHaveLength(1)
  })

  it('is none while its tool prints', async () => {
    house.drop({ name: 'healthy', keys: { on_hang: 'take-over' } })
    expect(await house.over(life, 'healthy')).toMatchObject({ status: 'done', attempt: 1 })
    expect(house.count(life, 'session.stalled', 'healthy')).toBe(0)
  })
})

describe.concurrent('a subagent that hangs', () => {
  it('is a hang of the task, which goes on when the process to blame is ended', async () => {
    house.drop({ name: 'parent-a', keys: { on_hang: 'kill-child' } })
    expect(await house.over(life, 'parent-a')).toMatchObject({ status: 'done', attempt: 1 })
    expect((await stallOf('parent-a')).sessionId).toBe(await house.session(life, 'parent-a'))
    expect(await house.prompts(await house.session(life, 'parent-a'))).toHaveLength(1)
  })

  it('is taken over with its task', async () => {
    const folder = house.drop({ name: 'parent-b', keys: { on_hang: 'take-over' } })
    expect(await house.over(life, 'parent-b')).toMatchObject({ status: 'done', attempt: 1 })
    expect(house.tools(folder)).toEqual([])
  })
})

describe.concurrent('a file from somewhere else', () => {
  it('with a goal takes the session of a task over at once; that task is paused with the reason', async () => {
    const folder = house.drop({ name: 'robbed-by-goal' })
    await house.begun(folder)
    const session = await house.session(life, 'robbed-by-goal')
    house.drop({ name: 'robber', keys: { session, abort: true }, workspace: folder })
    expect(await house.over(life, 'robber')).toMatchObject({ status: 'done', attempt: 1 })
    const robbed = await house.over(life, 'robbed-by-goal')
    expect(robbed).toMatchObject({ status: 'paused', reason: { code: 'taken-over' } })
    expect(house.tools(folder)).toEqual([])
  })

  it('without a goal stops the turn of a task at once, and lets it begin again', async () => {
    const folder = house.drop({ name: 'taken-by-file' })
    await house.begun(folder)
    const session = await house.session(life, 'taken-by-file')
    house.dropText('free', `session: ${session}\nabort: true\n`)
    expect(await house.over(life, 'taken-by-file')).toMatchObject({ status: 'done', attempt: 1 })
    const taken = await house.sees(life, 'session.taken_over', ({ sessionId }) => sessionId === session)
    expect(taken.data).toMatchObject({ by: 'person' })
    expect(house.tools(folder)).toEqual([])
  })

  it('stops a turn that the user started in OpenCode, and tells that session to go on', async () => {
    const folder = house.workspace('lonely')
    const session = await house.startElsewhere(folder, 'lonely')
    await house.begun(folder)
    house.dropText('rescue', `session: ${session}\nabort: true\n`)
    await eventually('it did its work', () => house.lines(folder, 'result.txt').includes('right'), 240_000)
    expect(house.tools(folder)).toEqual([])
    expect(await house.prompts(session)).toHaveLength(2)
  })
})
