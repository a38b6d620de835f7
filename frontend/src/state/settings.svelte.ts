/** Settings, rules, grants and trusted folders: read when looked at, and again when one of them was changed. */
import type { Grant } from '../../../src/core/ask.ts'
import type { Workspace } from '../../../src/core/session.ts'
import type { LiveFrame, RuleLayer, SettingList } from '../../../src/server/api.ts'
import type { Refusal } from '../answer.ts'
import { count } from '../model/format.ts'
import { grantText, trustWords } from '../model/settings.ts'
import { api } from './door.svelte.ts'
import { orders } from './orders.svelte.ts'

export class Settings {
  list = $state.raw<SettingList | null>(null)
  layers = $state.raw<RuleLayer[]>([])
  grants = $state.raw<Grant[]>([])
  workspaces = $state.raw<Workspace[]>([])
  refusal = $state<Refusal | null>(null)
  busy = $state(false)
  #question = 0

  async load(): Promise<void> {
    const list = await api.settings()
    this.refusal = list.ok ? null : list.refusal
    if (!list.ok) return
    this.list = list.value
    await this.#readSaid()
  }

  apply(frames: readonly LiveFrame[]): void {
    const said = (type: string) => type.startsWith('grant.') || type === 'workspace.trusted'
    if (frames.some((frame) => frame.event === 'event' && said(frame.data.type))) void this.#readSaid()
    if (frames.some((frame) => frame.event === 'event' && frame.data.type === 'settings.changed')) void this.load()
  }

  async revoke(grant: Grant): Promise<void> {
    this.busy = true
    const answer = await api.revoke(grant.id)
    this.busy = false
    if (answer.ok) orders.say('ok', 'It is asked about again from now on', grantText(grant))
    else orders.refused('It was not taken back', answer.refusal)
    await this.#readSaid()
  }

  /** True when the daemon took the word. */
  async trust(said: Pick<Workspace, 'path' | 'trust' | 'access'>): Promise<boolean> {
    this.busy = true
    const answer = await api.trust(said)
    this.busy = false
    if (!answer.ok) {
      orders.refused('The word was refused', answer.refusal)
      return false
    }
    const { workspace, permissions, tools } = answer.value
    const taken = [
      ...(permissions ? ['its own rules'] : []),
      ...(tools.length > 0 ? [`${count(tools.length, 'tool')} (${tools.join(', ')})`] : []),
    ]
    const detail = taken.length > 0 ? `Taken as they are now: ${taken.join(' and ')}.` : ''
    orders.say('ok', `${workspace.path} is ${trustWords[workspace.trust]}`, detail)
    await this.#readSaid()
    return true
  }

  /** A later question makes an earlier answer worthless. */
  async #readSaid(): Promise<void> {
    const question = ++this.#question
    const [rules, grants, workspaces] = await Promise.all([api.rules(), api.grants(), api.workspaces()])
    if (question !== this.#question) return
    if (rules.ok) this.layers = rules.value.items
    if (grants.ok) this.grants = grants.value.items
    if (workspaces.ok) this.workspaces = workspaces.value.items
  }
}
