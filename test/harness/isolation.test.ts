/** What a worktree of its own changes for places and for what a person allows. */
import { describe, expect, it } from 'vitest'
import { blockedBy } from '../../src/harness/places.ts'
import { answersSettle, watchWorld } from '../fakes/watch-world.ts'

describe('the one writer of a workspace', () => {
  const place = (id: string, workspace: string, isolated: boolean) => {
    return { id, workspace, isolated, runtime: 'hand', sessionId: null }
  }
  const limits = { tasks: 4, runtimes: {} }
  it.each([
    ['waits for another one there', false, false, 'workspace-busy'],
    ['does not wait when it has a worktree', true, false, undefined],
    ['does not wait for one that has a worktree, or is about to', false, true, undefined],
    ['waits for no worktree from a worktree', true, true, undefined],
  ])('%s', (_, isolated, other, code) => {
    const active = [place('t_1', '/srv/shop', other)]
    expect(blockedBy(place('t_2', '/srv/shop/part', isolated), active, limits)?.code).toBe(code)
  })
})

describe('an "always"', () => {
  it('of the project holds in a worktree of it, and one that was given there holds in the project', async () => {
    const w = watchWorld()
    const task = w.task('ses_tree')
    const path = `/nowhere/worktrees/${task.id}`
    const isolation = { origin: '/work', path, branch: 'openloom/x', base: '0', outcome: 'open' as const }
    w.store.tasks.patch(task.id, { isolation, workspace: path })
    w.watch.session('ses_here')
    w.watch.session('ses_tree', { workspace: `${path}/part` })
    await w.written()
    const ask = (id: string) => ({ runtime: 'hand', id })
    w.watch.permission('per_1', 'ses_here')
    await w.desk.answer(ask('per_1'), { kind: 'always' })
    w.watch.permission('per_2', 'ses_tree')
    w.watch.permission('per_3', 'ses_tree', { patterns: ['npm test'] })
    await answersSettle()
    expect(w.store.asks.get(ask('per_2'))).toMatchObject({ by: 'rule', status: 'answered', workspace: '/work' })
    await w.desk.answer(ask('per_3'), { kind: 'always' })
    w.watch.permission('per_4', 'ses_here', { patterns: ['npm test'] })
    await answersSettle()
    expect(w.store.asks.get(ask('per_4'))).toMatchObject({ by: 'rule', status: 'answered' })
  })
})
