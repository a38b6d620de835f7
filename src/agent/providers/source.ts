/** A provider with what its configuration says about its models. */
import type { Provider } from '../../core/provider.ts'
import { knownPrices } from '../price-table.ts'
import type { ModelPrice } from '../prices.ts'
import { withTextTools } from '../text-tools.ts'
import type { ProviderDeps } from './keys.ts'
import { type CommonConfig, setContextOf } from './settings.ts'
import { HttpProvider } from './transport.ts'
import type { Wire } from './wire.ts'

export type { ProviderDeps } from './keys.ts'

/** The first model is the default. */
export interface ModelSource {
  provider: Provider
  models: readonly string[]
  price: Readonly<Record<string, ModelPrice>>
  /** What fits into one request; null: nobody knows. */
  contextTokens(model: string): number | null
  /** Whether a message to it may carry images. */
  images(model: string): boolean
}

export function openSource(config: CommonConfig, wire: Wire, deps: ProviderDeps): ModelSource {
  const http = new HttpProvider(config, wire, deps)
  return {
    provider: withTextTools(http, config.tools),
    models: [...new Set([...(config.model ? [config.model] : []), ...config.models])],
    price: { ...knownPrices(config.base_url), ...config.price },
    contextTokens: (model) => setContextOf(config, model) ?? http.facts(model)?.contextTokens ?? null,
    images: (model) => config.images ?? http.facts(model)?.images ?? wire.seesImages(model) ?? false,
  }
}
