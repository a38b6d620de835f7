/** Tasks on the real server: a file is dropped, OpenCode works, the files are the proof. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TaskItem } from '../../src/core/task.ts'
import type { Life } from '../fakes/daemon.ts'
import { bash, done, House, untilLetGo, writeResult } from './house.ts'

const twenty = Array.from({ length: 20 }, (_, index) => bash(`echo ${index} >> count.txt`))
const refuses = { fault: 'http', status: 500, retry_after: 0.1, message: 'no room' } as const

const house = new House({
  plain: [writeResult, done],
  twenty: [...twenty, writeResult, done],
  claims: [{ text: 'All is done.' }, writeResult, done],
  'rate-limit': [{ fault: '429', retry_after: 2 }, writeResult, done],
  'server-error': [{ ...refuses, times: 2 }, writeResult, done],
  'server-gives-up': [{ ...refuses, times: 7 }, writeResult, done],
  'bad-key': [{ fault: 'http', status: 401, message: 'bad key', times: 1_000 }],
  // An answer without a word is no turn of the model's history.
  empty: [{ fault: 'empty', times: 2 }, writeResult, done],
  'cut-off': [{ text: 'I will now', finish: 'length' }, writeResult, done],
  'no-model': [writeResult, done],
  'no-agent': [writeResult, done],
  joined: [untilLetGo, { text: 'Both.' }, { text: 'Yes.' }],
  deleted: [untilLetGo, done],
  first: [untilLetGo, done, bash('echo second >> order.txt'), done],
  user: [untilLetGo, done, bash('echo task >> order.txt'), done],
})
let life: Life
beforeAll(async () => {
  await house.open({}, 'concurrency: { tasks: 12 }\n')
  life = await house.start()
})
afterAll(() => house.close())

const isDone = { status: 'done', verdict: 'verified' }
const waitingFor = async (name: string, code: string): Promise<void> => {
  const taskOf = (event: { data: Record<string, unknown> }) => event.data['task'] as TaskItem | undefined
  await house.sees(life, 'task.waiting', (event) => {
    const task = taskOf(event)
    return task?.title === name && task.reason?.code === code
  })
}

describe.concurrent('a task on OpenCode', () => {
  it.each(['plain', 'twenty', 'server-error'])('is done at the first attempt: %s', async (name) => {
    house.drop({ name })
    expect(await house.over(life, name)).toMatchObject({ ...isDone, attempt: 1 })
    expect(await house.prompts(await house.session(life, name))).toHaveLength(1)
  })

  it('is prompted with what was missing, in the same session', async () => {
    house.drop({ name: 'claims' })
    expect(await house.over(life, 'claims')).toMatchObject({ ...isDone, attempt: 2 })
    expect(house.count(life, 'session.opened', 'claims')).toBe(1)
    expect(await house.prompts(await house.session(life, 'claims'))).toHaveLength(2)
    const last = house.server.requests.findLast(({ body }) => JSON.stringify(body).includes('Do claims.'))
    expect(JSON.stringify(last?.body?.messages)).toContain('result.txt does not exist')
  })

  it.each(['empty', 'cut-off'])('is not done by an answer that is none: %s', async (name) => {
    house.drop({ name })
    const { attempt, ...ended } = await house.over(life, name)
    expect(ended).toMatchObject(isDone)
    expect(attempt).toBeGreaterThan(1)
  })

  it('goes on in the same turn when the provider has room again', async () => {
    house.drop({ name: 'rate-limit' })
    const session = await house.session(life, 'rate-limit')
    expect(await house.over(life, 'rate-limit')).toMatchObject({ ...isDone, attempt: 1 })
    expect(await house.prompts(session)).toHaveLength(1)
  })

  it('waits and tries again when OpenCode gave the provider up', async () => {
    house.drop({ name: 'server-gives-up' })
    await waitingFor('server-gives-up', 'model-error')
    expect(await house.over(life, 'server-gives-up')).toMatchObject({ ...isDone, attempt: 1 })
  })

  it('is for a person when the key is refused', async () => {
    house.drop({ name: 'bad-key' })
    const { status, reason } = await house.over(life, 'bad-key')
    expect(status).toBe('paused')
    expect(reason).toMatchObject({ code: 'model-auth', text: expect.stringContaining('opencode auth login') })
    expect(reason?.text).toContain('bad key')
  })

  it.each(['model', 'agent'])('is for a person when there is no such %s', async (key) => {
    house.drop({ name: `no-${key}`, keys: { [key]: key === 'model' ? 'scripted/nowhere' : 'nowhere' } })
    const { status, reason } = await house.over(life, `no-${key}`)
    expect(status).toBe('paused')
    expect(reason?.text).toMatch(/nowhere.*model and agent of the task/s)
  })

  it('is done as well when the user says something in the middle of its turn', async () => {
    const workspace = house.drop({ name: 'joined' })
    await house.begun(workspace)
    const session = await house.session(life, 'joined')
    const body = { parts: [{ type: 'text', text: 'And be quick.' }] }
    await house.server.client.get(`POST /session/${session}/prompt_async`, { body, directory: workspace })
    house.letGo(workspace)
    expect(await house.over(life, 'joined')).toMatchObject({ ...isDone, attempt: 1 })
  })

  it('goes on in a new session when the user deletes its own', async () => {
    const workspace = house.drop({ name: 'deleted' })
    await house.begun(workspace)
    const session = await house.session(life, 'deleted')
    house.letGo(workspace)
    await house.server.client.get(`POST /session/${session}/abort`, { directory: workspace })
    await house.server.client.get(`DELETE /session/${session}`, { directory: workspace })
    expect(await house.over(life, 'deleted')).toMatchObject(isDone)
    await house.sees(life, 'session.vanished', ({ sessionId }) => sessionId === session)
  })

  it('comes after the task that works in its session', async () => {
    const workspace = house.drop({ name: 'first' })
    await house.begun(workspace)
    const session = await house.session(life, 'first')
    house.drop({ name: 'second', keys: { session }, check: 'contains: order.txt /second/', workspace })
    await house.sees(life, 'task.created', ({ data }) => (data['task'] as TaskItem).title === 'second')
    house.letGo(workspace)
    for (const name of ['first', 'second']) {
      expect(await house.over(life, name)).toMatchObject({ ...isDone, attempt: 1 })
    }
    expect(await house.prompts(session)).toHaveLength(2)
  })

  it('comes after the turn that the user runs in its session', async () => {
    const workspace = house.workspace('user')
    const session = await house.startElsewhere(workspace, 'user')
    await house.begun(workspace)
    house.drop({ name: 'guest', keys: { session }, check: 'contains: order.txt /task/', workspace })
    await waitingFor('guest', 'session-busy')
    house.letGo(workspace)
    expect(await house.over(life, 'guest')).toMatchObject({ ...isDone, attempt: 1 })
    expect(house.lines(workspace, 'result.txt')).toEqual(['right'])
  })
})
