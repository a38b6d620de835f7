/** Checks that nobody wrote are decided once, bounded, and whatever a model answers. */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { checkers, describeCheck, parseCheckLine } from '../../src/checks/index.ts'
import type { Proposals, Proposer } from '../../src/core/check.ts'
import type { Task } from '../../src/core/task.ts'
import { addChecks } from '../../src/harness/added.ts'
import type { World } from '../../src/harness/world.ts'
import { openLog, Secrets } from '../../src/lib/log.ts'
import { noSandbox } from '../../src/lib/sandbox/sandbox.ts'
import { openStore } from '../../src/store/open.ts'
import { handCheckouts } from '../fakes/checkouts.ts'
import { HandClock } from '../fakes/clock.ts'
import { handKeyring } from '../fakes/keyring.ts'
import { specFrom, taskFrom } from '../fakes/tasks.ts'

const nothing: Proposals = { answers: [], usage: null }
const saying = (...answers: Proposals['answers']): Proposals => ({ answers, usage: null })

function makeWorld(propose: Proposer['propose']) {
  const clock = new HandClock()
  const store = openStore({ path: ':memory:', clock })
  const workspace = realpathSync(mkdtempSync(join(tmpdir(), 'loom-added-')))
  onTestFinished(() => {
    store.close()
    rmSync(workspace, { recursive: true })
  })
  const world: World = {
    ...{ store, keyring: handKeyring(), runtimes: new Map(), checkers, describeCheck, parseCheck: parseCheckLine },
    ...{ proposer: { propose }, clock, env: { PATH: process.env.PATH ?? '' }, owner: `test-${process.pid}` },
    settings: {
      ...{ concurrency: { tasks: 1, runtimes: {} }, after: '', attemptsMax: 3, mustFailFirst: true, baseMs: 60_000 },
      ...{
        projectChecks: 'auto',
        proposeChecks: true,
        commitTrailer: false,
        waitForBase: true,
        afterCrash: 'continue',
        protect: [],
        checkout: false,
        runsCommands: () => true,
        reconcileMs: 300_000,
      },
      backoff: { firstMs: 1_000, factor: 2, maxMs: 60_000 },
    },
    sandbox: noSandbox('a test'),
    isolation: { dir: '/nowhere/worktrees', owner: `test-${process.pid}` },
    checkouts: handCheckouts(workspace),
    log: openLog('silent', new Secrets()),
    alarm: () => undefined,
  }
  const spec = specFrom({ goal: 'Write notes', acceptance: ['notes are there', 'and good'] })
  const { task } = store.tasks.accept(taskFrom({}, { workspace, spec }))
  if (!task) throw new Error('no task')
  store.attempts.begin(task.id, 1, 'as begun')
  return { world, clock, workspace, task: store.tasks.patch(task.id, { attempt: 1 }) }
}

const never = new AbortController().signal
const titlesOf = (task: Task | null) => task?.added?.map(({ spec }) => describeCheck(spec))

it('are none when the model takes longer than a minute', async () => {
  const { world, clock, task } = makeWorld((_request, signal) => {
    const ended = new Promise<Proposals>((resolve) => signal.addEventListener('abort', () => resolve(nothing)))
    void clock.advance(60_000)
    return ended
  })
  expect((await addChecks(task, world, never))?.added).toEqual([])
})

it('are not decided when the step is ended meanwhile, and are the next time', async () => {
  const { world, task } = makeWorld(async () => saying({ line: 0, check: 'file: notes.md' }))
  expect(await addChecks(task, world, AbortSignal.abort())).toBeNull()
  expect(world.store.tasks.get(task.id)?.added).toBeNull()
  expect(titlesOf(await addChecks(task, world, never))).toEqual(['file: notes.md'])
})

it('are decided once: what the project or the model says later adds nothing', async () => {
  let asked = 0
  const { world, workspace, task } = makeWorld(async () => {
    asked++
    return nothing
  })
  const frozen = await addChecks(task, world, never)
  writeFileSync(join(workspace, 'package.json'), JSON.stringify({ scripts: { test: 'node -e 0' } }))
  expect(frozen && (await addChecks(frozen, world, never))?.added).toEqual([])
  expect(asked).toBe(1)
})

it.each([
  ['a command', 'run: true'],
  ['a request', 'http: http://127.0.0.1:1/ 200'],
  ['a path that leads out', 'file: ../../etc/passwd'],
  ['git', 'git clean'],
  ['a guard', 'no worse: true'],
  ['no check', 'the notes are good'],
  ['a flood', `contains: a ${'x'.repeat(200_000)}`],
])('are never %s of a model', async (_what, check) => {
  const { world, task } = makeWorld(async () =>
    saying({ line: 1, check }, { line: 0, check: 'file: notes.md' }, { line: 1, check: 'file: notes.md' }),
  )
  expect(titlesOf(await addChecks(task, world, never))).toEqual(['file: notes.md'])
})

it('stand in the prompt that is about to be sent, and with the digests that they will compare with', async () => {
  const { world, workspace, task } = makeWorld(async () => saying({ line: 0, check: 'changed: notes.md' }))
  writeFileSync(join(workspace, 'notes.md'), 'old')
  const frozen = await addChecks(task, world, never)
  expect(Object.keys(frozen?.baseline ?? {})).toEqual(['notes.md'])
  expect(world.store.attempts.of(task.id)[0]?.prompt).toContain(
    'changed: notes.md (proposed from the acceptance lines)',
  )
})
