/** The folders that somebody worked in or spoke of, the latest first: what a person picks from. */
import { api } from './door.svelte.ts'

export class Folders {
  list = $state.raw<string[]>([])

  async load(): Promise<void> {
    const known = await api.workspaces()
    if (!known.ok) return
    this.list = [...new Set([...known.value.recent, ...known.value.items.map(({ path }) => path)])]
  }
}
