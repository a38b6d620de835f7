/** Tasks that a person has picked from a list, and what becomes of all of them: one order after the other. */
import { SvelteSet } from 'svelte/reactivity'
import type { TaskItem } from '../../../src/core/task.ts'
import { whyOf } from '../answer.ts'
import { type Action, actionsOf, actionWords } from '../model/actions.ts'
import { count } from '../model/format.ts'
import { api } from './door.svelte.ts'
import { orders } from './orders.svelte.ts'

export class Bulk {
  readonly picked = new SvelteSet<string>()
  under = $state<{ action: Action; done: number; all: number } | null>(null)

  toggle(id: string): void {
    if (!this.picked.delete(id)) this.picked.add(id)
  }

  /** All of these, or none of them. */
  toggleAll(ids: readonly string[]): void {
    const whole = ids.every((id) => this.picked.has(id))
    for (const id of ids) {
      if (whole) this.picked.delete(id)
      else this.picked.add(id)
    }
  }

  /** What is refused stays picked, and is told once with the first reason. */
  async run(action: Action, tasks: readonly TaskItem[]): Promise<void> {
    const able = tasks.filter((task) => actionsOf[task.status].includes(action))
    if (this.under || able.length === 0) return
    let refused: { count: number; why: string } = { count: 0, why: '' }
    for (const [done, task] of able.entries()) {
      this.under = { action, done, all: able.length }
      const answer = await api.order(task.id, action)
      if (answer.ok) this.picked.delete(task.id)
      else refused = { count: refused.count + 1, why: refused.why || `${task.title}: ${whyOf(answer.refusal)}` }
    }
    this.under = null
    const { label } = actionWords[action]
    const passed = able.length - refused.count
    if (passed > 0) orders.say('ok', `${label}: ${count(passed, 'task')} done.`)
    if (refused.count > 0) orders.say('danger', `${label} was refused for ${count(refused.count, 'task')}`, refused.why)
  }
}
