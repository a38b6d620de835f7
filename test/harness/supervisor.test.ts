import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { Supervisor } from '../../src/harness/supervisor.ts'
import { makeWorld } from '../fakes/supervised.ts'

describe('a task', () => {
  it('is started, prompted with goal and checks, verified by its checks and done', async () => {
    const w = makeWorld()
    const id = w.add({ goal: 'Write the file.' })
    await w.reaches(id, 'running')
    expect(w.runtime.prompts[0]?.text).toContain('Write the file.')
    expect(w.runtime.prompts[0]?.text).toContain('hand: x')
    w.runtime.answer(w.session(id), 'I think it is done.')
    await w.reaches(id, 'done')
    expect(w.get(id)).toMatchObject({ verdict: 'verified', attempt: 1, progress: { proven: 1, total: 1 } })
    expect(w.store.attempts.of(id)).toMatchObject([{ number: 1, claim: 'I think it is done.', verdict: 'verified' }])
    expect(w.types(id).filter((type) => type.startsWith('task.'))).toEqual([
      'task.created',
      'task.started',
      'task.running',
      'task.verifying',
      'task.done',
    ])
  })

  it('that claims to be done and is not gets the evidence as its next prompt', async () => {
    const w = makeWorld()
    w.hand.next({ outcome: 'fail', evidence: { subject: 'a.md', summary: 'a.md does not exist', excerpt: 'ls: none' } })
    const id = w.add()
    await w.reaches(id, 'running')
    w.runtime.answer(w.session(id), 'TASK COMPLETE')
    await vi.waitFor(() => expect(w.runtime.prompts).toHaveLength(2))
    expect(w.runtime.prompts[1]?.text).toContain('a.md does not exist')
    expect(w.runtime.prompts[1]?.text).toContain('ls: none')
    expect(w.get(id)).toMatchObject({ status: 'running', attempt: 2, verdict: 'refuted' })
    w.hand.next({ outcome: 'pass' })
    w.runtime.answer(w.session(id), 'Now it is.')
    await w.reaches(id, 'done')
    expect(w.get(id)).toMatchObject({ verdict: 'verified', attempt: 2 })
  })

  it('whose checks still fail after its last attempt has failed', async () => {
    const w = makeWorld()
    w.hand.next({ outcome: 'fail' })
    const id = w.add({ limits: { attempts: 2 } })
    w.runtime.onPrompt = (request) => setImmediate(() => w.runtime.answer(request.sessionId, 'done'))
    await w.reaches(id, 'failed')
    expect(w.get(id)).toMatchObject({ attempt: 2, verdict: 'refuted', reason: { code: 'attempts-refuted' } })
    expect(w.hand.runs()).toBe(2)
  })

  it('whose check cannot look is never done', async () => {
    const w = makeWorld()
    w.hand.next({ outcome: 'error' })
    const id = w.add({ limits: { attempts: 1 } })
    w.runtime.onPrompt = (request) => setImmediate(() => w.runtime.answer(request.sessionId, 'done'))
    await w.reaches(id, 'failed')
    expect(w.get(id)).toMatchObject({ verdict: 'unknown', reason: { code: 'attempts-unknown' } })
  })

  it('without any check ends as done and unverified', async () => {
    const w = makeWorld()
    const id = w.add({ checks: [] })
    w.runtime.onPrompt = (request) => setImmediate(() => w.runtime.answer(request.sessionId, 'done'))
    await w.reaches(id, 'done')
    expect(w.get(id).verdict).toBe('unverified')
  })

  it('is not done because its session is idle without having answered', async () => {
    const w = makeWorld()
    const id = w.add()
    await w.reaches(id, 'running')
    w.runtime.set(w.session(id), { kind: 'idle', promptId: null, complete: true, text: 'TASK COMPLETE' })
    await vi.waitFor(() => expect(w.types(id).filter((type) => type === 'prompt.sent')).toHaveLength(2))
    expect(w.get(id).status).toBe('running')
    expect(w.hand.runs()).toBe(0)
  })
})

describe('trouble of a runtime', () => {
  it('waits and tries again with a new prompt, as often as it takes, and never fails the task', async () => {
    const w = makeWorld()
    const id = w.add()
    await w.reaches(id, 'running')
    for (let round = 1; round <= 6; round++) {
      w.runtime.fail(w.session(id), { kind: 'http-503', text: 'The model is overloaded.' }, true)
      await w.reaches(id, 'waiting')
      expect(w.get(id)).toMatchObject({ troubles: round, reason: { text: 'The model is overloaded.' } })
      await w.clock.advance(70_000)
      await vi.waitFor(() => expect(w.runtime.prompts).toHaveLength(round + 1))
    }
    w.runtime.answer(w.session(id), 'done')
    await w.reaches(id, 'done')
  })

  it('that only a person can mend pauses and says what to do; resume goes on in the same attempt', async () => {
    const w = makeWorld()
    const id = w.add()
    await w.reaches(id, 'running')
    w.runtime.fail(w.session(id), { kind: 'bad-key', text: 'The key was refused.', todo: 'Set OPENAI_API_KEY.' }, false)
    await w.reaches(id, 'paused')
    expect(w.get(id).reason).toEqual({ code: 'bad-key', text: 'The key was refused. Set OPENAI_API_KEY.' })
    expect(await w.commands.run('resume', id)).toMatchObject({ ok: true })
    await vi.waitFor(() => expect(w.runtime.prompts).toHaveLength(2))
    expect(w.get(id)).toMatchObject({ attempt: 1, status: 'running' })
    w.runtime.answer(w.session(id), 'done')
    await w.reaches(id, 'done')
  })

  it.each(['refuseOpen', 'refusePrompt'] as const)(
    'before the first prompt arrived (%s) loses nothing of it',
    async (at) => {
      const w = makeWorld()
      w.runtime[at] = { kind: 'http-503', text: 'Not now.' }
      w.runtime.availability = { kind: 'unavailable', transient: true, problem: { kind: 'http-503', text: 'Not now.' } }
      const id = w.add({ goal: 'Mend the roof.' })
      await w.reaches(id, 'waiting')
      w.runtime[at] = null
      w.runtime.availability = { kind: 'ready', detail: '' }
      await w.clock.advance(70_000)
      await w.reaches(id, 'running')
      expect(w.runtime.prompts).toMatchObject([
        { promptId: `${id}.1`, text: expect.stringContaining('Mend the roof.') },
      ])
    },
  )

  it('that makes it unreachable is not taken for idle', async () => {
    const w = makeWorld()
    const id = w.add()
    await w.reaches(id, 'running')
    w.runtime.set(w.session(id), { kind: 'unreachable', text: 'No answer from the server.' })
    await w.reaches(id, 'waiting')
    w.runtime.set(w.session(id), { kind: 'busy', tool: 'bash' }, { quiet: true, usage: { tokens: 9 } })
    await w.clock.advance(70_000)
    await w.reaches(id, 'running')
    expect(w.runtime.prompts).toHaveLength(1)
    expect(w.get(id).troubles).toBe(0)
  })
})

describe('a turn that breaks off', () => {
  it('is entered again at once, then ever later, and in the end given to a person', async () => {
    const w = makeWorld()
    const id = w.add()
    await w.reaches(id, 'running')
    const sent = () => w.store.events.after(0, 1_000).filter((event) => event.type === 'prompt.sent').length
    const breaks = () => w.runtime.set(w.session(id), { kind: 'interrupted', promptId: `${id}.1` })
    breaks()
    await vi.waitFor(() => expect(sent()).toBe(2))
    for (let time = 2; time < 8; time++) {
      breaks()
      await w.reaches(id, time < 7 ? 'waiting' : 'paused')
      expect(sent()).toBe(time)
      if (time === 7) break
      await w.clock.advance(300_000)
      await w.reaches(id, 'running')
    }
    expect(w.get(id).reason?.code).toBe('turn-cut-off')
  })
})

describe('limits', () => {
  it('of time pause a task that is still at work, stop its turn, and resume grants as much again', async () => {
    const w = makeWorld()
    const id = w.add({ limits: { minutes: 1 } })
    await w.reaches(id, 'running')
    await w.clock.advance(61_000)
    await w.reaches(id, 'paused')
    expect(w.get(id).reason?.code).toBe('limit-minutes')
    expect(w.runtime.aborted).toEqual([w.session(id)])
    await w.commands.run('resume', id)
    await w.reaches(id, 'running')
    expect(w.get(id).spec.limits.minutes).toBeGreaterThan(1.9)
  })

  it('of tool calls and tokens are read from the session', async () => {
    const w = makeWorld()
    const id = w.add({ limits: { tool_calls: 5 } })
    await w.reaches(id, 'running')
    w.runtime.set(w.session(id), { kind: 'busy', tool: 'bash' }, { usage: { toolCalls: 4 } })
    w.runtime.set(w.session(id), { kind: 'busy', tool: 'bash' }, { usage: { toolCalls: 5 } })
    await w.reaches(id, 'paused')
    expect(w.get(id).reason?.code).toBe('limit-tool_calls')
  })

  it('that were passed in one leap count all of it, so that resume really grants as much again', async () => {
    const w = makeWorld()
    const id = w.add({ limits: { tokens: 300 } })
    await w.reaches(id, 'running')
    w.runtime.set(w.session(id), { kind: 'busy', tool: 'bash' }, { usage: { tokens: 5_000 } })
    await w.reaches(id, 'paused')
    expect(w.get(id).tokens).toBe(5_000)
    await w.commands.run('resume', id)
    await w.reaches(id, 'running')
    expect(w.get(id).spec.limits.tokens).toBe(5_300)
  })
})

describe('places', () => {
  it('one workspace has one writer, and the queue says for whom it waits', async () => {
    const w = makeWorld()
    const shared = join(w.folder, 'shared')
    const first = w.add({}, shared)
    const second = w.add({}, join(shared, 'inner'))
    await w.reaches(first, 'running')
    expect(w.supervisor.queueReason(w.get(second))?.text).toContain(first)
    w.runtime.answer(w.session(first), 'done')
    await w.reaches(first, 'done')
    await w.reaches(second, 'running')
  })

  it('who waits for a person takes none of others, and keeps the folder', async () => {
    const w = makeWorld()
    const asking = [w.add(), w.add()]
    const next = w.add()
    for (const id of asking) await w.reaches(id, 'running')
    expect(w.get(next).status).toBe('queued')
    const waits = { kind: 'waiting', for: 'permission', text: 'bash git push' } as const
    for (const id of asking) w.runtime.set(w.session(id), waits)
    await w.reaches(next, 'running')
    const there = w.add({}, w.get(asking[0] ?? '').workspace)
    w.runtime.answer(w.session(next), 'done')
    await w.reaches(next, 'done')
    expect(w.supervisor.queueReason(w.get(there))).toMatchObject({ code: 'workspace-busy' })
  })

  it('never more tasks at work than there are places', async () => {
    const w = makeWorld()
    const ids = Array.from({ length: 7 }, () => w.add())
    let most = 0
    w.runtime.onPrompt = (request) => {
      most = Math.max(most, w.store.tasks.places().length)
      setImmediate(() => w.runtime.answer(request.sessionId, 'done'))
    }
    for (const id of ids) await w.reaches(id, 'done')
    expect(most).toBe(2)
  })
})

describe('a person', () => {
  it('cancels: the turn is stopped and the place is free', async () => {
    const w = makeWorld()
    const id = w.add()
    await w.reaches(id, 'running')
    expect(await w.commands.run('cancel', id)).toMatchObject({ ok: true, value: { status: 'cancelled' } })
    expect(w.runtime.aborted).toHaveLength(1)
    expect(w.store.tasks.places()).toEqual([])
  })

  it('pauses and resumes: the cut-off turn is re-entered', async () => {
    const w = makeWorld()
    const id = w.add()
    await w.reaches(id, 'running')
    await w.commands.run('pause', id)
    expect(w.get(id)).toMatchObject({ status: 'paused', resumeTo: 'running' })
    await w.commands.run('resume', id)
    await w.reaches(id, 'running')
    expect(w.runtime.prompts.map((prompt) => prompt.promptId)).toEqual([`${id}.1`, `${id}.1`])
  })

  it('retries what has ended: a new attempt, numbered on', async () => {
    const w = makeWorld()
    w.hand.next({ outcome: 'fail' })
    const id = w.add({ limits: { attempts: 1 } })
    w.runtime.onPrompt = (request) => setImmediate(() => w.runtime.answer(request.sessionId, 'done'))
    await w.reaches(id, 'failed')
    w.hand.next({ outcome: 'pass' })
    await w.commands.run('retry', id)
    await w.reaches(id, 'done')
    expect(w.get(id)).toMatchObject({ attempt: 2, verdict: 'verified' })
  })

  it('is told what cannot be done, and why', async () => {
    const w = makeWorld()
    const id = w.add()
    await w.reaches(id, 'running')
    expect(await w.commands.run('resume', id)).toMatchObject({ ok: false, problems: [{ kind: 'wrong-state' }] })
    expect(await w.commands.run('pause', 't_nobody')).toMatchObject({ ok: false, problems: [{ kind: 'unknown-task' }] })
  })
})

describe('a restart', () => {
  it('finds what was in flight by looking, and does not run a finished check again', async () => {
    const w = makeWorld()
    const id = w.add({ checks: [{ kind: 'hand' }, { kind: 'hand' }] })
    await w.reaches(id, 'running')
    await w.supervisor.drain()
    // As after a crash between the first and the second check.
    w.store.tasks.move(id, 'verifying')
    const evidence = { subject: 'x', summary: 'seen before the crash' }
    const record = { index: 0, spec: { kind: 'hand' }, title: 'hand: x', step: null, startedAt: 0, durationMs: 1 }
    w.store.attempts.addCheck(id, 1, { ...record, outcome: 'pass', evidence })
    new Supervisor(w.world).start()
    await w.reaches(id, 'done')
    expect(w.hand.runs()).toBe(1)
    expect(w.store.attempts.checksOf(id, 1)[0]?.evidence.summary).toBe('seen before the crash')
  })
})

describe('a baseline', () => {
  it('is taken once, before the agent starts', async () => {
    const w = makeWorld()
    w.hand.checker.baseline = () => ['notes.txt', 'missing.txt']
    writeFileSync(join(w.folder, 'notes.txt'), 'before')
    const id = w.add({}, w.folder)
    await w.reaches(id, 'running')
    expect(w.get(id).baseline['missing.txt']).toBeNull()
    expect(w.get(id).baseline['notes.txt']).toMatch(/^[0-9a-f]{64}$/)
  })
})
