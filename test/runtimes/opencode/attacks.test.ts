/** What went wrong when OpenCode was used in anger: broken folders, turns ended too early, turns without end, flaps. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { ok } from '../../../src/core/problem.ts'
import { type OwnServer, ServerSource } from '../../../src/runtimes/opencode/source.ts'
import { lookUntil } from '../../contracts/runtime.ts'
import { HandClock } from '../../fakes/clock.ts'
import { FakeOpenCode } from '../../fakes/opencode.ts'
import { limits, openCodeWorld, openSession } from './world.ts'

const prompt = (sessionId: string, promptId: string) => ({ sessionId, promptId, text: 'Do it.', limits })

describe('one folder whose opencode.json is broken', () => {
  it('does not keep the sessions of the others from being watched and worked in', async () => {
    const w = await openCodeWorld()
    const id = await openSession(w)
    const data = { path: '/srv/bad/opencode.json', message: '\n--- JSONC Input ---\n{\n--- End ---' }
    const body = JSON.stringify({ name: 'ConfigJsonError', data })
    w.fake.fault({ status: 400, body }, { path: /^\/(session\/status|permission|question)$/ })
    await w.again()
    expect(await w.runtime.available()).toMatchObject({ kind: 'ready' })
    expect(await w.runtime.prompt(prompt(id, 't1.1'))).toMatchObject({ ok: true })
    w.fake.fault({ status: 400, body }, { path: /^\/session$/ })
    const refused = await w.runtime.open({
      ...{ taskId: 't2', title: 'B', workspace: '/srv/bad', agent: null, model: null, session: null },
    })
    expect(refused).toMatchObject({
      ok: false,
      problems: [{ text: expect.stringContaining('/srv/bad/opencode.json') }],
    })
    expect(JSON.stringify(refused)).not.toContain('\\n')
  })
})

describe('a turn that is to be ended', () => {
  it('before it has begun, as in a cold folder, is ended when it begins', async () => {
    const w = await openCodeWorld()
    const id = await openSession(w)
    await w.runtime.prompt(prompt(id, 't1.1'))
    const aborted = w.runtime.abort(id)
    await vi.waitFor(() => expect(w.fake.calls.some((call) => call.path.endsWith('/abort'))).toBe(true))
    w.fake.turn(id).tool('bash', { command: 'make' })
    await aborted
    expect(w.fake.isRunning(id)).toBe(false)
    expect((await w.runtime.look(id)).state).toEqual({ kind: 'interrupted', promptId: 't1.1' })
  })

  it('leaves no process of any call that runs, though they run at once and none was told of yet', async () => {
    const w = await openCodeWorld()
    const id = await openSession(w)
    await w.runtime.prompt(prompt(id, 't1.1'))
    const turn = w.fake.turn(id)
    await lookUntil(w.runtime, id, ['busy'])
    const commands = [611, 612].map((seconds) => `trap '' TERM; sleep ${seconds} & wait`)
    w.fake.untold(() => {
      for (const command of commands) turn.tool('bash', { command })
    })
    const deaf = commands.map((command) => spawn('sh', ['-c', command], { stdio: 'ignore' }))
    onTestFinished(() => {
      for (const child of deaf) child.kill('SIGKILL')
    })
    const ends = Promise.all(deaf.map((child) => once(child, 'exit')))
    await w.runtime.abort(id)
    expect(await ends).toEqual(commands.map(() => [null, 'SIGKILL']))
  })

  it('while its server cannot be reached is ended when it can', async () => {
    const w = await openCodeWorld()
    const id = await openSession(w)
    await w.runtime.prompt(prompt(id, 't1.1'))
    w.fake.turn(id).tool('bash', { command: 'make' })
    await lookUntil(w.runtime, id, ['busy'])
    w.fake.fault({ status: 503 })
    w.fake.dropStreams()
    await vi.waitFor(() => expect(w.runtime.follower.now).toBe(null))
    await w.runtime.abort(id)
    expect(w.fake.isRunning(id)).toBe(true)
    w.fake.healed()
    await vi.waitFor(() => expect(w.fake.isRunning(id)).toBe(false), 5_000)
  })
})

describe('a turn of more messages than one page', () => {
  it.each([
    ['names its prompt in every answer', false],
    ['was compacted on its way', true],
  ])('is still known for ours when it %s', async (_, compacted) => {
    const w = await openCodeWorld()
    const id = await openSession(w)
    const session = w.fake.world.sessions.get(id)
    if (!session) throw new Error('no session')
    await w.runtime.prompt(prompt(id, 't1.1'))
    const turn = w.fake.turn(id)
    for (let step = 0; step < 230; step++) turn.nextStep()
    if (compacted) {
      w.fake.world.addUser(session, { parts: [{ type: 'text', text: 'Continue.', synthetic: true }] })
      turn.nextStep()
    }
    await w.again()
    expect((await lookUntil(w.runtime, id, ['busy'])).turn).toBe('t1.1')
    turn.text('Done.')
    turn.finish()
    expect((await lookUntil(w.runtime, id, ['idle'])).state).toMatchObject({ promptId: 't1.1', complete: true })
  })
})

describe('a prompt', () => {
  const sent = (w: { fake: FakeOpenCode }) =>
    w.fake.calls.filter((call) => call.path.endsWith('/prompt_async')).map((call) => call.body)

  it('names the model and agent of its task, also in a session of somebody else', async () => {
    const w = await openCodeWorld()
    const session = await openSession(w, 't1')
    const wish = { agent: 'plan', model: 'scripted/scripted-model' }
    const request = { taskId: 't9', title: 'B', workspace: '/srv/app', session, ...wish }
    expect(await w.runtime.open(request)).toEqual({ ok: true, value: { sessionId: session } })
    await w.runtime.prompt({ ...prompt(session, 't9.1'), ...wish })
    const model = { providerID: 'scripted', modelID: 'scripted-model' }
    expect(sent(w)).toMatchObject([{ agent: 'plan', model }])
  })

  it('is refused with a model that names no provider, which would be left out silently', async () => {
    const w = await openCodeWorld()
    const request = { taskId: 't1', title: 'A', workspace: '/srv/app', agent: null, model: 'gpt', session: null }
    expect(await w.runtime.open(request)).toMatchObject({ ok: false, problems: [{ kind: 'model-unknown' }] })
  })

  it('that shared its answer with one of somebody else is not sent again as a turn without a question', async () => {
    const clock = new HandClock()
    const w = await openCodeWorld({}, clock)
    const id = await openSession(w)
    const session = w.fake.world.sessions.get(id)
    if (!session) throw new Error('no session')
    await w.runtime.prompt(prompt(id, 't1.1'))
    w.fake.world.addUser(session, { parts: [{ type: 'text', text: 'I am another daemon.' }] })
    w.fake.turn(id).text('For both.')
    w.fake.turn(id).finish()
    await clock.advance(21_000)
    await vi.waitFor(async () =>
      expect((await w.runtime.look(id)).state).toMatchObject({ kind: 'idle', promptId: null }),
    )
    expect(sent(w)).toHaveLength(1)
    await w.runtime.prompt(prompt(id, 't1.1'))
    const [first, second] = sent(w)
    expect(second?.['messageID']).not.toBe(first?.['messageID'])
  })
})

describe('a server', () => {
  it('that answers 500 for a while is waited for, not given to a person', async () => {
    const w = await openCodeWorld()
    w.fake.fault({ status: 500, body: '{"name":"UnknownError","data":{"message":"boom"}}' })
    expect(await w.runtime.available()).toMatchObject({
      kind: 'unavailable',
      transient: true,
      problem: { kind: 'opencode-ill', text: expect.stringContaining('500') },
    })
    w.fake.healed()
    expect(await w.runtime.available()).toMatchObject({ kind: 'ready' })
  })

  it('that cuts the stream again and again is not asked ever faster', async () => {
    const clock = new HandClock()
    const w = await openCodeWorld({}, clock)
    w.runtime.watch.start()
    for (let cut = 0; cut < 6; cut++) {
      await vi.waitFor(async () => {
        await clock.advance(500)
        expect(w.fake.followers).toBe(1)
        expect(w.runtime.follower.now).not.toBe(null)
      })
      const live = w.runtime.follower.now
      w.fake.dropStreams()
      await vi.waitFor(() => expect(w.runtime.follower.now).not.toBe(live))
    }
    const { length } = w.fake.calls
    await new Promise((resolve) => setImmediate(resolve))
    await clock.advance(900)
    expect(w.fake.calls).toHaveLength(length)
    await clock.advance(1_200)
    await vi.waitFor(() => expect(w.fake.calls.length).toBeGreaterThan(length))
  })

  it('of somebody that goes away is waited for; none of our own is started beside it', async () => {
    const fake = await new FakeOpenCode().open()
    let starts = 0
    const address = { url: 'http://127.0.0.1:1', username: 'opencode', password: 'ours', pid: 2 }
    const own: OwnServer = {
      ensure: async () => {
        starts += 1
        return ok(address)
      },
      restart: async () => ok(undefined),
      recycle: async () => undefined,
      pid: null,
      onExit: () => undefined,
      stop: async () => undefined,
    }
    const options = { mode: 'auto' as const, own, command: 'opencode' }
    const source = new ServerSource({ address: { url: fake.url, username: 'opencode', password: '' }, ...options })
    expect(await source.address(true)).toMatchObject({ ok: true, value: { url: fake.url } })
    await fake.close()
    expect(await source.address(true)).toMatchObject({ ok: true, value: { url: fake.url } })
    expect(source.canStart()).toBe(null)
    expect(starts).toBe(0)
    const other = new ServerSource({ address: { url: fake.url, username: 'opencode', password: '' }, ...options })
    expect(await other.address(true)).toMatchObject({ ok: true, value: { password: 'ours' } })
  })
})

describe('a list of the server', () => {
  it('with one entry of an unknown shape still gives the others', async () => {
    const w = await openCodeWorld()
    const id = await openSession(w)
    await w.runtime.prompt(prompt(id, 't1.1'))
    const turn = w.fake.turn(id)
    void turn.asks(turn.tool('bash', { command: 'ls' }), { permission: 'bash', patterns: ['ls'], always: [] })
    const asks = w.fake.world.asks as Map<string, { id: string; sessionId: string; kind: string; body: unknown }>
    asks.set('per_odd', { id: 'per_odd', sessionId: id, kind: 'permission', body: { id: 7 } })
    await w.again()
    expect((await lookUntil(w.runtime, id, ['waiting'])).state).toMatchObject({ for: 'permission' })
  })
})
