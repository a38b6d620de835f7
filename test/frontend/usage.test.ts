/** Tables of the figures of the usage view: what is held against what, shares, days, amounts and CSV. */
import { describe, expect, it } from 'vitest'
import { parseRoute, usageHref } from '../../frontend/src/model/routes.ts'
import {
  cacheShare,
  change,
  csvOf,
  daysOf,
  money,
  percent,
  short,
  stretchBefore,
  tokensOf,
  type UsageItem,
} from '../../frontend/src/model/usage.ts'

const item = (part: Partial<UsageItem> = {}): UsageItem => ({
  ...{ key: 'm', label: null, input: 100, output: 20, reasoning: 5, cacheRead: 300, cacheWrite: 0 },
  ...{ costMicros: 1_500_000, atLeast: false },
  ...part,
})
const at = (text: string) => new Date(text).getTime()

describe('a period', () => {
  const now = at('2026-11-21T12:00:00')
  it.each([
    ['today', '2026-11-21T00:00:00', '2026-11-20T00:00:00', '2026-11-20T12:00:00'],
    ['week', '2026-11-16T00:00:00', '2026-11-09T00:00:00', '2026-11-14T12:00:00'],
    ['month', '2026-11-01T00:00:00', '2026-10-01T00:00:00', '2026-10-21T12:00:00'],
    ['30d', '2026-10-22T12:00:00', '2026-09-22T12:00:00', '2026-10-22T12:00:00'],
  ] as const)('%s is held against as much of the one before', (period, since, from, until) => {
    expect(stretchBefore(period, at(since), now)).toEqual({ since: at(from), until: at(until) })
  })
  it('without an end has nothing before it', () => {
    expect(stretchBefore('total', null, now)).toBeNull()
  })
  it('has an address, and what is none is the month by model', () => {
    const routeOf = (href: string) => parseRoute(new URL(href, 'http://127.0.0.1'))
    expect(routeOf(usageHref('week', 'task'))).toEqual({ name: 'usage', period: 'week', group: 'task' })
    expect(routeOf('/usage?period=ever&by=%00')).toEqual({ name: 'usage', period: 'month', group: 'model' })
  })
})

describe('figures', () => {
  it('of an unknown price are unknown and never nothing', () => {
    expect(money(item())).toBe('1.50')
    expect(money(item({ costMicros: 1_200 }))).toBe('0.0012')
    expect(money(item({ costMicros: 0 }))).toBe('0.00')
    expect(money(item({ atLeast: true }))).toBe('at least 1.50')
    expect(money(item({ costMicros: null, atLeast: true }))).toBe('unknown')
  })
  it('say the share of the cache, and how they changed', () => {
    expect(cacheShare(item())).toBe(0.75)
    expect(percent(cacheShare(item()))).toBe('75 %')
    expect(percent(cacheShare(item({ input: 0, cacheRead: 0 })))).toBe('none')
    expect([change(150, 100), change(50, 100), change(1, 1)]).toEqual(['+50 %', '−50 %', '±0 %'])
    expect([change(null, 1), change(1, null), change(1, 0)]).toEqual(['', '', ''])
    expect([short(999), short(12_345), short(2_345_678)]).toEqual(['999', '12.3 k', '2.35 M'])
    expect(tokensOf(item())).toBe(425)
  })
  it('of days leave no hole, and an unknown cost is a hole', () => {
    const items = [item({ key: '2026-11-19' }), item({ key: '2026-11-21', costMicros: null })]
    const days = daysOf(items, null, at('2026-11-21T12:00:00'))
    expect(days.map(({ day, tokens, cost }) => [day, tokens, cost])).toEqual([
      ['2026-11-19', 425, 1.5],
      ['2026-11-20', 0, 0],
      ['2026-11-21', 425, null],
    ])
    expect(daysOf([], at('2026-11-20T10:00:00'), at('2026-11-21T12:00:00'))).toHaveLength(2)
  })
  it('as CSV say what is unknown and carry nothing out', () => {
    expect(csvOf('task', [item({ key: 't_1', label: '=SUM("a",1)', costMicros: null })])).toBe(
      'task,label,input,output,reasoning,cacheRead,cacheWrite,cost,cost_is\n' +
        't_1,"\'=SUM(""a"",1)",100,20,5,300,0,,unknown\n',
    )
  })
})
