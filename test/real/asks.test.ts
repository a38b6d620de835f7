/** What sessions of the real server ask: every way to answer, and nothing that is answered by itself. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Life } from '../fakes/daemon.ts'
import type { EventLog } from '../fakes/opencode-client.ts'
import { asksColour, bash, done, House, subagent, writeResult } from './house.ts'

const twice = bash('echo same >> log.txt')
const elsewhere = bash('echo wrong > result.txt')

const ask = { bash: 'ask' }
const same = bash('echo same >> log.txt').tool_calls
const both = { tool_calls: [...writeResult.tool_calls, ...bash('echo two > two.txt').tool_calls] }

const house = new House({
  'by-command': [writeResult, done],
  'by-file': [writeResult, done],
  always: [twice, twice, writeResult, done],
  denied: [elsewhere, { text: 'Another way.' }, done],
  'denied-by-file': [elsewhere, { text: 'Another way.' }, done],
  'too-late': [elsewhere, { text: 'Another way.' }, done],
  accepted: [bash('touch same.txt'), writeResult, done],
  colour: [asksColour, writeResult, done],
  parent: [subagent('child'), writeResult, done],
  child: [bash('echo child >> child.txt'), { text: 'The child is done.' }],
  'put-off': [writeResult, { text: 'It is missing.' }, writeResult, done],
  'colour-later': [asksColour, writeResult, done],
  circles: [{ tool_calls: [...same, ...same, ...same, ...same] }, { text: 'Round and round.' }, writeResult, done],
  'at-once': [both, { text: 'Both are missing.' }, both, done],
  // The call that was stopped is answered: by that.
  stopped: [writeResult, writeResult, done],
})
let life: Life
let wire: EventLog
beforeAll(async () => {
  // Before the server starts: it reads the settings of this folder when it is first asked anything.
  mkdirSync(house.server.work, { recursive: true })
  writeFileSync(join(house.server.work, 'opencode.json'), JSON.stringify({ permission: ask }))
  await house.open({}, 'concurrency: { tasks: 12 }\ndefaults: { ask: wait }\n')
  life = await house.start()
  wire = await house.server.client.follow()
})
afterAll(async () => {
  await wire.close()
  await house.close()
})

const noResult = { permission: ask, check: 'absent: result.txt' }
const wasTold = (text: string): boolean =>
  house.server.requests.some((request) => JSON.stringify(request.body?.messages).includes(text))
const waits = async (name: string, what: string): Promise<void> => {
  const isIt = (event: { data: Record<string, unknown> }) =>
    (event.data['task'] as { title?: string } | undefined)?.title === name
  const { data } = await house.sees(life, 'task.waiting', isIt)
  expect(data['task']).toMatchObject({ reason: { code: what } })
}

describe.concurrent('a permission that a session asks for', () => {
  it('in the folder that the server was started in is given by a command', async () => {
    house.drop({ name: 'by-command', workspace: house.server.work })
    const id = await house.ask(life, 'by-command')
    await waits('by-command', 'needs-permission')
    expect((await house.openloom(['asks'])).out).toContain('echo right > result.txt')
    expect(await house.openloom(['approve', id])).toMatchObject({ code: 0, out: expect.stringContaining('once') })
    expect(await house.over(life, 'by-command')).toMatchObject({ status: 'done', attempt: 1 })
  })

  it('is given by a file', async () => {
    house.drop({ name: 'by-file', permission: ask })
    house.dropText('yes', `approve: ${await house.ask(life, 'by-file')}\n`)
    expect(await house.over(life, 'by-file')).toMatchObject({ status: 'done', attempt: 1 })
  })

  it('is given for good by us, and never by OpenCode', async () => {
    const folder = house.drop({ name: 'always', permission: ask })
    await house.answer(life, 'always', { reply: 'always' })
    const isLast = ({ data }: { data: Record<string, unknown> }) =>
      data['title'] === 'always' && JSON.stringify(data).includes('result.txt')
    const last = await house.sees(life, 'ask.raised', isLast)
    await house.openloom(['approve', String(last.data['askId'])])
    expect(await house.over(life, 'always')).toMatchObject({ status: 'done', attempt: 1 })
    expect(house.lines(folder, 'log.txt')).toEqual(['same', 'same'])
    const session = await house.session(life, 'always')
    const of = (type: string) =>
      wire.events.flatMap(({ payload }) =>
        payload.type === type && payload.properties['sessionID'] === session ? [payload.properties] : [],
      )
    expect(of('permission.asked')).toHaveLength(3)
    expect(of('permission.replied').map(({ reply }) => reply)).toEqual(['once', 'once', 'once'])
    expect(house.count(life, 'ask.raised', 'always')).toBe(2)
    expect((await house.openloom(['asks', '--grants'])).out).toContain('echo same >> log.txt')
  })

  it.each(['denied', 'denied-by-file'])('is denied with a word to the agent, which does it not: %s', async (name) => {
    house.drop({ name, ...noResult })
    const id = await house.ask(life, name)
    if (name === 'denied') await house.openloom(['deny', id, '--message', 'Not with bash.'])
    else house.dropText('no', `deny: ${id}\nmessage: Never in that way.\n`)
    expect(await house.over(life, name)).toMatchObject({ status: 'done', attempt: 1 })
    expect(wasTold(name === 'denied' ? 'Not with bash.' : 'Never in that way.')).toBe(true)
  })

  it('is denied when nobody answers in time', async () => {
    house.drop({ name: 'too-late', keys: { ask_deadline_minutes: 0.02 }, ...noResult })
    expect(await house.over(life, 'too-late')).toMatchObject({ status: 'done', attempt: 1 })
    const id = await house.ask(life, 'too-late')
    const answered = await house.sees(life, 'ask.answered', ({ data }) => data['askId'] === id)
    expect(answered.data).toMatchObject({ by: 'deadline' })
    expect(wasTold('Nobody answered within')).toBe(true)
  })

  it('is given unasked where the task says so, and only there', async () => {
    const folder = house.workspace('accepted', ask)
    const task = { title: 'accepted', goal: 'Do accepted.', workspace: folder, runtime: 'opencode' }
    const more = { auto_accept: ['bash touch *'], checks: ['contains: result.txt /right/'] }
    expect(await house.post(life, '/api/tasks', { ...task, ...more })).toMatchObject({ status: 201 })
    const { data } = await house.sees(life, 'ask.raised', (event) => event.data['title'] === 'accepted')
    expect(JSON.stringify(data)).toContain('result.txt')
    expect(existsSync(join(folder, 'same.txt'))).toBe(true)
    await house.openloom(['approve', String(data['askId'])])
    expect(await house.over(life, 'accepted')).toMatchObject({ status: 'done', attempt: 1 })
  })

  it('by a subagent is one of the task', async () => {
    const folder = house.drop({ name: 'parent', permission: { bash: { '*': 'allow', 'echo child*': 'ask' } } })
    await waits('parent', 'needs-permission')
    await house.answer(life, 'parent', { reply: 'once' })
    expect(await house.over(life, 'parent')).toMatchObject({ status: 'done', attempt: 1 })
    expect(house.lines(folder, 'child.txt')).toEqual(['child'])
  })

  it('ends with the turn that asked, and is no ghost afterwards', async () => {
    house.drop({ name: 'stopped', permission: ask })
    const id = await house.ask(life, 'stopped')
    await house.openloom(['sessions', 'abort', await house.session(life, 'stopped')])
    await house.sees(life, 'ask.ended', ({ data }) => data['askId'] === id)
    expect((await house.openloom(['asks'])).out).not.toContain(id)
    expect(await house.over(life, 'stopped')).toMatchObject({ status: 'paused' })
    await house.openloom(['resume', (await house.over(life, 'stopped')).id])
    await house.sees(life, 'ask.raised', ({ data }) => data['title'] === 'stopped' && data['askId'] !== id)
  })
})

describe.concurrent('a question that a session asks', () => {
  it('waits for a person, whatever is accepted unasked, and goes on with the answer', async () => {
    house.drop({ name: 'colour', keys: { auto_accept: true } })
    const id = await house.ask(life, 'colour')
    await waits('colour', 'needs-question')
    expect(await house.openloom(['answer', id, 'blue'])).toMatchObject({ code: 0 })
    expect(await house.over(life, 'colour')).toMatchObject({ status: 'done', attempt: 1 })
    const answered = await house.sees(life, 'ask.answered', ({ data }) => data['askId'] === id)
    expect(answered.data).toMatchObject({ by: 'person' })
    expect(wasTold('Blue')).toBe(true)
  })
})

describe.concurrent('what a run does not wait for', () => {
  const goesOn = { ask: 'continue' }

  it('PM-6 is asked while it goes on; the answer comes with the next prompt and holds for that call', async () => {
    const folder = house.drop({ name: 'put-off', keys: goesOn, permission: ask })
    await waits('put-off', 'needs-permission')
    expect(existsSync(join(folder, 'result.txt'))).toBe(false)
    await house.openloom(['approve', await house.ask(life, 'put-off')])
    expect(await house.over(life, 'put-off')).toMatchObject({ status: 'done', attempt: 2 })
    expect(house.count(life, 'ask.raised', 'put-off')).toBe(1)
    expect(wasTold('Not done: a person was asked, and the work does not wait for it.')).toBe(true)
    expect(wasTold('It is allowed. Make exactly that call again if you still need it.')).toBe(true)
  })

  it('PM-6 may be a question', async () => {
    house.drop({ name: 'colour-later', keys: goesOn })
    const id = await house.ask(life, 'colour-later')
    expect(await house.over(life, 'colour-later')).toMatchObject({ status: 'done', attempt: 1 })
    expect(wasTold('Not answered yet: a person was asked')).toBe(true)
    await house.sees(life, 'ask.ended', ({ data }) => data['askId'] === id)
  })

  it('PM-6 is not whether it may go on in circles: it may not, and nobody is asked', async () => {
    house.drop({ name: 'circles', keys: { ...goesOn, max_attempts: 2 } })
    expect(await house.over(life, 'circles')).toMatchObject({ status: 'failed', attempt: 2 })
    expect(house.count(life, 'ask.raised', 'circles')).toBe(0)
    expect(house.begunTurns('circles')).toBe(2)
  })

  it('PM-6 may be two calls of one step, where OpenCode ends the turn with the first', async () => {
    const folder = house.drop({ name: 'at-once', keys: goesOn, permission: ask })
    await waits('at-once', 'needs-permission')
    const raised = life.events.filter(({ type, data }) => type === 'ask.raised' && data['title'] === 'at-once')
    expect(raised).toHaveLength(2)
    for (const { data } of raised)
      expect(await house.openloom(['approve', String(data['askId'])])).toMatchObject({ code: 0 })
    expect(await house.over(life, 'at-once')).toMatchObject({ status: 'done', attempt: 3 })
    expect(house.lines(folder, 'two.txt')).toEqual(['two'])
  })
})
