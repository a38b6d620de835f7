/** Reports as the tools write them, and as nobody should: what is counted, and that nothing breaks. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { censusNamesMax } from '../../src/core/check.ts'
import { mergeCensus, readCensus } from '../../src/lib/census/index.ts'
import { Random } from '../fakes/random.ts'

const folder = new URL('../fixtures/census/', import.meta.url)
const sample = (name: string) => readFileSync(new URL(name, folder), 'utf8')
const cart = 'test/cart.test.ts > a cart'

const expected: Record<string, object> = {
  'pytest.junit.xml': {
    ...{ format: 'junit', passed: 2, failed: 2, skipped: 2 },
    names: {
      passed: ['pytest > tests.test_cart > test_adds', 'pytest > tests.test_cart > test_total[3-<4>]'],
      failed: ['pytest > tests.test_broken', 'pytest > tests.test_cart.TestTax > test_rounds'],
      skipped: ['pytest > tests.test_cart > test_known', 'pytest > tests.test_cart > test_later'],
    },
  },
  'vitest.junit.xml': {
    ...{ format: 'junit', passed: 2, failed: 1, skipped: 1 },
    names: { passed: [`${cart} > adds`], failed: [`${cart} > says "total"`], skipped: [`${cart} > later`] },
  },
  'node.tap': {
    ...{ format: 'tap', passed: 2, failed: 1, skipped: 2 },
    names: { passed: ['a cart > adds', 'pays'], failed: ['a cart > totals'], skipped: ['a cart > rounds', 'ships'] },
  },
  'prove.tap': {
    ...{ format: 'tap', passed: 2, failed: 4, skipped: 0 },
    names: {
      passed: ['reads the file', 'test 1'],
      failed: ['Bail out! The database is gone', 'planned and never ran', 'reads it again'],
      skipped: [],
    },
  },
  'vitest.json': {
    ...{ format: 'jest', passed: 1, failed: 2, skipped: 2 },
    names: {
      passed: ['test/cart.test.ts > a cart adds'],
      failed: ['test/cart.test.ts > a cart totals', 'test/gone.test.ts'],
      skipped: ['test/cart.test.ts > a cart rounds', 'test/cart.test.ts > a cart ships'],
    },
  },
  'jest-behind-npm.txt': {
    ...{ format: 'jest', passed: 2, failed: 0, skipped: 1 },
    names: {
      passed: ['cart.test.js > adds', 'cart.test.js > totals'],
      failed: [],
      skipped: ['cart.test.js > rounds'],
    },
  },
  'pytest.json': {
    ...{ format: 'pytest', passed: 1, failed: 3, skipped: 2 },
    names: {
      passed: ['tests/test_cart.py::test_adds'],
      failed: ['tests/test_broken.py', 'tests/test_cart.py::test_setup', 'tests/test_cart.py::test_total[3]'],
      skipped: ['tests/test_cart.py::test_known', 'tests/test_cart.py::test_later'],
    },
  },
  'go.jsonl': {
    ...{ format: 'go', passed: 1, failed: 4, skipped: 1 },
    names: {
      passed: ['shop/cart > TestAdds'],
      failed: ['shop/cart > TestTotals', 'shop/cart > TestTotals/with_tax', 'shop/pay > TestPanics', 'shop/ship'],
      skipped: ['shop/cart > TestLater'],
    },
  },
  'eslint.sarif': {
    ...{ format: 'sarif', passed: 0, failed: 3, skipped: 0 },
    names: { passed: [], failed: ['eqeqeq in src/tax.js', 'no-undef in src/cart.js'], skipped: [] },
  },
  'cargo.txt': {
    ...{ format: 'cargo', passed: 2, failed: 1, skipped: 1 },
    names: {
      passed: ['cart::tests::adds', 'src/lib.rs - cart::Cart'],
      failed: ['cart::tests::totals - should panic'],
      skipped: ['cart::tests::later'],
    },
  },
}

describe('a census', () => {
  it.each(Object.entries(expected))('reads %s', (name, wanted) => {
    expect(readCensus(sample(name), undefined, '/w')).toEqual({ ...wanted, whole: true })
  })

  it('has a sample of every file in the folder', () => {
    expect(readdirSync(folder).sort()).toEqual(Object.keys(expected).sort())
  })

  it.each([
    ['an empty text', ''],
    ['plain words', 'All 12 tests passed.\n'],
    ['JSON of something else', '{"tests": 3, "ok": true}\n'],
    ['a page', '<html><body>testsuite</body></html>'],
    ['XML that is cut off', sample('vitest.junit.xml').slice(0, 900)],
    ['XML that closes what is not open', '<testsuite name="a"><testcase name="b"></testsuite></testcase>'],
    ['a list of things that are ok', 'ok then\nnot ok\n'],
  ])('is none of %s', (_, text) => {
    expect(readCensus(text)).toBeNull()
  })

  it.each([
    ['TAP that skips all', '1..0 # SKIP no database\n', { passed: 0, failed: 0, skipped: 1 }],
    ['TAP without a test', 'TAP version 14\n1..0\n', { passed: 0, failed: 0, skipped: 0 }],
    ['go without a test', '{"Action":"skip","Package":"shop/doc"}\n', { passed: 0, failed: 0, skipped: 0 }],
    [
      'JUnit without a test',
      '<?xml version="1.0"?><testsuites><testsuite name="a"/></testsuites>',
      { passed: 0, failed: 0, skipped: 0 },
    ],
    ['cargo without a test', 'running 0 tests\n\ntest result: ok. 0 passed\n', { passed: 0, failed: 0, skipped: 0 }],
    [
      'a subtest whose parent was skipped',
      'TAP version 14\n    ok 1 - a\n    1..1\nok 1 - all # SKIP\n1..1\n',
      { passed: 0, failed: 0, skipped: 1 },
    ],
    [
      'a suite that fails beside its tests',
      'TAP version 14\n    ok 1 - a\n    1..2\nnot ok 1 - all\n1..1\n',
      { passed: 1, failed: 1, skipped: 0 },
    ],
  ])('counts %s', (_, text, wanted) => {
    expect(readCensus(text)).toMatchObject(wanted)
  })

  it('reads only the form that was asked for', () => {
    expect(readCensus(sample('node.tap'), 'junit')).toBeNull()
    expect(readCensus(sample('node.tap'), 'tap')).toMatchObject({ passed: 2 })
  })

  it('expands no entity and follows no document type', () => {
    const type = '<!DOCTYPE a [<!ENTITY x "yyyyyyyyyy">]>'
    const bomb = `${type}<testsuite name="a"><testcase name="&x;&#65;"/></testsuite>`
    expect(readCensus(bomb)?.names.passed).toEqual(['a > &x;A'])
  })

  it('keeps two long names apart, in one line and bounded', () => {
    const long = 'n'.repeat(2_000)
    const found = readCensus(`1..2\nok 1 - ${long.slice(0, 1_900)}a\nok 2 - ${long.slice(0, 1_900)}b\u0007\n`)
    expect(found?.names.passed.map((name) => name.length)).toEqual([493, 493])
    expect(new Set(found?.names.passed).size).toBe(2)
  })

  it('counts what it does not name any more', () => {
    const lines = Array.from({ length: censusNamesMax + 7 }, (_, i) => `ok ${i + 1} - t${i}`)
    const found = readCensus(`1..${lines.length}\n${lines.join('\n')}\n`)
    expect(found).toMatchObject({ passed: censusNamesMax + 7, whole: false })
    expect(found?.names.passed.length).toBe(censusNamesMax)
  })

  it('is one of several reports: counts add up, names are there once', () => {
    const [a, b] = [readCensus('1..2\nok 1 - a\nok 2 - b\n'), readCensus('1..2\nok 1 - a\nnot ok 2 - c\n')]
    expect(mergeCensus([a, b].filter((one) => one !== null))).toEqual({
      ...{ format: 'tap', passed: 3, failed: 1, skipped: 0, whole: true },
      names: { passed: ['a', 'b'], failed: ['c'], skipped: [] },
    })
    expect(mergeCensus([])).toBeNull()
  })
})

describe('a hostile report', () => {
  const texts = Object.keys(expected).map(sample)
  const pieces = [
    ...texts.flatMap((text) => text.split(/(?<=[\n>{])/)),
    '{',
    ']',
    '<',
    '\0',
    '    ',
    '\ud800',
    '&#x41;',
  ]

  it('never breaks the reader and never gives more than the bounds', () => {
    const dice = new Random(20261121)
    for (let round = 0; round < 600; round++) {
      const text = Array.from({ length: dice.below(60) }, () => pieces[dice.below(pieces.length)])
      const found = readCensus(text.join(''))
      for (const name of Object.values(found?.names ?? {}).flat()) expect(name.length).toBeLessThanOrEqual(500)
    }
  })

  it.each([
    ['tags without end', '<testsuite '.repeat(200_000)],
    ['suites in suites', '<testsuite name="a">'.repeat(200_000)],
    ['attributes without end', `<testsuite ${'a="b" '.repeat(200_000)}`],
    ['a name of spaces', `<testsuite name="${' '.repeat(2_000_000)}">`],
    ['comments that do not close', `<testsuite>${'<!--'.repeat(400_000)}`],
    ['JSON in JSON', `{"testResults":${'['.repeat(1_000_000)}`],
    ['objects, one a line', '{"a":1}\n'.repeat(200_000)],
    [
      'TAP in TAP',
      Array.from({ length: 50_000 }, (_, i) => `${'    '.repeat(i % 40)}ok ${i}`)
        .join('\n')
        .concat('\n1..2'),
    ],
    ['TAP with many hashes', `1..1\n${`ok 1 - ${'# '.repeat(990)}\n`.repeat(500)}`],
    ['a plan of a billion', '1..999999999\nok 1\n'],
    ['spaces before nothing', `${' '.repeat(2_000_000)}x{`],
    ['lines of cargo', `running 1 test\ntest result: ok\n${'test a ... '.repeat(300_000)}`],
  ])('takes no time: %s', (_, text) => {
    const begun = performance.now()
    const found = readCensus(text)
    expect(performance.now() - begun).toBeLessThan(2_000)
    expect(JSON.stringify(found).length).toBeLessThan(2_000_000)
  })

  it('is left alone above its size', () => {
    expect(readCensus(`1..1\nok 1 - ${'x'.repeat(33 * 1024 * 1024)}`)).toBeNull()
  })
})
