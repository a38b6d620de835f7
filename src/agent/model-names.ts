/** Whether there is a model of a name that a person wrote. It chooses none. */
import { ok, type Result, refuse } from '../core/problem.ts'
import { nearestOf } from '../lib/nearest.ts'
import type { ModelRow, ModelRows } from './model-list.ts'

const namesMax = 5

/** Models without asking anybody, and after every provider was asked. */
export interface NamedModels {
  known(): ModelRow[]
  list(): Promise<ModelRows>
}

/**
 * The names of the settings are asked first, the providers only when it is none of these. Of a provider that does not
 * answer nobody can tell: then a name that says it is his, or that names no provider, is taken.
 */
export async function knownModel(models: NamedModels, wanted: string): Promise<Result<string>> {
  const known = models.known()
  const isIt = ({ provider, model }: { provider: string; model: string }) =>
    wanted === model || wanted === `${provider}/${model}`
  if (known.some(isIt)) return ok(wanted)
  const listed = await models.list()
  if (listed.models.some(isIt)) return ok(wanted)
  const mute = listed.problems.map(({ provider }) => provider)
  if (mute.some((name) => wanted.startsWith(`${name}/`)) || (mute.length > 0 && !wanted.includes('/'))) {
    return ok(wanted)
  }
  const names = [...known, ...listed.models].map(({ provider, model }) => `${provider}/${model}`)
  const near = nearestOf(wanted, names, namesMax)
  const todo = near.length > 0 ? `The nearest are: ${near.join(', ')}.` : 'No provider offers one; see the settings.'
  return refuse({ kind: 'unknown-model', text: `No provider offers the model "${wanted}".`, todo })
}
