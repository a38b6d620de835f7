import { utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { sessions } from '../../src/store/schema.ts'
import { diagnosisFrom, StallWorld } from '../fakes/stall-world.ts'

const theirs = { taskId: 'x', title: 'Theirs', workspace: '/nowhere', agent: null, model: null, session: null }

describe('a busy session without a sign of life', () => {
  it('is called stalled once, with how long, why and what to do', async () => {
    const w = new StallWorld()
    const task = await w.task({ title: 'Build it' })
    w.hangs()
    const since = w.clock.now()
    await w.looks(4)
    expect(w.events('session.stalled')).toEqual([])
    await w.looks(1)
    const [event] = w.events('session.stalled')
    expect(event).toMatchObject({ taskId: task.id, sessionId: task.sessionId })
    expect(event?.data).toMatchObject({
      ...{ runtime: 'hand', title: 'Build it', workspace: task.workspace, sessionId: task.sessionId },
      ...{ quietForMs: 75_000, quietSince: since },
      ...{ cause: 'sleeping', diagnosis: '`sleep 600` sleeps.', todo: 'End it.' },
    })
    await w.looks(20)
    expect(w.events('session.stalled')).toHaveLength(1)
    expect(w.store.quiet.get(task.sessionId ?? '')).toMatchObject({ diagnosis: { cause: 'sleeping' }, rescues: 0 })
  })

  it('is counted in time when a time is given', async () => {
    const w = new StallWorld({ settings: { checks: 99, afterMs: 120_000 } })
    await w.task()
    w.hangs()
    await w.looks(8)
    expect(w.events('session.stalled')).toEqual([])
    await w.looks(1)
    expect(w.events('session.stalled')).toHaveLength(1)
  })

  it('is told as revived, and may stall again, when it goes on', async () => {
    const w = new StallWorld()
    await w.task()
    w.hangs()
    await w.looks(5)
    w.hangs({ callId: 'c2' })
    await w.looks(1)
    expect(w.events('session.revived')).toHaveLength(1)
    await w.looks(4)
    expect(w.events('session.stalled')).toHaveLength(2)
  })

  it('is told as revived when its turn ends, and nothing ticks afterwards', async () => {
    const w = new StallWorld()
    const task = await w.task()
    w.hangs()
    await w.looks(5)
    w.runtime.activityNow = null
    w.runtime.answer(task.sessionId ?? '', 'done')
    await w.looks(1)
    expect(w.events('session.revived')).toMatchObject([{ sessionId: task.sessionId }])
    let asked = 0
    const activity = w.runtime.activity.bind(w.runtime)
    w.runtime.activity = (id) => {
      asked++
      return activity(id)
    }
    await w.looks(3)
    expect(asked).toBe(0)
  })

  it('keeps count and latch across a restart; the time in between is nobody’s silence', async () => {
    const w = new StallWorld()
    await w.task()
    w.hangs()
    await w.looks(4)
    await w.restart(3_600_000)
    expect(w.events('session.stalled')).toEqual([])
    await w.looks(1)
    expect(w.events('session.stalled')).toHaveLength(1)
    await w.restart(60_000)
    await w.looks(6)
    expect(w.events('session.stalled')).toHaveLength(1)
    expect(w.events('session.revived')).toEqual([])
  })

  it('begins to count anew after a restart when it has moved meanwhile', async () => {
    const w = new StallWorld()
    await w.task()
    w.hangs()
    await w.looks(4)
    w.hangs({ outputBytes: 10 })
    await w.restart(60_000)
    await w.looks(3)
    expect(w.events('session.stalled')).toEqual([])
    await w.looks(1)
    expect(w.events('session.stalled')).toHaveLength(1)
  })

  it('has not moved because its runtime has forgotten when it did last', async () => {
    const w = new StallWorld()
    await w.task()
    w.hangs()
    await w.looks(4)
    w.hangs({}, { lastProgressAt: null })
    await w.restart(1_000)
    await w.looks(1)
    expect(w.events('session.stalled')).toHaveLength(1)
  })

  it('of somebody else is watched as well, without a task', async () => {
    const w = new StallWorld()
    const opened = await w.runtime.open(theirs)
    const sessionId = opened.ok ? opened.value.sessionId : ''
    w.hangs({ cwd: '/nowhere' })
    w.runtime.set(sessionId, { kind: 'busy', tool: 'bash' })
    await w.looks(5)
    expect(w.events('session.stalled')).toMatchObject([{ taskId: null, sessionId, data: { workspace: '/nowhere' } }])
  })

  it('is its root’s silence when it is a subagent', async () => {
    const w = new StallWorld()
    const open = (taskId: string) => w.runtime.open({ ...theirs, taskId })
    await Promise.all([open('root'), open('child')])
    const child = { runtime: 'hand', title: 'c', workspace: '/nowhere', createdAt: 0, parentId: 's1' }
    w.store.ledger.db
      .insert(sessions)
      .values({ id: 's2', ...child })
      .run()
    w.hangs()
    w.runtime.set('s2', { kind: 'busy', tool: 'bash' })
    await w.looks(6)
    expect(w.events('session.stalled')).toMatchObject([{ sessionId: 's1' }])
  })
})

describe('a healthy session', () => {
  it('prints', async () => {
    const w = new StallWorld()
    await w.task()
    for (let bytes = 0; bytes < 20; bytes++) {
      w.hangs({ outputBytes: bytes })
      await w.looks(1)
    }
    expect(w.diagnoses).toBe(0)
    expect(w.events('session.stalled')).toEqual([])
  })

  it('changes files', async () => {
    const w = new StallWorld()
    const task = await w.task()
    w.hangs()
    await w.looks(3)
    const path = join(task.workspace, 'out.txt')
    writeFileSync(path, 'x')
    const at = w.clock.now() / 1000
    utimesSync(path, at, at)
    await w.looks(3)
    expect(w.events('session.stalled')).toEqual([])
    await w.looks(4)
    expect(w.events('session.stalled')).toHaveLength(1)
  })

  it('is not one whose files have a date in the future, or change only where nobody works', async () => {
    const w = new StallWorld()
    const task = await w.task()
    writeFileSync(join(task.workspace, 'future.txt'), 'x')
    w.hangs()
    await w.looks(5)
    expect(w.events('session.stalled')).toHaveLength(1)
  })

  it('waits for a person or a provider: that has its own alarm', async () => {
    const w = new StallWorld()
    await w.task()
    for (const state of [
      { kind: 'waiting', for: 'permission', text: 'bash' } as const,
      { kind: 'retrying', attempt: 1, nextAt: 0, text: '500' } as const,
      { kind: 'unreachable', text: 'timeout' } as const,
    ]) {
      w.hangs({}, { state })
      await w.looks(10)
    }
    expect(w.events('session.stalled')).toEqual([])
  })

  it('works without a word: it gets more patience, and is told in the end', async () => {
    const w = new StallWorld({ settings: { onHang: 'take-over' } })
    w.diagnosis = diagnosisFrom({ cause: 'working', text: '`make` works.', todo: null })
    await w.task()
    w.hangs()
    await w.looks(12)
    expect(w.events('session.stalled')).toEqual([])
    await w.looks(1)
    expect(w.events('session.stalled')).toMatchObject([{ data: { cause: 'working' } }])
    await w.looks(10)
    expect([w.runtime.aborted, w.events('session.stalled').length]).toEqual([[], 1])
  })

  it('with a model that thinks is told when it has thought for too long, as that', async () => {
    const w = new StallWorld()
    w.diagnosis = diagnosisFrom({ cause: 'working', text: 'The model works.', todo: null })
    await w.task()
    w.hangs({}, { tool: null, state: { kind: 'busy', tool: null } })
    await w.looks(40)
    expect(w.events('session.stalled')).toEqual([])
    w.diagnosis = diagnosisFrom({ cause: 'model-silent', text: 'Nothing has come for 5 min.', todo: null })
    await w.looks(5)
    expect(w.events('session.stalled')).toMatchObject([{ data: { cause: 'model-silent' } }])
  })

  it('may be diagnosed on request', async () => {
    const w = new StallWorld()
    const task = await w.task()
    expect(await w.stalls.diagnose(task.sessionId ?? '')).toMatchObject({ ok: true, value: { cause: 'sleeping' } })
    expect(await w.stalls.diagnose('nobody')).toMatchObject({ ok: false, problems: [{ kind: 'session-missing' }] })
  })
})
