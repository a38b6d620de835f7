/** The threads of the last hours: read when they are looked at, then grown by events. It draws nothing. */
import { SvelteMap } from 'svelte/reactivity'
import type { LiveFrame, WeavePage } from '../../../src/server/api.ts'
import { taskIn } from '../model/groups.ts'
import { drawn, withMark } from '../model/weave.ts'
import { api } from './door.svelte.ts'
import { Meanwhile } from './meanwhile.ts'

type Thread = WeavePage['items'][number]

const hoursShown = 12
const threadsMax = 24
/** Of a task that makes calls all night only the newer part grows here; the next reading has all of it. */
const marksMax = 5_000

class Threads {
  readonly rows = new SvelteMap<string, Thread>()
  /** What was read knows of the log up to here. */
  #seq = 0
  readonly #meanwhile = new Meanwhile()

  /** Whenever it is looked at again: events are heard only meanwhile. */
  async load(): Promise<void> {
    this.#meanwhile.begin()
    const answer = await api.weave(hoursShown, threadsMax)
    // A picture beside the lists: when it cannot be had, they have said why.
    if (answer.ok) {
      this.rows.clear()
      for (const thread of answer.value.items) this.rows.set(thread.id, thread)
      this.#seq = answer.value.seq
    }
    this.apply(this.#meanwhile.end())
  }

  apply(frames: readonly LiveFrame[]): void {
    if (this.#meanwhile.holds(frames)) return
    const grown = new Map<string, Thread>()
    for (const frame of frames) {
      if (frame.event !== 'event' || frame.data.seq <= this.#seq || !drawn(frame.data.type)) continue
      const { taskId } = frame.data
      const task = taskIn(frame.data)
      const row = taskId === null ? undefined : (grown.get(taskId) ?? this.rows.get(taskId))
      if (!row && !task) continue
      const { id, title, status, verdict } = task ?? (row as Thread)
      grown.set(id, { id, title, status, verdict, marks: withMark(row?.marks ?? [], frame.data) })
    }
    for (const [id, thread] of grown) this.rows.set(id, { ...thread, marks: thread.marks.slice(-marksMax) })
    const newest = [...this.rows.keys()].sort().reverse()
    for (const id of newest.slice(threadsMax)) this.rows.delete(id)
  }
}

export const threads = new Threads()
