import { describe, expect, it } from 'vitest'
import type { DeliveryList, ProblemBody, Replayed, SinkList, SinkTested } from '../../src/server/api.ts'
import { Receiver } from '../fakes/receiver.ts'
import { tell } from '../fakes/story.ts'

const told = async () => {
  const receiver = await new Receiver().open()
  const story = await tell({
    settings: `notify:\n  sinks:\n    - { kind: webhook, name: chat, url: "${receiver.url('/secret-token')}" }\n`,
  })
  const read = async <T>(path: string) => (await (await story.call('GET', path)).json()) as T
  const send = async <T>(path: string, body: object) => {
    const answer = await story.call('POST', path, body)
    return { status: answer.status, body: (await answer.json()) as T }
  }
  return { ...story, receiver, read, send }
}

describe('notifications over HTTP', () => {
  it('a test says what the receiver answered, and shows nothing of its address that may be secret', async () => {
    const { receiver, read, send } = await told()
    const arrived = await send<SinkTested>('/api/sinks/webhook-chat/test', {})
    expect(arrived.body).toMatchObject({ ok: true, text: expect.stringContaining('answered 200') })
    receiver.otherwise = 410
    const refused = await send<SinkTested>('/api/sinks/webhook-chat/test', {})
    expect(refused.body).toMatchObject({ ok: false, text: expect.stringContaining('410') })
    expect(JSON.stringify([arrived, refused, await read('/api/sinks')])).not.toContain('secret-token')
    expect(await send<ProblemBody>('/api/sinks/none/test', {})).toMatchObject({ status: 404 })
    await receiver.close()
  })

  it('what was given up is listed with its reason, and all of a sink goes out again at one word', async () => {
    const { daemon, receiver, read, send } = await told()
    receiver.otherwise = 410
    for (const text of ['one', 'two']) daemon.store.ledger.note({ type: 'inbox.noticed', data: { text } })
    await receiver.hears(2)
    await expect.poll(async () => (await read<DeliveryList>('/api/deliveries')).items.length).toBe(2)
    const { items } = await read<DeliveryList>('/api/deliveries')
    expect(items[0]).toMatchObject({ sink: 'webhook-chat', dead: true, event: { type: 'inbox.noticed', title: null } })
    expect(items[0]?.problem).toContain('it wants no more')
    receiver.otherwise = 200
    const replayed = await send<Replayed>('/api/deliveries/replay', { sink: 'webhook-chat' })
    expect(replayed.body).toEqual({ ok: true, replayed: 2 })
    await receiver.hears(4)
    await expect.poll(async () => (await read<SinkList>('/api/sinks')).items.find(isChat)?.delivered.length).toBe(2)
    expect((await read<DeliveryList>('/api/deliveries')).items).toEqual([])
    expect(await send('/api/deliveries/replay', { sink: 'webhook-chat' })).toMatchObject({ status: 404 })
    await receiver.close()
  })
})

const isChat = ({ id }: { id: string }) => id === 'webhook-chat'
