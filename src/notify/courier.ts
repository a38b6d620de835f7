/**
 * Carries events from the log to the sinks: at least once each, in order, each sink on a lane of its own. The cursor of
 * a sink moves only past what is delivered or durably kept for a later try. It decides nothing about tasks.
 */
import { type Clock, pause } from '../core/clock.ts'
import type { LoomEvent, NewEvent } from '../core/event.ts'
import { ok, type Problem, type Result, reasonOf, refuse } from '../core/problem.ts'
import type { Delivered, Delivery, NoticeSource, Sink, SinkLook, SinkTested } from '../core/sink.ts'
import { failpoint } from '../lib/failpoint.ts'
import type { StoreOutbox } from '../store/outbox.ts'
import { noticeOf } from './notice.ts'

export interface CourierOptions {
  outbox: StoreOutbox
  sinks: readonly Sink[]
  clock: Clock
  /** Writes an event to the log: a delivery is given up, an alarm is over, a sink is tested. */
  tell(event: NewEvent): LoomEvent
  /** Trouble of the courier itself, for the program's diary. */
  report(problem: Problem): void
  /** Waits before the 2nd, 3rd, … try of one delivery; after the last it is dead. */
  scheduleMs?: readonly number[]
  /** Deliveries of one sink that may wait for a later try; beyond that they are dead at once. */
  waitingMax?: number
  random?: () => number
}

const [second, minute, hour] = [1_000, 60_000, 3_600_000]
export const defaultScheduleMs = [5 * second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 10 * hour]
const defaultWaitingMax = 1_000
/** What a receiver may ask for with Retry-After. */
const afterMsMax = 24 * hour
/** The last word about a sink that does not keep its own deadline. */
const deliveryMsMax = 90 * second
const batchMax = 20
const troubleMs = 5 * second
/** Somebody waits for the answer to a test. */
const testMsMax = 10 * second
const deliveredMax = 50

export class Courier {
  private readonly options: CourierOptions
  private readonly lanes: Lane[]
  private runs: Promise<void>[] = []

  constructor(options: CourierOptions) {
    this.options = options
    this.lanes = options.sinks.map((sink) => new Lane(sink, options))
  }

  /** A new sink begins at the present end of the log: nobody wants the past of a year as news. */
  start(): void {
    const head = this.options.outbox.head()
    this.runs = this.lanes.map((lane) => lane.run(head))
  }

  /** There may be something new. Cheap; call it on every event and on every replay. */
  nudge(): void {
    for (const lane of this.lanes) lane.nudge()
  }

  /** Delivers what is in the log now, for at most `drainMs`; what is left is delivered after the next start. */
  async close(drainMs = 5_000): Promise<void> {
    for (const lane of this.lanes) lane.drain()
    const limit = this.options.clock.after(drainMs, () => {
      for (const lane of this.lanes) lane.stop()
    })
    await Promise.all(this.runs)
    limit.cancel()
  }

  state(): Pick<SinkLook, 'id' | 'kind' | 'label' | 'pending' | 'dead'>[] {
    return this.options.sinks.map(({ id, kind, label }) => ({ id, kind, label, ...this.options.outbox.counts(id) }))
  }

  looks(): SinkLook[] {
    return this.lanes.map((lane) => lane.look())
  }

  /** Sends one notification through this sink alone and answers what came of it. It is never tried again. */
  async test(sink: string): Promise<Result<SinkTested>> {
    const lane = this.lanes.find((one) => one.id === sink)
    const todo = 'Those there are stand in the configuration under notify.sinks.'
    return lane ? lane.test() : refuse({ kind: 'unknown-sink', text: 'There is no such sink.', todo })
  }
}

/** One sink: one delivery at a time, new events and due retries in turn, so that neither starves the other. */
class Lane {
  private readonly sink: Sink
  private readonly options: CourierOptions
  private readonly stopped = new AbortController()
  private draining = false
  private nudged = false
  private wake: () => void = () => undefined
  /** Up to here nothing in the log concerns anybody; saves reading it again at each nudge. */
  private scanned = 0
  /** Since the last success: something was given up and told. One alarm an episode, not one an event. */
  private alarmed = false
  private testing = false
  private readonly delivered: Delivered[] = []

  constructor(sink: Sink, options: CourierOptions) {
    this.sink = sink
    this.options = options
  }

  get id(): string {
    return this.sink.id
  }

  look(): SinkLook {
    const { id, kind, label } = this.sink
    const { outbox } = this.options
    return { id, kind, label, ...outbox.counts(id), nextDueAt: outbox.nextDueAt(id), delivered: [...this.delivered] }
  }

  /** Its event is in the log: the receiver can tell it from work by its type, and so can whoever reads the log. */
  async test(): Promise<Result<SinkTested>> {
    const todo = 'Wait for its answer.'
    if (this.testing) return refuse({ kind: 'under-way', text: 'This sink is being tested already.', todo })
    this.testing = true
    try {
      const { clock, tell } = this.options
      const { id, label } = this.sink
      const text = 'A test: somebody asked whether notifications arrive here.'
      const event = tell({ type: 'sink.tested', data: { sink: id, label, text } })
      const began = clock.monotonic()
      const delivery = await this.attempt({ event, task: null }, testMsMax)
      const tookMs = Math.round(clock.monotonic() - began)
      if (delivery.kind === 'delivered') return ok({ ok: true, tookMs, text: delivery.detail, todo: null })
      return ok({ ok: false, tookMs, text: delivery.problem.text, todo: delivery.problem.todo ?? null })
    } finally {
      this.testing = false
    }
  }

  nudge(): void {
    this.nudged = true
    this.wake()
  }

  drain(): void {
    this.draining = true
    this.wake()
  }

  stop(): void {
    this.stopped.abort()
    this.wake()
  }

  /** `head`: where a sink that has no cursor begins. */
  async run(head: number): Promise<void> {
    while (!this.stopped.signal.aborted) {
      try {
        this.nudged = false
        if (this.options.outbox.cursor(this.sink.id) === null) this.options.outbox.setCursor(this.sink.id, head)
        // Asked before the round: what came during the last one still gets its own.
        const isLast = this.draining
        const isBusy = await this.round()
        if (isBusy) continue
        if (isLast) return
        await this.sleep()
      } catch (error) {
        // The store could not be read or written (a full disk); nothing is lost, the cursor stands where it stood.
        const text = `The courier of ${this.sink.label} had trouble: ${reasonOf(error)}.`
        this.options.report({ kind: 'courier-trouble', text })
        if (this.draining) return
        await pause(this.options.clock, troubleMs, this.stopped.signal)
      }
    }
  }

  private async round(): Promise<boolean> {
    const hadNew = await this.carryNew()
    const hadDue = this.draining ? false : await this.carryDue()
    return hadNew || hadDue
  }

  private async carryNew(): Promise<boolean> {
    const { outbox } = this.options
    const head = outbox.head()
    const from = Math.max(outbox.cursor(this.sink.id) ?? head, this.scanned)
    const sources = outbox.eventsAfter(from, batchMax)
    let passed: number | null = null
    for (const source of sources) {
      if (this.stopped.signal.aborted) return false
      passed = this.isWanted(source) ? null : source.event.seq
      if (passed === null) await this.carry(source, null)
    }
    // One write for a row of unwanted events: reading them again after a crash costs nothing.
    if (passed !== null) outbox.setCursor(this.sink.id, passed)
    if (sources.length === 0) this.scanned = head
    return sources.length > 0
  }

  private async carryDue(): Promise<boolean> {
    const { outbox, clock } = this.options
    const due = outbox.due(this.sink.id, clock.now(), batchMax)
    for (const { seq, attempts } of due) {
      if (this.stopped.signal.aborted) return false
      const source = outbox.event(seq)
      if (source) await this.carry(source, attempts)
      else outbox.settle(this.sink.id, seq)
    }
    return due.length > 0
  }

  /** A sink never hears of its own failing: that would fail too, and be told of, for ever. */
  private isWanted({ event }: NoticeSource): boolean {
    if (event.type === 'delivery.failed' && event.data.sink === this.sink.id) return false
    return this.sink.wants(event)
  }

  /** One try. `before`: how many there were for a delivery that waited; null for an event straight from the log. */
  private async carry(source: NoticeSource, before: number | null): Promise<void> {
    const { outbox } = this.options
    const { seq } = source.event
    failpoint('courier.deliver')
    const began = this.options.clock.monotonic()
    const delivery = await this.attempt(source, deliveryMsMax)
    failpoint('courier.answered')
    if (delivery.kind === 'delivered') {
      if (before === null) outbox.setCursor(this.sink.id, seq)
      else outbox.settle(this.sink.id, seq)
      this.alarmed = false
      this.remember(source, delivery.detail, began)
    } else if (!this.stopped.signal.aborted) {
      this.keep(source, delivery, before)
    }
    failpoint('courier.moved')
  }

  private remember({ event: { seq, type, taskId }, task }: NoticeSource, detail: string, began: number): void {
    const { clock } = this.options
    const tookMs = Math.round(clock.monotonic() - began)
    this.delivered.unshift({ seq, type, taskId, title: task?.title ?? null, at: clock.now(), tookMs, detail })
    this.delivered.length = Math.min(this.delivered.length, deliveredMax)
  }

  private async attempt(source: NoticeSource, limitMs: number): Promise<Delivery> {
    const end = new AbortController()
    const onEnd = () => end.abort()
    const limit = this.options.clock.after(limitMs, onEnd)
    this.stopped.signal.addEventListener('abort', onEnd)
    const givenUp = new Promise<Delivery>((resolve) => {
      const text = `${this.sink.label} did not end within ${limitMs / second} s.`
      const refused: Delivery = {
        kind: 'refused',
        retry: true,
        afterMs: null,
        problem: { kind: 'notify-timeout', text },
      }
      end.signal.addEventListener('abort', () => resolve(refused), { once: true })
    })
    try {
      return await Promise.race([this.sink.deliver(noticeOf(source), end.signal), givenUp])
    } catch (error) {
      const problem = { kind: 'notify-bug', text: `${this.sink.label}: ${reasonOf(error)}` }
      this.options.report(problem)
      return { kind: 'refused', retry: true, afterMs: null, problem }
    } finally {
      limit.cancel()
      this.stopped.signal.removeEventListener('abort', onEnd)
    }
  }

  /** After a failed try: a row for later, or a dead letter. Either moves the cursor, so that later events flow. */
  private keep(source: NoticeSource, refused: Delivery & { kind: 'refused' }, before: number | null): void {
    const attempts = (before ?? 0) + 1
    const { outbox, clock, scheduleMs = defaultScheduleMs, waitingMax = defaultWaitingMax } = this.options
    const [sink, seq, problem] = [this.sink.id, source.event.seq, refused.problem.text]
    const wait = scheduleMs[attempts - 1]
    const isFull = before === null && outbox.counts(sink).pending >= waitingMax
    if (refused.retry && wait !== undefined && !isFull) {
      const jittered = wait * (1 + (this.options.random ?? Math.random)() / 5)
      const delayMs = Math.round(Math.max(jittered, Math.min(refused.afterMs ?? 0, afterMsMax)))
      outbox.defer({ sink, seq, attempts, dueAt: clock.now() + delayMs, problem })
      return
    }
    const why = isFull ? `${problem} ${waitingMax} deliveries wait already.` : problem
    outbox.bury({ sink, seq, attempts, dueAt: clock.now(), problem: why })
    this.raise(source, why)
  }

  private raise(source: NoticeSource, why: string): void {
    if (this.alarmed || source.event.type === 'delivery.failed') return
    this.alarmed = true
    const { label, id } = this.sink
    const text = `A notification to ${label} was given up: ${why} It is kept and can be replayed.`
    this.options.tell({ type: 'delivery.failed', data: { sink: id, label, seq: source.event.seq, text } })
  }

  private sleep(): Promise<void> {
    return new Promise((resolve) => {
      if (this.nudged || this.draining || this.stopped.signal.aborted) return resolve()
      const { outbox, clock } = this.options
      const dueAt = outbox.nextDueAt(this.sink.id)
      const timer = dueAt === null ? null : clock.after(Math.max(0, dueAt - clock.now()), () => this.wake())
      this.wake = () => {
        timer?.cancel()
        this.wake = () => undefined
        resolve()
      }
    })
  }
}
