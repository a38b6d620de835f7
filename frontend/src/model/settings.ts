/** Settings and rules as text: what stands where, and what was typed to change it. Pure; it writes no file. */
import type { Grant } from '../../../src/core/ask.ts'
import type { Workspace } from '../../../src/core/session.ts'
import type { PermissionRule, RuleLayer, SettingInput, SettingItem } from '../../../src/server/api.ts'

export interface SettingGroup {
  name: string
  items: SettingItem[]
}

export const isSet = ({ origin }: SettingItem): boolean => origin.kind !== 'default'

/** By their section, in the order of the daemon; `words` must all stand somewhere in the row. */
export function groupSettings(items: readonly SettingItem[], words: string, onlySet: boolean): SettingGroup[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean)
  const groups = new Map<string, SettingItem[]>()
  for (const item of items) {
    const text = `${item.path} ${valueText(item.value)} ${item.about ?? ''} ${originText(item)}`.toLowerCase()
    if ((onlySet && !isSet(item)) || !wanted.every((word) => text.includes(word))) continue
    const name = item.path.split('.')[0] ?? ''
    groups.set(name, [...(groups.get(name) ?? []), item])
  }
  return [...groups].map(([name, found]) => ({ name, items: found }))
}

/** One line; what is a list or a set of names is counted where it is long. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return 'not set'
  if (Array.isArray(value) && value.length === 0) return 'none'
  if (typeof value === 'object' && Object.keys(value).length === 0) return 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

export function originText({ origin }: Pick<SettingItem, 'origin'>): string {
  if (origin.kind === 'file') return `${origin.file.split('/').at(-1)}:${origin.line}`
  return origin.kind === 'environment' ? (origin.variable ?? 'environment') : origin.kind
}

/** The lines for a configuration file; JSON is YAML, so any value stands in it as it is. */
export function yamlOf(path: string, value: unknown): string {
  const keys = path.split('.')
  return keys
    .map((key, depth) => {
      const isLast = depth === keys.length - 1
      return `${'  '.repeat(depth)}${key}:${isLast ? ` ${value === null ? '' : JSON.stringify(value)}` : ''}`
    })
    .join('\n')
}

/** What was typed, as the daemon takes it; null where nothing was. */
export function typedValue(typed: string | null, form: SettingInput['form']): string | number | null {
  const text = typed?.trim() ?? ''
  if (text === '') return null
  return form === 'number' ? Number(text) : text
}

/** Words of a filter, as they are typed: commas, blanks or lines between them. */
export const typedEvents = (typed: string | null): string[] | null => typed?.split(/[\s,]+/).filter(Boolean) ?? null

export const layerWords: Record<RuleLayer['from'], string> = {
  machine: 'The machine',
  default: 'Built in',
  user: 'Yours',
  project: 'The project',
}

export const layerMeanings: Record<RuleLayer['from'], string> = {
  machine: 'tightens; nothing lifts it',
  default: 'everything inside the workspace, as far as the tools reach',
  user: 'allows, asks, denies',
  project: 'tightens, for work in this folder',
}

/** What a rule speaks of; an empty one speaks of every call of its tool. */
export function ruleSubject({ path, command, pattern, profile }: PermissionRule): string {
  const parts = [path && `path ${path}`, command && `command ${command}`, pattern && `pattern ${pattern}`]
  return [...parts, profile && `only as ${profile}`].filter(Boolean).join(', ') || 'every call'
}

export const grantText = ({ permission, pattern }: Grant): string => `${permission}: ${pattern}`

export const trustWords: Record<Workspace['trust'], string> = {
  trusted: 'trusted',
  'read-only': 'read only',
  untrusted: 'untrusted',
}

/** What a word on a folder does, said before it is said. */
export const trustMeanings: Record<Workspace['trust'], string> = {
  trusted: 'Agents work there, and the project’s own rules and tools are taken as they are now.',
  'read-only': 'Agents read there; of commands only those run that are proven to change nothing.',
  untrusted: 'Agents read there, and each command is asked of a person, whatever was allowed before.',
}
