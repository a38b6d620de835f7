/** What was said in one session as far as it is opened, page by page, with what a person folded of it. */
import type { TranscriptMessage } from '../../../src/core/session.ts'
import type { LiveFrame } from '../../../src/server/api.ts'
import type { Refusal } from '../answer.ts'
import { joinPage } from '../model/sessions.ts'
import { api } from './door.svelte.ts'
import { Folds } from './folds.svelte.ts'
import { Looks, Reader } from './reader.ts'

const pauseMs = 300
const newestCount = 30
const olderCount = 100
/** A message is looked for in larger steps than a reader takes. */
const soughtCount = 200
const pagesSoughtMax = 60
/** Subagents of subagents: deeper ones are a link. */
const depthMax = 3

export class Story {
  readonly id: string
  readonly folds = new Folds()
  messages = $state.raw<TranscriptMessage[]>([])
  older = $state<string | null>(null)
  /** Words that were said since an earlier event than this stand in the messages. */
  since = $state(0)
  /** Why there is no transcript. */
  mute = $state<Refusal | null>(null)
  readonly #depth: number
  readonly #children = new Map<string, Story>()
  readonly #told = new Reader(() => this.readNewest(), pauseMs)
  readonly #looks = new Looks()
  #reading = false

  constructor(id: string, depth = 0) {
    this.id = id
    this.#depth = depth
  }

  get isDeepest(): boolean {
    return this.#depth === depthMax
  }

  /** That of a subagent, the same one whenever it is unfolded again. */
  child(id: string): Story {
    const child = this.#children.get(id) ?? new Story(id, this.#depth + 1)
    this.#children.set(id, child)
    return child
  }

  async readNewest(): Promise<void> {
    const isLatest = this.#looks.begin()
    const page = await api.transcript(this.id, { before: null, limit: newestCount })
    if (!isLatest()) return
    this.mute = page.ok ? null : page.refusal
    if (!page.ok) return
    const { messages, joined } = joinPage(this.messages, page.value.messages)
    this.messages = joined ? messages : page.value.messages
    if (!joined || messages.length === page.value.messages.length) this.older = page.value.next
    this.since = page.value.since
  }

  async readOlder(limit = olderCount): Promise<void> {
    const before = this.older
    if (!before || this.#reading) return
    this.#reading = true
    const page = await api.transcript(this.id, { before, limit })
    this.#reading = false
    if (!page.ok || this.older !== before) return
    this.messages = [...page.value.messages, ...this.messages]
    this.older = page.value.next
  }

  /** Opens older pages until the message is there, and says where; -1: it is not in this session any more. */
  async seek(messageId: string): Promise<number> {
    const place = () => this.messages.findIndex(({ id }) => id === messageId)
    for (let page = 0; page < pagesSoughtMax && this.older && place() < 0; page++) await this.readOlder(soughtCount)
    return place()
  }

  /** For a story that nobody else keeps up to date. */
  follow(frames: readonly LiveFrame[]): void {
    if (frames.some((frame) => this.#isAbout(frame))) void this.#told.run()
  }

  #isAbout(frame: LiveFrame): boolean {
    if (frame.event === 'sessions') return frame.data.ids?.includes(this.id) ?? true
    // Heard anew: what was told of other programs' sessions meanwhile is not told again.
    if (frame.event === 'saying') return true
    return frame.event === 'event' && frame.data.sessionId === this.id
  }
}
