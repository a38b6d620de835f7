import { createHmac } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Notice } from '../../src/core/sink.ts'
import { createFileSink, fileSchema } from '../../src/notify/file.ts'
import { createSinks } from '../../src/notify/index.ts'
import { createWebhookSink, webhookSchema } from '../../src/notify/webhook.ts'
import { noticeFrom, sinkContract } from '../contracts/sink.ts'
import { HandClock } from '../fakes/clock.ts'
import { Receiver } from '../fakes/receiver.ts'

const clock = new HandClock()
const never = new AbortController().signal

sinkContract('file', () => {
  const dir = mkdtempSync(join(tmpdir(), 'loom-notify-'))
  const target = join(dir, 'made', 'here')
  return {
    create: (events) => createFileSink(fileSchema.parse({ kind: 'file', dir: target, events, prefix: 'loom-' })),
    arrived: () =>
      readdirSync(target)
        .sort()
        .map((name) => JSON.parse(readFileSync(join(target, name), 'utf8')) as Notice),
    break: () => writeFileSync(join(dir, 'made'), 'a file where a folder should be'),
    close: () => rmSync(dir, { recursive: true }),
    secrets: [],
  }
})

sinkContract('webhook', async () => {
  const receiver = await new Receiver().open()
  const url = receiver.url('/services/T0KEN?key=s3cret').replace('//', '//user:passw0rd@')
  const config = { kind: 'webhook', url, secrets: ['whsec_c2VjcmV0LXNlY3JldA=='] }
  return {
    create: (events) => createWebhookSink(webhookSchema.parse({ ...config, events }), { clock }),
    arrived: () => receiver.heard.map(({ body }) => JSON.parse(body) as Notice),
    break: () => receiver.close(),
    hang: () => {
      receiver.otherwise = 'silent'
    },
    close: () => receiver.close(),
    secrets: ['T0KEN', 's3cret', 'passw0rd', 'user', 'c2VjcmV0'],
  }
})

describe('a file', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'loom-notify-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('is named by prefix, time, number and event, and no temporary one is left', async () => {
    await createFileSink(fileSchema.parse({ kind: 'file', dir, prefix: 'loom-' })).deliver(noticeFrom(), never)
    expect(readdirSync(dir)).toEqual(['loom-20260105T080000.000Z-000000007-TASK_COMPLETED.json'])
  })

  it('is written once for an event that is delivered again, and never overwritten', async () => {
    const sink = createFileSink(fileSchema.parse({ kind: 'file', dir }))
    const deliveries = await Promise.all([1, 2, 3].map(() => sink.deliver(noticeFrom(), never)))
    expect(deliveries.map((delivery) => delivery.kind)).toEqual(['delivered', 'delivered', 'delivered'])
    const [name = ''] = readdirSync(dir)
    expect(readdirSync(dir)).toHaveLength(1)
    writeFileSync(join(dir, name), 'mine')
    await sink.deliver(noticeFrom(), never)
    expect(readFileSync(join(dir, name), 'utf8')).toBe('mine')
  })

  it('cannot be sent elsewhere by its prefix', () => {
    expect(fileSchema.safeParse({ kind: 'file', dir, prefix: '../' }).success).toBe(false)
  })
})

describe('a webhook', () => {
  let receiver: Receiver
  beforeEach(async () => {
    receiver = await new Receiver().open()
  })
  afterEach(() => receiver.close())
  const create = (more: object = {}) =>
    createWebhookSink(webhookSchema.parse({ kind: 'webhook', url: receiver.url(), ...more }), { clock })

  it('is signed as Standard Webhooks says, by each secret, and as the original did', async () => {
    const key = Buffer.from('0123456789abcdef01234567')
    const secrets = [`whsec_${key.toString('base64')}`, 'plain old secret']
    await create({ secrets }).deliver(noticeFrom(), never)
    const { headers, body } = receiver.heard[0] ?? { headers: {}, body: '' }
    const timestamp = String(clock.now() / 1000)
    const signed = `evt_local_7.${timestamp}.${body}`
    const by = (secret: Buffer | string) => `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': 'evt_local_7',
      'webhook-timestamp': timestamp,
      'webhook-signature': `${by(key)} ${by('plain old secret')}`,
      'x-openloom-event': 'TASK_COMPLETED',
      'x-openloom-signature-256': `sha256=${createHmac('sha256', secrets[0] ?? '')
        .update(body)
        .digest('hex')}`,
    })
  })

  it('matches the worked example of the standard', async () => {
    const { headersOf } = await import('../../src/notify/webhook.ts')
    const headers = headersOf(
      { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', event: 'x' },
      { body: '{"test": 2432232314}', secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'], nowMs: 1614265330_000 },
    )
    expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  })

  it('without a secret carries no signature', async () => {
    await create().deliver(noticeFrom(), never)
    expect(Object.keys(receiver.heard[0]?.headers ?? {}).filter((name) => name.includes('signature'))).toEqual([])
  })

  it.each([
    [204, { kind: 'delivered' }],
    [500, { kind: 'refused', retry: true, afterMs: null }],
    [404, { kind: 'refused', retry: true, afterMs: null }],
    [410, { kind: 'refused', retry: false }],
    ['reset', { kind: 'refused', retry: true }],
    ['silent', { kind: 'refused', retry: true, problem: { text: expect.stringContaining('within 0.2 s') } }],
  ] as const)('answered by %s is %o', async (behaviour, expected) => {
    receiver.otherwise = behaviour
    expect(await create({ timeout_seconds: 0.2 }).deliver(noticeFrom(), never)).toMatchObject(expected)
  })

  it('heeds Retry-After in seconds and as a date', async () => {
    const ask = (value: string) => receiver.next.push((r) => void r.writeHead(429, { 'retry-after': value }).end())
    ask('120')
    ask(new Date(clock.now() + 60_000).toUTCString())
    const sink = create()
    expect(await sink.deliver(noticeFrom(), never)).toMatchObject({ afterMs: 120_000 })
    expect(await sink.deliver(noticeFrom(), never)).toMatchObject({ afterMs: 60_000 })
  })

  it('does not follow a redirect', async () => {
    receiver.next.push((r) => void r.writeHead(307, { location: receiver.url('/elsewhere') }).end())
    const delivery = await create().deliver(noticeFrom(), never)
    expect(delivery).toMatchObject({ kind: 'refused', retry: true, problem: { text: expect.stringContaining('307') } })
    expect(receiver.heard.map((heard) => heard.path)).toEqual(['/'])
  })

  it('does not ask a proxy of the environment', async () => {
    const before = process.env.http_proxy
    process.env.http_proxy = 'http://127.0.0.1:9'
    const delivery = await create().deliver(noticeFrom(), never)
    if (before === undefined) delete process.env.http_proxy
    else process.env.http_proxy = before
    expect(delivery.kind).toBe('delivered')
  })

  it('stops reading an answer without end', async () => {
    receiver.otherwise = (response) => {
      response.writeHead(200)
      const pour = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        if (!response.destroyed) response.once('drain', pour)
      }
      pour()
    }
    expect(await create().deliver(noticeFrom(), never)).toMatchObject({ kind: 'delivered' })
  })

  it('refuses what is no address, and an event that is never sent', () => {
    for (const url of ['nowhere', 'ftp://x/', 'file:///etc/passwd']) {
      expect(webhookSchema.safeParse({ kind: 'webhook', url }).success).toBe(false)
    }
    const odd = webhookSchema.safeParse({ kind: 'webhook', url: receiver.url(), events: ['TASK_COMPLETE'] })
    expect(odd.error?.issues[0]?.message).toContain('"TASK_COMPLETE"')
  })
})

it('two sinks for one address are two sinks', () => {
  const config = fileSchema.parse({ kind: 'file', dir: '/tmp/x' })
  const ids = createSinks([config, config, { ...config, name: 'mine' }], { clock }).map((sink) => sink.id)
  expect(new Set(ids).size).toBe(3)
  expect(ids[2]).toBe('file-mine')
})
