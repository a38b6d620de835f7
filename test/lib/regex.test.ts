import { describe, expect, it } from 'vitest'
import { searchText } from '../../src/lib/regex.ts'

const limits = { timeoutMs: 300 }

describe('a search', () => {
  it.each([
    ['plain text', 'wo', 'one two', { kind: 'found', index: 5, length: 2 }],
    ['a simple pattern', /T\w/i, 'one two', { kind: 'found', index: 4, length: 2 }],
    ['a pattern with choices', /(?:two|2)+$/, 'one two2', { kind: 'found', index: 4, length: 4 }],
    ['a sticky global pattern', /two/gy, 'one two', { kind: 'found', index: 4, length: 3 }],
    ['nothing', /x|y/, 'one two', { kind: 'absent' }],
    ['an empty text', '', '', { kind: 'found', index: 0, length: 0 }],
  ] as const)('finds %s', async (_, wanted, text, expected) => {
    expect(await searchText(wanted, text, limits)).toEqual(expected)
  })

  it.each([
    ['a pattern that backtracks', /^(a+)+$/, `${'a'.repeat(60)}b`],
    ['stars in a row', new RegExp(`${'.*'.repeat(30)}b`, 's'), 'a'.repeat(100_000)],
    ['long text that nearly matches everywhere', `${'a'.repeat(100)}b${'a'.repeat(9_800)}`, 'a'.repeat(8_000_000)],
  ])('ends at its limit with %s', async (_, wanted, text) => {
    expect(await searchText(wanted, text, limits)).toEqual({ kind: 'timeout' })
  })

  it('finds long text wherever it is, also across two slices', async () => {
    const wanted = `${'b'.repeat(4_999)}c`
    for (const index of [0, 39_999, 42_000, 80_000 - 4_999, 100_000]) {
      const text = `${'a'.repeat(index)}${wanted}${'a'.repeat(100_000 - index)}`
      const search = await searchText(wanted, text, { timeoutMs: 10_000 })
      expect(search).toEqual({ kind: 'found', index, length: 5_000 })
    }
  })

  it('ends when it is stopped, before and during', async () => {
    expect(await searchText(/a/, 'a', { ...limits, signal: AbortSignal.abort() })).toEqual({ kind: 'aborted' })
    const stop = new AbortController()
    setImmediate(() => stop.abort())
    const search = searchText(/^(a+)+$/, `${'a'.repeat(60)}b`, { timeoutMs: 10_000, signal: stop.signal })
    expect(await search).toEqual({ kind: 'aborted' })
  })

  it('gives many patterns the same answer as the engine, by whichever way', async () => {
    const text = 'The quick [brown] fox\njumps over 13 lazy dogs.'
    for (const source of [
      'q.ick',
      '^jumps',
      '\\[brown\\]',
      '[^a-z ]\\d',
      '\\bfox$',
      'dogs\\.',
      'fox|dog',
      'z{2}',
      '[\\d]',
    ]) {
      const pattern = new RegExp(source, 'm')
      const match = pattern.exec(text)
      const expected = match ? { kind: 'found', index: match.index, length: match[0].length } : { kind: 'absent' }
      expect(await searchText(pattern, text, { timeoutMs: 5_000 })).toEqual(expected)
    }
  })
})
