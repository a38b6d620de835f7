/** Which model of which provider is asked. Asks a provider only when the configuration names no model at all. */
import { ok, type Result, refuse } from '../core/problem.ts'
import type { Purposes } from './model-settings.ts'
import type { ModelSource } from './providers/source.ts'

export interface ModelChoices {
  /** In order of preference. */
  sources: readonly ModelSource[]
  purposes?: Purposes
  /** For every purpose that names none. */
  fallback?: string | null
}

export interface Wanted {
  /** What a session or task names: `model`, or `provider/model` with the name of a provider. */
  model: string | null
  purpose: string
}

export interface Choice {
  source: ModelSource
  model: string
  temperature: number | null
  /** Why this one, for a person. */
  why: string
}

/** A list as old as this will do to find the first model of it. */
const listAgeMs = 600_000

/** Order: what the session names, the purpose, the settings, the provider's default, the first that it lists. */
export async function chooseModel(
  { sources, purposes = {}, fallback = null }: ModelChoices,
  wanted: Wanted,
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
  const purpose = purposes[wanted.purpose]
  const temperature = purpose?.temperature ?? null
  const named: [string | null | undefined, string][] = [
    [wanted.model, 'asked for'],
    [purpose?.model, `set for ${wanted.purpose}`],
    [fallback, 'set for the runtime'],
  ]
  for (const [name, why] of named) if (name) return ok({ ...namedModel(sources, first, name), temperature, why })
  const [model] = first.models
  if (model !== undefined) return ok({ source: first, model, temperature, why: 'the default of its provider' })
  const listed = await first.provider.models(signal, listAgeMs)
  if ('problem' in listed) return refuse(listed.problem)
  const [id] = listed.ids
  if (id !== undefined) return ok({ source: first, model: id, temperature, why: 'the first that its provider lists' })
  return refuse({ kind: 'no-model', text: `The provider ${first.provider.name} offers no model.` })
}

/** For a purpose beside a run: what is set for it, else what the run itself asks. */
export function modelFor(
  purpose: string,
  choices: ModelChoices,
  own: Pick<Choice, 'source' | 'model'>,
): Pick<Choice, 'source' | 'model' | 'temperature'> {
  const set = choices.purposes?.[purpose]
  const [first] = choices.sources
  const named = set?.model && first ? namedModel(choices.sources, first, set.model) : own
  return { source: named.source, model: named.model, temperature: set?.temperature ?? null }
}

export function namedModel(
  sources: readonly ModelSource[],
  first: ModelSource,
  wanted: string,
): Pick<Choice, 'source' | 'model'> {
  const listing = sources.find((source) => source.models.includes(wanted))
  if (listing) return { source: listing, model: wanted }
  const named = sources.find((source) => wanted.startsWith(`${source.provider.name}/`))
  if (named) return { source: named, model: wanted.slice(named.provider.name.length + 1) }
  return { source: first, model: wanted }
}
