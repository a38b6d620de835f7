import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openStore, type Store } from '../../src/store/open.ts'
import { journalContract } from '../contracts/journal.ts'
import { HandClock } from '../fakes/clock.ts'
import { specFrom, taskFrom } from '../fakes/tasks.ts'

const open = () => openStore({ path: ':memory:', clock: new HandClock() })

journalContract('store', () => {
  const folder = mkdtempSync(join(tmpdir(), 'loom-store-'))
  const openFile = () => openStore({ path: join(folder, 'loom.db'), clock: new HandClock() })
  const opened: Store[] = []
  const open = () => {
    const store = openFile()
    opened.push(store)
    return store.sessions
  }
  return {
    journal: open(),
    reopen: open,
    close: () => {
      for (const store of opened) store.close()
      rmSync(folder, { recursive: true })
    },
  }
})

describe('accepting', () => {
  it('takes the same source and key once, whatever happens in between', () => {
    const store = open()
    const first = store.tasks.accept(taskFrom({ externalId: 'k', bodySha256: 'a' }))
    const again = store.tasks.accept(taskFrom({ externalId: 'k', bodySha256: 'a' }))
    expect([first.kind, again.kind]).toEqual(['accepted', 'known'])
    expect(again.task?.id).toBe(first.task?.id)
    expect(store.tasks.page({ limit: 10 }).items).toHaveLength(1)
  })

  it('calls another body under a known key a conflict', () => {
    const store = open()
    store.tasks.accept(taskFrom({ externalId: 'k', bodySha256: 'a' }))
    expect(store.tasks.accept(taskFrom({ externalId: 'k', bodySha256: 'b' })).kind).toBe('conflict')
  })

  it('writes the task and its event together, and tells listeners after the commit', () => {
    const store = open()
    const heard: string[] = []
    store.ledger.onEvent((event) => heard.push(`${event.seq} ${event.type}`))
    store.tasks.accept(taskFrom())
    expect(heard).toEqual(['1 task.created'])
    expect(store.events.after(0, 10)).toMatchObject([{ seq: 1, type: 'task.created', data: { source: 'api' } }])
  })

  it('tells nobody of what was rolled back', () => {
    const store = open()
    const heard: string[] = []
    store.ledger.onEvent((event) => heard.push(event.type))
    const broken = () =>
      store.ledger.transact(() => {
        store.tasks.accept(taskFrom())
        throw new Error('the disk is full')
      })
    expect(broken).toThrow('the disk is full')
    store.ledger.note({ type: 'daemon.started', data: {} })
    expect(heard).toEqual(['daemon.started'])
    expect(store.tasks.page({ limit: 10 }).items).toEqual([])
  })
})

describe('moving', () => {
  it('follows the table and refuses everything else', () => {
    const store = open()
    const { task } = store.tasks.accept(taskFrom())
    const id = task?.id ?? ''
    expect(() => store.tasks.move(id, 'done')).toThrow('cannot move from queued to done')
    store.tasks.move(id, 'starting', { attempt: 1 })
    store.tasks.move(id, 'running')
    expect(store.tasks.get(id)).toMatchObject({ status: 'running', attempt: 1 })
  })
})

describe('listing', () => {
  it('pages through everything, newest first, without gap or repeat', () => {
    const store = open()
    const clock = store.ledger.clock as HandClock
    const made = Array.from({ length: 25 }, (_, i) => {
      void clock.advance(1)
      return store.tasks.accept(taskFrom({ externalId: `k${i}` })).task?.id
    })
    const seen: string[] = []
    let after: string | undefined
    do {
      const page = store.tasks.page({ limit: 10, ...(after ? { after } : {}) })
      seen.push(...page.items.map((item) => item.id))
      after = page.next ?? undefined
    } while (after)
    expect(seen).toEqual(made.reverse())
  })

  it('takes the words of a search as they are: no sign in them stands for another', () => {
    const store = open()
    for (const title of ['price_list at 100%', 'pricexlist at 1000']) {
      store.tasks.accept(taskFrom({ externalId: title }, { spec: specFrom({ title }) }))
    }
    const found = (text: string) => store.tasks.page({ limit: 10, text }).items.map(({ title }) => title)
    for (const text of ['price_list', 'PRICE_L', '100%', '_']) expect(found(text)).toEqual(['price_list at 100%'])
    for (const text of ['%%', 'p%t', '\\', 'price\\_']) expect(found(text)).toEqual([])
    expect(found('price')).toHaveLength(2)
  })

  it('finds a task by the start of its id, and says when that is ambiguous', () => {
    const store = open()
    const a = store.tasks.accept(taskFrom({ externalId: 'a' })).task?.id ?? ''
    store.tasks.accept(taskFrom({ externalId: 'b' }))
    expect(store.tasks.find(a).map((task) => task.id)).toEqual([a])
    expect(store.tasks.find('t_')).toHaveLength(2)
    expect(store.tasks.find("x' or 1=1")).toEqual([])
  })
})
