import { expect, it } from 'vitest'
import { fits } from '../../src/lib/wildcard.ts'

it.each([
  ['*', '', true],
  ['a*c', 'abbbc', true],
  ['a*c', 'abbbd', false],
  ['a?c', 'abc', true],
  ['a.c', 'abc', false],
  ['**', 'x', true],
  ['', 'x', false],
])('%j against %j', (pattern, text, expected) => {
  expect(fits(pattern, text)).toBe(expected)
})

it('takes no exponential time for a hostile pattern', () => {
  const startedAt = performance.now()
  expect(fits(`${'*a'.repeat(200)}b`, 'a'.repeat(20_000))).toBe(false)
  expect(performance.now() - startedAt).toBeLessThan(1_000)
})
