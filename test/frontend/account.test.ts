/** The account of a task: weave, timeline, and what the files say against the claim. */
import { describe, expect, it } from 'vitest'
import { changeLines } from '../../frontend/src/model/diff.ts'
import {
  factsOf,
  filesSay,
  findingOf,
  firstTrouble,
  flakyIn,
  notesOf,
  stagesOf,
  stepProofs,
} from '../../frontend/src/model/proof.ts'
import { mergeEvents, timelineOf } from '../../frontend/src/model/timeline.ts'
import {
  cutWeave,
  describeWeave,
  drawn,
  sharesOf,
  spanOf,
  weaveByAttempt,
  weaveOf,
  withMark,
} from '../../frontend/src/model/weave.ts'
import { type Finding, lookOf } from '../../frontend/src/model/words.ts'
import type { CheckOutcome } from '../../src/core/check.ts'
import { eventTypes, type LoomEvent } from '../../src/core/event.ts'
import type { StepSpec, TaskSpec } from '../../src/core/spec.ts'
import { type CheckRecord, progressOf, type Verdict, verdictOf } from '../../src/core/verdict.ts'
import { event } from './events.ts'

const life = [
  event(0, 'task.created'),
  event(100, 'task.started'),
  event(120, 'task.running'),
  event(200, 'attempt.started', { number: 1 }),
  event(300, 'tool.started', { name: 'read' }),
  event(310, 'tool.started', { name: 'grep' }),
  event(350, 'tool.ended', { name: 'read', ok: true }),
  event(400, 'tool.ended', { name: 'grep', ok: true }),
  event(500, 'task.verifying'),
  event(550, 'verdict.reached', { attempt: 1, verdict: 'refuted', passed: 0, failed: 1, errors: 0 }),
  event(560, 'task.refuted'),
  event(600, 'attempt.started', { number: 2 }),
  event(700, 'task.paused', { reason: { code: 'person', text: 'A person paused it.' } }),
  event(900, 'task.running'),
  event(950, 'task.verifying'),
  event(990, 'verdict.reached', { attempt: 2, verdict: 'verified', passed: 1, failed: 0, errors: 0 }),
  event(1000, 'task.done', { task: { verdict: 'verified' } }),
]

describe('the weave', () => {
  it('shows as much of the past as there is, up to twelve hours', () => {
    const hour = 3_600_000
    const words = [0.05, 0.1, 0.9, 2, 5, 11, 40].map((ago) => spanOf(100 * hour - ago * hour, 100 * hour).word)
    expect(words).toEqual(['5 minutes', '30 minutes', 'hour', '3 hours', '6 hours', '12 hours', '12 hours'])
  })

  const weave = weaveOf(life, 5000)

  it('accounts for every moment from first to last, without gap or overlap', () => {
    expect([weave.from, weave.to]).toEqual([0, 1000])
    weave.segments.forEach((segment, n) => {
      expect(segment.from).toBe(n === 0 ? 0 : weave.segments[n - 1]?.to)
    })
    expect(sharesOf(weave).reduce((sum, share) => sum + share.ms, 0)).toBe(1000)
  })
  it('says what each stretch was spent on; tools that overlap are one stretch', () => {
    expect(weave.segments.map((s) => `${s.kind} ${s.from}-${s.to}`)).toEqual([
      'queued 0-100',
      'model 100-300',
      'tool 300-400',
      'model 400-500',
      'verifying 500-560',
      'model 560-700',
      'paused 700-900',
      'model 900-950',
      'verifying 950-1000',
    ])
  })
  it('says when the machine was asleep, whatever the task was at, and still leaves no gap', () => {
    const night = [...life.slice(0, 5), event(4_000, 'machine.slept', { sleptMs: 3_600 }), event(4_100, 'task.done')]
    expect(weaveOf(night, 5_000).segments.map((s) => `${s.kind} ${s.from}-${s.to}`)).toEqual([
      ...['queued 0-100', 'model 100-300', 'tool 300-400', 'asleep 400-4000', 'tool 4000-4100'],
    ])
    const woken = [...night.slice(0, 5), event(3_990, 'tool.ended', { name: 'read' }), ...night.slice(5)]
    expect(weaveOf(woken, 5_000).segments.map((s) => `${s.kind} ${s.from}-${s.to}`)).toEqual([
      ...['queued 0-100', 'model 100-300', 'tool 300-400', 'asleep 400-4000', 'model 4000-4100'],
    ])
  })
  it('grown event by event is the same, and keeps no more than is drawn', () => {
    const task = { title: 'x'.repeat(2_000) }
    const waits = event(720, 'task.waiting', { reason: { code: 'needs-permission', text: 'may it?' }, task })
    const all = [...life.slice(0, 13), waits, ...life.slice(13), event(1_050, 'task.done', { task })]
    const grown = all.filter(({ type }) => drawn(type)).reduce<Parameters<typeof withMark>[0]>(withMark, [])
    expect(weaveOf(grown, 5_000)).toEqual(weaveOf(all, 5_000))
    expect(grown.filter(({ type }) => type === 'task.done')).toHaveLength(1)
    expect(JSON.stringify(grown)).not.toContain('xxx')
  })
  it('grows to now while the task is not over', () => {
    expect(weaveOf(life.slice(0, 3), 400).to).toBe(400)
  })
  it('is cut where the next attempt begins, with each knot in its own', () => {
    const [first, second] = weaveByAttempt(weave, [200, 600])
    expect([first?.from, first?.to, second?.from, second?.to]).toEqual([0, 600, 600, 1000])
    expect([first?.knots, second?.knots].map((knots) => knots?.map((knot) => knot.verdict))).toEqual([
      ['refuted'],
      ['verified'],
    ])
  })
  it('says the same in words', () => {
    expect(describeWeave(cutWeave(weave, 0, 600))).toBe(
      'queued 100 ms, model 340 ms, tool 100 ms, verifying 60 ms, refuted',
    )
    expect(describeWeave(weaveOf([], 10))).toBe('nothing yet')
  })
})

describe('the timeline', () => {
  it.each(eventTypes)('has words for %s', (type) => {
    expect(timelineOf([event(1, type)])[0]?.text).not.toBe('')
  })
  it('names the checks that nobody wrote, and where they come from', () => {
    const checks = [{ title: 'no worse: npm test', origin: 'project', because: 'the script test in package.json' }]
    const [line] = timelineOf([event(1, 'checks.added', { checks })])
    expect(line).toMatchObject({
      text: '1 check that nobody wrote',
      machine: 'no worse: npm test — the script test in package.json',
    })
  })
  it('carries the reason of a move', () => {
    expect(timelineOf(life).find((line) => line.type === 'task.paused')?.text).toBe('Paused — A person paused it.')
  })
  it('never calls an unverified end verified', () => {
    const [line] = timelineOf([event(1, 'task.done', { task: { verdict: 'unverified' } })])
    expect([line?.text, line?.tone]).toEqual(['Done: unverified', 'unknown'])
    expect(timelineOf([event(1, 'task.done', { task: { verdict: null } })])[0]?.text).toBe('Done: unverified')
  })
  it('shows data of the wrong shape without breaking', () => {
    const odd = { reason: 7, task: 'x', verdict: [], outcome: {}, text: null, number: '1', data: undefined }
    for (const type of eventTypes) expect(timelineOf([event(1, type, odd)])).toHaveLength(1)
  })
  it('holds each event once and in order, whichever way it came first', () => {
    const [a, b, c, d] = life as [LoomEvent, LoomEvent, LoomEvent, LoomEvent]
    expect(mergeEvents([a, b], [c, d])).toEqual([a, b, c, d])
    expect(mergeEvents([c, d], [a, b, c])).toEqual([a, b, c, d])
    expect(mergeEvents([a], [])).toEqual([a])
  })
})

const record = (outcome: CheckOutcome, step: number | null = null, summary = `it is a ${outcome}`): CheckRecord => ({
  index: 0,
  spec: { kind: 'file_exists' },
  title: 'file: a',
  step,
  startedAt: 0,
  durationMs: 1,
  outcome,
  evidence: { summary, subject: 'a' },
})

const quarantined = { owner: 'Ada', until: Date.UTC(2026, 10, 30), why: '' }
const excused: CheckRecord = { ...record('fail'), quarantined }

const attempt = (...checks: CheckRecord[]) => ({ verdict: verdictOf(checks) as Verdict, checks })

describe('what the files say', () => {
  it.each([
    [attempt(record('pass', null, 'a exists.')), 'a exists.'],
    [attempt(record('pass'), record('pass')), 'All 2 checks pass.'],
    [attempt(record('pass'), record('fail', null, 'b is missing.')), 'b is missing.'],
    [
      attempt(record('error'), record('fail', null, 'b is missing.'), record('fail')),
      'b is missing. And 1 more check does not pass.',
    ],
    [attempt(record('error', null, 'No such command.')), 'No such command.'],
    [attempt(record('pass'), excused), '1 of 2 checks pass; the rest is in quarantine.'],
    [attempt(record('pass'), { ...record('pass'), weakened: ['b is gone.'] }), 'b is gone.'],
    [attempt(), 'Nothing: the task brought no check, so nobody knows.'],
    [{ verdict: null, checks: [] }, 'Not asked yet.'],
  ])('%# is one sentence from the evidence', (given, sentence) => {
    expect(filesSay(given)).toBe(sentence)
  })
  it('names beside a finding what was lost, what is flaky and who answers for it', () => {
    const flaky = { ...record('pass'), flaky: { runs: 3, failed: 2 }, weakened: ['b is gone.'] }
    expect(notesOf(flaky)).toEqual(['b is gone.', 'Flaky: 2 of 3 runs on the same files failed.'])
    expect(notesOf(excused)).toEqual([expect.stringMatching(/^In quarantine until .*: Ada answers for it\.$/)])
    expect(notesOf({ ...record('pass'), quarantined })).toEqual([])
    expect(lookOf({ status: 'done', verdict: 'verified', flaky: flakyIn([flaky]) }).word).toBe('verified, 1 flaky')
  })

  it('opens at the first failure, else at the first that could not look', () => {
    const fail = record('fail')
    const error = record('error')
    expect(firstTrouble([record('pass'), error, fail])).toBe(fail)
    expect(firstTrouble([record('pass'), error])).toBe(error)
    expect(firstTrouble([record('pass')])).toBeNull()
  })
})

const clean = (outcome: CheckOutcome, of: CheckOutcome = 'pass'): CheckRecord => ({
  ...record(of),
  clean: { outcome, evidence: { summary: `there it is a ${outcome}`, subject: 'a' } },
})
const tampered: CheckRecord = { ...record('fail'), tampered: true }
const weakened: CheckRecord = { ...clean('pass'), weakened: ['b is gone.'] }

describe('a single check', () => {
  it.each<[Finding, CheckRecord]>([
    ['pass', clean('pass')],
    ['works-only-here', clean('fail')],
    ['works-only-clean', clean('pass', 'fail')],
    ['fail', clean('fail', 'error')],
    ['error', clean('error')],
    ['weakened', weakened],
    ['tampered', tampered],
    ['quarantined', excused],
    ['flaky', { ...record('pass'), flaky: { runs: 2, failed: 1 } }],
  ])('is found %s by what it says here and in the clean checkout', (finding, check) => {
    expect(findingOf(check)).toBe(finding)
  })
  it('goes from red to green over its stages, and over none when only here was asked', () => {
    const words = (check: CheckRecord) => stagesOf(check).map(({ where, look }) => `${where}: ${look.word}`)
    expect(words({ ...clean('fail'), base: null })).toEqual(['before: not known', 'here: pass', 'clean checkout: fail'])
    expect(words(record('pass'))).toEqual([])
  })
  it('opens when a clean checkout contradicts it, when it is weakened, and first when it tells of tampering', () => {
    expect(firstTrouble([clean('pass'), weakened, clean('fail'), tampered])).toBe(tampered)
    expect(firstTrouble([clean('pass'), weakened])).toBe(weakened)
    const differs = clean('error')
    expect(firstTrouble([clean('pass'), differs])).toBe(differs)
    expect(filesSay({ verdict: 'unknown', checks: [differs] })).toBe('there it is a error')
  })
  it('shows no fact twice', () => {
    const facts = { changes: ['a:1'], left: ['b'], leftCount: 1, linked: ['c'], failing: ['d'], runs: 2 }
    expect(factsOf({ summary: '', subject: '', facts })).toEqual([['runs', 2]])
  })
})

describe('the lines of a change', () => {
  it('are named by file and say which came and which went, without what git writes above them', () => {
    const above = 'diff --git a a\n--- a\n+++ a'
    const text = `changed: a\n${above}\n@@ -1 +1 @@\n-changed: x\n+y\ndeleted: b\n@@ -1 +0,0 @@\n-z`
    expect(changeLines(text).map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      'name changed: a',
      'place @@ -1 +1 @@',
      'removed -changed: x',
      'added +y',
      'name deleted: b',
      'place @@ -1 +0,0 @@',
      'removed -z',
    ])
  })
})

describe('the steps', () => {
  const own: StepSpec = { title: 'a', checks: [{ kind: 'file_exists' }] }
  const bare: StepSpec = { title: 'b', checks: [] }
  const spec = { steps: [own, bare] } as unknown as TaskSpec
  const cases: CheckRecord[][] = [
    [],
    [record('pass', 0), record('pass')],
    [record('pass', 0), record('fail')],
    [record('fail', 0), record('pass')],
    [record('error', 0), record('pass')],
  ]
  it.each(cases.map((checks) => ({ checks })))('are proven by the arithmetic of the daemon', ({ checks }) => {
    const whole = {
      ...attempt(...checks),
      number: 1,
      sessionId: null,
      prompt: '',
      startedAt: 0,
      endedAt: 1,
      claim: null,
    }
    const proven = stepProofs(spec, whole).filter((step) => step.look.word === 'proven').length
    expect(proven).toBe(progressOf(2, checks).proven)
  })
  it.each([
    ['a differing', clean('fail')],
    ['a weakened', weakened],
  ])('are not proven by %s check', (_what, check) => {
    const whole = { ...attempt(), number: 1, sessionId: null, prompt: '', startedAt: 0, endedAt: 1, claim: null }
    const [first] = stepProofs(spec, { ...whole, checks: [{ ...check, step: 0 }] })
    expect(first?.look.word).toBe('refuted')
  })
  it('are not proven before there is an attempt', () => {
    expect(stepProofs(spec, null).map((step) => step.look.word)).toEqual(['not proven yet', 'not proven yet'])
  })
})

describe('what a stretch was spent on', () => {
  const reason = (code: string) => ({ reason: { code, text: code } })
  const lived = [
    event(0, 'task.running'),
    event(100, 'tool.started', { name: 'bash' }),
    event(250, 'session.stalled', { quietSince: 200 }),
    event(300, 'session.child_killed'),
    event(400, 'task.waiting', reason('needs-permission')),
    event(500, 'task.running'),
    event(600, 'task.waiting', reason('model-rate-limited')),
    event(700, 'task.waiting', reason('unreachable')),
    event(800, 'task.done'),
  ]
  it('tells a person, a limit and a hang apart, and leaves no gap', () => {
    const { segments } = weaveOf(lived, 900)
    expect(segments.map(({ kind, from, to }) => [kind, to - from])).toEqual([
      ...[
        ['model', 100],
        ['tool', 100],
        ['hung', 100],
        ['model', 100],
        ['person', 100],
        ['model', 100],
      ],
      ...[
        ['limited', 100],
        ['waiting', 100],
      ],
    ])
    expect(segments.every(({ from }, n) => n === 0 || from === segments[n - 1]?.to)).toBe(true)
  })
  it('goes on with the tool that is the sign of life', () => {
    const hung = [event(0, 'task.running'), event(10, 'session.stalled'), event(20, 'tool.started', { name: 'read' })]
    expect(weaveOf([...hung, event(30, 'tool.ended', { name: 'read' })], 40).segments.map(({ kind }) => kind)).toEqual([
      'model',
      'hung',
      'tool',
      'model',
    ])
  })
})
