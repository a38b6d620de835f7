/** What goes wrong between a prompt and its answer, driven by hand on the fake server. */
import { describe, expect, it, vi } from 'vitest'
import { lookUntil } from '../../contracts/runtime.ts'
import { HandClock } from '../../fakes/clock.ts'
import { limits, openCodeWorld, openSession } from './world.ts'

const prompt = (sessionId: string, promptId: string, text = 'Do it.') => ({ sessionId, promptId, text, limits })
const sends = (calls: readonly { path: string; body: unknown }[]) =>
  calls.filter((call) => call.path.endsWith('/prompt_async')).map((call) => call.body as { messageID: string })

describe('a session of OpenCode', () => {
  it('is starting, not finished, right after a prompt, while its status is still absent', async () => {
    const w = await openCodeWorld()
    const id = await openSession(w)
    await w.runtime.prompt(prompt(id, 't1.1'))
    expect((await w.runtime.look(id)).state).toEqual({ kind: 'starting' })
    w.fake.turn(id).text('Done.')
    expect((await lookUntil(w.runtime, id, ['busy'])).turn).toBe('t1.1')
    w.fake.turn(id).finish()
    const { state } = await lookUntil(w.runtime, id, ['idle'])
    expect(state).toEqual({ kind: 'idle', promptId: 't1.1', complete: true, text: 'Done.' })
  })

  it('has not broken off when a slow server is idle before it has written how the turn ended', async () => {
    const w = await openCodeWorld()
    const id = await openSession(w)
    await w.runtime.prompt(prompt(id, 't1.1'))
    w.fake.turn(id).text('Done.')
    await lookUntil(w.runtime, id, ['busy'])
    const session = w.fake.world.sessions.get(id)
    if (!session) throw new Error('no session')
    const reads = () => w.fake.calls.filter(({ path }) => path.endsWith(`${id}/message`)).length
    const before = reads()
    w.fake.world.setStatus(session, { type: 'idle' })
    await vi.waitFor(() => expect(w.runtime.board.sessions.get(id)?.status.kind).toBe('idle'))
    const looked = w.runtime.look(id)
    await vi.waitFor(() => expect(reads() - before).toBeGreaterThan(2), { timeout: 3_000 })
    w.fake.turn(id).finish()
    expect((await looked).state).toMatchObject({ kind: 'idle', promptId: 't1.1', complete: true })
  })

  it('carries the mark of its task, and is found by it when the note of it was lost', async () => {
    const w = await openCodeWorld()
    const id = await openSession(w, 't7')
    w.store.ledger.db.run('delete from sessions')
    await w.again()
    w.runtime.watch.start()
    await vi.waitFor(() => expect(w.runtime.board.sessions.has(id)).toBe(true))
    expect(await openSession(w, 't7')).toBe(id)
  })

  it('is prompted with the model and agent of its task, whatever the watch stored of it meanwhile', async () => {
    const w = await openCodeWorld()
    const id = await openSession(w)
    const told = w.runtime.board.sessions.get(id)?.session
    if (!told) throw new Error('no session')
    w.store.watched.keep('opencode', { sessions: [told], states: [], vanished: [] }, 0)
    await w.runtime.prompt({ ...prompt(id, 't1.1'), agent: 'plan', model: 'scripted/scripted-model' })
    const model = { providerID: 'scripted', modelID: 'scripted-model' }
    expect(sends(w.fake.calls)).toMatchObject([{ agent: 'plan', model }])
  })

  it('is a failure that says why when there is no such agent', async () => {
    const w = await openCodeWorld()
    const id = await openSession(w)
    await w.runtime.prompt({ ...prompt(id, 't1.1'), agent: 'nobody' })
    const { state } = await lookUntil(w.runtime, id, ['failed'])
    expect(state).toMatchObject({ problem: { text: expect.stringContaining('Agent not found: "nobody"') } })
  })

  it('is not given a prompt while it answers somebody else', async () => {
    const w = await openCodeWorld()
    const id = await openSession(w)
    const session = w.fake.world.sessions.get(id)
    if (!session) throw new Error('no session')
    w.fake.world.addUser(session, { parts: [{ type: 'text', text: 'I am a person.' }] })
    w.fake.turn(id).text('…')
    expect(await lookUntil(w.runtime, id, ['busy'])).toMatchObject({ turn: null })
    expect(await w.runtime.prompt(prompt(id, 't1.1'))).toMatchObject({
      ok: false,
      problems: [{ kind: 'session-busy' }],
    })
    w.fake.turn(id).finish()
    expect((await lookUntil(w.runtime, id, ['idle'])).state).toMatchObject({ promptId: null })
    expect(await w.runtime.prompt(prompt(id, 't1.1'))).toMatchObject({ ok: true })
  })

  it('waits when its subagent asks, and goes on when that is answered', async () => {
    const w = await openCodeWorld()
    const id = await openSession(w)
    await w.runtime.prompt(prompt(id, 't1.1'))
    const { turn } = w.fake.turn(id).subagent('Look around.')
    const tool = turn.tool('bash', { command: 'ls /' })
    const asked = turn.asks(tool, { permission: 'bash', patterns: ['ls /'], always: ['ls *'] })
    expect((await lookUntil(w.runtime, id, ['waiting'])).state).toMatchObject({ for: 'permission' })
    const ask = w.facts.flatMap((fact) => (fact.kind === 'ask' ? [fact.ask] : []))[0]
    if (!ask) throw new Error('no ask')
    expect(await w.runtime.watch.answer(ask, { kind: 'always' })).toEqual({ ok: true, value: undefined })
    // Never "always" on the wire: it would cover more than was shown.
    expect(await asked).toMatchObject({ reply: 'once' })
    await lookUntil(w.runtime, id, ['busy'])
  })

  it('is interrupted, not finished, when its server was started anew in the middle of a turn', async () => {
    const w = await openCodeWorld()
    const id = await openSession(w)
    await w.runtime.prompt(prompt(id, 't1.1'))
    w.fake.turn(id).tool('bash', { command: 'make' })
    await lookUntil(w.runtime, id, ['busy'])
    await w.fake.down()
    await w.fake.open()
    const { state } = await lookUntil(w.runtime, id, ['interrupted'])
    expect(state).toEqual({ kind: 'interrupted', promptId: 't1.1' })
    expect(await w.runtime.prompt(prompt(id, 't1.1'))).toMatchObject({ ok: true })
    const [first, second] = sends(w.fake.calls)
    expect(second?.messageID).not.toBe(first?.messageID)
  })

  it('is unreachable, never idle, while its server is down', async () => {
    const w = await openCodeWorld()
    const id = await openSession(w)
    await w.fake.down()
    const { state } = await lookUntil(w.runtime, id, ['unreachable'], 10_000)
    expect(state).toMatchObject({ text: expect.stringContaining('can be reached') })
  })

  it('sees after a cut of the stream what happened in the meantime', async () => {
    const w = await openCodeWorld()
    const id = await openSession(w)
    await w.runtime.prompt(prompt(id, 't1.1'))
    w.fake.turn(id).text('Half')
    await lookUntil(w.runtime, id, ['busy'])
    w.fake.dropStreams()
    w.fake.turn(id).text(' and half')
    w.fake.turn(id).finish()
    const { state } = await lookUntil(w.runtime, id, ['idle'])
    expect(state).toMatchObject({ promptId: 't1.1', text: 'Half and half' })
  })

  it('counts for a task only what came after its own first prompt', async () => {
    const w = await openCodeWorld()
    const id = await openSession(w)
    for (const promptId of ['t1.1', 't2.1']) {
      await w.runtime.prompt(prompt(id, promptId))
      w.fake.turn(id).text('Done.')
      w.fake.turn(id).finish()
      await vi.waitFor(async () =>
        expect((await w.runtime.look(id)).state).toMatchObject({ kind: 'idle', promptId, complete: true }),
      )
    }
    const both = [...(w.runtime.board.sessions.get(id)?.counts?.values() ?? [])].map((count) => count.tokens)
    const { usage } = await w.runtime.look(id)
    expect(usage.tokens).toBe(both[1])
    await w.again()
    expect((await w.runtime.look(id)).usage).toEqual(usage)
  })

  it('that was deleted while nobody listened has vanished, and is not only left out of a list', async () => {
    const w = await openCodeWorld()
    const [gone, kept] = [await openSession(w, 't1'), await openSession(w, 't2')]
    w.fake.dropStreams()
    w.fake.world.sessions.delete(gone)
    await vi.waitFor(() => expect(w.facts).toContainEqual({ kind: 'vanished', sessionId: gone }))
    expect((await w.runtime.look(gone)).state).toEqual({ kind: 'absent' })
    expect((await w.runtime.look(kept)).state.kind).toBe('idle')
  })

  it('that accepts a prompt and begins no answer gets it once more, then that is said', async () => {
    const clock = new HandClock()
    const w = await openCodeWorld({}, clock)
    const id = await openSession(w)
    await w.runtime.prompt(prompt(id, 't1.1'))
    expect((await w.runtime.look(id)).state).toEqual({ kind: 'starting' })
    await clock.advance(20_000)
    await vi.waitFor(() => expect(sends(w.fake.calls)).toHaveLength(2))
    const [first, second] = sends(w.fake.calls)
    expect(second?.messageID).toBe(first?.messageID)
    await clock.advance(20_000)
    await vi.waitFor(async () =>
      expect((await w.runtime.look(id)).state).toMatchObject({
        kind: 'failed',
        promptId: 't1.1',
        transient: true,
        problem: { kind: 'prompt-lost' },
      }),
    )
    expect(sends(w.fake.calls)).toHaveLength(2)
  })
})
