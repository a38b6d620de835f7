/**
 * Settings in layers: later ones win key by key, lists are
 * replaced whole, and every value remembers where it came from.
 */

export type Tree = { [key: string]: unknown }

export interface Layer {
  /** e.g. `openloom.yaml:12`, made per path, or a fixed name such as `environment`. */
  origin: string | ((path: readonly string[]) => string)
  values: Tree
}

export interface Layered {
  values: Tree
  /** Dotted path of every leaf → origin. */
  origins: Map<string, string>
  /** The same of the layers themselves. */
  brought: Map<string, Layer>
}

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Undefined values count as not given. */
export function mergeLayers(layers: readonly Layer[]): Layered {
  const origins = new Map<string, string>()
  const brought = new Map<string, Layer>()
  const values: Tree = {}
  for (const layer of layers) mergeInto(values, layer.values, { layer, origins, brought, path: [] })
  return { values, origins, brought }
}

interface Merge {
  layer: Layer
  origins: Map<string, string>
  brought: Map<string, Layer>
  path: readonly string[]
}

function mergeInto(target: Tree, from: Tree, merge: Merge): void {
  for (const [key, value] of Object.entries(from)) {
    if (value === undefined) continue
    const path = [...merge.path, key]
    const before = target[key]
    if (isTree(value)) {
      const branch: Tree = isTree(before) ? before : {}
      target[key] = branch
      mergeInto(branch, value, { ...merge, path })
      continue
    }
    target[key] = value
    const { origin } = merge.layer
    merge.brought.set(path.join('.'), merge.layer)
    merge.origins.set(path.join('.'), typeof origin === 'string' ? origin : origin(path))
  }
}
