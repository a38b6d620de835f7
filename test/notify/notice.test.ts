import { expect, it } from 'vitest'
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
