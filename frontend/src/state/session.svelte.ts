/** One session whole: what was said and is being said, what it changed, how full it is, what a person does to it. */
import type {
  ContextUse,
  LiveFrame,
  SessionDetail,
  SessionDiff,
  SessionItem,
  SessionPlans,
} from '../../../src/server/api.ts'
import type { Answer, Refusal } from '../answer.ts'
import { count } from '../model/format.ts'
import { joinDelta, type StreamPart } from '../model/live-line.ts'
import { fullPath } from '../model/sessions.ts'
import { api } from './door.svelte.ts'
import { orders } from './orders.svelte.ts'
import { Looks, Reader } from './reader.ts'
import { Story } from './story.svelte.ts'
import { streams } from './streams.svelte.ts'

const storyPauseMs = 300
/** A diff and a context are weighed anew each time. */
const aroundPauseMs = 2500
const nothingChanged: SessionDiff = { items: [], uncovered: [] }

export class OneSession {
  readonly id: string
  readonly story: Story
  detail = $state.raw<SessionDetail | null>(null)
  diff = $state.raw<SessionDiff>(nothingChanged)
  context = $state.raw<ContextUse | null>(null)
  plans = $state.raw<SessionPlans['items']>([])
  refusal = $state<Refusal | null>(null)
  busy = $state(false)
  /** Said by the person and not yet in the transcript. */
  readonly sending: string = $derived.by(() => {
    const { text = '', known = new Set() } = this.#sent ?? {}
    const isThere = this.story.messages.some(
      ({ id, role, parts }) =>
        role === 'user' && !known.has(id) && parts.some((part) => part.kind === 'text' && part.text === text),
    )
    return isThere ? '' : text
  })
  #sent = $state.raw<{ text: string; known: ReadonlySet<string> } | null>(null)
  /** A shell line of the person that runs, and what ends it. */
  typing = $state.raw<{ line: string; stop: AbortController } | null>(null)
  /** Being said now; what stands in the transcript goes from here. */
  readonly parts: StreamPart[] = $derived.by(() => {
    const { since } = this.story
    return this.#isForeign ? [] : this.#heard.filter((part) => part.since >= since)
  })
  #heard = $state.raw<(StreamPart & { since: number })[]>([])
  readonly #looks = new Looks()
  readonly #newest = new Reader(() => this.#readStory(), storyPauseMs)
  readonly #around = new Reader(() => this.#readAround(), aroundPauseMs)

  constructor(id: string) {
    this.id = id
    this.story = new Story(id)
    const { since, parts } = streams.saidIn(id)
    this.#heard = parts.map((part) => ({ ...part, since }))
  }

  async load(): Promise<void> {
    await Promise.all([this.#readStory(), this.#readAround()])
  }

  apply(frames: readonly LiveFrame[]): void {
    const about = frames.filter((frame) => this.#isAbout(frame))
    if (about.length === 0) return
    for (const frame of about) {
      if (frame.event === 'delta') this.#hear(frame.data)
      else if (frame.event === 'saying') this.#hearAll(frame.data)
    }
    if (this.detail?.own && about.every(({ event }) => event === 'delta')) return
    void this.#newest.run()
    if (
      about.some((frame) => frame.event === 'event' && /^(tool\.ended|run\.|session\.|ask\.)/.test(frame.data.type))
    ) {
      void this.#around.run()
    }
  }

  async say(text: string, isSteered: boolean): Promise<boolean> {
    this.#sent = { text, known: new Set(this.story.messages.map(({ id }) => id)) }
    const said = await this.#give('The prompt', () => api.edit(this.id, isSteered ? 'steer' : 'prompt', { text }))
    if (said) await this.#readStory()
    this.#sent = null
    return said !== null
  }

  /** False: it was refused, and the person was told why. */
  async type(line: string): Promise<boolean> {
    if (this.busy) return false
    const stop = new AbortController()
    this.busy = true
    this.typing = { line, stop }
    const answer = await api.type(this.id, line, stop.signal)
    await this.#readStory()
    this.typing = null
    this.busy = false
    this.#heard = []
    const isDone = stop.signal.aborted || (answer.ok && answer.value.ran)
    if (!isDone) orders.say('danger', 'The line was refused', answer.ok ? answer.value.output : answer.refusal.detail)
    return isDone
  }

  async abort(): Promise<void> {
    const ended = await this.#give('Stop', () => api.edit(this.id, 'abort', {}))
    if (ended?.pausedTaskId) orders.say('ok', `Task ${ended.pausedTaskId} is paused.`)
  }

  async compact(): Promise<void> {
    const made = await this.#give('Making room', () => api.edit(this.id, 'compact', {}))
    if (made) orders.say('ok', made.done ? 'There is room again.' : 'There was nothing to shorten.')
    await this.#readAround()
  }

  rename(title: string): Promise<SessionItem | null> {
    return this.#give('The new title', () => api.edit(this.id, 'rename', { title }))
  }

  setModel(model: string | null): Promise<SessionItem | null> {
    return this.#give('The other model', () => api.edit(this.id, 'model', { model }))
  }

  setProfile(profile: string | null): Promise<SessionItem | null> {
    return this.#give('The other profile', () => api.edit(this.id, 'profile', { profile }))
  }

  archive(archived: boolean): Promise<SessionItem | null> {
    return this.#give('Putting it away', () => api.edit(this.id, 'archive', { archived }))
  }

  /** `at`: the last message that the copy has; null: all of them. */
  fork(at: string | null): Promise<SessionItem | null> {
    return this.#give('The fork', () => api.edit(this.id, 'fork', at === null ? {} : { at: Number(at) }))
  }

  async undo(files: boolean): Promise<void> {
    const undone = await this.#give('Taking it back', () => api.edit(this.id, 'undo', { files }))
    if (undone?.files) tellRestored(undone.files)
    await this.load()
  }

  async revert(path: string): Promise<void> {
    const paths = [fullPath(this.detail?.session.workspace ?? '', path)]
    const done = await this.#give('Bringing it back', () => api.edit(this.id, 'restore', { paths }))
    if (done) tellRestored(done)
    await this.#readAround()
  }

  remove(): Promise<{ id: string } | null> {
    return this.#give('Deleting it', () => api.removeSession(this.id))
  }

  async #readStory(): Promise<void> {
    const isLatest = this.#looks.begin()
    const [detail] = await Promise.all([api.session(this.id), this.story.readNewest()])
    if (!isLatest()) return
    this.refusal = detail.ok ? null : detail.refusal
    if (detail.ok) this.detail = detail.value
  }

  async #readAround(): Promise<void> {
    const [diff, context, plans] = await Promise.all([api.diff(this.id), api.context(this.id), api.plans(this.id)])
    this.diff = diff.ok ? diff.value : nothingChanged
    this.context = context.ok ? context.value : null
    this.plans = plans.ok ? plans.value.items : []
  }

  /** What was said so far, as somebody hears it who comes in the middle, or comes back. */
  #hearAll(said: Extract<LiveFrame, { event: 'saying' }>['data']): void {
    const now = said.find(({ sessionId }) => sessionId === this.id)
    if (now) this.#put(now.since, now.parts)
  }

  /** What another program tells is in its transcript at once; it would stand here twice. */
  get #isForeign(): boolean {
    return this.detail !== null && !this.detail.own
  }

  #hear(delta: Extract<LiveFrame, { event: 'delta' }>['data']): void {
    if (delta.sessionId !== this.id) return
    const before = this.#heard.filter(({ since }) => since === delta.since)
    this.#put(delta.since, joinDelta(before, delta))
  }

  #put(since: number, parts: readonly StreamPart[]): void {
    if (this.#isForeign || since < this.story.since) return
    const before = this.#heard.filter((part) => part.since < since && part.since >= this.story.since)
    this.#heard = [...before, ...parts.map(({ kind, text }) => ({ kind, text, since }))]
  }

  /** Null: it was refused, and the person was told. */
  async #give<T>(what: string, give: () => Promise<Answer<T>>): Promise<T | null> {
    if (this.busy) return null
    this.busy = true
    const answer = await give()
    this.busy = false
    if (!answer.ok) orders.refused(`${what} was refused`, answer.refusal)
    void this.#newest.run()
    return answer.ok ? answer.value : null
  }

  #isAbout(frame: LiveFrame): boolean {
    const knows = (id: string) => id === this.id || (this.detail?.children.some((child) => child.id === id) ?? false)
    if (frame.event === 'sessions') return frame.data.ids?.some(knows) ?? true
    // Heard anew: what was told of other programs' sessions meanwhile is not told again.
    if (frame.event === 'saying') return true
    return frame.data.sessionId !== null && knows(frame.data.sessionId)
  }
}

function tellRestored({ restored, refused }: { restored: unknown[]; refused: { path: string; why: string }[] }): void {
  if (restored.length > 0) orders.say('ok', `${count(restored.length, 'file')} brought back.`)
  const [first] = refused
  if (first) {
    const rest = refused.length > 1 ? ` And ${count(refused.length - 1, 'more file')}.` : ''
    orders.say('danger', 'Not everything could be brought back', `${first.path}: ${first.why}${rest}`)
  }
}
