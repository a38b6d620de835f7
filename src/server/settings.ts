/** The effective settings as the page shows them: each one there is, its value, where it came from. Read only. */
import { shownValue } from '../lib/shown-values.ts'
import type { KeyLook, SettingItem, SettingList, SettingOrigin } from './api.ts'

interface JsonSchema {
  $ref?: string
  type?: string
  description?: string
  properties?: Record<string, JsonSchema>
  $defs?: Record<string, JsonSchema>
}

export interface Effective {
  config: object
  /** Dotted path of what somebody gave → `file:line`, `environment` or the variable, `command line`. */
  origins: ReadonlyMap<string, string>
  files: string[]
  /** Of the whole configuration file. */
  schema: JsonSchema
  keys: KeyLook[]
  /** Masks known secrets in a text. */
  hide(text: string): string
}

export function settingList({ config, origins, files, schema, keys, hide }: Effective): SettingList {
  const named = Object.keys(config).filter((name) => schema.properties?.[name])
  const leaves = named.flatMap((name) => leavesOf(schema.properties?.[name] ?? {}, [name], schema.$defs ?? {}))
  const items = leaves.map(({ path, about }): SettingItem => {
    const found = path.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], config)
    const value = found === undefined ? null : shownValue(found, 'set, not shown', hide)
    return { path: path.join('.'), value, origin: originOf(path.join('.'), origins), about }
  })
  return { items, files, keys }
}

interface Leaf {
  path: string[]
  about: string | null
}

function leavesOf(given: JsonSchema, path: string[], defs: Record<string, JsonSchema>): Leaf[] {
  const named = given.$ref ? defs[given.$ref.split('/').at(-1) ?? ''] : undefined
  const schema = { ...named, ...given }
  if (!schema.properties) return [{ path, about: schema.description ?? null }]
  return Object.entries(schema.properties).flatMap(([key, part]) => leavesOf(part, [...path, key], defs))
}

/** Of a set of names, the first that was given says where it stands. */
function originOf(path: string, origins: ReadonlyMap<string, string>): SettingOrigin {
  const origin = origins.get(path) ?? [...origins].find(([name]) => name.startsWith(`${path}.`))?.[1] ?? 'default'
  const [, file, line] = /^(.+):(\d+)$/.exec(origin) ?? []
  if (file && line) return { kind: 'file', file, line: Number(line) }
  if (origin === 'default' || origin === 'command line') return { kind: origin }
  return { kind: 'environment', variable: origin === 'environment' ? null : origin }
}
