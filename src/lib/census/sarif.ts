/** Findings of SARIF 2.1, each named by its rule and its file: a line number changes with every edit above it. */
import { fieldOf, listOf, textOf } from './json.ts'
import type { Tally } from './tally.ts'

export const isSarif = (value: unknown): boolean =>
  listOf(value, 'runs') !== null && textOf(value, 'version').startsWith('2.')

export function readSarif(value: unknown, tally: Tally): void {
  for (const run of listOf(value, 'runs') ?? []) {
    const rules = listOf(fieldOf(fieldOf(run, 'tool'), 'driver'), 'rules') ?? []
    for (const result of listOf(run, 'results') ?? []) {
      if (stands(result)) tally.add('failed', `${ruleOf(result, rules)} in ${tally.within(placeOf(result))}`)
    }
  }
}

function stands(result: unknown): boolean {
  const kind = textOf(result, 'kind')
  if ((kind !== '' && kind !== 'fail') || textOf(result, 'baselineState') === 'absent') return false
  const suppressions = listOf(result, 'suppressions') ?? []
  return suppressions.length === 0 || suppressions.some((one) => !['', 'accepted'].includes(textOf(one, 'status')))
}

function ruleOf(result: unknown, rules: readonly unknown[]): string {
  const index = fieldOf(result, 'ruleIndex') ?? fieldOf(fieldOf(result, 'rule'), 'index')
  const listed = typeof index === 'number' ? textOf(rules[index], 'id') : ''
  return textOf(result, 'ruleId') || textOf(fieldOf(result, 'rule'), 'id') || listed || 'a rule without a name'
}

function placeOf(result: unknown): string {
  const physical = fieldOf((listOf(result, 'locations') ?? [])[0], 'physicalLocation')
  return textOf(fieldOf(physical, 'artifactLocation'), 'uri') || 'no file'
}
