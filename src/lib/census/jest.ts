/** The JSON of vitest and jest, which have one shape. */
import { fieldOf, listOf, textOf } from './json.ts'
import { joined, type Mark, type Tally } from './tally.ts'

const marks: Readonly<Record<string, Mark>> = {
  ...{ passed: 'passed', failed: 'failed' },
  ...{ skipped: 'skipped', pending: 'skipped', todo: 'skipped', disabled: 'skipped' },
}

export const isJest = (value: unknown): boolean =>
  listOf(value, 'testResults') !== null && typeof fieldOf(value, 'numTotalTests') === 'number'

export function readJest(value: unknown, tally: Tally): void {
  for (const file of listOf(value, 'testResults') ?? []) {
    const name = textOf(file, 'name')
    const before = tally.failed
    for (const test of listOf(file, 'assertionResults') ?? []) {
      const mark = marks[textOf(test, 'status')]
      if (mark) tally.add(mark, joined([name, textOf(test, 'fullName')]))
    }
    // A file that cannot be loaded, or whose hook fails, has no test that says so.
    if (textOf(file, 'status') === 'failed' && tally.failed === before) tally.add('failed', name)
  }
}
