/** `openloom config show|schema`: the effective settings, with --origin where each value came from; the JSON Schema. */
import { intakeSettings, jsonSchema, type LoadedConfig } from '../config.ts'
import { shownValue } from '../lib/shown-values.ts'
import { exit } from './exit.ts'
import type { Shell } from './program.ts'
import { settingsHere } from './settings.ts'
import { print, printJson } from './terminal.ts'

export async function showConfig(options: { origin?: boolean; json?: boolean }, shell: Shell): Promise<number> {
  const loaded = await settingsHere(shell)
  const leaves = [...flatten(loaded.config), ...effective(loaded)]
  const originOf = (path: string): string =>
    loaded.origins.get(path) ?? (path.startsWith('effective.') ? 'computed' : 'default')
  if (options.json) {
    const values = leaves.map(([path, value]) => [path, options.origin ? { value, origin: originOf(path) } : value])
    printJson(Object.fromEntries(values))
    return exit.ok
  }
  for (const [path, value] of leaves) {
    print(`${path} = ${JSON.stringify(value)}${options.origin ? `   # ${originOf(path)}` : ''}`)
  }
  return exit.ok
}

export async function showSchema(): Promise<number> {
  printJson(jsonSchema())
  return exit.ok
}

/** What follows from several settings together: what one asks for after a refusal. */
function effective(loaded: LoadedConfig): [string, unknown][] {
  const { policies } = intakeSettings(loaded, { checkers: [], sampleWorkspace: null })
  return Object.entries(policies)
    .filter(([source]) => source !== 'sample')
    .flatMap(([source, { workspaceRoots, commands }]): [string, unknown][] => [
      [`effective.${source}.workspace_roots`, workspaceRoots],
      [`effective.${source}.commands`, commands],
    ])
}

/** Lists stay whole; whatever could be a secret is named and hidden. */
function flatten(value: unknown, path = ''): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [[path, shownValue(value, '[hidden]')]]
  return Object.entries(value).flatMap(([key, part]) => flatten(part, path ? `${path}.${key}` : key))
}
