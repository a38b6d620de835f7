import { describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { Activity, Diagnosis } from '../../src/core/diagnosis.ts'
import { ok, type Problem, refuse } from '../../src/core/problem.ts'
import type { SessionWatch } from '../../src/core/runtime.ts'
import type { Task } from '../../src/core/task.ts'
import { diagnose } from '../../src/harness/diagnose/diagnose.ts'
import { descendantsOf } from '../../src/lib/processes.ts'
import type { HandRuntime } from '../fakes/runtime.ts'
import { diagnosisFrom, StallWorld } from '../fakes/stall-world.ts'
import { startHost } from '../fakes/tool-host.ts'

const takeOver = { settings: { onHang: 'take-over' as const } }
const types = (w: StallWorld) =>
  w
    .events()
    .map((event) => event.type)
    .filter((type) => /^(session|runtime)\.|^prompt|^task\.paused/.test(type))

/** A turn that can be stopped: then the session does what it was told last. */
function stopsWhenTold(w: StallWorld): void {
  const abort = w.runtime.abort.bind(w.runtime)
  w.runtime.abort = async (sessionId) => {
    w.runtime.activityNow = null
    await abort(sessionId)
  }
}

/** A turn that goes on whatever it is told. */
function neverStops(runtime: HandRuntime): void {
  runtime.abort = async () => undefined
}

function restartable(runtime: HandRuntime, restart: SessionWatch['restart']): string[] {
  const reasons: string[] = []
  const nothing = { onFact: () => () => undefined, start: () => undefined }
  const value = {
    ...nothing,
    restart: (reason: string) => {
      reasons.push(reason)
      return restart(reason)
    },
  }
  Object.defineProperty(runtime, 'watch', { value })
  return reasons
}

const sessionOf = (task: Task) => task.sessionId ?? ''

describe('a hung session of a task that may be taken over', () => {
  it('is stopped, and prompted again with what was running and why it was stopped', async () => {
    const w = new StallWorld(takeOver)
    const task = await w.task({ goal: 'Serve it.' })
    w.diagnosis = diagnosisFrom({ cause: 'serving', text: '`npm run dev` listens on 127.0.0.1:5173.' })
    w.hangs({ command: 'npm run dev\u001b[0m --token hush12345', outputTail: 'ready in 3 s\u0007\n```' })
    stopsWhenTold(w)
    await w.looks(5)
    await w.until(() => w.runtime.prompts.length === 2)
    expect(w.runtime.aborted).toEqual([sessionOf(task)])
    const [, again] = w.runtime.prompts
    expect(again?.promptId).toBe(`${task.id}.2`)
    expect(again?.text).toContain('It made no progress for 1 min.')
    expect(again?.text).toContain('```\nnpm run dev [0m --token [hidden]\n```')
    expect(again?.text).toContain('````\nready in 3 s\n```\n````')
    expect(again?.text).toContain('Seen from outside: `npm run dev` listens on 127.0.0.1:5173.')
    expect(again?.text).toContain('Start a server in the background')
    expect(w.get(task.id)).toMatchObject({ status: 'running', promptNumber: 2, attempt: 1 })
    const after = types(w).slice(types(w).indexOf('session.stalled'))
    expect(after).toEqual(['session.stalled', 'session.aborted', 'session.taken_over', 'prompt.sent'])
    expect(w.events('session.taken_over')).toMatchObject([
      { taskId: task.id, sessionId: sessionOf(task), data: { by: 'policy', prompt: 2, cause: 'serving' } },
    ])
  })

  it('is given to a person after three times, with the reason', async () => {
    const w = new StallWorld(takeOver)
    const task = await w.task()
    stopsWhenTold(w)
    for (let turn = 1; turn <= 3; turn++) {
      w.hangs({ callId: `c${turn}` })
      await w.until(() => w.runtime.prompts.length === turn + 1, 5_000)
    }
    w.hangs({ callId: 'c4' })
    await w.until(() => w.get(task.id).status === 'paused', 5_000)
    expect(w.get(task.id).reason).toEqual({
      code: 'session-stalled',
      text: '3 rescues did not help. `sleep 600` sleeps. End it.',
    })
    expect([w.runtime.prompts.length, w.events('session.taken_over').length]).toEqual([4, 3])
  })

  it('has three more rescues after a turn that ended by itself', async () => {
    const w = new StallWorld(takeOver)
    const task = await w.task()
    stopsWhenTold(w)
    w.hangs()
    await w.until(() => w.runtime.prompts.length === 2, 5_000)
    expect(w.store.quiet.get(sessionOf(task)).rescues).toBe(1)
    w.runtime.answer(sessionOf(task), 'done')
    await w.looks(2)
    expect(w.store.quiet.get(sessionOf(task)).rescues).toBe(0)
  })

  it('is left alone when a person was faster', async () => {
    const w = new StallWorld(takeOver)
    const task = await w.task()
    let look: (diagnosis: Diagnosis) => void = () => undefined
    const held = new Promise<Diagnosis>((resolve) => {
      look = resolve
    })
    w.hangs()
    await w.looks(4)
    const judged = vi.spyOn(w, 'diagnosis', 'get').mockReturnValue(held as unknown as Diagnosis)
    await w.looks(1)
    await vi.waitFor(() => expect(judged).toHaveBeenCalled())
    await w.commands.run('pause', task.id)
    look(diagnosisFrom())
    await w.looks(3)
    expect([w.get(task.id).status, w.runtime.prompts.length]).toEqual(['paused', 1])
    expect(w.events('session.taken_over')).toEqual([])
  })

  it('gets a new server when its turn cannot be stopped and nobody else works there', async () => {
    const w = new StallWorld(takeOver)
    const task = await w.task()
    neverStops(w.runtime)
    const reasons = restartable(w.runtime, async () => {
      w.runtime.activityNow = null
      w.runtime.set(sessionOf(task), { kind: 'interrupted', promptId: `${task.id}.1` }, { quiet: true })
      return ok(undefined)
    })
    w.hangs()
    await w.until(() => w.runtime.prompts.length === 2, 2_000)
    expect(reasons).toEqual([`Session ${sessionOf(task)} could not be stopped: \`sleep 600\` sleeps.`])
    expect(types(w)).toEqual(expect.arrayContaining(['runtime.restarted', 'session.taken_over']))
  })

  it('gets no new server while others work in it', async () => {
    const w = new StallWorld(takeOver)
    const task = await w.task({ on_hang: 'take-over' })
    const other = await w.task({ on_hang: 'alert' })
    neverStops(w.runtime)
    const reasons = restartable(w.runtime, async () => ok(undefined))
    w.hangs()
    await w.until(() => w.store.quiet.get(sessionOf(task)).rescues === 2, 5_000)
    expect(reasons).toEqual([])
    expect([w.get(task.id).promptNumber, w.get(other.id).status]).toEqual([1, 'running'])
  })

  it('is prompted on a new server at once when the old one is dead', async () => {
    const w = new StallWorld(takeOver)
    const task = await w.task()
    const none: Problem = { kind: 'not-ours', text: 'The server is not ours.' }
    const reasons = restartable(w.runtime, async () => refuse(none))
    w.diagnosis = diagnosisFrom({ cause: 'server-dead', text: 'The server of the session is dead.' })
    w.hangs({}, { hostAlive: false, state: { kind: 'unreachable', text: 'refused' } })
    await w.until(() => reasons.length === 1, 5_000)
    expect([w.runtime.aborted, w.get(task.id).promptNumber]).toEqual([[], 1])
  })
})

describe('a hung session that may only be told of', () => {
  it.each(['alert', 'kill-child'] as const)('is not stopped (%s)', async (policy) => {
    const w = new StallWorld({ settings: { onHang: policy } })
    const task = await w.task()
    w.hangs()
    await w.looks(6)
    expect(w.events('session.stalled')).toHaveLength(1)
    expect([w.runtime.aborted, w.get(task.id).promptNumber]).toEqual([[], 1])
  })

  it('is not stopped when it works for no task, whatever the configuration says', async () => {
    const w = new StallWorld(takeOver)
    const task = await w.task()
    await w.commands.run('pause', task.id)
    w.hangs()
    w.runtime.set(sessionOf(task), { kind: 'busy', tool: 'bash' })
    const aborted = w.runtime.aborted.length
    await w.looks(8)
    expect(w.events('session.stalled')).toMatchObject([{ taskId: null }])
    expect(w.runtime.aborted).toHaveLength(aborted)
  })

  it('is taken over at once when a person says so', async () => {
    const w = new StallWorld()
    const task = await w.task()
    w.hangs()
    stopsWhenTold(w)
    const done = w.stalls.takeOver(sessionOf(task), 'person')
    await w.until(() => w.runtime.prompts.length === 2)
    await w.until(() => w.events('prompt.sent').length === 2)
    await w.hand.advance(1_000)
    expect(await done).toMatchObject({ ok: true, value: { taskId: task.id, diagnosis: { cause: 'sleeping' } } })
    expect(w.runtime.prompts[1]?.text).toContain('Somebody asked for it.')
  })

  it('is taken over by a person without a task as well', async () => {
    const w = new StallWorld()
    const task = await w.task()
    await w.commands.run('cancel', task.id)
    w.hangs()
    w.runtime.set(sessionOf(task), { kind: 'busy', tool: 'bash' })
    stopsWhenTold(w)
    expect(await w.stalls.takeOver(sessionOf(task), 'person')).toMatchObject({ ok: true, value: { taskId: null } })
    expect(w.runtime.prompts[1]?.text).toContain('sleep 600')
  })

  it('is not taken over when it does nothing, or is unknown', async () => {
    const w = new StallWorld()
    const task = await w.task()
    w.runtime.answer(sessionOf(task), 'done')
    const idle = await w.stalls.takeOver(sessionOf(task), 'person')
    expect(idle).toMatchObject({ ok: false, problems: [{ kind: 'session-not-busy' }] })
    const unknown = await w.stalls.takeOver('nobody', 'person')
    expect(unknown).toMatchObject({ ok: false, problems: [{ kind: 'session-missing' }] })
  })
})

describe('a hung child of a real tool', () => {
  const quick = { everyMs: 60, checks: 3, afterMs: null }
  it('dies; its shell goes on, the tool returns, and neighbours live', async () => {
    const host = await startHost()
    const w = new StallWorld({ settings: { ...quick, onHang: 'kill-child' }, clock: systemClock, diagnose: null })
    const task = await w.task()
    const tool = await host.run('sleep 600; echo went on')
    const neighbour = await host.run('sleep 601; true')
    w.runtime.activity = async () =>
      tool.isClosed ? tool.activity({ state: { kind: 'busy', tool: null }, tool: null }) : tool.activity()
    expect(await tool.closed).toEqual({ code: 0, signal: null })
    expect(tool.output).toMatch(/went on\n$/)
    await vi.waitFor(() => expect(w.events('session.revived')).toHaveLength(1), { timeout: 5_000 })
    expect(w.events('session.child_killed')).toMatchObject([
      { taskId: task.id, data: { command: 'sleep 600', cause: 'sleeping', ended: 1, left: 0 } },
    ])
    expect(w.runtime.aborted).toEqual([])
    expect((await descendantsOf(neighbour.pid)).map((row) => row.name)).toEqual(['sleep'])
  })

  it('is ended with all of its turn before the next one begins, whatever it ignores', async () => {
    const host = await startHost()
    const blameless = async (activity: Activity) => ({
      ...(await diagnose(activity, { clock: systemClock })),
      guilty: null,
    })
    const w = new StallWorld({
      ...{ settings: { ...quick, onHang: 'take-over' }, clock: systemClock, diagnose: blameless },
    })
    const task = await w.task()
    const tool = await host.run(`trap '' TERM; bash -c "trap '' TERM; sleep 600; true"; true`)
    const neighbour = await host.run('sleep 601; true')
    w.runtime.activity = async () => (w.runtime.aborted.length > 0 ? null : tool.activity())
    await vi.waitFor(() => expect(w.runtime.prompts).toHaveLength(2))
    expect((await tool.closed).signal).toBe('SIGKILL')
    expect(w.events('session.aborted')).toMatchObject([{ taskId: task.id, data: { ended: 3, left: 0 } }])
    expect(await descendantsOf(neighbour.pid)).toHaveLength(1)
  })
})
