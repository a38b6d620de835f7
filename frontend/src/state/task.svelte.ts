/** One task as its page shows it: detail with evidence, events, and the moves that arrive meanwhile. */
import type { LoomEvent } from '../../../src/core/event.ts'
import type { LiveFrame, TaskDetail } from '../../../src/server/api.ts'
import type { Refusal } from '../answer.ts'
import { newer, taskIn } from '../model/groups.ts'
import { mergeEvents } from '../model/timeline.ts'
import { api } from './door.svelte.ts'

const pagesMax = 4

/** After these the stored detail holds something that no event carries: a claim, evidence, a verdict. */
const tellsMore: ReadonlySet<LoomEvent['type']> = new Set<LoomEvent['type']>([
  'attempt.started',
  'checks.added',
  'check.finished',
  'verdict.reached',
  'receipt.issued',
  'run.ended',
  'task.refuted',
  'task.paused',
  'task.done',
  'task.failed',
  'task.cancelled',
  'isolation.opened',
  'isolation.merged',
  'isolation.kept',
  'isolation.dropped',
  'isolation.conflicted',
])

export class OneTask {
  readonly id: string
  detail = $state.raw<TaskDetail | null>(null)
  events = $state.raw<LoomEvent[]>([])
  /** `after` of the events that were not read because there are very many; null when all are here. */
  unread = $state<number | null>(null)
  refusal = $state<Refusal | null>(null)
  #reading = false
  #stale = false

  constructor(id: string) {
    this.id = id
  }

  async load(): Promise<void> {
    await Promise.all([this.#readDetail(), this.readEvents(0)])
  }

  async readEvents(after: number): Promise<void> {
    this.unread = null
    let cursor: number | null = after
    for (let page = 0; page < pagesMax && cursor !== null; page++) {
      const answer = await api.events(this.id, cursor)
      if (!answer.ok) return
      this.events = mergeEvents(this.events, answer.value.items)
      cursor = answer.value.items.length > 0 ? answer.value.next : null
    }
    this.unread = cursor
  }

  apply(frames: readonly LiveFrame[]): void {
    const id = this.detail?.task.id ?? this.id
    const own = frames.flatMap((frame) => (frame.event === 'event' && frame.data.taskId === id ? [frame.data] : []))
    if (own.length === 0) return
    // Behind unread events a new one would leave a hole in the account.
    if (this.unread === null) this.events = mergeEvents(this.events, own)
    for (const event of own) this.#move(event)
    if (own.some((event) => tellsMore.has(event.type))) void this.#readDetail()
  }

  #move(event: LoomEvent): void {
    const incoming = taskIn(event)
    if (!incoming || !this.detail) return
    const { task } = this.detail
    if (newer(task, incoming) === incoming) this.detail = { ...this.detail, task: { ...task, ...incoming } }
  }

  /** One read at a time; what happens during it makes it read once more. */
  async #readDetail(): Promise<void> {
    this.#stale = true
    if (this.#reading) return
    this.#reading = true
    while (this.#stale) {
      this.#stale = false
      const answer = await api.task(this.id)
      this.refusal = answer.ok ? null : answer.refusal
      if (answer.ok) this.detail = answer.value
    }
    this.#reading = false
  }
}
