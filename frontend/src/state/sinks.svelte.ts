/** Sinks and what became of their deliveries: read when looked at, and again soon after something was told. */
import { SvelteMap } from 'svelte/reactivity'
import type { SinkLook } from '../../../src/core/sink.ts'
import type { DeliveryList, LiveFrame, SinkTested } from '../../../src/server/api.ts'
import type { Refusal } from '../answer.ts'
import { count } from '../model/format.ts'
import { mayBeTold } from '../model/sinks.ts'
import { clock } from './clock.svelte.ts'
import { daemon } from './daemon.svelte.ts'
import { api } from './door.svelte.ts'
import { orders } from './orders.svelte.ts'

/** A delivery follows its event; a receiver on this machine has answered by then. */
const afterMs = 700

export class Sinks {
  items = $state.raw<SinkLook[]>([])
  waiting = $state.raw<DeliveryList['items']>([])
  dead = $state.raw<DeliveryList['items']>([])
  loaded = $state(false)
  refusal = $state<Refusal | null>(null)
  /** What the last test of a sink came to; null while its answer is awaited. */
  readonly tested = new SvelteMap<string, SinkTested | null>()
  /** Dead letters on their way back, as `sink seq`, or the sink for all of its. */
  readonly replaying = new SvelteMap<string, true>()
  #due = 0
  #question = 0
  #soon = false
  #closed = false

  /** A later question makes an earlier answer worthless. */
  async load(): Promise<void> {
    const question = ++this.#question
    const [sinks, waiting, dead] = await Promise.all([api.sinks(), api.deliveries('waiting'), api.deliveries('dead')])
    if (question !== this.#question) return
    const refused = [sinks, waiting, dead].find((answer) => !answer.ok)
    this.refusal = refused && !refused.ok ? refused.refusal : null
    if (!sinks.ok || !waiting.ok || !dead.ok) return
    this.items = sinks.value.items
    this.waiting = waiting.value.items
    this.dead = dead.value.items
    this.loaded = true
    this.#awaitNextTry()
  }

  apply(frames: readonly LiveFrame[]): void {
    if (frames.some((frame) => frame.event === 'event' && mayBeTold(frame.data.type))) this.#loadSoon()
  }

  close(): void {
    this.#closed = true
  }

  async test(id: string): Promise<void> {
    if (this.tested.get(id) === null) return
    this.tested.set(id, null)
    const answer = await api.testSink(id)
    if (answer.ok) this.tested.set(id, answer.value)
    else {
      this.tested.delete(id)
      orders.refused('The test was refused', answer.refusal)
    }
  }

  /** Without `seq`, all dead letters of the sink. */
  async replay(sink: string, seq?: number): Promise<void> {
    const key = seq === undefined ? sink : `${sink} ${seq}`
    if (this.replaying.has(key)) return
    this.replaying.set(key, true)
    const answer = await api.replay(sink, seq)
    this.replaying.delete(key)
    if (answer.ok) orders.say('ok', `${count(answer.value.replayed, 'dead letter')} on the way again`)
    else orders.refused('The replay was refused', answer.refusal)
    daemon.recount()
    this.#loadSoon()
  }

  #loadSoon(): void {
    if (this.#soon) return
    this.#soon = true
    clock.after(afterMs, () => {
      this.#soon = false
      if (!this.#closed) void this.load()
    })
  }

  /** Another try happens without an event: it is looked at when it was due. */
  #awaitNextTry(): void {
    const due = Math.min(...this.items.map(({ nextDueAt }) => nextDueAt ?? Number.POSITIVE_INFINITY))
    if (!Number.isFinite(due) || due === this.#due) return
    this.#due = due
    clock.after(Math.min(Math.max(0, due - clock.now), 24 * 3_600_000), () => this.#loadSoon())
  }
}
