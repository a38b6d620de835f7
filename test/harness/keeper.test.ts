import { describe, expect, it } from 'vitest'
import type { UsageCount } from '../../src/core/session.ts'
import { type WatchWorld, watchWorld } from '../fakes/watch-world.ts'

const hour = 3_600_000
const count = (part: Partial<UsageCount> = {}): UsageCount => ({
  ...{ input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0, costMicros: 0 },
  ...part,
})
const rowsOf = (w: WatchWorld) => w.store.usage.by('day', {}, 100)
const whole = (w: WatchWorld) => w.store.usage.whole({})

describe('the ledger of sessions', () => {
  it('knows a thousand sessions of a first look with one event', async () => {
    const w = watchWorld()
    for (let n = 0; n < 1_000; n++) w.watch.session(`ses_${n}`)
    for (let n = 0; n < 1_000; n++) w.watch.tell({ kind: 'state', sessionId: `ses_${n}`, state: 'idle', at: 1 })
    await w.clock.advance(10_000)
    expect(w.store.watched.count('hand')).toBe(1_000)
    expect(w.events().map((event) => [event.type, event.data])).toEqual([
      ['runtime.connected', { runtime: 'hand', sessions: 1_000 }],
    ])
  })

  it('tells of a session that is made while we look', async () => {
    const w = watchWorld()
    w.watch.session('ses_old')
    w.watch.session('ses_new', { createdAt: w.clock.now() + 1, title: 'Something new' })
    await w.written()
    expect(w.events('session.found').map((event) => [event.sessionId, event.data.title])).toEqual([
      ['ses_new', 'Something new'],
    ])
  })

  it('writes only what is different', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.tell({ kind: 'state', sessionId: 'ses_1', state: 'busy', at: 5 })
    await w.written()
    w.watch.session('ses_1')
    w.watch.tell({ kind: 'state', sessionId: 'ses_1', state: 'busy', at: 900 })
    await w.written()
    expect(w.changes).toEqual([['ses_1']])
    expect(w.store.watched.get('ses_1')).toMatchObject({ state: 'busy', stateAt: 5 })
    w.watch.session('ses_1', { title: 'Another title' })
    await w.written()
    expect(w.changes).toHaveLength(2)
  })

  it('writes a burst as one, the newest of it', async () => {
    const w = watchWorld()
    for (let n = 0; n < 500; n++) w.watch.session('ses_1', { title: `Title ${n}`, updatedAt: n })
    expect(w.store.watched.get('ses_1')).toBeNull()
    await w.written()
    expect(w.changes).toEqual([['ses_1']])
    expect(w.store.watched.get('ses_1')).toMatchObject({ title: 'Title 499', updatedAt: 499 })
  })

  it('keeps a session that vanishes, and says so once; it may come back', async () => {
    const w = watchWorld()
    w.watch.session('ses_1', { title: 'Kept' })
    w.watch.tell({ kind: 'vanished', sessionId: 'ses_1' })
    await w.written()
    w.watch.tell({ kind: 'vanished', sessionId: 'ses_1' })
    await w.written()
    expect(w.events('session.vanished').map((event) => event.data.title)).toEqual(['Kept'])
    expect(w.store.watched.get('ses_1')?.goneAt).toBe(w.clock.now() - 350)
    w.watch.session('ses_1', { title: 'Kept' })
    await w.written()
    expect(w.store.watched.get('ses_1')?.goneAt).toBeNull()
  })

  it('remembers a state that is told before its session', async () => {
    const w = watchWorld()
    w.watch.tell({ kind: 'state', sessionId: 'ses_1', state: 'busy', at: 5 })
    await w.written()
    w.watch.session('ses_1')
    await w.clock.advance(1_000)
    expect(w.store.watched.get('ses_1')?.state).toBe('busy')
  })

  it('lets a session of one runtime not be overwritten by another', () => {
    const w = watchWorld()
    const news = { sessions: [], states: [], vanished: ['ses_1'] }
    w.watch.session('ses_1')
    w.keeper.close()
    w.store.watched.keep('other', news, 0)
    expect(w.store.watched.get('ses_1')).toMatchObject({ runtime: 'hand', goneAt: null })
  })

  it('survives parents in a circle', async () => {
    const w = watchWorld()
    w.watch.session('ses_1', { parentId: 'ses_2' })
    w.watch.session('ses_2', { parentId: 'ses_1' })
    await w.written()
    const one = w.store.watched.get('ses_1')
    expect(one && w.store.watched.rootOf(one).id).toBe('ses_2')
    expect(w.store.watched.tree('ses_1')).toEqual(['ses_1', 'ses_2'])
  })

  it('writes what is in hand when it closes', () => {
    const w = watchWorld()
    for (let n = 0; n < 2_500; n++) w.watch.session(`ses_${n}`)
    w.keeper.close()
    expect(w.store.watched.count('hand')).toBe(2_500)
  })

  it('holds on to what the store refuses, and says so', async () => {
    const w = watchWorld()
    const { keep } = w.store.watched
    w.store.watched.keep = () => {
      throw new Error('database or disk is full')
    }
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1')
    await w.written()
    expect([...w.alarms.keys()]).toEqual(['sessions-hand'])
    w.store.watched.keep = keep
    await w.clock.advance(5_000)
    expect([...w.alarms.keys()]).toEqual([])
    expect(w.store.watched.get('ses_1')?.id).toBe('ses_1')
    expect(w.store.asks.list({ status: 'open', limit: 5 })).toHaveLength(1)
  })

  it('pages by what was touched last, and filters', async () => {
    const w = watchWorld()
    for (let n = 0; n < 5; n++) w.watch.session(`ses_${n}`, { updatedAt: n, workspace: n % 2 ? '/odd' : '/even' })
    w.watch.session('ses_sub', { updatedAt: 9, parentId: 'ses_1', title: 'Below 100%' })
    w.watch.tell({ kind: 'state', sessionId: 'ses_3', state: 'busy', at: 1 })
    await w.written()
    const first = w.store.watched.page({ limit: 2, roots: true })
    const second = w.store.watched.page({ limit: 9, roots: true, after: first.next ?? '' })
    const ids = (page: { items: { id: string }[] }) => page.items.map((item) => item.id)
    expect([ids(first), ids(second), second.next]).toEqual([['ses_4', 'ses_3'], ['ses_2', 'ses_1', 'ses_0'], null])
    expect(ids(w.store.watched.page({ limit: 9, workspace: '/even' }))).toEqual(['ses_4', 'ses_2', 'ses_0'])
    expect(ids(w.store.watched.page({ limit: 9, states: ['busy'] }))).toEqual(['ses_3'])
    expect(ids(w.store.watched.page({ limit: 9, text: '100%' }))).toEqual(['ses_sub'])
    const task = w.task('ses_2')
    expect(ids(w.store.watched.page({ limit: 9, taskId: task.id }))).toEqual(['ses_2'])
  })
})

describe('usage', () => {
  it('is the growth of a message, at the time of the growth', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    const born = w.clock.now() + 1
    for (const output of [10, 10, 30, 30, 70]) {
      w.watch.usage('ses_1', 'msg_1', born, { input: 100, output, costMicros: output * 2 })
      await w.clock.advance(hour)
    }
    expect(whole(w)).toMatchObject({ input: 100, output: 70, costMicros: 140, atLeast: false })
    const late = w.store.usage.whole({ since: w.clock.now() - 1.5 * hour })
    expect(late).toMatchObject({ input: 0, output: 40 })
  })

  it('of a message that is older than our look counts when it was made', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.usage('ses_1', 'msg_1', w.clock.now() - 48 * hour, { output: 10 })
    await w.written()
    w.watch.usage('ses_1', 'msg_1', w.clock.now() - 48 * hour, { output: 15 })
    await w.written()
    expect(rowsOf(w).map((row) => row.output)).toEqual([10, 5])
  })

  it('belongs to the task that worked in the root session then', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.session('ses_sub', { parentId: 'ses_1' })
    w.watch.usage('ses_1', 'msg_0', w.clock.now() - hour, { output: 1 })
    const task = w.task('ses_1')
    await w.clock.advance(10)
    w.watch.usage('ses_sub', 'msg_1', w.clock.now(), { output: 5 })
    await w.written()
    w.store.tasks.move(task.id, 'cancelled')
    await w.clock.advance(1_000)
    w.watch.usage('ses_1', 'msg_2', w.clock.now(), { output: 20 })
    await w.clock.advance(hour)
    w.watch.usage('ses_1', 'msg_3', w.clock.now(), { output: 100 })
    await w.written()
    const byTask = w.store.usage.by('task', {}, 10).map((row) => [row.key, row.output])
    expect(byTask).toEqual([
      [null, 101],
      [task.id, 25],
    ])
  })

  it('of a parent includes its subagents', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.session('ses_2', { parentId: 'ses_1' })
    w.watch.session('ses_3', { parentId: 'ses_2' })
    w.watch.usage('ses_1', 'a', w.clock.now(), { output: 1 })
    w.watch.usage('ses_2', 'b', w.clock.now(), { output: 10 })
    w.watch.usage('ses_3', 'c', w.clock.now(), { output: 100 })
    await w.written()
    const sums = w.store.usage.ofTree(w.store.watched.tree('ses_1'))
    expect([sums.own.output, sums.total.output]).toEqual([1, 111])
  })

  it('says "at least" where a price is unknown, and null where all are', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.usage('ses_1', 'a', w.clock.now(), { output: 1, costMicros: 500 })
    w.watch.usage('ses_1', 'b', w.clock.now(), { output: 1, costMicros: null, model: 'odd' })
    await w.written()
    expect(whole(w)).toMatchObject({ costMicros: 500, atLeast: true })
    const byModel = w.store.usage.by('model', {}, 10).map((row) => [row.key, row.costMicros, row.atLeast])
    expect(byModel.sort()).toEqual([
      ['p/m', 500, false],
      ['p/odd', null, true],
    ])
  })
})

describe('a total', () => {
  const total = count({ input: 1_000, output: 200, costMicros: 9_000 })
  const idle = { kind: 'state', sessionId: 'ses_1', state: 'idle', at: 1 } as const

  it('larger than what was seen is made up for once, when the session was last touched', async () => {
    const w = watchWorld()
    const updatedAt = w.clock.now() - 72 * hour
    w.watch.session('ses_1', { total, updatedAt, model: 'acme/large' })
    w.watch.tell(idle)
    await w.clock.advance(10_000)
    w.watch.session('ses_1', { total, updatedAt, model: 'acme/large' })
    await w.clock.advance(10_000)
    expect(w.store.usage.by('model', {}, 9)).toMatchObject([{ key: 'acme/large', input: 1_000, costMicros: 9_000 }])
    expect(w.store.usage.whole({ since: updatedAt + 1 }).input).toBe(0)
  })

  it('waits while a turn is under way', async () => {
    const w = watchWorld()
    w.watch.session('ses_1', { total })
    w.watch.tell({ ...idle, state: 'busy' })
    await w.clock.advance(hour)
    expect(whole(w).input).toBe(0)
    w.watch.usage('ses_1', 'msg_1', w.clock.now(), { input: 600, output: 200, costMicros: 5_000 })
    w.watch.tell({ ...idle, at: w.clock.now() })
    await w.clock.advance(10_000)
    expect(whole(w)).toMatchObject({ input: 1_000, output: 200, costMicros: 9_000 })
    expect(w.store.usage.by('model', {}, 9)).toMatchObject([{ key: 'p/m', input: 1_000 }])
  })

  it('is not counted twice when its messages are told afterwards', async () => {
    const w = watchWorld()
    const updatedAt = w.clock.now() - hour
    w.watch.session('ses_1', { total, updatedAt })
    w.watch.tell(idle)
    await w.clock.advance(10_000)
    w.watch.usage('ses_1', 'msg_1', updatedAt - 24 * hour, { input: 400, output: 200, costMicros: 3_000 })
    await w.written()
    expect(whole(w)).toMatchObject({ input: 1_000, output: 200, costMicros: 9_000 })
    expect(w.store.usage.whole({ until: updatedAt - hour })).toMatchObject({ input: 400, output: 200 })
    w.watch.usage('ses_1', 'msg_2', w.clock.now(), { input: 50 })
    await w.written()
    expect(whole(w).input).toBe(1_050)
  })

  it('that is smaller than what was seen takes nothing back', async () => {
    const w = watchWorld()
    w.watch.session('ses_1', { total: count({ input: 10 }) })
    w.watch.usage('ses_1', 'msg_1', w.clock.now(), { input: 50 })
    w.watch.tell(idle)
    await w.clock.advance(10_000)
    expect(whole(w).input).toBe(50)
  })
})
