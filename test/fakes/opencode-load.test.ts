/** The load keeps its pace, and a follower that reads everything gets exactly what was counted. */
import { expect, it, onTestFinished } from 'vitest'
import { FakeOpenCode } from './opencode.ts'
import { OpenCodeClient } from './opencode-client.ts'
import { Load } from './opencode-load.ts'

it('sends thousands of events a second, and its count is what arrives', async () => {
  const fake = await new FakeOpenCode().open()
  onTestFinished(() => fake.close())
  const load = new Load(fake, { sessions: 1_000, eventsPerSecond: 5_000 })
  load.prepare()
  const client = new OpenCodeClient(fake.address)
  const log = await client.follow()
  await log.type('server.connected')
  load.start()
  await log.sees('two thousand events', () => log.events.length > 2_000)
  const { total, byType, heldBack } = load.stop()
  fake.beat()
  await log.type('server.heartbeat')
  const arrived = log.events.filter(({ payload }) => payload.id?.endsWith('load'))
  expect(arrived).toHaveLength(total)
  expect(heldBack).toBe(0)
  const deltas = arrived.filter(({ payload }) => payload.type === 'message.part.delta').length
  expect(deltas).toBe(byType['message.part.delta'])
  expect(deltas / total).toBeGreaterThan(0.9)
  const busy = await client.get<object>('GET /session/status', { directory: '/srv/app-0' })
  expect(Object.keys(busy)).toHaveLength(100)
})
