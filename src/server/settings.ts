/** The effective settings as the page shows them: each there is, its value, where it came from, how it is changed. */
import { shownValue } from '../lib/shown-values.ts'
import type { KeyLook, SettingItem, SettingList, SettingOrigin } from './api.ts'
import { changeable, isChangeable } from './setting-change.ts'

interface JsonSchema {
  $ref?: string
  type?: string
  description?: string
  minimum?: number
  exclusiveMinimum?: number
  maximum?: number
  properties?: Record<string, JsonSchema>
  $defs?: Record<string, JsonSchema>
}

export interface Effective {
  config: { runtimes: readonly { kind: string }[] }
  /** Dotted path of what somebody gave → `file:line`, `environment` or the variable, `command line`. */
  origins: ReadonlyMap<string, string>
  files: string[]
  userFile: string
  /** Of the whole configuration file. */
  schema: JsonSchema
  keys: KeyLook[]
  /** Masks known secrets in a text. */
  hide(text: string): string
}

export function settingList(effective: Effective): Omit<SettingList, 'filters'> {
  const { config, origins, files, userFile, schema, keys, hide } = effective
  const named = Object.keys(config).filter((name) => schema.properties?.[name])
  const leaves = named.flatMap((name) => leavesOf(schema.properties?.[name] ?? {}, [name], schema.$defs ?? {}))
  const items = [...leaves, ...hiddenLeaves(leaves)].map(({ path, about, schema: given }): SettingItem => {
    const found = path.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], config)
    const value = found === undefined ? null : shownValue(found, 'set, not shown', hide)
    const name = path.join('.')
    const origin = originOf(name, origins)
    return { path: name, value, origin, about, change: inputOf(name, given, { origin, ...effective }) }
  })
  return { items, files, userFile, keys }
}

/** Those that may be changed and stand below a set of free names. */
function hiddenLeaves(leaves: readonly Leaf[]): Leaf[] {
  const known = new Set(leaves.map(({ path }) => path.join('.')))
  const hidden = changeable.filter((path) => !known.has(path))
  return hidden.map((path) => ({ path: path.split('.'), about: abouts[path] ?? null, schema: { type: 'string' } }))
}

const abouts: Readonly<Record<string, string>> = {
  'models.purposes.build.model': 'What the agent asks where a session names no model: `model` or `provider/model`.',
}

function inputOf(
  path: string,
  schema: JsonSchema,
  { origin, userFile, config }: Effective & { origin: SettingOrigin },
): SettingItem['change'] {
  if (!isChangeable(path)) return null
  const isHere = origin.kind === 'file' && origin.file === userFile
  const choices = path === 'defaults.runtime' ? config.runtimes.map(({ kind }) => kind) : []
  const form = choices.length > 0 ? 'choice' : schema.type === 'string' ? 'text' : 'number'
  const min = schema.minimum ?? schema.exclusiveMinimum ?? null
  return { path, form, choices, min, max: schema.maximum ?? null, isHere, fixed: isHere ? null : fixedBy(origin) }
}

function fixedBy(origin: SettingOrigin): string | null {
  switch (origin.kind) {
    case 'default':
      return null
    case 'file':
      return `It stands in ${origin.file}:${origin.line}, which wins over your own file: change it there.`
    case 'environment':
      return `It is taken from ${origin.variable ?? 'the environment'}: it cannot be changed here.`
    case 'command line':
      return 'It was given on the command line: it cannot be changed here.'
  }
}

interface Leaf {
  path: string[]
  about: string | null
  schema: JsonSchema
}

function leavesOf(given: JsonSchema, path: string[], defs: Record<string, JsonSchema>): Leaf[] {
  const named = given.$ref ? defs[given.$ref.split('/').at(-1) ?? ''] : undefined
  const schema = { ...named, ...given }
  if (!schema.properties) return [{ path, about: schema.description ?? null, schema }]
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
