/**
 * Prices of well-known models at their makers' own addresses, in US dollars per million tokens. Settings win over it.
 * Models whose price depends on more than the kind of a token are left out: their cost is unknown, not guessed.
 */
import type { ModelPrice } from './prices.ts'

const price = (input: number, output: number, cache_read: number, cache_write?: number): ModelPrice => ({
  input,
  output,
  cache_read,
  ...(cache_write === undefined ? {} : { cache_write }),
})

const opus = price(5, 25, 0.5, 6.25)
const sonnet = price(3, 15, 0.3, 3.75)
const haiku = price(1, 5, 0.1, 1.25)

/** As published on 2026-11-21. Cache writes: those that are kept for five minutes. */
const tables: Readonly<Record<string, Readonly<Record<string, ModelPrice>>>> = {
  'api.anthropic.com': {
    'claude-fable-5': price(10, 50, 1, 12.5),
    'claude-opus-5': opus,
    'claude-opus-4-8': opus,
    'claude-opus-4-7': opus,
    'claude-opus-4-6': opus,
    'claude-opus-4-5': opus,
    'claude-opus-4-5-20251101': opus,
    'claude-sonnet-4-6': sonnet,
    'claude-sonnet-4-5': sonnet,
    'claude-sonnet-4-5-20250929': sonnet,
    'claude-haiku-4-5': haiku,
    'claude-haiku-4-5-20251001': haiku,
  },
  'api.openai.com': {
    'gpt-4.1': price(2, 8, 0.5),
    'gpt-5-mini': price(0.25, 2, 0.025),
    'gpt-5.1': price(1.25, 10, 0.125),
    'gpt-5.2': price(1.75, 14, 0.175),
  },
}

/** Another address may ask another price for the same model. */
export const knownPrices = (baseUrl: string): Readonly<Record<string, ModelPrice>> =>
  tables[new URL(baseUrl).hostname] ?? {}
