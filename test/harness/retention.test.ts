/** What years of runs leave behind, and what is let go of it. */
import { createPublicKey } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import type { Runtime } from '../../src/core/runtime.ts'
import { Retention, type RetentionSettings } from '../../src/harness/retention.ts'
import { SessionEdits } from '../../src/harness/session-edits.ts'
import { Keyring } from '../../src/store/keyring.ts'
import { checkLog } from '../../src/store/log-chain.ts'
import { openStore } from '../../src/store/open.ts'
import { HandClock } from '../fakes/clock.ts'

const dayMs = 86_400_000

function world(settings: Partial<RetentionSettings> = {}) {
  const dataDir = mkdtempSync(join(tmpdir(), 'loom-keep-'))
  const clock = new HandClock()
  const store = openStore({ path: join(dataDir, 'openloom.db'), clock })
  onTestFinished(() => {
    store.close()
    rmSync(dataDir, { recursive: true, force: true })
  })
  const busy = new Set<string>()
  const look = async (id: string) => ({ state: { kind: busy.has(id) ? 'busy' : 'idle' }, lastActivityAt: null })
  const runtimes = new Map([['builtin', { name: 'builtin', watch: null, look } as unknown as Runtime]])
  const edits = new SessionEdits({ store, clock, runtimes, dataDir, env: {}, owner: 'test', hide: (text) => text })
  const log = { warn: () => undefined }
  const limits = { days: 90, sessions: 5_000, files_mb: 2_000, events_days: 180, events: 1_000_000, ...settings }
  const keyring = new Keyring(dataDir, clock)
  const retention = new Retention({ store, edits, clock, log, dataDir, keyring, sinks: [] }, limits)
  const put = (id: string, createdAt: number) => {
    const none = { taskId: null, agent: null, model: null }
    const session = { id, runtime: 'builtin', title: id, workspace: '/work', createdAt, ...none }
    const entry = { type: 'prompt' as const, promptId: `p-${id}`, text: 'x'.repeat(500) }
    store.shelf.add({ session, forkedFrom: null, rows: [{ at: createdAt, entry }] })
  }
  return { dataDir, clock, store, retention, put, busy, keyring }
}

it('DU-5 of 10,000 runs the oldest go in portions, the list stays quick, what works stays', async () => {
  const w = world({ sessions: 9_500, events: 4_000 })
  await w.keyring.open()
  w.store.ledger.transact(() => {
    for (let n = 0; n < 10_000; n++) w.put(`s_${String(n).padStart(5, '0')}`, w.clock.now() + n)
  })
  const startedAt = performance.now()
  expect(w.store.watched.page({ limit: 50 }).items).toHaveLength(50)
  expect(performance.now() - startedAt).toBeLessThan(100)
  w.busy.add('s_00003')
  let passes = 1
  while (await w.retention.pass()) passes += 1
  expect(passes).toBeLessThan(6)
  // The log is bounded too, and still proves itself.
  expect(w.store.ledger.head() - w.store.events.first()).toBeLessThan(4_500)
  const keys = w.keyring.keys().map(({ publicKey }) => createPublicKey(publicKey))
  const { fault, beginning } = checkLog(join(w.dataDir, 'openloom.db'), { keys })
  expect([fault, beginning?.seq]).toEqual([null, w.store.events.first() - 1])
  const left = w.store.watched.page({ limit: 20_000 }).items.map(({ id }) => id)
  expect(left).toHaveLength(9_501)
  expect([left.includes('s_00003'), left.includes('s_00002'), left.includes('s_09999')]).toEqual([true, false, true])
  expect(w.store.sessions.entries('s_00002')).toEqual([])
})

it('DU-5 a silent session goes with its files, and of files that are too many the oldest', async () => {
  const w = world({ files_mb: 0.002 })
  const files = (name: string, id: string, ageMs: number) => {
    const folder = join(w.dataDir, name, id)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'f'), Buffer.alloc(1_000))
    const at = (w.clock.now() - ageMs) / 1_000
    for (const path of [join(folder, 'f'), folder]) utimesSync(path, at, at)
  }
  w.put('s_old', w.clock.now())
  await w.clock.advance(91 * dayMs)
  for (const id of ['s_a', 's_b', 's_c']) w.put(id, w.clock.now())
  files('outputs', 's_old', 91 * dayMs)
  files('outputs', 's_a', 3 * dayMs)
  files('checkpoints', 's_b', 2 * dayMs)
  files('checkpoints', 's_c', dayMs)
  await w.retention.pass()
  expect(w.store.watched.get('s_old')).toBe(null)
  expect(readdirSync(join(w.dataDir, 'outputs'))).toEqual([])
  expect(readdirSync(join(w.dataDir, 'checkpoints')).sort()).toEqual(['s_b', 's_c'])
  expect(existsSync(join(w.dataDir, 'openloom.db'))).toBe(true)
})
