import { expect, it } from 'vitest'
import { instantOf } from '../../src/lib/period.ts'

// A Wednesday, in the middle of the day of whatever zone the test runs in.
const now = new Date(2026, 10, 18, 13, 30).getTime()
const day = (month: number, date: number) => new Date(2026, month, date).getTime()

it.each([
  { word: 'today', at: day(10, 18) },
  { word: 'Yesterday', at: day(10, 17) },
  { word: 'week', at: day(10, 16) },
  { word: 'month', at: day(10, 1) },
  { word: '24h', at: now - 24 * 3_600_000 },
  { word: '7d', at: now - 7 * 24 * 3_600_000 },
  { word: '2026-11-03', at: day(10, 3) },
  { word: '2026-11-03T10:00:00Z', at: Date.UTC(2026, 10, 3, 10) },
  { word: String(now), at: now },
  { word: '', at: null },
  { word: 'whenever', at: null },
  { word: '2026-13-45', at: null },
  { word: '99999999999999999999', at: null },
])('"$word"', ({ word, at }) => expect(instantOf(word, now)).toBe(at))

it('a week that begins on a Sunday begins on the Monday before', () => {
  expect(instantOf('week', new Date(2026, 10, 22, 9).getTime())).toBe(day(10, 16))
})
