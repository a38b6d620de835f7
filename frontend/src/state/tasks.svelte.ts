/** The rows of the home view: read once, then moved by events; held still while somebody points at them. */
import { SvelteMap } from 'svelte/reactivity'
import type { TaskItem } from '../../../src/core/task.ts'
import type { LiveFrame } from '../../../src/server/api.ts'
import type { Refusal } from '../answer.ts'
import { askingTasks } from '../model/asks.ts'
import {
  fromIn,
  type Layout,
  layoutOf,
  movedCount,
  newer,
  rowsMax,
  type Section,
  sections,
  taskIn,
} from '../model/groups.ts'
import { asks } from './asks.svelte.ts'
import { daemon } from './daemon.svelte.ts'
import { api } from './door.svelte.ts'

class Tasks {
  readonly rows = new SvelteMap<string, TaskItem>()
  loaded = $state(false)
  refusal = $state<Refusal | null>(null)
  #epoch = 0
  #held = $state.raw<Layout | null>(null)
  readonly #layout = $derived(layoutOf(this.rows.values()))
  readonly shown = $derived(this.#held ?? this.#layout)
  /** Rows that are new or stand elsewhere since the list was held. */
  readonly waiting = $derived(this.#held ? movedCount(this.#held, this.#layout) : 0)

  /** Whose card stands above the rows. */
  readonly asking = $derived(askingTasks(asks.rows.values(), this.rows))

  readonly any = $derived(sections.some((section) => this.shown[section].length > 0))

  /** Once per epoch of the log; from there on events alone keep the rows true, also while another view is shown. */
  async load(epoch: number): Promise<void> {
    if (this.loaded && epoch === this.#epoch) return
    // Before it is asked: what events bring meanwhile stays.
    if (epoch !== this.#epoch) this.rows.clear()
    this.#epoch = epoch
    const answer = await api.home()
    if (answer.ok) this.fill(answer.value.tasks, epoch)
    else this.refusal = answer.refusal
  }

  /** What was read for this epoch; what an event said of a row since then is newer. */
  fill(items: readonly TaskItem[], epoch: number): void {
    this.#epoch = epoch
    for (const item of items) this.rows.set(item.id, newer(this.rows.get(item.id), item))
    this.refusal = null
    this.loaded = true
  }

  apply(frames: readonly LiveFrame[]): void {
    for (const frame of frames) {
      if (frame.event !== 'event') continue
      const incoming = taskIn(frame.data)
      if (!incoming) continue
      const row = this.rows.get(incoming.id)
      daemon.moved(frame.data, row?.status ?? fromIn(frame.data), incoming.status)
      this.rows.set(incoming.id, newer(row, incoming))
    }
    this.#trim()
  }

  /** The rows of a section, without those that a card speaks for. */
  in(section: Section): TaskItem[] {
    const items = this.shown[section].flatMap((id) => this.rows.get(id) ?? [])
    return section === 'needs' ? items.filter(({ id }) => !this.asking.has(id)) : items
  }

  hold(): void {
    this.#held ??= this.#layout
  }

  release(): void {
    this.#held = null
  }

  /** Shows what waited and keeps holding: the pointer is still there. */
  catchUp(): void {
    this.#held = this.#layout
  }

  #trim(): void {
    for (const section of sections) {
      for (const id of this.#layout[section].slice(rowsMax[section] * 2)) this.rows.delete(id)
    }
    for (const [id, item] of this.rows) if (item.status === 'archived') this.rows.delete(id)
  }
}

export const tasks = new Tasks()
