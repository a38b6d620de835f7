/** What the person asked for: shown at once, taken back in plain sight when the daemon refuses. */
import { SvelteMap } from 'svelte/reactivity'
import type { Task, TaskStatus } from '../../../src/core/task.ts'
import { type Refusal, whyOf } from '../answer.ts'
import { type Action, actionWords, expectedStatus } from '../model/actions.ts'
import { clock } from './clock.svelte.ts'
import { api } from './door.svelte.ts'

export interface Notice {
  id: number
  tone: 'ok' | 'danger'
  title: string
  detail: string
}

const noticesMax = 4
const noticeMs = 6000

interface Pending {
  action: Action
  status: TaskStatus
}

class Orders {
  readonly pending = new SvelteMap<string, Pending>()
  notices = $state<Notice[]>([])
  #count = 0

  /** `reread` brings the stored state, so that nothing flickers between the answer and its event. */
  async give(task: Pick<Task, 'id' | 'resumeTo'>, action: Action, reread: () => Promise<void>): Promise<void> {
    if (this.pending.has(task.id)) return
    this.pending.set(task.id, { action, status: expectedStatus(action) })
    const answer = await api.order(task.id, action)
    if (answer.ok) await reread()
    this.pending.delete(task.id)
    if (!answer.ok) this.refused(`${actionWords[action].label} was refused`, answer.refusal)
  }

  /** What came of it, why, and what to do. */
  refused(what: string, refusal: Refusal): void {
    this.say('danger', what, whyOf(refusal))
  }

  say(tone: Notice['tone'], title: string, detail = ''): void {
    const id = ++this.#count
    this.notices = [...this.notices, { id, tone, title, detail }].slice(-noticesMax)
    if (tone === 'ok') clock.after(noticeMs, () => this.dismiss(id))
  }

  dismiss(id: number): void {
    this.notices = this.notices.filter((notice) => notice.id !== id)
  }
}

export const orders = new Orders()
