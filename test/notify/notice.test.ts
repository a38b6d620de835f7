import { expect, it } from 'vitest'
import type { TaskItem } from '../../src/core/task.ts'
import { noticeOf } from '../../src/notify/notice.ts'
import { openStore } from '../../src/store/open.ts'
import { eventFrom } from '../contracts/sink.ts'
import { HandClock } from '../fakes/clock.ts'
import { specFrom, taskFrom } from '../fakes/tasks.ts'

it('has the fields of the original, filled from the event as it was then', () => {
  const store = openStore({ path: ':memory:', clock: new HandClock() })
  const { task } = store.tasks.accept(
    taskFrom({}, { spec: specFrom({ title: 'Fix it', steps: [{ title: 's', checks: [] }] }) }),
  )
  const id = task?.id ?? ''
  const [source] = store.outbox.eventsAfter(0, 10)
  if (!source) throw new Error('no event')
  const before = noticeOf(source)
  store.tasks.move(id, 'cancelled', { reason: { code: 'person', text: 'Nobody wants it.' } })
  const [again, cancelled] = store.outbox.eventsAfter(0, 10)
  if (!again || !cancelled) throw new Error('no events')
  expect(noticeOf(again)).toEqual(before)
  expect(before).toMatchObject({
    schema_version: '2.0',
    id: 'evt_local_1',
    event: 'TASK_CREATED',
    type: 'task.created',
    task_id: id,
    task_name: 'Fix it',
    timestamp: Date.UTC(2026, 0, 5, 8) / 1000,
    timestamp_iso: '2026-01-05T08:00:00.000Z',
    store_version: 1,
    data: { status: 'queued', progress: '0/1', summary: 'Fix it: queued.', active_session_id: null, source: 'api' },
  })
  expect(noticeOf(cancelled)).toMatchObject({
    event: 'TASK_UPDATED',
    type: 'task.cancelled',
    data: { status: 'cancelled', summary: 'Nobody wants it.', from: 'queued' },
  })
  store.close()
})

it('without a task tells what the event tells', () => {
  const event = eventFrom({ type: 'inbox.rejected', taskId: null, data: { text: 'a.md was refused.', status: 'x' } })
  expect(noticeOf({ event, task: null })).toMatchObject({
    event: 'LOG_LINE',
    task_name: null,
    data: { status: null, progress: null, summary: 'a.md was refused.', text: 'a.md was refused.' },
  })
})

it.each<[what: string, part: Partial<TaskItem>, sentence: RegExp]>([
  ['a proof of checks that a model proposed', { verdict: 'verified (proposed checks)' }, /only by checks that a model/],
  [
    'that nothing got worse',
    { verdict: 'verified (project checks)', flaky: 1 },
    /Nobody said what to prove\. 1 flaky\.$/,
  ],
  ['a flaky proof', { verdict: 'verified', flaky: 1 }, /^verified, 1 flaky: 2 of 2 proven\.$/],
  [
    'tampering, and what to do about it',
    { status: 'paused', verdict: 'tampered', reason: { code: 'tampered', text: 'The work changed it.' } },
    /openloom accept t_1\. .*openloom resume t_1\.$/,
  ],
  [
    'the reason of a failure',
    { status: 'failed', verdict: 'weakened', reason: { code: 'attempts-weakened', text: 'Fewer tests.' } },
    /^Fewer tests\.$/,
  ],
])('tells of %s', (_what, part, sentence) => {
  const task = { id: 't_1', title: 'Fix it', status: 'done', progress: { proven: 2, total: 2 }, reason: null, ...part }
  const event = eventFrom({ type: 'task.done', data: { task } })
  expect(noticeOf({ event, task: null }).data.summary).toMatch(sentence)
})
