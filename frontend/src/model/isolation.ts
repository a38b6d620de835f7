/** What one may do with the worktree of a task, and in which words. The daemon has the last one. */
import type { Isolation, IsolationEnd, Task } from '../../../src/core/task.ts'
import type { IsolationSize } from '../../../src/server/api.ts'
import { count, figure } from './format.ts'

export type WorktreeLook = NonNullable<IsolationSize['look']>

const ended = new Set<Task['status']>(['done', 'failed', 'cancelled', 'archived'])

const endsOf: Record<Isolation['outcome'], readonly IsolationEnd[]> = {
  open: ['merge', 'keep', 'drop'],
  conflict: ['merge', 'keep', 'drop'],
  kept: ['merge', 'drop'],
  merged: [],
  dropped: [],
}

/** What one may do, as buttons. A merged one may still have a folder, which ignored files held. */
export function worktreeEnds(
  { status, isolation }: Pick<Task, 'status' | 'isolation'>,
  look: WorktreeLook | null,
): { end: IsolationEnd; label: string }[] {
  if (!isolation || !ended.has(status)) return []
  if (isolation.outcome === 'merged') return look?.folder ? [{ end: 'merge', label: 'Remove folder' }] : []
  return endsOf[isolation.outcome].map((end) => ({ end, label: labels[end] }))
}

const labels: Record<IsolationEnd, string> = { merge: 'Merge', keep: 'Keep branch', drop: 'Drop' }

/** Asked first, where something goes. */
export function endWarning(label: string, look: WorktreeLook | null): string | null {
  // What git could not list the daemon does not let go.
  const lost = look?.unsavedCount ? `${count(look.unsavedCount, 'path')} that no commit holds` : null
  if (label === 'Merge') return null
  if (label !== labels.drop) return lost ? `The folder goes, and with it ${lost}.` : null
  return `Folder and branch go${lost ? `, and with them ${lost}` : ''}. A rescue reference to the commits stays.`
}

export const outcomeWords: Record<Isolation['outcome'], string> = {
  open: 'waits for merge, keep or drop',
  conflict: 'could not be settled by itself',
  merged: 'merged',
  kept: 'branch kept, folder gone',
  dropped: 'dropped',
}

export function sizeWords(look: WorktreeLook): string {
  if (look.files === 0) return 'no changes'
  return `${count(look.files, 'file')}, +${figure(look.added)} −${figure(look.removed)}`
}
