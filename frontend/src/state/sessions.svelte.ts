/** The sessions of all runtimes as a list, and one of them whole. Read when the stream says that they are different. */
import type { FileDiff, TranscriptMessage } from '../../../src/core/session.ts'
import type { LiveFrame, SessionDetail, SessionItem } from '../../../src/server/api.ts'
import type { Refusal } from '../api.ts'
import { clock } from './clock.svelte.ts'
import { api } from './door.svelte.ts'
import { orders } from './orders.svelte.ts'

/** Busy sessions change several times a second; eyes do not. */
const againMs = 1000

/** Reads at most once in a while, and once more when something happened meanwhile. */
class Reader {
  readonly #read: () => Promise<void>
  #busy = false
  #stale = false

  constructor(read: () => Promise<void>) {
    this.#read = read
  }

  async run(): Promise<void> {
    this.#stale = true
    if (this.#busy) return
    this.#busy = true
    this.#stale = false
    await this.#read()
    clock.after(againMs, () => {
      this.#busy = false
      if (this.#stale) void this.run()
    })
  }
}

export class Sessions {
  items = $state.raw<SessionItem[]>([])
  next = $state<string | null>(null)
  loaded = $state(false)
  refusal = $state<Refusal | null>(null)
  #q = ''
  #question = 0
  readonly #reader = new Reader(() => this.#first())

  async load(q: string): Promise<void> {
    this.#q = q
    await this.#first()
  }

  apply(frames: readonly LiveFrame[]): void {
    if (frames.some((frame) => frame.event === 'sessions' || (frame.event === 'event' && tells(frame.data.type)))) {
      void this.#reader.run()
    }
  }

  async more(): Promise<void> {
    const answer = this.next ? await api.sessions(this.#q, this.next) : null
    if (!answer?.ok) return
    const known = new Set(this.items.map(({ id }) => id))
    this.items = [...this.items, ...answer.value.items.filter(({ id }) => !known.has(id))]
    this.next = answer.value.next
  }

  async #first(): Promise<void> {
    const question = ++this.#question
    const answer = await api.sessions(this.#q, null)
    if (question !== this.#question) return
    this.refusal = answer.ok ? null : answer.refusal
    if (!answer.ok) return
    this.items = answer.value.items
    this.next = answer.value.next
    this.loaded = true
  }
}

/** Our own agent's sessions are told by their runs. */
const tells = (type: string): boolean => /^(session|ask|run)\./.test(type)

export class OneSession {
  readonly id: string
  detail = $state.raw<SessionDetail | null>(null)
  messages = $state.raw<TranscriptMessage[]>([])
  older = $state<string | null>(null)
  /** Why there is no transcript. */
  mute = $state<Refusal | null>(null)
  diff = $state.raw<FileDiff[]>([])
  refusal = $state<Refusal | null>(null)
  busy = $state(false)
  readonly #reader = new Reader(() => this.load())

  constructor(id: string) {
    this.id = id
  }

  async load(): Promise<void> {
    const [detail, page, diff] = await Promise.all([
      api.session(this.id),
      api.transcript(this.id, null),
      api.diff(this.id),
    ])
    this.refusal = detail.ok ? null : detail.refusal
    if (detail.ok) this.detail = detail.value
    this.mute = page.ok ? null : page.refusal
    if (page.ok) {
      // Older pages that were opened stay; the newest page replaces what it repeats.
      const fresh = new Set(page.value.messages.map(({ id }) => id))
      const kept = this.messages.slice(
        0,
        Math.max(
          0,
          this.messages.findIndex(({ id }) => fresh.has(id)),
        ),
      )
      if (kept.length === 0) this.older = page.value.next
      this.messages = [...kept, ...page.value.messages]
    }
    this.diff = diff.ok ? diff.value.items : []
  }

  async readOlder(): Promise<void> {
    const page = this.older ? await api.transcript(this.id, this.older) : null
    if (!page?.ok) return
    this.messages = [...page.value.messages, ...this.messages]
    this.older = page.value.next
  }

  apply(frames: readonly LiveFrame[]): void {
    const about = (frame: LiveFrame): boolean => {
      if (frame.event === 'sessions') return frame.data.ids?.some((id) => this.#knows(id)) ?? true
      const { sessionId } = frame.data
      return sessionId !== null && this.#knows(sessionId)
    }
    if (frames.some(about)) void this.#reader.run()
  }

  abort(): Promise<void> {
    return this.#order('Stop', async () => {
      const answer = await api.abort(this.id)
      if (answer.ok && answer.value.pausedTaskId) orders.say('ok', `Task ${answer.value.pausedTaskId} is paused.`)
      return answer.ok ? null : answer.refusal
    })
  }

  async prompt(text: string): Promise<boolean> {
    let sent = false
    await this.#order('The prompt', async () => {
      const answer = await api.prompt(this.id, text)
      sent = answer.ok
      return answer.ok ? null : answer.refusal
    })
    return sent
  }

  async #order(what: string, give: () => Promise<Refusal | null>): Promise<void> {
    if (this.busy) return
    this.busy = true
    const refusal = await give()
    this.busy = false
    if (refusal) orders.say('danger', `${what} was refused: ${refusal.title}`, refusal.detail)
    void this.#reader.run()
  }

  #knows(id: string): boolean {
    return id === this.id || (this.detail?.children.some((child) => child.id === id) ?? false)
  }
}
