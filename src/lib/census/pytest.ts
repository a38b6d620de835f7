/** The JSON of pytest-json-report. What is expected to fail proves nothing and counts as skipped. */
import { listOf, textOf } from './json.ts'
import type { Mark, Tally } from './tally.ts'

const marks: Readonly<Record<string, Mark>> = {
  ...{ passed: 'passed', xpassed: 'passed', failed: 'failed', error: 'failed' },
  ...{ skipped: 'skipped', xfailed: 'skipped' },
}

/** Without a test at all the report has no list of them. */
export const isPytest = (value: unknown): boolean =>
  textOf(value, 'root') !== '' && (listOf(value, 'tests') ?? listOf(value, 'collectors')) !== null

export function readPytest(value: unknown, tally: Tally): void {
  for (const test of listOf(value, 'tests') ?? []) {
    const mark = marks[textOf(test, 'outcome')]
    if (mark) tally.add(mark, textOf(test, 'nodeid'))
  }
  for (const file of listOf(value, 'collectors') ?? []) {
    const outcome = textOf(file, 'outcome')
    if (outcome === 'failed' || outcome === 'error') tally.add('failed', textOf(file, 'nodeid'))
  }
}
