/**
 * What holds for a session, from all that speak: the machine, the user, the project as far as a person took its word,
 * and the run. It reads, and decides no call.
 */
import type { SessionRecord, Workspace } from '../../core/session.ts'
import { decodeUtf8, errnoOf, readBounded } from '../../lib/files.ts'
import { type ProjectSettings, readProjectSettings, takenFrom } from '../../lib/project/settings.ts'
import { readToolFiles, toolsFolder } from '../../lib/project/tools.ts'
import { parseYaml } from '../../lib/yaml.ts'
import type { Policy } from './engine.ts'
import { defaultRules, type Rule, rulesSchema } from './rules.ts'

export interface PolicySources {
  /** Written by whoever runs the machine: no layer lifts it. */
  managedFile: string
  user: readonly Rule[]
  run: readonly Rule[]
  /** What a person said of the session's workspace, or of the project that its worktree belongs to. */
  trustOf(session: SessionRecord): Workspace | null
  /** That a project's own settings are not taken; told once a workspace. */
  ignored(session: SessionRecord, why: string): void
}

export const managedFileDefault = '/etc/openloom/policy.yaml'
const sizeBytesMax = 256 * 1024
const nothing: readonly Rule[] = [{ tool: '*', action: 'deny' }]
const askForAll: readonly Rule[] = [
  { tool: '*', action: 'ask' },
  { tool: 'read', action: 'allow' },
  { tool: 'glob', action: 'allow' },
  { tool: 'grep', action: 'allow' },
  { tool: 'ask_user', action: 'allow' },
  { tool: 'work_items', action: 'allow' },
  { tool: 'submit_plan', action: 'allow' },
]

export function createPolicies(sources: PolicySources): (session: SessionRecord) => Promise<Policy> {
  const told = new Set<string>()
  return async (session) => {
    const said = sources.trustOf(session)
    const [managed, settings, tools] = await Promise.all([
      readManaged(sources.managedFile),
      readProjectSettings(session.workspace),
      readToolFiles(session.workspace),
    ])
    const { rules, why } = projectRules(said, settings)
    const accepted = said?.trust === 'trusted'
    const isTaken = accepted && tools?.sha256 === takenFrom(said.settingsSha256).tools
    const whyNot = tools && !isTaken ? `Nobody took its tools (${toolsFolder}) as they are now.` : null
    const all = [why, whyNot].flatMap((one) => one ?? []).join(' ')
    if (all !== '' && !told.has(session.workspace + all)) {
      told.add(session.workspace + all)
      sources.ignored(session, all)
    }
    const now = () => capsOf(sources.trustOf(session))
    const layers = { managed, user: [...defaultRules, ...sources.user], project: rules, run: sources.run }
    return { layers, ...capsOf(said), now, accepted, ...(tools && isTaken ? { tools } : {}) }
  }
}

const capsOf = (said: Workspace | null): Pick<Workspace, 'trust' | 'access'> =>
  said ? { trust: said.trust, access: said.access } : { trust: 'trusted', access: 'scoped' }

/** No file: no word. One that cannot be read may have forbidden anything, so everything is. */
async function readManaged(path: string): Promise<readonly Rule[]> {
  try {
    const { bytes, whole } = await readBounded(path, sizeBytesMax)
    const text = whole ? decodeUtf8(bytes) : null
    const parsed = text === null ? null : parseYaml(text, { sizeBytesMax })
    const written = parsed?.ok ? (parsed.value.value as Record<string, unknown> | null)?.permissions : null
    const rules = rulesSchema.safeParse(written)
    return rules.success ? rules.data : nothing
  } catch (error) {
    return ['ENOENT', 'ENOTDIR'].includes(errnoOf(error)) ? [] : nothing
  }
}

/** What the machine and each project that was said to be trusted bring; of the others there is no word. */
export async function writtenRules(managedFile: string, workspaces: readonly Workspace[]) {
  const projects = workspaces.map(async (said) => {
    const settings = said.trust === 'untrusted' ? null : await readProjectSettings(said.path)
    return { path: said.path, ...projectRules(said, settings) }
  })
  return { machine: await readManaged(managedFile), projects: await Promise.all(projects) }
}

interface ProjectRules {
  rules: readonly Rule[]
  /** Why they are not taken. */
  why: string | null
}

function projectRules(said: Workspace | null, settings: ProjectSettings | null): ProjectRules {
  const accepted = takenFrom(said?.settingsSha256 ?? null).settings
  if (!settings && accepted === null) return { rules: [], why: null }
  if (settings?.sha256 === accepted) {
    const parsed = rulesSchema.safeParse(settings?.permissions ?? [])
    if (parsed.success) return { rules: parsed.data, why: null }
    return { rules: askForAll, why: 'Its permissions cannot be read as rules.' }
  }
  // Whoever changes rules that were taken must not be rid of them by that.
  if (accepted !== null) return { rules: askForAll, why: 'Its permissions changed since a person accepted them.' }
  return { rules: [], why: said ? 'Its permissions are new.' : 'Nobody has said yet that it is trusted.' }
}
