/** A supervisor over a runtime, a check and a clock that the test moves. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { parseCheckLine } from '../../src/checks/index.ts'
import type { AnyChecker, CheckResult } from '../../src/core/check.ts'
import type { TaskSpec } from '../../src/core/spec.ts'
import type { Task, TaskStatus } from '../../src/core/task.ts'
import { Commands } from '../../src/harness/commands.ts'
import { Supervisor } from '../../src/harness/supervisor.ts'
import type { World } from '../../src/harness/world.ts'
import { openLog, Secrets } from '../../src/lib/log.ts'
import { noSandbox } from '../../src/lib/sandbox/sandbox.ts'
import { openStore } from '../../src/store/open.ts'
import { handCheckouts } from './checkouts.ts'
import { HandClock } from './clock.ts'
import { handKeyring } from './keyring.ts'
import { HandRuntime } from './runtime.ts'
import { specFrom, taskFrom } from './tasks.ts'

/** A check whose outcome the test sets. */
function handChecker(): { checker: AnyChecker; next: (result: Partial<CheckResult>) => void; runs: () => number } {
  const result: CheckResult = { outcome: 'pass', evidence: { subject: 'x', summary: 'looks good' } }
  let runs = 0
  const checker: AnyChecker = {
    kind: 'hand',
    schema: z.unknown(),
    words: ['hand'],
    parseLine: () => ({}),
    describe: () => 'hand: x',
    runsCommand: false,
    guards: false,
    compares: false,
    baseline: () => [],
    run: async () => {
      runs++
      return result
    },
  }
  return { checker, runs: () => runs, next: (part) => Object.assign(result, part) }
}

export function makeWorld() {
  const clock = new HandClock()
  const store = openStore({ path: ':memory:', clock })
  const runtime = new HandRuntime()
  runtime.now = () => clock.now()
  const hand = handChecker()
  const folder = mkdtempSync(join(tmpdir(), 'loom-harness-'))
  const alarms = new Map<string, string>()
  const world: World = {
    store,
    keyring: handKeyring(),
    runtimes: new Map([['hand', runtime]]),
    checkers: [hand.checker],
    describeCheck: () => 'hand: x',
    parseCheck: parseCheckLine,
    proposer: null,
    clock,
    env: {},
    owner: `test-${process.pid}`,
    sandbox: noSandbox('a test'),
    isolation: { dir: '/nowhere/worktrees', owner: `test-${process.pid}` },
    settings: {
      concurrency: { tasks: 2, runtimes: {} },
      after: '',
      attemptsMax: 3,
      mustFailFirst: false,
      ...{ projectChecks: 'never', proposeChecks: false, commitTrailer: false, waitForBase: true },
      ...{ runsCommands: () => true, baseMs: 60_000, afterCrash: 'continue' },
      protect: [],
      checkout: false,
      backoff: { firstMs: 1_000, factor: 2, maxMs: 60_000 },
      reconcileMs: 300_000,
    },
    checkouts: handCheckouts(folder),
    log: openLog('silent', new Secrets()),
    alarm: (code, text) => (text === null ? alarms.delete(code) : alarms.set(code, text)),
  }
  const supervisor = new Supervisor(world)
  const commands = new Commands(world, supervisor)
  supervisor.start()
  onTestFinished(async () => {
    await supervisor.drain()
    store.close()
    rmSync(folder, { recursive: true })
  })
  let made = 0
  const add = (spec: Partial<TaskSpec> = {}, workspace = join(folder, `w${made}`)): string => {
    const origin = { externalId: `k${made++}` }
    const { task } = store.tasks.accept(
      taskFrom(origin, { workspace, spec: specFrom({ checks: [{ kind: 'hand' }], ...spec }) }),
    )
    supervisor.fillPlaces()
    return task?.id ?? ''
  }
  const get = (id: string): Task => {
    const task = store.tasks.get(id)
    if (!task) throw new Error(`no task ${id}`)
    return task
  }
  const reaches = (id: string, status: TaskStatus) => vi.waitFor(() => expect(get(id).status).toBe(status))
  const session = (id: string) => get(id).sessionId ?? ''
  const types = (id: string) => store.events.after(0, 500, id).map((event) => event.type)
  return { clock, store, runtime, hand, folder, world, supervisor, commands, add, get, reaches, session, types, alarms }
}
