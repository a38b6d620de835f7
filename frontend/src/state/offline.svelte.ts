/** What is left while the daemon cannot be reached: the page itself, and how it stood when it was last seen. */
import type { DaemonState } from '../../../src/server/api.ts'
import { sectionStatuses } from '../model/groups.ts'
import { clock } from './clock.svelte.ts'
import { keep, kept } from './storage.ts'

const key = 'openloom.seen'
/** Keeping the page for later is work of its own; what is to be seen now comes first. */
const untilKeptMs = 3_000

/** Numbers and an instant, no word of any task: this outlives the login. */
export interface Seen {
  at: number
  version: string
  needs: number
  running: number
}

class Offline {
  seen = $state.raw<Seen | null>(readSeen())

  note({ version, counts }: DaemonState): void {
    const sum = (statuses: readonly string[]) => statuses.reduce((total, status) => total + (counts[status] ?? 0), 0)
    const { needs, running } = sectionStatuses
    this.seen = { at: clock.now, version, needs: sum(needs), running: sum(running) }
    keep(key, JSON.stringify(this.seen))
  }

  /** The page without a worker is the same page, only not while the daemon is away. */
  start(): void {
    if (!('serviceWorker' in navigator)) return
    clock.after(untilKeptMs, () => {
      void navigator.serviceWorker.register('/sw.js').catch((error: unknown) => {
        console.warn(`No offline page: ${error instanceof Error ? error.message : String(error)}`)
      })
    })
  }
}

function readSeen(): Seen | null {
  const { at, version, needs, running } = kept(key)
  if (typeof at !== 'number' || typeof version !== 'string') return null
  return { at, version, needs: Number(needs), running: Number(running) }
}

export const offline = new Offline()
