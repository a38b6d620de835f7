/** The line of a check, for people: what was found, by whom it was brought, and what it said before. */
import { stripVTControlCharacters } from 'node:util'
import { expect, it } from 'vitest'
import { checkLine } from '../../src/cli/show.ts'
import { lineOf, stateOf } from '../../src/cli/terminal.ts'
import type { TaskItem } from '../../src/core/task.ts'
import type { CheckRecord } from '../../src/core/verdict.ts'
import { event } from '../frontend/events.ts'

const record: CheckRecord = {
  ...{ index: 0, spec: { kind: 'no_worse' }, title: 'no worse: npm test', step: null, startedAt: 0, durationMs: 1 },
  ...{ outcome: 'pass', evidence: { summary: 'No new failures.', subject: 'npm test' } },
}

it.each<[why: string, part: Partial<CheckRecord>, line: string]>([
  ['that the task brought', {}, '  pass   no worse: npm test: No new failures.'],
  ['of the project', { origin: 'project' }, '  pass   no worse: npm test (found in the project): No new failures.'],
  [
    'that a model proposed and that had passed',
    { origin: 'proposed', base: 'pass' },
    '  pass   no worse: npm test (proposed from the acceptance lines): No new failures. (passed before the work)',
  ],
  [
    'that a clean checkout contradicts',
    {
      clean: {
        outcome: 'fail',
        evidence: { summary: 'It ended with 1.', subject: 'npm test', facts: { left: ['a.txt', 'b.txt'] } },
      },
    },
    [
      '  fail   no worse: npm test: passes here, not in a clean checkout. It ended with 1.',
      '         here, but no part of the result: a.txt, b.txt',
    ].join('\n'),
  ],
  [
    'that says what judges the work was changed',
    {
      outcome: 'fail',
      tampered: true,
      evidence: { summary: 'test.sh was changed.', subject: 'x', excerpt: 'changed: test.sh\n-old\n+new' },
    },
    '  fail   test.sh was changed.\n         changed: test.sh\n         -old\n         +new',
  ],
])('a check %s', (_why, part, line) => {
  expect(stripVTControlCharacters(checkLine({ ...record, ...part }))).toBe(line)
})

it('the log names what was added, and where it was found', () => {
  const checks = [{ title: 'no worse: npm test', because: 'the script test in package.json' }]
  const line = lineOf(event(1, 'checks.added', { checks }))
  expect(line).toContain('checks that nobody wrote: no worse: npm test (the script test in package.json)')
})

it.each<[string, Partial<TaskItem>]>([
  ['paused (tampered)', { status: 'paused', verdict: 'tampered', reason: { code: 'tampered', text: '' } }],
  ['paused', { status: 'paused', verdict: 'refuted', reason: { code: 'limit-tokens', text: '' } }],
  ['failed (weakened)', { status: 'failed', verdict: 'weakened', reason: { code: 'attempts-weakened', text: '' } }],
  ['failed', { status: 'failed', verdict: 'refuted', reason: { code: 'runtime', text: '' } }],
  ['done (verified (project checks))', { status: 'done', verdict: 'verified (project checks)', reason: null }],
  ['done, verified, 1 flaky', { status: 'done', verdict: 'verified', flaky: 1, reason: null }],
])('the list says %s', (words, part) => {
  expect(stateOf(part as TaskItem)).toBe(words)
})

it('the log says which change was accepted', () => {
  expect(lineOf(event(1, 'tampering.accepted', { changes: ['a:b/test.sh:ab12', 'gone.sh:'] }))).toContain(
    'a person accepted the change: a:b/test.sh, gone.sh',
  )
})
