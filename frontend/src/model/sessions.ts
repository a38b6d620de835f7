/** How sessions stand together, and lines of a diff. Pure. */
import type { SessionItem } from '../../../src/server/api.ts'

/** Folders in the order of their newest session; inside, the order of the list. */
export function byWorkspace(items: readonly SessionItem[]): { workspace: string; items: SessionItem[] }[] {
  const groups = new Map<string, SessionItem[]>()
  for (const item of items) groups.set(item.workspace, [...(groups.get(item.workspace) ?? []), item])
  return [...groups].map(([workspace, found]) => ({ workspace, items: found }))
}

export type DiffLine = { kind: 'added' | 'removed' | 'place' | 'same'; text: string }

/** The lines of a unified diff, without its file header; what is beyond `linesMax` is left out and counted. */
export function diffLines(patch: string, linesMax: number): { lines: DiffLine[]; left: number } {
  const all = patch.split('\n')
  const start = all.findIndex((line) => line.startsWith('@@'))
  const body = (start > 0 ? all.slice(start) : all).filter((line, n, list) => line !== '' || n < list.length - 1)
  return { lines: body.slice(0, linesMax).map(lineOf), left: Math.max(0, body.length - linesMax) }
}

function lineOf(text: string): DiffLine {
  if (text.startsWith('@@')) return { kind: 'place', text }
  if (text.startsWith('+')) return { kind: 'added', text }
  return { kind: text.startsWith('-') ? 'removed' : 'same', text }
}
