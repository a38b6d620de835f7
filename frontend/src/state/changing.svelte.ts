/** One change of the user's settings file: its lines are shown, then a person has them written. */
import type { SettingAsked, SettingChange } from '../../../src/server/api.ts'
import type { Refusal } from '../answer.ts'
import { api } from './door.svelte.ts'
import { orders } from './orders.svelte.ts'

const textOf = ({ title, detail }: Refusal) => detail || title

export class Changing {
  shown = $state.raw<SettingChange | null>(null)
  trouble = $state('')
  busy = $state(false)
  #turn = 0

  async ask(asked: SettingAsked): Promise<void> {
    const turn = ++this.#turn
    const answer = await api.previewSetting(asked)
    // Something else was typed in the meantime.
    if (turn !== this.#turn) return
    this.shown = answer.ok ? answer.value : null
    this.trouble = answer.ok ? '' : textOf(answer.refusal)
  }

  leave(): void {
    this.#turn++
    this.shown = null
    this.trouble = ''
  }

  /** True when it is written and in use. */
  async write(change: SettingChange, done: string): Promise<boolean> {
    this.busy = true
    const answer = await api.changeSetting(change)
    this.busy = false
    if (answer.ok) {
      this.leave()
      orders.say('ok', done, `Written to ${change.file}, line ${change.line}; in use now.`)
    } else orders.say('danger', 'Nothing was written', textOf(answer.refusal))
    return answer.ok
  }
}
