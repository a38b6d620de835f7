/** How sessions stand together. Pure. */
import type { SessionItem } from '../../../src/server/api.ts'

/** Folders in the order of their newest session; inside, the order of the list. */
export function byWorkspace(items: readonly SessionItem[]): { workspace: string; items: SessionItem[] }[] {
  const groups = new Map<string, SessionItem[]>()
  for (const item of items) groups.set(item.workspace, [...(groups.get(item.workspace) ?? []), item])
  return [...groups].map(([workspace, found]) => ({ workspace, items: found }))
}
