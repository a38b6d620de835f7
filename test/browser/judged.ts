/** Scenes with one task for each verdict that says more than pass or fail. */
import type { TaskStatus } from '../../src/core/task.ts'
import type { CheckRecord, Verdict } from '../../src/core/verdict.ts'
import type { TaskDetail } from '../../src/server/api.ts'
import type { Scene } from '../fakes/api.ts'
import { attack } from './crowds.ts'
import { check, detail, Log, stateOf } from './scenes.ts'

const minute = 60_000
const at = Date.now() - 2 * minute

interface Judged {
  title: string
  status: TaskStatus
  verdict: Verdict
  checks: CheckRecord[]
  claim?: string
  reason?: { code: string; text: string }
}

export function judgedScene({ title, status, verdict, checks, claim, reason }: Judged): Scene {
  const passed = checks.filter((record) => record.outcome === 'pass').length
  const told = detail({
    title,
    status,
    verdict,
    reason: reason ?? null,
    resumeTo: status === 'paused' ? 'verifying' : null,
    startedAt: at,
    createdAt: at - 1000,
    updatedAt: at + minute,
    endedAt: status === 'paused' ? null : at + minute,
    progress: { proven: passed, total: checks.length },
    spec: { goal: title },
  })
  const said = claim ?? 'All done, and all tests pass.'
  told.attempts.push({
    ...{ number: 1, sessionId: null, prompt: title, startedAt: at, endedAt: at + minute, claim: said, verdict, checks },
  })
  const log = new Log(at)
  log.add(0, 'task.created', told)
  return { state: stateOf([told], log.seq), details: [told], events: log.events }
}

export const one = ({ details }: Scene): TaskDetail => {
  const [told] = details
  if (!told) throw new Error('the scene has no task')
  return told
}

const summary = 'npm test ended with 0.'
const run = { title: 'run: npm test', kind: 'command', subject: 'npm test', exitCode: 0 }
const names = { passed: [], failed: [], skipped: [] }
const census = (passed: number, failed = 0, skipped = 0) => ({
  ...{ format: 'tap', passed, failed, skipped, names, whole: true },
})
const clean = { outcome: 'pass', evidence: { summary, subject: 'npm test', exitCode: 0 } } as const
const red = { base: 'fail', clean } as const

export function hereScene(): Scene {
  const excerpt = '✖ loads the rates (3.1 ms)\n  Error: ENOENT: no such file or directory, open "rates.json"\n'
  const facts = { left: ['rates.json', 'src/generated/table.ts'], leftCount: 31, linked: ['node_modules'] }
  const fails = { summary: 'npm test ended with 1, expected 0.', subject: 'npm test', exitCode: 1, excerpt, facts }
  const record = check(0, { ...run, outcome: 'pass', summary, excerpt: 'ℹ pass 14\n' }, at)
  const there = check(1, { title: 'file: src/rates.ts', outcome: 'pass', summary: 'src/rates.ts exists.' }, at)
  const missing = { outcome: 'fail', evidence: fails, census: census(13, 1) } as const
  return judgedScene({
    title: 'Read the rates from a file',
    status: 'failed',
    verdict: 'works-only-here',
    reason: {
      code: 'attempts-works-only-here',
      text: 'After 3 attempts, checks still pass only in the workspace, not in a clean checkout of the result.',
    },
    checks: [
      { ...record, base: 'fail', census: census(14), clean: missing },
      { ...there, base: 'fail' },
    ],
  })
}

export function tamperedScene(): Scene {
  const excerpt = [
    'changed: test/price.test.js',
    '@@ -4,3 +4,2 @@',
    ' test("a discount is taken off", () => {',
    '-  assert.equal(price(100, 0.2), 80)',
    `+  assert.ok(true) // ${attack}`,
    'deleted: test/tax.test.js',
    '@@ -1 +0,0 @@',
    '-test("tax is added", () => assert.equal(tax(100), 119))',
  ].join('\n')
  const title = 'what judges the work is unchanged'
  const record = check(1, { title, kind: 'protected', outcome: 'fail', summary: '', excerpt }, at)
  record.evidence.summary = '2 files that judge the work were changed by it: test/price.test.js, test/tax.test.js.'
  record.evidence.facts = { changes: ['test/price.test.js:ab12', 'test/tax.test.js:'] }
  const failing = { ...clean, outcome: 'fail', evidence: { ...clean.evidence, exitCode: 1 } } as const
  return judgedScene({
    title: 'Take the discount off the price',
    status: 'paused',
    verdict: 'tampered',
    reason: {
      code: 'tampered',
      text:
        'The work changed what judges it. Look at the change: accept it (`openloom accept`), or put the files back ' +
        'and resume.',
    },
    checks: [
      { ...check(0, { ...run, outcome: 'pass', summary }, at), base: 'fail', clean: failing },
      { ...record, tampered: true },
    ],
  })
}

export function weakenedScene(): Scene {
  const weakened = ['2 tests that ran before are gone: adds tax; refuses a negative price.', '1 test is skipped now.']
  const scene = judgedScene({
    title: 'Make the tests pass',
    status: 'failed',
    verdict: 'weakened',
    reason: {
      code: 'attempts-weakened',
      text: 'After 3 attempts, fewer tests stand behind the checks than before.',
    },
    checks: [
      {
        ...check(0, { ...run, outcome: 'pass', summary }, at),
        ...{ base: 'fail', census: census(11, 0, 1), clean: { ...clean, census: census(11, 0, 1) }, weakened },
      },
    ],
  })
  one(scene).testsBefore = { 0: { passed: 12, failed: 2, skipped: 0 } }
  return scene
}

export const flakyScene = (): Scene =>
  judgedScene({
    title: 'Wait for the socket to close',
    status: 'done',
    verdict: 'verified',
    checks: [
      { ...check(0, { ...run, outcome: 'pass', summary }, at), ...red, flaky: { runs: 3, failed: 1 } },
      {
        ...check(1, { ...run, title: 'run: npm run e2e', outcome: 'fail', summary: 'npm run e2e ended with 1.' }, at),
        quarantined: { owner: 'Ada', until: at + 90 * 24 * 60 * minute, why: 'the old browser' },
      },
    ],
  })

const noWorse = (index: number, command: string): CheckRecord => ({
  ...check(index, { title: `no worse: ${command}`, kind: 'no_worse', outcome: 'pass', summary: '' }, at),
  evidence: {
    summary: 'No new failures. These were failing before and are not blamed on the work: rounds up.',
    subject: command,
    facts: { failing: ['rounds up'] },
  },
  ...{ origin: 'project', guards: true, base: 'pass' },
})

export const projectScene = (): Scene =>
  judgedScene({
    title: 'Rename the price module',
    status: 'done',
    verdict: 'verified (project checks)',
    checks: [
      noWorse(0, 'npm test'),
      noWorse(1, 'npm run typecheck'),
      {
        ...check(2, { title: 'any change', kind: 'any_change', outcome: 'pass', summary: '3 files changed.' }, at),
        ...{ origin: 'project', base: 'fail' },
      },
    ],
  })

export const proposedScene = (): Scene =>
  judgedScene({
    title: 'Describe the --json flag in the README',
    status: 'done',
    verdict: 'verified (proposed checks)',
    checks: [
      {
        ...check(
          0,
          { title: 'contains: README.md /--json/', outcome: 'pass', summary: 'README.md holds “--json”.' },
          at,
        ),
        ...{ origin: 'proposed', base: 'fail' },
      },
    ],
  })

/** All of them in one list. */
export function verdictsScene(): Scene {
  const scenes = [tamperedScene(), hereScene(), weakenedScene(), flakyScene(), projectScene(), proposedScene()]
  const details = scenes.map(one)
  const flaky = details[3]
  if (flaky) flaky.task.title = 'Wait for the socket to close, which takes a title of more than one line on a phone'
  return { state: stateOf(details, 6), details, events: [] }
}
