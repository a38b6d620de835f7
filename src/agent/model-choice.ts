/** Which model of which provider a session uses. Asks a provider only when the configuration names no model at all. */
import { ok, type Result, refuse } from '../core/problem.ts'
import type { ModelSource } from './providers/source.ts'

export interface Choice {
  source: ModelSource
  model: string
}

/** `wanted` is `model`, or `provider/model` with the name of a provider; null means the default. */
export async function chooseModel(
  sources: readonly ModelSource[],
  wanted: string | null,
  signal: AbortSignal,
): Promise<Result<Choice>> {
  const [first] = sources
  if (!first) {
    return refuse({
      kind: 'no-model',
      text: 'No model is configured.',
      todo: 'Set OPENLOOM_BASE_URL, OPENLOOM_MODEL and OPENLOOM_API_KEY, or add a provider to the configuration.',
    })
  }
  if (wanted !== null) return ok(namedModel(sources, first, wanted))
  const [model] = first.models
  if (model !== undefined) return ok({ source: first, model })
  const listed = await first.provider.models(signal)
  if ('problem' in listed) return refuse(listed.problem)
  const [id] = listed.ids
  if (id !== undefined) return ok({ source: first, model: id })
  return refuse({ kind: 'no-model', text: `The provider ${first.provider.name} offers no model.` })
}

function namedModel(sources: readonly ModelSource[], first: ModelSource, wanted: string): Choice {
  const listing = sources.find((source) => source.models.includes(wanted))
  if (listing) return { source: listing, model: wanted }
  const named = sources.find((source) => wanted.startsWith(`${source.provider.name}/`))
  if (named) return { source: named, model: wanted.slice(named.provider.name.length + 1) }
  return { source: first, model: wanted }
}
