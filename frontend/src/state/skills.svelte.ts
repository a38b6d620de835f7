/** The skills there are: the user's, and those of a project. */
import type { SkillRef } from '../../../src/core/spec.ts'
import type { SkillList } from '../../../src/core/task.ts'
import type { Refusal } from '../answer.ts'
import { api } from './door.svelte.ts'
import { orders } from './orders.svelte.ts'

export class Skills {
  list = $state.raw<SkillList | null>(null)
  refusal = $state<Refusal | null>(null)
  #workspace = ''

  async load(workspace: string): Promise<void> {
    // What another project brings would stand here under the name of this one.
    if (this.#workspace !== workspace) this.list = null
    this.#workspace = workspace
    const answer = await api.skills(workspace)
    if (this.#workspace !== workspace) return
    this.refusal = answer.ok ? null : answer.refusal
    if (answer.ok) this.list = answer.value
  }

  async begin(ref: SkillRef): Promise<boolean> {
    const made = await api.beginSkill(ref)
    if (!made.ok) orders.refused('It was not begun', made.refusal)
    return made.ok
  }
}
