/** All tasks by words and status, page after page. Rows follow events in place; newcomers wait to be asked for. */
import { SvelteMap } from 'svelte/reactivity'
import type { TaskItem } from '../../../src/core/task.ts'
import type { LiveFrame } from '../../../src/server/api.ts'
import type { Refusal } from '../answer.ts'
import { newer, spans, taskIn } from '../model/groups.ts'
import { noFilter, type TaskFilter } from '../model/routes.ts'
import { statusLooks } from '../model/words.ts'
import { clock } from './clock.svelte.ts'
import { api } from './door.svelte.ts'
import { Meanwhile } from './meanwhile.ts'

const pageSize = 100
/** What a person put away is shown only when asked for. */
const everyStatus = Object.keys(statusLooks).filter((status) => status !== 'archived')

export class Search {
  readonly rows = new SvelteMap<string, TaskItem>()
  next = $state<string | null>(null)
  busy = $state(false)
  loaded = $state(false)
  newcomers = $state(0)
  refusal = $state<Refusal | null>(null)
  #question = 0
  readonly #meanwhile = new Meanwhile()
  #filter: TaskFilter = noFilter
  #statuses: readonly string[] = everyStatus

  async load(filter: TaskFilter): Promise<void> {
    this.#filter = filter
    this.#statuses = filter.status ? filter.status.split(',') : everyStatus
    await this.#read(null)
  }

  again(): Promise<void> {
    return this.#read(null)
  }

  async more(): Promise<void> {
    if (this.next && !this.busy) await this.#read(this.next)
  }

  apply(frames: readonly LiveFrame[]): void {
    if (this.#meanwhile.holds(frames)) return
    for (const frame of frames) {
      const incoming = frame.event === 'event' ? taskIn(frame.data) : null
      if (!incoming) continue
      const row = this.rows.get(incoming.id)
      // Put away is put away: it does not stay to be looked at.
      if (row && incoming.status === 'archived' && !this.#statuses.includes('archived')) this.rows.delete(row.id)
      else if (row) this.rows.set(row.id, newer(row, incoming))
      else if (frame.event === 'event' && frame.data.type === 'task.created') this.newcomers++
    }
  }

  /** A later question makes an earlier answer worthless, whichever comes first. */
  async #read(after: string | null): Promise<void> {
    const question = ++this.#question
    this.busy = true
    this.#meanwhile.begin()
    const span = spans.find((one) => one.since === this.#filter.since)
    const since = span ? Math.max(0, clock.now - span.ms) : null
    const answer = await api.tasks({ ...this.#filter, statuses: this.#statuses, since, limit: pageSize, after })
    if (question !== this.#question) return
    this.busy = false
    this.refusal = answer.ok ? null : answer.refusal
    if (answer.ok) {
      if (!after) {
        this.rows.clear()
        this.newcomers = 0
      }
      for (const item of answer.value.items) this.rows.set(item.id, item)
      this.next = answer.value.next
      this.loaded = true
    }
    this.apply(this.#meanwhile.end())
  }
}
