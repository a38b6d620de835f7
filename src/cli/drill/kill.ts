/**
 * kill -9 in the middle of writing, three times over one task: afterwards there is one result, and the log is whole.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../core/clock.ts'
import { readPublicKey } from '../../lib/dsse.ts'
import { errnoOf } from '../../lib/files.ts'
import type { EventPage, TaskDetail, TaskPage } from '../../server/api.ts'
import { Keyring } from '../../store/keyring.ts'
import { checkLog } from '../../store/log-chain.ts'
import type { Client } from '../client.ts'
import { caught, missed, untried } from './finding.ts'
import type { DrillItem } from './item.ts'
import { Rehearsal } from './rehearsal.ts'
import type { Stage } from './stage.ts'

/**
 * A command ran and its end is not written; a finding is written, the verdict not; the verdict is, nothing after it.
 */
const places = ['agent.tool.ran', 'verify.stored', 'harness.concluded'] as const
const diesMs = 20_000
const endsMs = 40_000

const write = { tool_calls: [{ name: 'write', arguments: { file_path: 'out.txt', content: 'right\n' } }] }
const script = [
  { tool_calls: [{ name: 'bash', arguments: { command: 'echo once >> log.txt' } }] },
  { text: 'Everything is done.' },
  ...Array.from({ length: 6 }).flatMap(() => [write, { text: 'Now it is done.' }]),
]

export const killedMidWrite: DrillItem = {
  name: 'kill-mid-write',
  injects: 'kill -9 in the middle of writing',
  expects: 'one result, nothing lost, nothing twice, a whole log',
  async run(stage) {
    const rehearsal = await Rehearsal.open(stage, { name: 'kill-mid-write', script })
    for (const [index, place] of places.entries()) {
      const client = await rehearsal.start(place)
      if (client && index === 0) await addTask(client, rehearsal.work)
      const exit = await rehearsal.ended(diesMs)
      if (exit?.signal !== 'SIGKILL') return untried(`The second daemon was not killed at ${place}.`)
    }
    const client = await rehearsal.start()
    if (!client) return missed('After three kills the daemon does not start any more.')
    const wrong = await account(stage, client, rehearsal.work)
    if (wrong) return missed(wrong)
    await rehearsal.stop()
    const keys = new Keyring(rehearsal.data, systemClock).keys().flatMap((key) => readPublicKey(key.publicKey) ?? [])
    const { fault, checked } = checkLog(join(rehearsal.data, 'openloom.db'), { keys })
    if (fault) return missed(`The log is not whole: ${fault.text}`)
    return caught(`killed ${places.length} times: one result, nothing twice, all ${checked} events in their chain.`)
  },
}

async function addTask(client: Client, workspace: string): Promise<void> {
  const task = { goal: 'Write out.txt.', workspace, checks: ['contains: out.txt /right/'], limits: { attempts: 8 } }
  // The last place may be reached before the answer is: that the task is there is looked at afterwards.
  await client.post('/api/tasks', task, { 'x-openloom-source': 'cli' })
}

/** What is wrong with the one task, or null. */
async function account(stage: Stage, client: Client, work: string): Promise<string | null> {
  const { items } = await client.get<TaskPage>('/api/tasks')
  const [only] = items
  if (!only || items.length > 1) return `There are ${items.length} tasks instead of one.`
  const detail = await stage.until(async () => {
    const now = await client.get<TaskDetail>(`/api/tasks/${only.id}`)
    return ['done', 'failed', 'paused', 'cancelled'].includes(now.task.status) ? now : null
  }, endsMs)
  if (!detail) return `The task did not end within ${endsMs / 1_000} s.`
  const { task, attempts, receipts } = detail
  if (task.verdict !== 'verified') return `The task is ${task.status}, ${task.verdict ?? 'without a verdict'}.`
  const judged = attempts.filter(({ verdict }) => verdict !== null).length
  if (receipts.length !== judged) return `${judged} verdicts have ${receipts.length} receipts.`
  const { items: events } = await client.get<EventPage>(`/api/tasks/${only.id}/events?limit=1000`)
  const results = events.filter(({ type }) => type === 'task.done').length
  if (results !== 1) return `The task was done ${results} times.`
  const times = (await textOf(join(work, 'log.txt'))).split('\n').length - 1
  return times === 1 ? null : `A command that had run was lost or repeated: it left ${times} lines instead of one.`
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return ''
    throw error
  }
}
