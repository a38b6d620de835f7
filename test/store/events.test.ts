import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openStore, type Store } from '../../src/store/open.ts'
import { HandClock } from '../fakes/clock.ts'

let store: Store
beforeEach(() => {
  store = openStore({ path: ':memory:', clock: new HandClock() })
})
afterEach(() => store.close())

const note = (count: number, text: string, more: object = {}) =>
  store.ledger.transact(() => {
    for (let n = 0; n < count; n++) store.ledger.emit({ type: 'tool.ended', data: { text: `${text} ${n}` }, ...more })
  })
const seqs = ({ items }: { items: { seq: number }[] }) => items.map(({ seq }) => seq)

describe('the log, read backwards', () => {
  it('comes in pages, the newest first, to its beginning', () => {
    note(5, 'a')
    const first = store.events.before(Number.MAX_SAFE_INTEGER, { limit: 2 })
    expect([seqs(first), first.next]).toEqual([[5, 4], 4])
    const last = store.events.before(first.next ?? 0, { limit: 5 })
    expect([seqs(last), last.next]).toEqual([[3, 2, 1], null])
  })

  it('is filtered by type, family, task, session and words, which are no patterns', () => {
    note(1, 'plain')
    store.ledger.note({ type: 'inbox.noticed', data: { text: '100% DONE_now' } })
    store.ledger.note({ type: 'alarm.raised', taskId: 't_1', sessionId: 's_1', data: { text: 'disk' } })
    const find = (asked: object) => seqs(store.events.before(99, { limit: 9, ...asked }))
    expect(find({ types: ['inbox.*', 'alarm.raised'] })).toEqual([3, 2])
    expect([find({ taskId: 't_1' }), find({ sessionId: 's_1' }), find({ taskId: 't_2' })]).toEqual([[3], [3], []])
    expect([find({ words: ['100%', 'done_NOW'] }), find({ words: ['1__%'] }), find({ words: ['alarm'] })]).toEqual([
      [2],
      [],
      [3],
    ])
  })

  it('looks at one stretch at a time for what is rare, and says where to go on', () => {
    store.ledger.note({ type: 'alarm.raised', data: { text: 'long ago' } })
    note(20_500, 'noise')
    const asked = { limit: 9, types: ['alarm.*'] }
    const first = store.events.before(Number.MAX_SAFE_INTEGER, asked)
    expect(first.items).toEqual([])
    expect(first.next).toBeGreaterThan(1)
    const rest = store.events.before(first.next ?? 0, asked)
    expect([seqs(rest), rest.next]).toEqual([[1], null])
  })

  it('reads by a key, whatever is asked', () => {
    const plan = (where: string) =>
      store.ledger.db.$client
        .prepare(`explain query plan select * from events where ${where} order by seq desc limit 9`)
        .all()
        .map((row) => (row as { detail: string }).detail)
    expect(plan("seq < 900 and seq > 100 and type glob 'task.*' and data like '%x%'")).toEqual([
      'SEARCH events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)',
    ])
    expect(plan("seq < 900 and seq > 0 and task_id = 't_1' and data like '%x%'")).toEqual([
      'SEARCH events USING INDEX events_by_task (task_id=? AND seq>? AND seq<?)',
    ])
  })
})
