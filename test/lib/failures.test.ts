/** What failed, by name, in the output of runners as they print it. */
import { describe, expect, it } from 'vitest'
import { failuresMax, failuresOf } from '../../src/lib/failures.ts'

const workspace = '/home/ada/shop'
const namesOf = (output: string) => failuresOf(output, workspace).names

describe('failures in the output of a command', () => {
  it.each<[runner: string, output: string, names: string[]]>([
    ['tap', 'TAP version 13\nok 1 - adds\nnot ok 2 - divides\nnot ok 3 - later # skip\n# fail 1', ['divides']],
    [
      'node',
      '✔ adds (0.5ms)\n✖ divides (1.25ms)\nℹ fail 1\n✖ failing tests:\n✖ divides (1.25ms)',
      ['divides', 'divides (2)'],
    ],
    [
      'vitest',
      '\u001b[31m ❯ a.test.ts (2 tests | 1 failed)\u001b[39m\n   × adds 4ms\n FAIL  a.test.ts > sums > adds',
      ['adds', 'a.test.ts > sums > adds'],
    ],
    [
      'jest',
      'FAIL src/a.test.js (5.2 s)\n  sums\n    ✕ adds (3 ms)\n    ✓ ends\n  ● sums › adds\n',
      ['src/a.test.js', 'adds', 'sums › adds'],
    ],
    ['go', '--- FAIL: TestSum (0.02s)\n    sum_test.go:9: got 3\nFAIL\nFAIL\tshop/sum\t0.31s', ['TestSum', 'shop/sum']],
    ['cargo', 'test sum::adds ... FAILED\ntest sum::ends ... ok\ntest result: FAILED. 1 passed', ['sum::adds']],
    [
      'pytest',
      'FAILED tests/test_a.py::test_adds[1-2] - assert 3 == 4\nERROR tests/test_b.py - ImportError\n2 failed in 0.12s',
      ['tests/test_a.py::test_adds[1-2]', 'tests/test_b.py'],
    ],
    ['unittest', 'FAIL: test_adds (test_a.Sums.test_adds)\nFAILED (failures=1)', ['test_adds (test_a.Sums.test_adds)']],
    [
      'tsc',
      "src/a.ts(3,7): error TS2322: no.\nsrc/a.ts(9,7): error TS2322: no.\nsrc/b.ts:1:2 - error TS1005: ';'.",
      ['src/a.ts error TS2322: no.', 'src/a.ts error TS2322: no. (2)', "src/b.ts error TS1005: ';'."],
    ],
    [
      'eslint',
      '/home/ada/shop/src/a.js\n   3:7  error    unused  no-unused-vars\n   4:1  warning  odd  odd\n✖ 2 problems',
      ['src/a.js unused no-unused-vars'],
    ],
    [
      'biome',
      'src/a.ts:3:7 lint/style/useConst  FIXABLE  ━━━\n\n  × Use const.\n\nsrc/a.ts:9:7 lint/odd ━━━\n\n  ! Odd.\n',
      ['src/a.ts lint/style/useConst'],
    ],
    ['ruff', 'src/a.py:1:8: F401 `os` imported but unused', ['src/a.py F401 `os` imported but unused']],
    ['mypy', 'src/a.py:12: error: Bad type  [assignment]', ['src/a.py error: Bad type [assignment]']],
    ['rustc', 'error[E0308]: mismatched types\n --> src/a.rs:3:5\n  |', ['src/a.rs error[E0308]: mismatched types']],
    ['gradle', 'SumTest > adds() FAILED\n    AssertionError at SumTest.java:9', ['SumTest > adds()']],
    [
      'maven',
      '[ERROR] shop.SumTest.adds -- Time elapsed: 0.01 s <<< FAILURE!\n[ERROR] /home/ada/shop/A.java:[3,9] no symbol',
      ['shop.SumTest.adds', 'A.java no symbol'],
    ],
    ['a program that says nothing', 'it went wrong', []],
  ])('are named as %s names them', (_runner, output, names) => {
    expect(namesOf(output)).toEqual(names)
  })

  it('are told apart when two of them have one name', () => {
    expect(namesOf('not ok 1 - works\nnot ok 2 - works')).toEqual(['works', 'works (2)'])
  })

  it('keep their names when times, lines and the place of the folder differ', () => {
    const one = 'FAIL /home/ada/shop/a.test.ts 0.31s\n--- FAIL: TestSum (0.02s)\nsrc/a.ts(3,7): error TS1: no.'
    const two = 'FAIL a.test.ts 12 ms\n--- FAIL: TestSum (1.44s)\nsrc/a.ts(41,2): error TS1: no.'
    expect(namesOf(two)).toEqual(namesOf(one))
  })

  it('are bounded, and say so', () => {
    const many = Array.from({ length: failuresMax + 5 }, (_, index) => `not ok ${index} - test ${index} of it`)
    const found = failuresOf(many.join('\n'), workspace)
    expect({ count: found.names.length, whole: found.whole }).toEqual({ count: failuresMax, whole: false })
  })

  it('are found in hostile output without taking long', () => {
    const hostile = [`not ok ${' '.repeat(1_900)}`, `${'a > '.repeat(480)}FAILE`, `src/${'a'.repeat(1_900)}:1`]
    const begun = performance.now()
    failuresOf(Array.from({ length: 2_000 }, (_, index) => hostile[index % 3]).join('\n'), workspace)
    expect(performance.now() - begun).toBeLessThan(5_000)
  })
})
