/** The verbs against the routes over a real socket; what agents wrote never reaches the terminal as it is. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { answer, approve, asks, deny } from '../../src/cli/asks.ts'
import type { Shell } from '../../src/cli/program.ts'
import { abortSession, listSessions, promptSession, showSession } from '../../src/cli/sessions.ts'
import { usage } from '../../src/cli/usage.ts'
import { ProblemError } from '../../src/core/problem.ts'
import { watchApp, watchShell } from '../fakes/watch-app.ts'
import { type WatchWorld, watchWorld } from '../fakes/watch-world.ts'

let w: WatchWorld
let shell: Shell
let out = ''

beforeEach(async () => {
  w = watchWorld()
  shell = await watchShell(watchApp(w))
  out = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text)
    return true
  })
})
afterEach(() => vi.restoreAllMocks())

const hostile = 'rm -rf \u001b[2J\u202e /tmp/x'
const refusal = async (work: Promise<unknown>): Promise<ProblemError> => {
  const thrown = await work.catch((error: unknown) => error)
  if (!(thrown instanceof ProblemError)) throw new Error(`not refused: ${String(thrown)}`)
  return thrown
}

describe('openloom asks', () => {
  it('shows what is wanted, and nothing that moves the cursor', async () => {
    w.watch.session('ses_1', { title: `Tidy up ${hostile}` })
    w.watch.permission('per_1', 'ses_1', { patterns: [hostile], detail: `cd /tmp\n${hostile}` })
    await asks({}, shell)
    expect(out).toContain('per_1  Tidy up rm -rf \\u{1b}[2J\\u{202e} /tmp/x  /work')
    expect(out).toContain('wants bash on:')
    expect(out).toContain('    | cd /tmp')
    expect(out).not.toContain('\u001b')
    expect(out).not.toContain('\u202e')
  })

  it('shows and lists the whole of what an "always" keeps, each line and blank of it', async () => {
    const long = `npm test --filter=${'a'.repeat(320)}; touch pwned`
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1', {
      patterns: [long, 'npm  test\n    touch pwned\r', ...'abcdefghijklmnopqrst'],
    })
    const isWhole = () => {
      expect(out).toContain(`    ${long}\n`)
      expect(out).toContain('    npm  test\n  ⏎     touch pwned\\u{d}\n')
      expect(out).toContain('    t\n')
    }
    await asks({}, shell)
    isWhole()
    out = ''
    await approve('per_1', { always: true }, shell)
    isWhole()
    out = ''
    await asks({ grants: true }, shell)
    isWhole()
  })

  it('says so when nothing waits', async () => {
    await asks({}, shell)
    expect(out).toBe('Nothing waits for you.\n')
  })

  it('lists grants and takes them back', async () => {
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1')
    expect(await approve('per_', { always: true }, shell)).toBe(0)
    out = ''
    await asks({ grants: true }, shell)
    expect(out).toContain('git status')
    const [grant] = w.store.asks.grants(1)
    await asks({ revoke: grant?.id ?? '' }, shell)
    expect(w.store.asks.grants(1)).toEqual([])
  })
})

describe('openloom approve and deny', () => {
  it('answer by the start of an id', async () => {
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1')
    w.watch.permission('per_22', 'ses_1')
    expect((await refusal(approve('per_', {}, shell))).problems[0]?.kind).toBe('ambiguous-id')
    await approve('per_2', {}, shell)
    await deny('per_1', { message: 'Use the tool.', json: true }, shell)
    expect(w.watch.answers.map(({ id, reply }) => [id, reply])).toEqual([
      ['per_22', { kind: 'once' }],
      ['per_1', { kind: 'reject', message: 'Use the tool.' }],
    ])
    expect((await refusal(approve('per_1', {}, shell))).problems[0]?.text).toBe('It was denied already, by a person.')
  })
})

describe('openloom answer', () => {
  const questions = [
    {
      header: 'Colour',
      text: 'Which?',
      multiple: true,
      options: ['Red', 'Blue'].map((label) => ({ label, description: '' })),
    },
    { header: 'Why', text: 'Why?', multiple: false, options: [] },
  ]
  const raise = () => {
    w.watch.session('ses_1')
    const request = { kind: 'question' as const, questions }
    w.watch.tell({ kind: 'ask', ask: { id: 'que_1', sessionId: 'ses_1', scope: '/work', request } })
  }

  it('takes labels in any case and own words', async () => {
    raise()
    await answer('que', ['red,blue', 'Because.'], { options: {}, shell })
    expect(w.watch.answers[0]?.reply).toEqual({ kind: 'answers', answers: [['Red', 'Blue'], ['Because.']] })
  })

  it('lists the choices after a slip, and sends nothing', async () => {
    raise()
    const slip = await refusal(answer('que', ['red,bleu', 'x'], { options: {}, shell }))
    expect(slip.problems).toEqual([
      { kind: 'unknown-choice', text: '"bleu" is no choice.', todo: 'Choose of: Red · Blue.' },
    ])
    const few = await refusal(answer('que', ['red'], { options: {}, shell }))
    expect(few.problems[0]?.todo).toContain('2. Why? Answer in your own words.')
    expect(w.watch.answers).toEqual([])
  })
})

describe('SA-3 a plan at the command line', () => {
  const plan = { kind: 'plan', version: 2, text: `# One\n\n1. ${hostile}`, fresh: true } as const
  const raise = (fresh = true) => {
    w.watch.session('ses_1')
    const ask = { id: 'ask_1', sessionId: 'ses_1', scope: '/work', request: { ...plan, fresh } }
    w.watch.tell({ kind: 'ask', ask })
  }

  it('is shown whole and safe, with the words that answer it', async () => {
    raise()
    await asks({}, shell)
    expect(out).toContain('has a plan (version 2):\n    # One\n    \n    1. rm -rf \\u{1b}[2J\\u{202e} /tmp/x\n')
    expect(out).toContain('openloom approve ask_1 [--fresh]')
  })

  it.each([
    [() => approve('ask', {}, shell), { kind: 'execute' }],
    [() => approve('ask', { fresh: true }, shell), { kind: 'execute_fresh' }],
    [
      () => answer('ask', ['No tables.', 'None.'], { options: {}, shell }),
      { kind: 'feedback', text: 'No tables.\nNone.' },
    ],
    [() => deny('ask', { message: 'Never.' }, shell), { kind: 'reject', message: 'Never.' }],
  ])('%# is answered in four ways', async (verb, reply) => {
    raise()
    expect(await verb()).toBe(0)
    expect(w.watch.answers[0]?.reply).toEqual(reply)
  })

  it('is never allowed for good, and a permission never carried out', async () => {
    raise(false)
    expect((await refusal(approve('ask', { always: true }, shell))).problems[0]?.kind).toBe('is-a-plan')
    expect((await refusal(approve('ask', { fresh: true }, shell))).problems[0]?.kind).toBe('not-fresh')
    w.watch.permission('per_1', 'ses_1')
    expect((await refusal(approve('per', { fresh: true }, shell))).problems[0]?.kind).toBe('not-a-plan')
    expect(w.watch.answers).toEqual([])
  })
})

describe('openloom sessions', () => {
  it('lists, with what waits and what is stalled', async () => {
    w.watch.session('ses_1', { title: `A ${hostile}`, updatedAt: 2 })
    w.watch.tell({ kind: 'state', sessionId: 'ses_1', state: 'waiting', at: 1 })
    w.watch.permission('per_1', 'ses_1')
    await listSessions({}, shell)
    expect(out).toMatch(/ses_1 {2}waiting {2}hand .*1 waiting for you/)
    expect(out).not.toContain('\u001b')
  })

  it('shows one with transcript, diff and usage', async () => {
    w.watch.session('ses_1')
    w.watch.usage('ses_1', 'm', w.clock.now(), { output: 5, costMicros: null })
    await w.written()
    const call = { kind: 'tool', callId: 'c', name: 'bash', input: '{}', output: hostile, state: 'error' } as const
    w.watch.page.messages.push({
      ...{ id: 'm', role: 'assistant', at: 0, endedAt: null, model: 'p/m', problem: 'It broke.' },
      parts: [
        { kind: 'text', text: hostile },
        { ...call, childId: null },
      ],
    })
    w.watch.diffs.push({ path: 'a.ts', status: 'added', additions: 1, deletions: 0, patch: `+${hostile}` })
    await showSession('ses', { transcript: true, diff: true, usage: true }, shell)
    expect(out).toContain('with subagents  0 in, 5 out, 0 reasoning, 0 cache read, 0 cache write; cost unknown')
    expect(out).toContain('[bash error] {}')
    expect(out).toContain('It broke.')
    expect(out).toContain('added a.ts  +1 -0')
    expect(out).not.toContain('\u001b')
  })

  it('aborts, prompts and lets go on', async () => {
    w.watch.session('ses_1')
    await w.written()
    const refused = await refusal(promptSession('ses_1', null, { options: {}, shell }))
    expect(refused.problems[0]?.kind).toBe('session-missing')
    expect(await abortSession('ses_1', {}, shell)).toBe(0)
    expect(out).toBe('Stopped.\n')
    expect((await refusal(abortSession('ses_9', {}, shell))).problems[0]?.kind).toBe('unknown-session')
  })
})

describe('openloom usage', () => {
  it('is a table, with what is not known', async () => {
    w.watch.session('ses_1', { title: 'Mine' })
    w.watch.usage('ses_1', 'm', w.clock.now(), { input: 1, output: 5, costMicros: 1_500_000 })
    w.watch.usage('ses_1', 'n', w.clock.now(), { input: 1, output: 5, costMicros: null })
    await w.written()
    await usage({ by: 'session', since: 'today' }, shell)
    expect(out).toMatch(/session +input +output/)
    expect(out).toMatch(/ses_1 +2 +10 +0 +0 +0 +at least 1\.5000 +Mine/)
    expect((await refusal(usage({ since: 'someday' }, shell))).problems[0]?.kind).toBe('bad-instant')
  })
})
