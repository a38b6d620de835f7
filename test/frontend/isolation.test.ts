/** What the card of a worktree offers, and what it warns of. */
import { expect, it } from 'vitest'
import { endWarning, sizeWords, worktreeEnds } from '../../frontend/src/model/isolation.ts'
import type { Isolation, TaskStatus } from '../../src/core/task.ts'

const look = { files: 1, added: 1200, removed: 0, folder: true, unsaved: ['.env'], unsavedCount: 2 }
const offered = (status: TaskStatus, outcome: Isolation['outcome'], folder = true) => {
  const isolation = { origin: '/w', path: '/d/t_1', branch: 'openloom/t_1', base: '0', outcome }
  return worktreeEnds({ status, isolation }, { ...look, folder }).map(({ label }) => label)
}

it('offers what may be done, and nothing while an agent works there', () => {
  expect(offered('running', 'open')).toEqual([])
  expect(offered('failed', 'open')).toEqual(['Merge', 'Keep branch', 'Drop'])
  expect(offered('done', 'conflict')).toEqual(['Merge', 'Keep branch', 'Drop'])
  expect(offered('done', 'kept', false)).toEqual(['Merge', 'Drop'])
  expect(offered('done', 'merged', false)).toEqual([])
  expect(offered('done', 'merged')).toEqual(['Remove folder'])
  expect(offered('archived', 'dropped', false)).toEqual([])
})

it('warns before something goes that no commit holds, and always before a drop', () => {
  const clean = { ...look, unsaved: [], unsavedCount: 0 }
  expect(endWarning('Merge', look)).toBeNull()
  expect(endWarning('Keep branch', clean)).toBeNull()
  for (const label of ['Keep branch', 'Remove folder'])
    expect(endWarning(label, look)).toContain('2 paths that no commit')
  expect(endWarning('Keep branch', { ...clean, unsavedCount: null })).toBeNull()
  expect(endWarning('Drop', clean)).toContain('A rescue reference to the commits stays.')
})

it('says how much it is', () => {
  expect(sizeWords(look)).toBe('1 file, +1,200 −0')
  expect(sizeWords({ ...look, files: 0 })).toBe('no changes')
})
