import { expect, it } from 'vitest'
import { answersSettle, watchWorld } from '../fakes/watch-world.ts'

const key = (id: string) => ({ runtime: 'hand', id })

it('an ask that a task did not wait for is gone with it, also when a kill came in between', () => {
  const w = watchWorld()
  w.watch.session('ses_1')
  const task = w.task('ses_1')
  const left = (id: string) => {
    const place = { runtime: 'hand', sessionId: 'ses_1', rootId: 'ses_1', workspace: '/work', scope: '/work' }
    const request = { kind: 'question', questions: [] } as const
    const ask = w.store.asks.open(
      { id, ...place, taskId: task.id, call: 'c', request: { ...request, questions: [] } },
      null,
    )
    w.store.asks.defer(ask)
  }
  left('que_1')
  w.reborn()
  expect(w.store.asks.get(key('que_1'))).toMatchObject({ status: 'open', deferred: 'untold' })
  w.store.tasks.move(task.id, 'cancelled')
  expect(w.store.asks.get(key('que_1'))).toMatchObject({ status: 'gone', deferred: 'used' })
  left('que_2')
  w.reborn()
  expect(w.store.asks.get(key('que_2'))).toMatchObject({ status: 'gone', deferred: 'used' })
})

it('PM-6 what a turn asks before its task is noted as at work is not waited for either', () => {
  const w = watchWorld({ ask: 'continue' })
  w.watch.session('ses_1')
  const task = w.task('ses_1')
  w.store.tasks.move(task.id, 'waiting', { reason: { code: 'session-busy', text: 'Another prompt is answered.' } })
  w.watch.permission('per_1', 'ses_1')
  expect(w.store.asks.get(key('per_1'))).toMatchObject({ status: 'open', deferred: null })
  w.store.tasks.move(task.id, 'running')
  expect(w.store.asks.get(key('per_1'))).toMatchObject({ status: 'open', deferred: 'untold' })
})

it('PM-6 a run that asks again what was answered meanwhile hears that it is to go on', async () => {
  const w = watchWorld({ ask: 'continue' })
  w.watch.session('ses_1')
  w.task('ses_1')
  w.watch.permission('per_1', 'ses_1')
  expect((await w.desk.answer(key('per_1'), { kind: 'once' })).ok).toBe(true)
  w.watch.permission('per_1', 'ses_1')
  expect(w.watch.answers.map(({ reply }) => reply)).toMatchObject([
    { kind: 'reject', later: true },
    { kind: 'reject', later: true },
  ])
})

it('PM-6 what was allowed once and reached no call is allowed the next one', async () => {
  const w = watchWorld({ ask: 'continue' })
  w.watch.session('ses_1')
  w.task('ses_1')
  const patterns = ['git push']
  const request = { kind: 'permission' as const, permission: 'bash', patterns, always: [], detail: '' }
  const asks = (id: string) =>
    w.watch.tell({ kind: 'ask', ask: { id, sessionId: 'ses_1', scope: '/work', call: 'same', request } })
  asks('per_1')
  await w.desk.answer(key('per_1'), { kind: 'once' })
  w.watch.refuseAnswer = { kind: 'opencode-missing', text: 'It is over.' }
  asks('per_2')
  await answersSettle()
  expect(w.store.asks.get(key('per_2'))?.reply).toBeNull()
  w.watch.refuseAnswer = null
  asks('per_3')
  await answersSettle()
  expect(w.watch.answers.at(-1)?.reply).toEqual({ kind: 'once' })
  asks('per_4')
  expect(w.watch.answers.at(-1)?.reply).toMatchObject({ kind: 'reject', later: true })
})
