import { beforeEach, describe, expect, it } from 'vitest'
import { openStore, type Store } from '../../src/store/open.ts'
import { HandClock } from '../fakes/clock.ts'

let clock: HandClock
let store: Store
beforeEach(() => {
  clock = new HandClock()
  store = openStore({ path: ':memory:', clock })
  for (const text of ['a', 'b', 'c']) store.ledger.note({ type: 'inbox.noticed', data: { text } })
})

const failed = (seq: number, more: { attempts?: number; dueInMs?: number } = {}) => ({
  sink: 's',
  seq,
  attempts: more.attempts ?? 1,
  dueAt: clock.now() + (more.dueInMs ?? 0),
  problem: 'it answered 500',
})

describe('the outbox', () => {
  it('gives events after a place, oldest first, a few at a time', () => {
    expect(store.outbox.eventsAfter(1, 1).map(({ event }) => event.data.text)).toEqual(['b'])
    expect(store.outbox.eventsAfter(0, 9).map(({ event }) => event.seq)).toEqual([1, 2, 3])
    expect(store.outbox.event(2)?.event.data.text).toBe('b')
    expect(store.outbox.event(99)).toBeNull()
  })

  it('knows no place of a new sink, and each sink has its own', () => {
    expect(store.outbox.cursor('s')).toBeNull()
    store.outbox.setCursor('s', 2)
    store.outbox.setCursor('t', 3)
    expect([store.outbox.cursor('s'), store.outbox.cursor('t'), store.outbox.head()]).toEqual([2, 3, 3])
  })

  it('keeping a delivery moves the place, and never back', () => {
    store.outbox.setCursor('s', 1)
    store.outbox.defer(failed(2))
    expect(store.outbox.cursor('s')).toBe(2)
    store.outbox.setCursor('s', 3)
    store.outbox.bury(failed(2))
    expect(store.outbox.cursor('s')).toBe(3)
  })

  it('gives what is due, the longest due first, and says when the next is', async () => {
    store.outbox.defer(failed(1, { dueInMs: 500 }))
    store.outbox.defer(failed(2, { dueInMs: 100 }))
    store.outbox.defer(failed(3, { dueInMs: 900 }))
    expect(store.outbox.due('s', clock.now(), 9)).toEqual([])
    expect(store.outbox.nextDueAt('s')).toBe(clock.now() + 100)
    await clock.advance(500)
    expect(store.outbox.due('s', clock.now(), 9).map((row) => row.seq)).toEqual([2, 1])
    expect(store.outbox.due('s', clock.now(), 1).map((row) => row.seq)).toEqual([2])
    expect(store.outbox.due('t', clock.now(), 9)).toEqual([])
    expect(store.outbox.nextDueAt('t')).toBeNull()
  })

  it('keeps one row a delivery, whose last word counts', () => {
    store.outbox.defer(failed(1))
    store.outbox.defer(failed(1, { attempts: 2 }))
    expect(store.outbox.counts('s')).toEqual({ pending: 1, dead: 0 })
    store.outbox.settle('s', 1)
    expect(store.outbox.counts('s')).toEqual({ pending: 0, dead: 0 })
  })

  it('lists dead letters, which are never due, until they are replayed', () => {
    store.outbox.bury(failed(1, { attempts: 8 }))
    expect(store.outbox.due('s', clock.now(), 9)).toEqual([])
    expect(store.outbox.open(true, 9)).toMatchObject([{ sink: 's', seq: 1, attempts: 8, problem: 'it answered 500' }])
    expect(store.outbox.open(false, 9)).toEqual([])
    expect([store.outbox.replay('s', 1), store.outbox.replay('s', 1)]).toEqual([1, 0])
    expect(store.outbox.due('s', clock.now(), 9)).toMatchObject([{ seq: 1, attempts: 0, dead: false }])
  })
})
