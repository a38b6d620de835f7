/** What is said of settings that do not fit: where each stands, and what was meant. It reads no file. */
import type { z } from 'zod'
import type { Problem } from './core/problem.ts'
import type { Layer, Tree } from './lib/layers.ts'
import { nearest } from './lib/nearest.ts'

/** By dotted path of a list that several brought: where each element stands in its file; null: in no file. */
export type Places = ReadonlyMap<string, readonly (number | null)[]>

export interface Written {
  schema: z.ZodType
  values: Tree
  /** By dotted path of every leaf. */
  brought: ReadonlyMap<string, Layer>
  places: Places
}

/** With the file and line that brought the value; a misspelt key is named with its neighbour. */
export function problemsOf(issue: z.core.$ZodIssue, written: Written): Problem[] {
  const path = issue.path.map(String)
  const located = (at: readonly string[], text: string, todo?: string): Problem => {
    const origin = originOf(at, written)
    const line = /:(\d+)$/.exec(origin)?.[1]
    const where = line ? { line: Number(line) } : {}
    return { kind: 'bad-setting', text: `${origin}: ${text}`, ...(todo ? { todo } : {}), ...where }
  }
  if (issue.code !== 'unrecognized_keys') return [located(path, `${path.join('.')}: ${issue.message}.`)]
  const known = knownKeys(path, written)
  return issue.keys.map((key) => {
    const near = nearest(key, known)
    const todo = near ? `Did you mean "${near}"?` : `Known here: ${known.join(', ')}.`
    return located([...path, key], `"${[...path, key].join('.')}" is not a setting.`, todo)
  })
}

function originOf(path: readonly string[], { brought, places }: Written): string {
  for (let n = path.length; n > 0; n--) {
    const key = path.slice(0, n).join('.')
    const place = places.get(key)?.[Number(path[n])]
    if (place === null) return 'environment'
    const layer = brought.get(key) ?? [...brought].find(([name]) => name.startsWith(`${key}.`))?.[1]
    if (!layer) continue
    const inFile = place === undefined ? path : [...path.slice(0, n), String(place), ...path.slice(n + 1)]
    return typeof layer.origin === 'string' ? layer.origin : layer.origin(inFile)
  }
  return 'the configuration'
}

/** What zod keeps of a schema, as far as it is walked here. */
interface Shape {
  shape?: Record<string, Shape>
  element?: Shape
  options?: readonly Shape[]
  def?: { innerType?: Shape; discriminator?: string; values?: readonly unknown[] }
}

function knownKeys(path: readonly string[], { schema, values }: Written): string[] {
  let [at, value]: [Shape | undefined, unknown] = [schema as Shape, values]
  for (const part of path) {
    const inside = bare(at, value)
    at = inside?.shape?.[part] ?? inside?.element
    value = (value as Record<string, unknown> | undefined)?.[part]
  }
  return Object.keys(bare(at, value)?.shape ?? {})
}

/** Without what only adds a default, and of several kinds the one that the value says it is. */
function bare(schema: Shape | undefined, value: unknown): Shape | undefined {
  if (schema?.def?.innerType) return bare(schema.def.innerType, value)
  const name = schema?.def?.discriminator
  if (!name) return schema
  const kind = (value as Record<string, unknown> | undefined)?.[name]
  return schema?.options?.find((one) => bare(one.shape?.[name], kind)?.def?.values?.includes(kind))
}
