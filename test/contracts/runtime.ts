/**
 * What every Runtime promises to the harness. Behind it stands a model that follows `contractScript`; a runtime that is
 * not given this model must behave as if it were.
 */
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Runtime, SessionRequest } from '../../src/core/runtime.ts'
import type { Observation, SessionState } from '../../src/core/session.ts'
import type { ScriptInput } from '../../src/sample/script.ts'

/** Format of docs/guide/scripted-model.md. */
export const contractScript = {
  conversations: [
    { match: 'Say hello', replies: [{ text: 'hello there' }, { text: 'goodbye then' }] },
    { match: 'Never answer', replies: [{ fault: 'stall' }], at_end: 'repeat' },
    { match: 'Be broken', replies: [{ fault: 'http', status: 401, message: 'bad key' }], at_end: 'repeat' },
  ],
} satisfies ScriptInput

export interface RuntimeWorld {
  runtime: Runtime
  workspace: string
  /** How many times the agent was set to work so far (model calls, or prompts that were not a no-op). */
  turns(): number
  close(): Promise<void>
}

const request = (world: RuntimeWorld, taskId: string): SessionRequest => ({
  taskId,
  title: 'A task',
  workspace: world.workspace,
  agent: null,
  model: null,
  session: null,
})

const limits = { toolCalls: null, tokens: null }

/** Looks until the state is one of these; woken by nudges, and by a slow look in case one is missed. */
export async function lookUntil(
  runtime: Runtime,
  sessionId: string,
  kinds: readonly SessionState['kind'][],
  limitMs = 5_000,
): Promise<Observation> {
  const deadline = performance.now() + limitMs
  for (;;) {
    const observation = await runtime.look(sessionId)
    if (kinds.includes(observation.state.kind)) return observation
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(observation.state)}`)
    await new Promise<void>((resolve) => {
      const timer = setTimeout(wake, 50)
      const stop = runtime.onChange(wake)
      function wake() {
        clearTimeout(timer)
        stop()
        resolve()
      }
    })
  }
}

async function openSession(world: RuntimeWorld, taskId = 't1'): Promise<string> {
  const opened = await world.runtime.open(request(world, taskId))
  if (!opened.ok) throw new Error(JSON.stringify(opened.problems))
  return opened.value.sessionId
}

type Open = () => Promise<RuntimeWorld>

export function runtimeContract(name: string, makeWorld: Open): void {
  const world = async () => {
    const made = await makeWorld()
    onTestFinished(() => made.close())
    return made
  }
  describe(`runtime: ${name}`, () => {
    sessionsContract(world)
    turnsContract(world)
  })
}

function sessionsContract(world: Open): void {
  it('says that it is ready', async () => {
    const { runtime } = await world()
    expect(await runtime.available()).toMatchObject({ kind: 'ready' })
  })

  it('opens one session for one task, however often it is asked', async () => {
    const w = await world()
    const first = await openSession(w)
    expect(await openSession(w)).toBe(first)
    expect(await openSession(w, 't2')).not.toBe(first)
    const attached = await w.runtime.open({ ...request(w, 't3'), session: first })
    expect(attached).toEqual({ ok: true, value: { sessionId: first } })
  })

  it('refuses a session that it does not have, and sees it as absent', async () => {
    const w = await world()
    expect(await w.runtime.open({ ...request(w, 't1'), session: 's_nobody' })).toMatchObject({ ok: false })
    expect(await w.runtime.prompt({ sessionId: 's_nobody', promptId: 'p', text: 'x', limits })).toMatchObject({
      ok: false,
    })
    expect((await w.runtime.look('s_nobody')).state).toEqual({ kind: 'absent' })
    await w.runtime.abort('s_nobody')
  })

  it('answers two prompts in one session, each idle with its own id and text', async () => {
    const w = await world()
    const sessionId = await openSession(w)
    await w.runtime.prompt({ sessionId, promptId: 'p1', text: 'Say hello.', limits })
    const first = await lookUntil(w.runtime, sessionId, ['idle'])
    expect(first.state).toEqual({ kind: 'idle', promptId: 'p1', complete: true, text: 'hello there' })
    await w.runtime.prompt({ sessionId, promptId: 'p2', text: 'And now?', limits })
    const second = await lookUntil(w.runtime, sessionId, ['idle'])
    expect(second.state).toEqual({ kind: 'idle', promptId: 'p2', complete: true, text: 'goodbye then' })
  })

  it('does not send a prompt twice', async () => {
    const w = await world()
    const sessionId = await openSession(w)
    const prompt = { sessionId, promptId: 'p1', text: 'Say hello.', limits }
    await Promise.all([w.runtime.prompt(prompt), w.runtime.prompt(prompt)])
    await lookUntil(w.runtime, sessionId, ['idle'])
    expect(await w.runtime.prompt(prompt)).toMatchObject({ ok: true })
    expect((await lookUntil(w.runtime, sessionId, ['idle'])).state).toMatchObject({ text: 'hello there' })
    expect(w.turns()).toBe(1)
  })
}

function turnsContract(world: Open): void {
  it('is busy while the agent works, and abort ends that within a second', async () => {
    const w = await world()
    const sessionId = await openSession(w)
    await w.runtime.prompt({ sessionId, promptId: 'p1', text: 'Never answer.', limits })
    await lookUntil(w.runtime, sessionId, ['busy'])
    const startedAt = performance.now()
    await w.runtime.abort(sessionId)
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    expect((await w.runtime.look(sessionId)).state).toEqual({ kind: 'interrupted', promptId: 'p1' })
    await w.runtime.abort(sessionId)
  })

  it('re-enters an aborted turn when it is prompted with the same id', async () => {
    const w = await world()
    const sessionId = await openSession(w)
    const prompt = { sessionId, promptId: 'p1', text: 'Never answer.', limits }
    await w.runtime.prompt(prompt)
    await lookUntil(w.runtime, sessionId, ['busy'])
    await w.runtime.abort(sessionId)
    expect(await w.runtime.prompt(prompt)).toMatchObject({ ok: true })
    await lookUntil(w.runtime, sessionId, ['busy'])
  })

  it('reports a refused key as a failure that waiting does not heal', async () => {
    const w = await world()
    const sessionId = await openSession(w)
    await w.runtime.prompt({ sessionId, promptId: 'p1', text: 'Be broken.', limits })
    const { state } = await lookUntil(w.runtime, sessionId, ['failed'])
    expect(state).toMatchObject({ kind: 'failed', promptId: 'p1', transient: false })
  })

  it('nudges about changes until told to stop', async () => {
    const w = await world()
    const nudged: string[] = []
    const sessionId = await openSession(w)
    const stop = w.runtime.onChange((id) => nudged.push(id))
    await w.runtime.prompt({ sessionId, promptId: 'p1', text: 'Say hello.', limits })
    await lookUntil(w.runtime, sessionId, ['idle'])
    expect(nudged).toContain(sessionId)
    stop()
    nudged.length = 0
    await w.runtime.prompt({ sessionId, promptId: 'p2', text: 'And now?', limits })
    await lookUntil(w.runtime, sessionId, ['idle'])
    expect(nudged).toEqual([])
  })

  it('leaves nothing that runs to itself when it is closed: it is interrupted, or cannot be looked at', async () => {
    const w = await world()
    const sessionId = await openSession(w)
    await w.runtime.prompt({ sessionId, promptId: 'p1', text: 'Never answer.', limits })
    await lookUntil(w.runtime, sessionId, ['busy'])
    await w.runtime.close()
    const { state } = await w.runtime.look(sessionId)
    expect(state.kind === 'unreachable' ? state.kind : state).toEqual(
      w.runtime.watch ? 'unreachable' : { kind: 'interrupted', promptId: 'p1' },
    )
  })
}
