/** The whole way with the real server: a file is dropped, OpenCode works, the files are the proof. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Life } from '../fakes/daemon.ts'
import { bash, done, House, stubborn, writeResult } from './house.ts'

const hang = bash('sleep 600; echo after', { timeout: 900_000 })
const question = {
  question: 'Which colour?',
  header: 'Colour',
  options: [
    { label: 'Red', description: 'Like fire' },
    { label: 'Blue', description: 'Like the sea' },
  ],
}
const task = (name: string) => ({
  tool_calls: [
    { name: 'task', arguments: { description: name, prompt: `Child of ${name}.`, subagent_type: 'general' } },
  ],
})
const twenty = Array.from({ length: 20 }, (_, index) => bash(`echo ${index} >> count.txt`))

const house = new House({
  plain: [writeResult, done],
  twenty: [...twenty, writeResult, done],
  claims: [{ text: 'All is done.' }, writeResult, done],
  'rate-limit': [{ fault: '429', retry_after: 1 }, writeResult, done],
  'server-error': [{ fault: 'http', status: 500, retry_after: 0.2 }, writeResult, done],
  'bad-key': [{ fault: 'http', status: 401, message: 'bad key', times: 1_000 }],
  empty: [{ fault: 'empty' }, writeResult, done],
  'cut-off': [{ text: 'I will now', finish: 'length' }, writeResult, done],
  'permission-once': [writeResult, done],
  'permission-denied': [bash('echo wrong > result.txt'), { text: 'Another way.' }, done],
  question: [{ tool_calls: [{ name: 'question', arguments: { questions: [question] } }] }, writeResult, done],
  'kill-child': [hang, writeResult, done],
  'take-over': [stubborn, writeResult, done],
  'by-file': [stubborn, writeResult, done],
  first: [bash('sleep 2; echo right > result.txt'), done, bash('echo second >> order.txt'), done],
  subagent: [task('helper'), writeResult, done],
  helper: [hang, { text: 'The child is done.' }],
})
let life: Life
beforeAll(async () => {
  await house.open({ OPENLOOM_STALE_BUSY_SECONDS: '3' })
  life = await house.start()
})
afterAll(() => house.close())

describe('a task on OpenCode', () => {
  it.each(['plain', 'twenty', 'rate-limit', 'server-error'])('is done at the first attempt: %s', async (name) => {
    house.drop({ name })
    expect(await house.over(life, name)).toMatchObject({ status: 'done', verdict: 'verified', attempt: 1 })
  })

  it.each(['claims', 'empty', 'cut-off'])('goes on until the files say so: %s', async (name) => {
    house.drop({ name })
    const ended = await house.over(life, name)
    expect(ended).toMatchObject({ status: 'done', verdict: 'verified' })
    expect((await house.prompts(await house.session(life, name))).length).toBeGreaterThan(1)
  })

  it('waits for a person when the key is refused', async () => {
    house.drop({ name: 'bad-key' })
    const ended = await house.over(life, 'bad-key')
    expect(ended).toMatchObject({ status: 'paused', reason: { text: expect.stringContaining('bad key') } })
  })

  it('goes on when its permission is given, in a folder that the server was not started in', async () => {
    house.drop({ name: 'permission-once', permission: { bash: 'ask' } })
    await house.answer(life, 'permission-once', { reply: 'once' })
    expect(await house.over(life, 'permission-once')).toMatchObject({ status: 'done', attempt: 1 })
  })

  it('is told why when its permission is denied, and does not do it', async () => {
    const keys = { max_attempts: 1 }
    house.drop({ name: 'permission-denied', keys, permission: { bash: 'ask' }, check: 'absent: result.txt' })
    await house.answer(life, 'permission-denied', { reply: 'reject', message: 'Not with bash.' })
    expect(await house.over(life, 'permission-denied')).toMatchObject({ status: 'done' })
    const told = house.server.requests.some((request) => JSON.stringify(request.body).includes('Not with bash.'))
    expect(told).toBe(true)
  })

  it('goes on when its question is answered', async () => {
    house.drop({ name: 'question' })
    await house.answer(life, 'question', { answers: [['Blue']] })
    expect(await house.over(life, 'question')).toMatchObject({ status: 'done', attempt: 1 })
    expect(house.server.requests.some((request) => JSON.stringify(request.body).includes('Blue'))).toBe(true)
  })

  it('comes after the turn that runs in its session', async () => {
    const workspace = house.drop({ name: 'first' })
    const session = await house.session(life, 'first')
    await house.hangs()
    house.drop({ name: 'second', keys: { session }, check: 'contains: order.txt /second/', workspace })
    expect(await house.over(life, 'first')).toMatchObject({ status: 'done', attempt: 1 })
    expect(await house.over(life, 'second')).toMatchObject({ status: 'done', attempt: 1 })
  })
})

describe('a turn that hangs', () => {
  it('goes on when only the process to blame is ended', async () => {
    house.drop({ name: 'kill-child', keys: { on_hang: 'kill-child' } })
    expect(await house.over(life, 'kill-child')).toMatchObject({ status: 'done', attempt: 1 })
    const stalled = await house.sees(life, 'session.stalled', ({ data }) => data['title'] === 'kill-child')
    expect(stalled.data).toMatchObject({ cause: 'sleeping', title: 'kill-child' })
    await house.sees(life, 'session.child_killed', ({ data }) => data['title'] === 'kill-child')
    expect(await house.prompts(await house.session(life, 'kill-child'))).toHaveLength(1)
  })

  it('in a subagent is that of the task, and goes on the same way', async () => {
    house.drop({ name: 'subagent', keys: { on_hang: 'kill-child' } })
    expect(await house.over(life, 'subagent')).toMatchObject({ status: 'done', attempt: 1 })
    await house.sees(life, 'session.stalled', ({ data }) => data['title'] === 'subagent')
  })

  it('is taken over, and no process is left of a command that ignores TERM', async () => {
    house.drop({ name: 'take-over', keys: { on_hang: 'take-over' } })
    await house.hangs()
    const hung = house.tools
    expect(await house.over(life, 'take-over')).toMatchObject({ status: 'done' })
    await house.sees(life, 'session.taken_over', ({ data }) => data['title'] === 'take-over')
    expect(house.tools.filter((pid) => hung.includes(pid))).toEqual([])
  })

  it('is taken over at once by a file from somewhere else', async () => {
    const workspace = house.drop({ name: 'by-file' })
    await house.hangs()
    const hung = house.tools
    const session = await house.session(life, 'by-file')
    house.drop({ name: 'rescue', keys: { session, abort: true }, workspace })
    expect(await house.over(life, 'rescue')).toMatchObject({ status: 'done', attempt: 1 })
    expect(house.tools.filter((pid) => hung.includes(pid))).toEqual([])
  })
})

describe('a model that is silent', () => {
  it('is told as that, and its turn is taken over', async () => {
    const silent = new House({
      mute: [{ fault: 'stall' }, writeResult, done],
      stalled: [{ text: 'I begin', fault: 'stall' }, writeResult, done],
    })
    onTestFinished(() => silent.close())
    // Half a minute is what a model may think without being called silent.
    await silent.open({ OPENLOOM_STALE_BUSY_SECONDS: '31' })
    const watched = await silent.start()
    const names = ['mute', 'stalled']
    for (const name of names) silent.drop({ name, keys: { on_hang: 'take-over' } })
    for (const name of names) {
      const stalled = await silent.sees(watched, 'session.stalled', ({ data }) => data['title'] === name)
      expect(stalled.data).toMatchObject({ cause: 'model-silent' })
      expect(await silent.over(watched, name)).toMatchObject({ status: 'done' })
    }
  })
})
