/** What the frame shows of the daemon: read at connect, then kept true by events. */
import type { LoomEvent } from '../../../src/core/event.ts'
import type { TaskStatus } from '../../../src/core/task.ts'
import type { DaemonState } from '../../../src/server/api.ts'
import type { Answer, Refusal } from '../answer.ts'
import { clock } from './clock.svelte.ts'
import { api } from './door.svelte.ts'
import { offline } from './offline.svelte.ts'

const recountDelayMs = 1500

class Daemon {
  state = $state<DaemonState | null>(null)
  refusal = $state<Refusal | null>(null)
  #recounting = false

  async read(): Promise<void> {
    this.take(await api.state())
  }

  take(answer: Answer<DaemonState>): void {
    if (answer.ok) {
      this.state = answer.value
      offline.note(answer.value)
    }
    this.refusal = answer.ok ? null : answer.refusal
  }

  count(statuses: readonly TaskStatus[]): number {
    return statuses.reduce((sum, status) => sum + (this.state?.counts[status] ?? 0), 0)
  }

  /** Follows one move in the counts; `from` is null when the page does not know where the task was. */
  moved(event: LoomEvent, from: TaskStatus | null, to: TaskStatus): void {
    const state = this.state
    if (!state || event.seq <= state.seq || (from === to && event.type === 'task.updated')) return
    if (from === to || (from === null && event.type !== 'task.created')) {
      this.recount()
      return
    }
    if (from) state.counts[from] = Math.max(0, (state.counts[from] ?? 0) - 1)
    state.counts[to] = (state.counts[to] ?? 0) + 1
  }

  /** Reads the state again soon; many calls become one. */
  recount(): void {
    if (this.#recounting) return
    this.#recounting = true
    clock.after(recountDelayMs, () => {
      this.#recounting = false
      void this.read()
    })
  }
}

export const daemon = new Daemon()
