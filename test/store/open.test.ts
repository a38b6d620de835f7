import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { type Problem, ProblemError } from '../../src/core/problem.ts'
import { takeLock } from '../../src/store/lock.ts'
import { openStore } from '../../src/store/open.ts'
import { taskFrom } from '../fakes/tasks.ts'

let folder = ''
let path = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'loom-open-'))
  path = join(folder, 'openloom.db')
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
})

function problemOf(work: () => unknown): Problem | undefined {
  try {
    work()
  } catch (error) {
    if (error instanceof ProblemError) return error.problems[0]
    throw error
  }
}

const open = () => openStore({ path, clock: systemClock })

const call = { id: 'c', name: 'bash', argumentsText: '{}' }

function fill(): void {
  const store = open()
  for (let i = 0; i < 200; i++) store.tasks.accept(taskFrom({ externalId: `k${i}` }))
  store.ledger.db.run('pragma wal_checkpoint(truncate)')
  store.close()
}

describe('a store', () => {
  it('keeps what it was given over a restart', () => {
    fill()
    const store = open()
    expect(store.tasks.counts()).toEqual({ queued: 200 })
    store.close()
  })

  it('names the call of before a restart when its turn goes on', () => {
    const session = { id: 's_1', runtime: 'builtin', title: '', workspace: '/', taskId: null, agent: null, model: null }
    const run = { type: 'run.started' as const, promptId: 'p', model: 'm', provider: 'p' }
    const first = open()
    first.sessions.createSession({ ...session, createdAt: 0 })
    first.sessions.append(
      's_1',
      { ...run, runId: 'r_1', resumed: false },
      { type: 'assistant', runId: 'r_1', text: '', reasoning: '', finish: 'tool_calls', calls: [call] },
    )
    first.close()
    const second = open()
    const ended = { callId: 'c', ok: false, output: 'Outcome unknown.', facts: {} }
    second.sessions.append(
      's_1',
      { ...run, runId: 'r_2', resumed: true },
      { type: 'tool.ended', runId: 'r_2', ...ended },
    )
    expect(second.events.after(0, 100).findLast(({ type }) => type === 'tool.ended')?.data).toMatchObject({
      name: 'bash',
    })
    second.close()
  })

  it('whose file is damaged is refused with what to do, and left exactly as it is', () => {
    fill()
    const file = openSync(path, 'r+')
    for (let page = 3; page < 20; page++) writeSync(file, Buffer.alloc(4096, 0xaa), 0, 4096, page * 4096)
    const before = readFileSync(path)
    expect(problemOf(open)).toMatchObject({ kind: 'store-unreadable', todo: expect.stringContaining('not changed') })
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('whose file is no database is refused, not started empty', () => {
    writeFileSync(path, 'hello, I am a text file of some length, not a database at all\n'.repeat(40))
    expect(problemOf(open)?.kind).toBe('store-unreadable')
    expect(readFileSync(path, 'utf8')).toContain('I am a text file')
  })

  it('written by a newer version is refused', () => {
    fill()
    const raw = new Database(path)
    raw.prepare("insert into __drizzle_migrations (hash, created_at) values ('x', ?)").run(Date.UTC(2100, 0, 1))
    raw.close()
    expect(problemOf(open)).toMatchObject({ kind: 'store-newer', todo: expect.stringContaining('newer version') })
  })
})

describe('the lock of a data directory', () => {
  it('is held once, says by whom, and is free after its release', () => {
    const first = takeLock(folder)
    if (!('release' in first)) throw new Error('the first one was refused')
    first.announce({ pid: 4711, url: 'http://127.0.0.1:1' })
    expect(takeLock(folder)).toMatchObject({ kind: 'already-running', text: expect.stringContaining('4711') })
    first.release()
    const second = takeLock(folder)
    expect('release' in second).toBe(true)
    if ('release' in second) second.release()
  })
})
