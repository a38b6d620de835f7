/** A receiver that loses its first notification: it has to come once more, and no third time. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { DaemonState } from '../../server/api.ts'
import { caught, missed, untried } from './finding.ts'
import type { DrillItem } from './item.ts'
import { Rehearsal } from './rehearsal.ts'
import type { Stage } from './stage.ts'

const script = [
  { tool_calls: [{ name: 'write', arguments: { file_path: 'out.txt', content: 'here\n' } }] },
  { text: 'Done.' },
]
const noticedMs = 30_000
/** The second try comes after five seconds and some. */
const againMs = 20_000

export const droppedWebhook: DrillItem = {
  name: 'dropped-webhook',
  injects: 'a dropped webhook',
  expects: 'it is kept, and delivered exactly once more',
  async run(stage) {
    const { url, heard } = await openReceiver(stage)
    const sinks = [{ kind: 'webhook', name: 'drill', url, events: ['task.done'] }]
    const rehearsal = await Rehearsal.open(stage, { name: 'dropped-webhook', script, sinks })
    const client = await rehearsal.start()
    if (!client) return untried('A second daemon ended as soon as it was started.')
    const task = { goal: 'Write out.txt.', workspace: rehearsal.work, checks: ['file: out.txt'] }
    await client.post('/api/tasks', task, { 'x-openloom-source': 'cli' })
    if (!(await stage.until(async () => heard[0] ?? null, noticedMs))) {
      return missed(`A verified task was not notified within ${noticedMs / 1_000} s.`)
    }
    const counts = async () => (await client.get<DaemonState>('/api/state')).sinks[0]
    const kept = await stage.until(async () => {
      const now = await counts()
      return now && now.pending + now.dead > 0 ? now : null
    }, 3_000)
    if (!kept) return missed('The notification that was lost is not kept: it neither waits nor was given up.')
    if (kept.dead > 0) return missed('It was given up after the first try.')
    const settled = await stage.until(async () => {
      const now = await counts()
      return heard.length > 1 && now?.pending === 0 ? now : null
    }, againMs)
    if (!settled) return missed(`It was not delivered again within ${againMs / 1_000} s.`)
    if (settled.dead > 0 || heard.length !== 2 || heard[0] !== heard[1]) {
      return missed(`It came ${heard.length} times (${new Set(heard).size} different) instead of twice.`)
    }
    return caught('it waited, and came once more with the same id.')
  },
}

/** Drops the connection at the first request; remembers the ids. */
async function openReceiver(stage: Stage): Promise<{ url: string; heard: string[] }> {
  const heard: string[] = []
  const server = createServer((request, response) => {
    request.resume()
    request.once('end', () => {
      heard.push(String(request.headers['webhook-id']))
      if (heard.length === 1) response.destroy()
      else response.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  stage.onClose(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/drill`, heard }
}
