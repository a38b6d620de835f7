/** What a verdict and the progress make of checks that nobody wrote, and of those that only guard. */
import { expect, it } from 'vitest'
import { progressOf, verdictOf } from '../../src/core/verdict.ts'

type Judged = Parameters<typeof verdictOf>[0][number]

const own: Judged = { outcome: 'pass', base: 'fail' }
const vacuous: Judged = { outcome: 'pass', base: 'pass' }
const guard: Judged = { outcome: 'pass', base: 'fail', guards: true, origin: 'project' }
const change: Judged = { outcome: 'pass', base: 'fail', origin: 'project' }
const proposed: Judged = { outcome: 'pass', base: 'fail', origin: 'proposed' }
const mute: Judged = { ...guard, outcome: 'error' }

it.each<[verdict: string, why: string, records: Judged[]]>([
  ['verified (project checks)', 'something changed and nothing got worse', [guard, change]],
  ['verified (project checks)', 'the look before was too slow', [{ ...guard, base: null }, change]],
  ['verified (proposed checks)', 'a proposed check turned green', [guard, change, proposed]],
  ['verified (proposed checks)', 'a proposed check turned green where the project is mute', [mute, change, proposed]],
  ['verified', 'a check of its own turned green', [own, guard, change]],
  ['verified', 'a check of its own turned green where the project is mute', [own, mute, change]],
  [
    'verified',
    'a task brought nothing but a guard, and does not ask what was before',
    [{ outcome: 'pass', guards: true }],
  ],
  ['refuted', 'something got worse', [{ ...guard, outcome: 'fail' }, change]],
  ['refuted', 'nothing changed', [guard, { ...change, outcome: 'fail' }]],
  ['refuted', 'nothing changed where the project is mute', [mute, { ...change, outcome: 'fail' }]],
  ['unknown', 'a check that the task brought could not look', [own, { ...vacuous, outcome: 'error' }]],
  ['unverified', 'nothing got worse, which proves nothing', [guard]],
  ['unverified', 'nothing got worse now, without what was before', [{ ...guard, base: undefined }]],
  ['unverified', 'the project could not be asked', [mute, change]],
  ['unverified', 'what was proposed had passed before', [guard, { ...proposed, base: 'pass' }]],
  ['vacuous', 'its own had passed before, and nothing got worse', [vacuous, guard]],
])('%s: %s', (verdict, _why, records) => expect(verdictOf(records)).toBe(verdict))

it('counts no guard as progress, and proves no step by guards alone', () => {
  const record = (part: Judged) => ({ ...part, step: null })
  expect(progressOf(0, [record(guard), record(change)])).toEqual({ proven: 1, total: 1 })
  expect(progressOf(0, [record(guard)])).toEqual({ proven: 0, total: 0 })
  expect(progressOf(2, [record(guard)])).toEqual({ proven: 0, total: 2 })
  expect(progressOf(2, [record(guard), record(change)])).toEqual({ proven: 2, total: 2 })
})
