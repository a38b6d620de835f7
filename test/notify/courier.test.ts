import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { NewEvent } from '../../src/core/event.ts'
import type { Problem } from '../../src/core/problem.ts'
import type { Notice, Sink } from '../../src/core/sink.ts'
import { Courier, type CourierOptions, defaultScheduleMs } from '../../src/notify/courier.ts'
import { createWebhookSink, webhookSchema } from '../../src/notify/webhook.ts'
import { openStore, type Store } from '../../src/store/open.ts'
import { HandClock } from '../fakes/clock.ts'
import { Receiver } from '../fakes/receiver.ts'

let clock: HandClock
let store: Store
let receiver: Receiver
let couriers: Courier[]
let told: NewEvent[]
let reported: Problem[]

beforeEach(async () => {
  clock = new HandClock()
  store = openStore({ path: ':memory:', clock })
  receiver = await new Receiver().open()
  couriers = []
  told = []
  reported = []
})
afterEach(async () => {
  for (const courier of couriers) await courier.close()
  await receiver.close()
  store.close()
})

const webhook = (more: object = {}, at = receiver) =>
  createWebhookSink(webhookSchema.parse({ kind: 'webhook', url: at.url(), timeout_seconds: 0.2, ...more }), { clock })

function start(sinks: Sink[], more: Partial<CourierOptions> = {}): Courier {
  const courier = new Courier({
    ...{ outbox: store.outbox, sinks, clock, random: () => 0 },
    tell: (event) => {
      told.push(event)
      return store.ledger.note(event)
    },
    report: (problem) => reported.push(problem),
    ...more,
  })
  store.ledger.onEvent(() => courier.nudge())
  courier.start()
  couriers.push(courier)
  return courier
}

function happen(...names: string[]): void {
  for (const text of names) store.ledger.note({ type: 'inbox.noticed', data: { text } })
}

const textOf = (body: string) => (JSON.parse(body) as Notice).data.text
const heard = (at = receiver) => at.heard.map(({ body }) => textOf(body))

/** Polls, with a limit, for what a delivery leaves in the store after the receiver has answered. */
async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2_000 && !condition(); turn++) await new Promise((resolve) => setTimeout(resolve, 1))
  expect(condition()).toBe(true)
}
const settled = (sink: Sink) => until(() => store.outbox.cursor(sink.id) === store.outbox.head())
const counts = (sink: Sink) => store.outbox.counts(sink.id)

describe('the courier', () => {
  it('delivers in order, each event once, and a new sink hears nothing of the past', async () => {
    store.ledger.note({ type: 'inbox.noticed', data: { text: 'past' } })
    const sink = webhook()
    start([sink])
    happen('a', 'b', 'c')
    await settled(sink)
    expect(heard()).toEqual(['a', 'b', 'c'])
  })

  it('goes on where it stopped after a restart', async () => {
    const sink = webhook()
    const first = start([sink])
    happen('a')
    await first.close()
    store.ledger.note({ type: 'inbox.noticed', data: { text: 'while away' } })
    start([sink])
    await settled(sink)
    happen('b')
    await settled(sink)
    expect(heard()).toEqual(['a', 'while away', 'b'])
  })

  it('passes over events that a sink does not want', async () => {
    const sink = webhook({ events: ['inbox.rejected'] })
    start([sink])
    happen('a', 'b')
    store.ledger.note({ type: 'inbox.rejected', data: { text: 'wanted' } })
    happen('c')
    await settled(sink)
    expect(heard()).toEqual(['wanted'])
  })

  it('tries again after five seconds with the same id and body, while later events flow', async () => {
    receiver.next.push(500)
    const sink = webhook({ secrets: ['a secret of ours'] })
    start([sink])
    happen('a', 'b')
    await settled(sink)
    expect(counts(sink)).toEqual({ pending: 1, dead: 0 })
    await clock.advance(4_999)
    expect(heard()).toEqual(['a', 'b'])
    await clock.advance(1)
    await receiver.hears(3)
    await until(() => counts(sink).pending === 0)
    const [first, , again] = receiver.heard
    expect(again?.body).toBe(first?.body)
    expect(again?.headers['webhook-id']).toBe(first?.headers['webhook-id'])
    expect(again?.headers['webhook-timestamp']).not.toBe(first?.headers['webhook-timestamp'])
  })

  it('keeps the cursor when a replayed or late delivery arrives', async () => {
    receiver.next.push(500)
    const sink = webhook()
    start([sink])
    happen('a', 'b', 'c')
    await settled(sink)
    await clock.advance(5_000)
    await receiver.hears(4)
    await until(() => counts(sink).pending === 0)
    expect(store.outbox.cursor(sink.id)).toBe(store.outbox.head())
    expect(heard()).toEqual(['a', 'b', 'c', 'a'])
  })

  it('waits as long as Retry-After asks', async () => {
    receiver.next.push((response) => void response.writeHead(429, { 'retry-after': '60' }).end())
    const sink = webhook()
    start([sink])
    happen('a')
    await settled(sink)
    await clock.advance(59_999)
    expect(heard()).toEqual(['a'])
    await clock.advance(1)
    await receiver.hears(2)
    await until(() => counts(sink).pending === 0)
  })

  it.each(['silent', 'reset', 301, 503] as const)('keeps a delivery that met %s for later', async (behaviour) => {
    receiver.next.push(behaviour)
    const sink = webhook()
    start([sink])
    happen('a')
    await settled(sink)
    expect(counts(sink)).toEqual({ pending: 1, dead: 0 })
    await clock.advance(5_000)
    await receiver.hears(2)
    await until(() => counts(sink).pending === 0)
    expect(heard()).toEqual(['a', 'a'])
  })

  it('loses nothing to a receiver that is down for long', async () => {
    const sink = webhook()
    start([sink])
    await receiver.close()
    happen('a', 'b', 'c')
    await settled(sink)
    await clock.advance(5_000)
    await until(() => store.outbox.due(sink.id, clock.now(), 9).length === 0)
    expect(counts(sink)).toEqual({ pending: 3, dead: 0 })
    await receiver.open()
    await clock.advance(5 * 60_000)
    await receiver.hears(3)
    await until(() => counts(sink).pending === 0)
    expect(heard().sort()).toEqual(['a', 'b', 'c'])
  })
})

describe('a delivery that is given up', () => {
  it('after the whole schedule is a dead letter, with one alarm, and can be replayed', async () => {
    receiver.otherwise = 500
    const sink = webhook()
    const courier = start([sink])
    happen('a')
    await settled(sink)
    for (const [index, waitMs] of defaultScheduleMs.entries()) {
      expect(counts(sink)).toEqual({ pending: 1, dead: 0 })
      await clock.advance(waitMs)
      await receiver.hears(index + 2)
      await until(() => store.outbox.due(sink.id, clock.now(), 9).length === 0)
    }
    expect(receiver.heard).toHaveLength(8)
    expect(counts(sink)).toEqual({ pending: 0, dead: 1 })
    expect(told).toMatchObject([{ type: 'delivery.failed', data: { sink: sink.id, seq: 1 } }])
    const [dead] = store.outbox.open(true, 10)
    expect(dead).toMatchObject({ sink: sink.id, seq: 1, attempts: 8, problem: expect.stringContaining('500') })

    receiver.otherwise = 200
    expect(store.outbox.replay(sink.id, 1)).toBe(1)
    courier.nudge()
    await receiver.hears(9)
    await until(() => counts(sink).dead + counts(sink).pending === 0)
    expect(heard().at(-1)).toBe('a')
  })

  it('by 410 is dead at once and not tried again', async () => {
    receiver.otherwise = 410
    const sink = webhook()
    start([sink])
    happen('a', 'b')
    await until(() => counts(sink).dead === 2)
    await clock.advance(24 * 3_600_000)
    expect(heard()).toEqual(['a', 'b'])
    expect(told).toHaveLength(1)
  })

  it('because too many wait is dead with an alarm, and the sink is alarmed anew after it worked again', async () => {
    receiver.otherwise = 500
    const sink = webhook()
    start([sink], { waitingMax: 2 })
    happen('a', 'b', 'c', 'd')
    await until(() => counts(sink).dead === 2)
    expect(counts(sink)).toEqual({ pending: 2, dead: 2 })
    expect(told).toHaveLength(1)
    expect(String(told[0]?.data.text)).toContain('2 deliveries wait already')
    receiver.otherwise = 200
    happen('e')
    await settled(sink)
    receiver.otherwise = 410
    happen('f')
    await until(() => told.length === 2)
  })

  it('is told to the other sinks and never to itself, so that two dead sinks do not feed each other', async () => {
    const other = await new Receiver().open()
    receiver.otherwise = 410
    other.otherwise = 410
    const sinks = [webhook(), webhook({}, other)]
    start(sinks)
    happen('a')
    await until(() => told.length === 2 && sinks.every((sink) => store.outbox.cursor(sink.id) === 3))
    await clock.advance(60_000)
    expect(told).toHaveLength(2)
    expect(receiver.heard.length + other.heard.length).toBeLessThanOrEqual(4)
    await other.close()
  })
})

describe('two sinks', () => {
  it('do not delay each other: one is silent, the other hears everything', async () => {
    const silent = await new Receiver().open()
    silent.otherwise = 'silent'
    const slow = webhook({ timeout_seconds: 60 }, silent)
    const quick = webhook()
    const courier = start([slow, quick])
    happen(...Array.from({ length: 50 }, (_, i) => `e${i}`))
    await settled(quick)
    expect(receiver.heard).toHaveLength(50)
    expect(silent.heard).toHaveLength(1)
    expect(courier.state()).toMatchObject([{ pending: 0 }, { pending: 0, label: expect.stringContaining('127.0.0.1') }])
    const closing = courier.close(1_000)
    await clock.advance(1_000)
    await closing
    expect(store.outbox.cursor(slow.id)).toBe(0)
    await silent.close()
  })
})

describe('closing', () => {
  it('delivers first what is in the log', async () => {
    const sink = webhook()
    const courier = start([sink])
    happen(...Array.from({ length: 30 }, (_, i) => `e${i}`))
    await courier.close()
    expect(receiver.heard).toHaveLength(30)
  })

  it('does not count a delivery that it cut itself as a failure', async () => {
    receiver.otherwise = 'silent'
    const sink = webhook({ timeout_seconds: 60 })
    const courier = start([sink])
    happen('a')
    await receiver.hears(1)
    const closing = courier.close(100)
    await clock.advance(100)
    await closing
    expect(counts(sink)).toEqual({ pending: 0, dead: 0 })
    expect(store.outbox.cursor(sink.id)).toBe(0)
  })
})

describe('trouble', () => {
  it('of a sink that throws is a failed delivery and a report', async () => {
    const sink: Sink = { ...webhook(), deliver: () => Promise.reject(new Error('a bug')) }
    start([sink])
    happen('a')
    await settled(sink)
    expect(counts(sink).pending).toBe(1)
    expect(reported[0]?.text).toContain('a bug')
  })

  it('of a sink that never ends is cut', async () => {
    const begun = { times: 0 }
    const deliver = () => new Promise<never>(() => begun.times++)
    const sink: Sink = { ...webhook(), deliver }
    start([sink])
    happen('a')
    await until(() => begun.times === 1)
    await clock.advance(90_000)
    await settled(sink)
    expect(counts(sink).pending).toBe(1)
  })

  it('of the store stops nothing for good', async () => {
    const { outbox } = store
    const broken = { on: true }
    const setCursor = outbox.setCursor.bind(outbox)
    const sink = webhook()
    outbox.setCursor(sink.id, 0)
    outbox.setCursor = (name, seq) => {
      if (broken.on) throw new Error('database or disk is full')
      setCursor(name, seq)
    }
    start([sink])
    happen('a')
    await until(() => reported.length === 1)
    broken.on = false
    await clock.advance(5_000)
    await settled(sink)
    expect(new Set(heard())).toEqual(new Set(['a']))
  })

  it('tests one sink alone: nobody else hears it, and a failed test is never tried again', async () => {
    const other = await new Receiver().open()
    const [sink, beside] = [webhook(), webhook({}, other)]
    const courier = start([sink, beside])
    receiver.next.push(200, 503)
    expect(await courier.test(sink.id)).toMatchObject({ ok: true, value: { ok: true, todo: null } })
    const failed = await courier.test(sink.id)
    expect(failed).toMatchObject({ ok: true, value: { ok: false, text: expect.stringContaining('answered 503') } })
    expect(receiver.heard.map(({ body }) => (JSON.parse(body) as Notice).type)).toEqual(['sink.tested', 'sink.tested'])
    expect(told.map(({ type }) => type)).toEqual(['sink.tested', 'sink.tested'])
    happen('work')
    await settled(beside)
    expect(heard(other)).toEqual(['work'])
    expect(counts(sink)).toEqual({ pending: 0, dead: 0 })
    await other.close()
  })

  it('ends the test of a receiver that never answers, and refuses a second one meanwhile', async () => {
    receiver.otherwise = 'silent'
    const sink = webhook({ timeout_seconds: 60 })
    const courier = start([sink])
    const answer = courier.test(sink.id)
    expect(await courier.test(sink.id)).toMatchObject({ ok: false, problems: [{ kind: 'under-way' }] })
    await receiver.hears(1)
    await clock.advance(10_000)
    expect(await answer).toMatchObject({ ok: true, value: { ok: false, text: expect.stringContaining('within 10 s') } })
    expect(await courier.test('none')).toMatchObject({ ok: false, problems: [{ kind: 'unknown-sink' }] })
  })

  it('remembers what it delivered lately, and what the receiver said', async () => {
    const sink = webhook()
    const courier = start([sink])
    happen(...Array.from({ length: 60 }, (_, n) => `event ${n}`))
    await settled(sink)
    const [look] = courier.looks()
    expect(look?.delivered).toHaveLength(50)
    expect(look?.delivered[0]).toMatchObject({ seq: 60, type: 'inbox.noticed', detail: expect.stringContaining('200') })
  })
})
