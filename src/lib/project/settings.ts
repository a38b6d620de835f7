/** The settings that a project brings in its own openloom.yaml, by what they say: hostile until a person took them. */
import { join } from 'node:path'
import { canonicalJson } from '../canonical.ts'
import { sha256 } from '../digest.ts'
import { decodeUtf8, errnoOf, readBounded } from '../files.ts'
import { parseYaml } from '../yaml.ts'
import type { ToolFiles } from './tools.ts'

export interface ProjectSettings {
  /** As written, none: an empty list; null: the file cannot be read as settings. */
  permissions: unknown
  sha256: string
}

/** What a person took of a project, as it is kept: of its settings, and of its tools where it has any. */
export const digestOf = (settings: ProjectSettings | null, tools: ToolFiles | null): string | null =>
  tools ? `${settings?.sha256 ?? ''}+${tools.sha256}` : (settings?.sha256 ?? null)

export function takenFrom(digest: string | null): { settings: string | null; tools: string | null } {
  const [settings = '', tools = ''] = (digest ?? '').split('+')
  return { settings: settings || null, tools: tools || null }
}

/** Sections that say how agents work, and what keeps them in; a task beside them may change freely. */
export const powerful: readonly string[] = [
  ...['permissions', 'models', 'runtimes', 'child_env', 'notify', 'sources', 'server', 'data_dir'],
  ...['sandbox', 'keychain', 'retention', 'workspace_roots'],
]
const sizeBytesMax = 256 * 1024

/** Null where the project brings none. A file that cannot be read has a digest too, to be told from another. */
export async function readProjectSettings(workspace: string): Promise<ProjectSettings | null> {
  try {
    const { bytes, whole } = await readBounded(join(workspace, 'openloom.yaml'), sizeBytesMax)
    const text = whole ? decodeUtf8(bytes) : null
    const parsed = text === null ? null : parseYaml(text, { sizeBytesMax })
    if (!parsed?.ok) return { permissions: null, sha256: sha256(bytes) }
    const { value } = parsed.value
    if (typeof value !== 'object' || value === null) return null
    const settings = Object.entries(value).filter(([key]) => powerful.includes(key))
    if (settings.length === 0) return null
    const { permissions = [] } = Object.fromEntries(settings)
    return { permissions, sha256: sha256(canonicalJson(Object.fromEntries(settings))) }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return null
    return { permissions: null, sha256: sha256(errnoOf(error)) }
  }
}
