/** One EventSource for the whole page. It resumes after the last `seq` it saw, and hands frames over in batches. */
import type { LoomEvent } from '../../../src/core/event.ts'
import type { DaemonState, LiveFrame } from '../../../src/server/api.ts'
import type { Answer } from '../answer.ts'
import type { Delta } from '../model/live-line.ts'
import { clock } from './clock.svelte.ts'
import { daemon } from './daemon.svelte.ts'
import { api, door } from './door.svelte.ts'

/** Nothing but the state. */
export async function readState(): Promise<First> {
  const answer = await api.state()
  return { answer, show: () => daemon.take(answer) }
}

export type Connection = 'connecting' | 'live' | 'reconnecting'
type Changed = Extract<LiveFrame, { event: 'sessions' }>['data']
type Saying = Extract<LiveFrame, { event: 'saying' }>['data']
/** The state as it was answered; `show` gives it, and what came with it, to whoever shows it. */
export interface First {
  answer: Answer<DaemonState>
  show(epoch: number): void
}
type Listener = (frames: readonly LiveFrame[]) => void

/** What the frame shows and no task carries. */
const changesState = /^(alarm|daemon|delivery|runtime|settings)\.|^session\.(stalled|revived|vanished|taken_over)$/
const backoffMs = [250, 500, 1000, 2000, 4000]
/** Frames kept for one animation frame; a hidden page has none, so the bound also flushes. */
const batchMax = 200
/** A browser has six connections for all its tabs of one daemon: a tab that nobody sees gives its own back. */
const unseenMs = 20_000

class Live {
  connection = $state<Connection>('connecting')
  /** Grows when everything that was read must be read again: at the start, or when the log is another one. */
  epoch = $state(0)
  #seq = 0
  #failures = 0
  #source: EventSource | null = null
  #batch: LiveFrame[] = []
  #resting = false
  /** What was read is not shown yet: frames wait, as they are about what came after it. */
  #holds = false
  #paced = false
  #first: () => Promise<First> = readState
  readonly #listeners = new Set<Listener>()

  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** `first`: what the page opens with. */
  start(connects: boolean, first: () => Promise<First>): void {
    this.#first = first
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) clock.after(unseenMs, () => this.#rest())
      // Whoever looks at it again waits for no pause; a hidden page is granted only rare timers.
      else if (this.#resting || this.connection === 'reconnecting') {
        this.#resting = false
        void this.connect()
      }
    })
    if (connects) void this.connect()
  }

  /** State first, stream after its `seq`: whatever is read later can only know more, never less. */
  async connect(): Promise<void> {
    this.#source?.close()
    const { answer, show } = await (this.epoch === 0 ? this.#first() : readState())
    if (door.signedOut) return
    if (!answer.ok) {
      show(this.epoch)
      return this.#later()
    }
    const { seq } = answer.value
    const isOther = this.epoch === 0 || seq < this.#seq
    if (isOther) this.#seq = seq
    this.#holds = true
    this.#open()
    // A stream sets out with the next turn of the page: so it is on its way while the page is drawn, not after.
    await clock.turn()
    try {
      show(this.epoch + 1)
      if (isOther || door.missed) this.epoch++
      door.missed = false
    } finally {
      this.#holds = false
    }
    this.#flush()
  }

  #rest(): void {
    if (!document.hidden || !this.#source) return
    this.#resting = true
    this.#source.close()
    this.connection = 'connecting'
  }

  #open(): void {
    this.#source?.close()
    if (this.#resting) return
    const source = new EventSource(`/api/live?after=${this.#seq}`)
    this.#source = source
    source.onopen = () => {
      this.#failures = 0
      this.connection = 'live'
    }
    source.onerror = () => this.#later()
    // What was let go of before we came back is not told any more: it is read anew.
    source.addEventListener('gap', () => this.epoch++)
    source.addEventListener('event', (message) => this.#take({ event: 'event', data: parse<LoomEvent>(message) }))
    source.addEventListener('sessions', (message) => this.#take({ event: 'sessions', data: parse<Changed>(message) }))
    source.addEventListener('saying', (message) => this.#take({ event: 'saying', data: parse<Saying>(message) }))
    source.addEventListener('delta', (message) => this.#take({ event: 'delta', data: parse<Delta>(message) }))
  }

  #later(): void {
    this.#source?.close()
    this.connection = 'reconnecting'
    const delayMs = backoffMs[Math.min(this.#failures++, backoffMs.length - 1)] ?? 4000
    clock.after(delayMs, () => void this.connect())
  }

  #take(frame: LiveFrame): void {
    if (frame.event === 'event') {
      if (frame.data.seq <= this.#seq) return
      this.#seq = frame.data.seq
      if (changesState.test(frame.data.type)) daemon.recount()
    }
    this.#batch.push(frame)
    if (!this.#paced || this.#batch.length >= batchMax) this.#flush()
  }

  /** The first after a rest at once; what comes before that is drawn waits for it, and comes together. */
  #flush(): void {
    if (this.#holds || this.#batch.length === 0) return
    const frames = this.#batch
    this.#batch = []
    for (const listener of this.#listeners) listener(frames)
    if (this.#paced) return
    this.#paced = true
    requestAnimationFrame(() => {
      this.#paced = false
      this.#flush()
    })
  }
}

const parse = <T>(message: MessageEvent<string>): T => JSON.parse(message.data) as T

export const live = new Live()
