/** What a provider kind makes of its configuration, and what it is given for that. */
import type { Clock } from '../../core/clock.ts'
import type { Provider } from '../../core/provider.ts'
import type { ModelPrice } from '../prices.ts'

export interface ProviderDeps {
  clock: Clock
  /** Where keys are looked up; never handed on. */
  env: Readonly<Record<string, string | undefined>>
}

/** A provider with what its configuration says about its models. The first model is the default. */
export interface ModelSource {
  provider: Provider
  models: readonly string[]
  price: Readonly<Record<string, ModelPrice>>
}
