/** What a model call costs, from a price table in units per million tokens. An unknown price stays unknown. */
import { z } from 'zod'
import type { ModelUsage } from '../core/session.ts'

const perMillion = z.number().min(0)

export const priceSchema = z
  .strictObject({
    input: perMillion,
    output: perMillion,
    cache_read: perMillion.optional(),
    cache_write: perMillion.optional(),
  })
  .meta({ id: 'ModelPrice', description: 'Price of one model per million tokens, in one currency for all.' })

export type ModelPrice = z.output<typeof priceSchema>

/**
 * Millionths of the currency unit: tokens times the price per million. Without a cache price, cache costs as input.
 * What the server did not count has no known cost.
 */
export function costMicros(price: ModelPrice | undefined, usage: Omit<ModelUsage, 'costMicros'>): number | null {
  if (!price || tokensOf(usage) === 0) return null
  const cost =
    usage.input * price.input +
    usage.output * price.output +
    usage.cacheRead * (price.cache_read ?? price.input) +
    usage.cacheWrite * (price.cache_write ?? price.input)
  return Math.round(cost)
}

export const tokensOf = (usage: Omit<ModelUsage, 'costMicros'>): number =>
  usage.input + usage.output + usage.cacheRead + usage.cacheWrite
