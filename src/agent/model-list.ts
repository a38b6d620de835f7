/** What a person asks about models: which there are, and whether a provider works. It chooses and stores nothing. */
import type { Clock } from '../core/clock.ts'
import type { Problem } from '../core/problem.ts'
import { chooseModel, type ModelChoices, namedModel } from './model-choice.ts'
import type { ModelPrice } from './prices.ts'
import type { ModelSource } from './providers/source.ts'

export interface ModelRow {
  provider: string
  model: string
  /** What a session uses that names none. */
  isDefault: boolean
  /** Null: unknown. */
  contextTokens: number | null
  price: ModelPrice | null
}

export interface ModelRows {
  models: ModelRow[]
  problems: { provider: string; problem: Problem }[]
}

/** Without a word to anybody: the models that the settings name. */
export function knownModels({ sources, fallback = null }: ModelChoices): ModelRow[] {
  const [first] = sources
  if (!first) return []
  const usual = fallback ? namedModel(sources, first, fallback) : { source: first, model: first.models[0] }
  return sources.flatMap((source): ModelRow[] => {
    const names = new Set(source.models)
    if (source === usual.source && usual.model !== undefined) names.add(usual.model)
    return [...names].map((model) => {
      const isDefault = source === usual.source && model === usual.model
      return { provider: source.provider.name, model, isDefault, ...factsOf(source, model) }
    })
  })
}

const factsOf = (source: ModelSource, model: string) => ({
  contextTokens: source.contextTokens(model),
  price: source.price[model] ?? null,
})

/** Every provider is asked anew; one that cannot list still has the models that its settings name. */
export async function listModels(choices: ModelChoices, signal: AbortSignal): Promise<ModelRows> {
  const chosen = await chooseModel(choices, { model: null, purpose: 'build' }, signal)
  const first = chosen.ok ? chosen.value : null
  const found = await Promise.all(
    choices.sources.map(async (source): Promise<ModelRows> => {
      const listed = await source.provider.models(signal)
      const provider = source.provider.name
      const ids = new Set([...source.models, ...('ids' in listed ? listed.ids : [])])
      if (first?.source === source) ids.add(first.model)
      const models = [...ids].map((model) => ({
        provider,
        model,
        isDefault: first?.source === source && first.model === model,
        ...factsOf(source, model),
      }))
      return { models, problems: 'problem' in listed ? [{ provider, problem: listed.problem }] : [] }
    }),
  )
  return { models: found.flatMap((one) => one.models), problems: found.flatMap((one) => one.problems) }
}

export interface ProviderTest {
  provider: string
  model: string | null
  /** Null: it answered. */
  problem: Problem | null
  answeredMs: number | null
}

const question = 'Say ok.'
const outputTokensMax = 64

/** One real, short question: lists of models are given to anybody, a wrong key shows only here. */
export async function testProvider(source: ModelSource, clock: Clock, signal: AbortSignal): Promise<ProviderTest> {
  const provider = source.provider.name
  const chosen = await chooseModel({ sources: [source] }, { model: null, purpose: '' }, signal)
  if (!chosen.ok) return { provider, model: null, problem: chosen.problems[0] ?? unknown, answeredMs: null }
  const { model } = chosen.value
  const startedAt = clock.monotonic()
  const request = {
    model,
    messages: [{ role: 'user' as const, text: question }],
    tools: [],
    temperature: null,
    maxOutputTokens: outputTokensMax,
  }
  let problem: Problem | null = unknown
  for await (const event of source.provider.stream(request, signal)) {
    if (event.type === 'end') problem = null
    if (event.type === 'failed') problem = event.problem
  }
  return { provider, model, problem, answeredMs: problem ? null : Math.round(clock.monotonic() - startedAt) }
}

const unknown: Problem = { kind: 'model-silent', text: 'The model did not answer.' }
