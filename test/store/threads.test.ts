import { describe, expect, it, onTestFinished } from 'vitest'
import { weaveOf } from '../../frontend/src/model/weave.ts'
import type { EventType } from '../../src/core/event.ts'
import { openStore } from '../../src/store/open.ts'
import { HandClock } from '../fakes/clock.ts'
import { taskFrom } from '../fakes/tasks.ts'

const minute = 60_000
const hour = 60 * minute

function open() {
  const clock = new HandClock()
  const store = openStore({ path: ':memory:', clock })
  onTestFinished(() => store.close())
  const accept = (key: string) => store.tasks.accept(taskFrom({ externalId: key })).task?.id ?? ''
  const note = async (taskId: string, type: EventType, afterMs: number, data = {}) => {
    await clock.advance(afterMs)
    store.ledger.note({ type, taskId, data })
  }
  const since = (hours: number) => store.threads.since(clock.now() - hours * hour, 10)
  const kinds = (hours: number) =>
    weaveOf(since(hours)[0]?.marks ?? [], clock.now()).segments.map(({ kind, from, to }) => [kind, to - from])
  return { clock, store, accept, note, since, kinds }
}

describe('the threads of the last hours', () => {
  it('give the same weave as all events of the task do', async () => {
    const { store, clock, accept, note, kinds } = open()
    const id = accept('a')
    await note(id, 'task.running', minute)
    await note(id, 'tool.started', 2 * minute)
    await note(id, 'tool.ended', 3 * minute)
    await note(id, 'session.stalled', 9 * minute, { quietSince: clock.now() + 4 * minute, diagnosis: 'x'.repeat(900) })
    await note(id, 'task.waiting', minute, { reason: { code: 'needs-permission', text: 'may it?' } })
    await clock.advance(minute)
    const all = weaveOf(store.events.after(0, 100, id), clock.now())
    expect(kinds(12)).toEqual(all.segments.map(({ kind, from, to }) => [kind, to - from]))
    expect(kinds(12).map(([kind]) => kind)).toEqual(['queued', 'model', 'tool', 'model', 'hung', 'person'])
  })

  it('begin with what the task was doing when the period began, and leave out what rested before', async () => {
    const { clock, accept, note, since, kinds } = open()
    const old = accept('old')
    const id = accept('a')
    await note(id, 'task.verifying', minute)
    await clock.advance(5 * hour)
    await note(id, 'task.running', 0)
    await clock.advance(hour)
    expect(kinds(2)).toEqual([
      ['verifying', 5 * hour],
      ['model', hour],
    ])
    expect(since(2).map((thread) => thread.id)).toEqual([id, old])
  })

  it('stay small for a task of ten thousand calls, and still tell tools from the model', async () => {
    const { clock, store, accept, since, kinds } = open()
    const id = accept('a')
    store.ledger.note({ type: 'task.running', taskId: id, data: {} })
    for (let hourly = 0; hourly < 10; hourly++) {
      // An even hour is all tools, an odd one all model, each with calls that last the rest of the second.
      const [busyMs, idleMs] = hourly % 2 === 0 ? [7_000, 200] : [200, 7_000]
      for (let n = 0; n < 500; n++) {
        store.ledger.note({ type: 'tool.started', taskId: id, data: { summary: 'x'.repeat(200) } })
        await clock.advance(busyMs)
        store.ledger.note({ type: 'tool.ended', taskId: id, data: {} })
        await clock.advance(idleMs)
      }
    }
    const [thread] = since(12)
    expect(JSON.stringify(thread).length).toBeLessThan(20_000)
    const long = kinds(12).filter(([, ms]) => Number(ms) > 50 * minute)
    expect(long.map(([kind]) => kind)).toEqual(Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? 'tool' : 'model')))
  })

  it('have what is newest of a task that did more than is read', async () => {
    const { clock, store, accept, since, kinds } = open()
    const id = accept('a')
    store.ledger.note({ type: 'task.running', taskId: id, data: {} })
    store.ledger.transact(() => {
      for (let n = 0; n < 20_500; n++) store.ledger.emit({ type: 'message.finished', taskId: id, data: {} })
    })
    await clock.advance(hour)
    store.ledger.note({ type: 'task.waiting', taskId: id, data: { reason: { code: 'needs-permission', text: '' } } })
    await clock.advance(minute)
    expect(kinds(12).at(-1)).toEqual(['person', minute])
    expect(since(12)[0]?.marks[0]?.type).toBe('task.running')
  })
})
