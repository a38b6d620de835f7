/** Figures of what was used: periods and what they are held against, shares, days without a hole, and CSV. Pure. */
import type { UsageReport } from '../../../src/server/api.ts'
import { figure } from './format.ts'
import type { Group, Period } from './periods.ts'

export const periodWords: Record<Period, string> = {
  today: 'Today',
  week: 'This week',
  month: 'This month',
  '30d': '30 days',
  total: 'In all',
}

type Sum = UsageReport['whole']
export type UsageItem = UsageReport['items'][number]

const dayMs = 86_400_000

/** The stretch before that is as long as what has gone of this one; null: there is nothing before all. */
export function stretchBefore(period: Period, since: number | null, now: number) {
  if (since === null || period === 'total') return null
  const start = new Date(since)
  const month = new Date(start.getFullYear(), start.getMonth() - 1, 1).getTime()
  const from = period === 'month' ? month : since - { today: 1, week: 7, '30d': 30 }[period] * dayMs
  return { since: from, until: Math.min(since, from + (now - since)) }
}

export const beforeWords: Record<Period, string> = {
  today: 'yesterday until now',
  week: 'last week until now',
  month: 'last month until now',
  '30d': 'the 30 days before',
  total: '',
}

export const tokensOf = (sum: Sum): number => sum.input + sum.output + sum.reasoning + sum.cacheRead + sum.cacheWrite

/** Of what went in, the share that a cache held; null: nothing went in. */
export function cacheShare({ input, cacheRead, cacheWrite }: Sum): number | null {
  const whole = input + cacheRead + cacheWrite
  return whole > 0 ? cacheRead / whole : null
}

export const percent = (share: number | null): string => (share === null ? 'none' : `${Math.round(share * 100)} %`)

/** An amount; a price that nobody knows is never nothing. */
export function money({ costMicros, atLeast }: Pick<Sum, 'costMicros' | 'atLeast'>): string {
  if (costMicros === null) return 'unknown'
  const text = (costMicros / 1_000_000).toFixed(costMicros > 0 && costMicros < 100_000 ? 4 : 2)
  return atLeast ? `at least ${text}` : text
}

export function short(n: number): string {
  if (n < 10_000) return figure(n)
  const text = n < 1_000_000 ? `${(n / 1000).toFixed(1)} k` : `${(n / 1_000_000).toFixed(2)} M`
  return text.replace(/\.0+ /, ' ')
}

/** `+12 %`; empty where there is nothing to hold it against, or one of them is not known. */
export function change(now: number | null, before: number | null): string {
  if (now === null || before === null || before === 0) return ''
  const part = Math.round((now / before - 1) * 100)
  return `${part > 0 ? '+' : part < 0 ? '−' : '±'}${figure(Math.abs(part))} %`
}

/** What nobody knows all of cannot be held against anything. */
const exactly = (sum: Sum | null): number | null => (sum && !sum.atLeast ? sum.costMicros : null)

export interface Card {
  name: string
  value: string
  /** The same of the time before; empty: there is none. */
  than: string
}

/** The figures at the top. */
export function cardsOf(now: Sum, before: Sum | null, words: string): Card[] {
  const than = (part: string, value: string) => (part ? `${part} against ${words}` : before ? `${words}: ${value}` : '')
  const was = before ? tokensOf(before) : null
  return [
    { name: 'Cost', value: money(now), than: than(change(exactly(now), exactly(before)), before ? money(before) : '') },
    { name: 'Tokens', value: short(tokensOf(now)), than: than(change(tokensOf(now), was), short(was ?? 0)) },
    { name: 'Written by models', value: short(now.output + now.reasoning), than: '' },
    { name: 'Read from cache', value: percent(cacheShare(now)), than: '' },
  ]
}

export interface DayFigures {
  /** `2026-11-21`. */
  day: string
  /** Epoch s, as the chart wants it. */
  at: number
  tokens: number
  /** Null: nothing of its price is known. */
  cost: number | null
  sum: Sum | null
}

const dayName = (date: Date): string =>
  [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((n) => String(n).padStart(2, '0')).join('-')

/** Every day from the first to the last: one on which nothing was used is nothing, not missing. */
export function daysOf(items: readonly UsageItem[], first: number | null, now: number): DayFigures[] {
  const byDay = new Map(items.flatMap((item) => (item.key ? [[item.key, item] as const] : [])))
  const begin = first === null ? (items[0]?.key ?? dayName(new Date(now))) : dayName(new Date(first))
  const last = dayName(new Date(now))
  const found: DayFigures[] = []
  const [year = 0, month = 1, date = 1] = begin.split('-').map(Number)
  for (let n = 0; n < 3_660; n++) {
    const at = new Date(year, month - 1, date + n)
    const day = dayName(at)
    if (day > last) break
    const sum = byDay.get(day) ?? null
    const cost = sum ? (sum.costMicros === null ? null : sum.costMicros / 1_000_000) : 0
    found.push({ day, at: at.getTime() / 1000, tokens: sum ? tokensOf(sum) : 0, cost, sum })
  }
  return found
}

const columns = ['input', 'output', 'reasoning', 'cacheRead', 'cacheWrite'] as const

/** For a spreadsheet: a cell never begins with what one would carry out. */
const cell = (text: string): string => {
  const tame = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\n\r]/.test(tame) ? `"${tame.replaceAll('"', '""')}"` : tame
}

export function csvOf(group: Group, items: readonly UsageItem[]): string {
  const head = [group, 'label', ...columns, 'cost', 'cost_is']
  const rows = items.map((item) => [
    ...[cell(item.key ?? ''), cell(item.label ?? '')],
    ...columns.map((name) => String(item[name])),
    item.costMicros === null ? '' : String(item.costMicros / 1_000_000),
    item.costMicros === null ? 'unknown' : item.atLeast ? 'at least' : 'exact',
  ])
  return `${[head, ...rows].map((row) => row.join(',')).join('\n')}\n`
}
