/** kill -9 at random instants, again and again, under load: every task reaches its end, every event its receiver. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type EventType, isNotable } from '../../src/core/event.ts'
import type { JournalEntry } from '../../src/core/session.ts'
import { DaemonRig } from '../fakes/daemon.ts'
import { Random } from '../fakes/random.ts'
import { account, drop, fullScript, inboxNames, long, noFault, say } from './scene.ts'

const rig = new DaemonRig()
beforeAll(() => rig.open({ script: fullScript, env: { OPENLOOM_CONCURRENCY: '6' } }))
afterAll(() => rig.close())

const pauseFor = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** The first deaths may come before the store is made. */
const hasJournal = (): boolean =>
  existsSync(join(rig.data, 'openloom.db')) && rig.rows("select 1 from sqlite_master where name = 'journal'").length > 0

/** Calls without a result, by whether another message of the model came after theirs. A torn row is no JSON. */
function openCalls(): { left: string[]; passed: string[] } {
  const rows = rig.rows<{ session_id: string; entry: string }>('select session_id, entry from journal order by seq')
  const open = new Map<string, string>()
  const passed: string[] = []
  for (const { session_id: session, entry } of rows) {
    const row = JSON.parse(entry) as JournalEntry
    if (row.type === 'assistant') {
      passed.push(...[...open].flatMap(([call, of]) => (of === session ? [call] : [])))
      for (const { id } of row.calls) open.set(`${session} ${id}`, session)
    }
    // Of a call that has its result already this is a second one.
    if (row.type === 'tool.ended' && !open.delete(`${session} ${row.callId}`)) passed.push(row.callId)
  }
  return { left: [...open.keys()], passed }
}

it('DU-1 killed at 50 random instants, no row is torn and no task, call or notification lost or doubled', async () => {
  const [count, kills] = long ? [100, 200] : [40, 50]
  const random = new Random(20_261_121)
  const names = Array.from({ length: count }, (_, i) => `task-${i}`)
  const left = [...names]
  for (let kill = 0; kill < kills; kill++) {
    // Short enough that some deaths come before the daemon listens, spread so that tasks are at every stage.
    const doomed = rig.start()
    const lifeMs = 200 + random.next() * (long ? 2_800 : 1_300)
    const share = Math.ceil(left.length / (kills - kill))
    for (const name of left.splice(0, share)) {
      await pauseFor((lifeMs * random.next()) / (share + 1))
      drop(rig, name)
    }
    await Promise.race([pauseFor((lifeMs * random.next()) / 2), doomed.exited])
    expect(doomed.isOver).toBe(false)
    await doomed.kill()
    if (hasJournal()) expect(openCalls().passed).toEqual([])
  }
  expect(rig.integrity).toBe('ok')
  const life = await rig.started()
  const total = await account(rig, life, names)
  await rig.delivered(life)
  life.child.kill('SIGTERM')
  expect(await life.exited).toEqual({ code: 0, signal: null })
  const told = rig.told().map(({ id }) => id)
  say(`kills: ${kills}, tasks: ${count}, lost ${total.lost}, doubled ${total.doubled}`)
  expect(total).toEqual(noFault)
  expect(openCalls()).toEqual({ left: [], passed: [] })
  expect(rig.orphans()).toEqual([])
  expect(inboxNames(rig)).toEqual(names.map((name) => `processed-${name}.md`).sort())
  const logged = rig.rows<{ seq: number; type: EventType }>('select seq, type from events order by seq')
  const wanted = logged.filter(({ type }) => isNotable(type)).map(({ seq }) => `evt_local_${seq}`)
  expect([...told].sort()).toEqual([...wanted].sort())
  expect(wanted.filter((id) => !rig.heard.has(id))).toEqual([])
  expect(logged.filter(({ type }) => type === 'task.created')).toHaveLength(count)
  expect(logged.filter(({ type }) => type === 'task.done')).toHaveLength(count)
})
