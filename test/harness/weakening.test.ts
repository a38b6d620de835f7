import { describe, expect, it } from 'vitest'
import type { Census } from '../../src/core/check.ts'
import { weakenings } from '../../src/harness/weakening.ts'

type Names = Partial<Census['names']>

function census({ passed = [], failed = [], skipped = [] }: Names, more: Partial<Census> = {}): Census {
  const counts = { passed: passed.length, failed: failed.length, skipped: skipped.length }
  return { format: 'jest', ...counts, names: { passed, failed, skipped }, whole: true, ...more }
}

const before = census({ passed: ['a.ts > adds', 'a.ts > totals'], failed: ['b.ts > ships'], skipped: ['b.ts > later'] })

describe('a check is not weaker', () => {
  it.each<[string, Census | null, Census | null]>([
    ['without any report', null, null],
    ['when there was none before', null, census({ passed: ['a.ts > adds'], skipped: ['a.ts > later'] })],
    [
      'when all that ran runs still',
      before,
      census({ ...before.names, passed: [...before.names.passed, 'b.ts > ships'], failed: [] }),
    ],
    [
      'when more runs',
      before,
      census({ passed: ['a.ts > adds', 'a.ts > totals', 'b.ts > later', 'b.ts > ships', 'c.ts > new'] }),
    ],
    [
      'when a test has another name in its file',
      before,
      census({ passed: ['a.ts > adds', 'a.ts > sums', 'b.ts > ships'], skipped: ['b.ts > later'] }),
    ],
    [
      'when a file has another name',
      before,
      census({ passed: ['new.ts > adds', 'new.ts > totals', 'b.ts > ships'], skipped: ['b.ts > later'] }),
    ],
    ['when a skipped test is gone', before, census({ passed: ['a.ts > adds', 'a.ts > totals', 'b.ts > ships'] })],
    [
      'when findings are fewer',
      census({ failed: ['r in a.js', 'r in b.js'] }, { format: 'sarif' }),
      census({ failed: ['r in a.js'] }, { format: 'sarif' }),
    ],
    ['when nothing is found at all', null, census({}, { format: 'sarif' })],
  ])('%s', (_, then, now) => {
    expect(weakenings(then, now)).toEqual([])
  })
})

describe('a check is weaker', () => {
  it.each<[string, Census | null, Census | null, string[]]>([
    ['when nothing was executed', null, census({}), ['Nothing was executed: the report counts 0 tests that ran.']],
    [
      'when all was skipped',
      before,
      census({ skipped: ['a.ts > adds'] }),
      ['Nothing was executed: the report counts 0 tests that ran and 1 that were skipped.'],
    ],
    ['when its report is gone', before, null, ['The report of tests is gone: before the work it told of 3 that ran.']],
    [
      'when a test is gone',
      before,
      census({ passed: ['a.ts > adds', 'b.ts > ships'] }),
      ['1 test that ran before the work is gone: a.ts > totals.'],
    ],
    [
      'when a failing test was taken away',
      before,
      census({ passed: ['a.ts > adds', 'a.ts > totals'] }),
      ['1 test that ran before the work is gone: b.ts > ships.'],
    ],
    [
      'when another one took its place elsewhere',
      before,
      census({ passed: ['a.ts > adds', 'a.ts > totals', 'c.ts > easy'] }),
      ['1 test that ran before the work is gone: b.ts > ships.'],
    ],
    [
      'when tests are skipped that ran, as .only does to the others',
      before,
      census({ passed: ['b.ts > ships'], skipped: ['a.ts > adds', 'a.ts > totals', 'b.ts > later'] }),
      ['2 tests that ran before the work are skipped now: a.ts > adds, a.ts > totals.'],
    ],
    [
      'when a new test is skipped',
      before,
      census({ passed: ['a.ts > adds', 'a.ts > totals', 'b.ts > ships'], skipped: ['a.ts > new', 'b.ts > later'] }),
      ['1 test is new and skipped: a.ts > new.'],
    ],
    [
      'when fewer run under the same names',
      census({ passed: ['a'] }, { passed: 5 }),
      census({ passed: ['a'] }, { passed: 3 }),
      ['3 tests ran; before the work 5 did.'],
    ],
    [
      'when the form has changed and fewer run',
      before,
      census({ passed: ['adds', 'totals'] }, { format: 'tap' }),
      ['2 tests ran; before the work 3 did.'],
    ],
    [
      'when there is a new finding',
      census({ failed: ['r in a.js'] }, { format: 'sarif' }),
      census({ failed: ['r in a.js', 's in a.js'] }, { format: 'sarif' }),
      ['1 new finding: s in a.js.'],
    ],
    [
      'when there is one more of a known finding',
      census({ failed: ['r in a.js'] }, { format: 'sarif' }),
      census({ failed: ['r in a.js'] }, { format: 'sarif', failed: 2 }),
      ['2 findings; before the work there were 1.'],
    ],
  ])('%s', (_, then, now, sentences) => {
    expect(weakenings(then, now)).toEqual(sentences)
  })

  it('names twenty and counts the rest', () => {
    const many = Array.from({ length: 30 }, (_, i) => `t${10 + i}`)
    const [sentence] = weakenings(census({ passed: ['a', ...many] }), census({ passed: ['a'] }))
    expect(sentence).toMatch(/^30 tests that ran before the work are gone: t10, .*, t29 and 10 more\.$/)
  })

  it('judges no name behind the end of a list that was cut', () => {
    const then = census({ passed: ['a', 'b'] }, { passed: 9, whole: false })
    expect(
      weakenings(
        then,
        census(
          { passed: ['a', 'b'] },
          { passed: 9, skipped: 1, names: { passed: ['a', 'b'], failed: [], skipped: ['z'] } },
        ),
      ),
    ).toEqual(['1 tests were skipped; before the work 0.'])
  })

  it('takes no time for thousands of names', () => {
    const names = (prefix: string) => Array.from({ length: 5_000 }, (_, i) => `a.ts > ${prefix}${i}`)
    const begun = performance.now()
    expect(weakenings(census({ passed: names('x') }), census({ passed: names('y') }))).toEqual([])
    expect(performance.now() - begun).toBeLessThan(500)
  })
})
