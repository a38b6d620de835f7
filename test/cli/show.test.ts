/** The line of a check, for people: what was found, by whom it was brought, and what it said before. */
import { stripVTControlCharacters } from 'node:util'
import { expect, it } from 'vitest'
import { checkLine } from '../../src/cli/show.ts'
import { lineOf } from '../../src/cli/terminal.ts'
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
])('a check %s', (_why, part, line) => {
  expect(stripVTControlCharacters(checkLine({ ...record, ...part }))).toBe(line)
})

it('the log names what was added, and where it was found', () => {
  const checks = [{ title: 'no worse: npm test', because: 'the script test in package.json' }]
  const line = lineOf(event(1, 'checks.added', { checks }))
  expect(line).toContain('checks that nobody wrote: no worse: npm test (the script test in package.json)')
})
