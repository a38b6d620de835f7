/** What the page shows of everything around the work, gathered when somebody asks. It builds and starts nothing. */
import { join } from 'node:path'
import { managedFileDefault, writtenRules } from './agent/permission/policies.ts'
import { defaultRules } from './agent/permission/rules.ts'
import { asYaml, detectProviders } from './agent/providers/detect.ts'
import { jsonSchema } from './config.ts'
import { systemClock } from './core/clock.ts'
import type { LoomEvent } from './core/event.ts'
import type { Problem } from './core/problem.ts'
import type { InboxDirectory } from './inbox/directory.ts'
import { nameOfKey, takenText, waitingFiles } from './inbox/shelf.ts'
import type { Plan } from './parts.ts'
import { findBinary } from './runtimes/opencode/binary.ts'
import { detectOpenCode } from './runtimes/opencode/index.ts'
import type { FoundItem, FoundList, InboxItem, KeyLook, RuleLayer, RuleList } from './server/api.ts'
import type { Around } from './server/context.ts'
import { settingList } from './server/settings.ts'
import type { Arrival } from './store/arrivals.ts'
import { SecretStore } from './store/secrets.ts'

const projectsMax = 50
const refusalsMax = 500
/** A refusal and its event are one transaction; only the clock lies between them. */
const apartMs = 1_000

export function surroundings(plan: Plan, directory: Pick<InboxDirectory, 'watching'>): Around {
  const { config, origins, files } = plan.loaded
  const { arrivals } = plan.store
  const { dir } = config.inbox
  return {
    async settings() {
      const hide = (text: string) => plan.secrets.hide(text)
      return settingList({ config, origins, files, schema: jsonSchema(), keys: await keysOf(plan), hide })
    },
    rules: () => rulesOf(plan),
    found: () => foundBy(plan),
    async inbox({ limit, before }) {
      const found = arrivals.page(limit + 1, before)
      const items = withProblems(found.slice(0, limit), arrivals.refusals(refusalsMax))
      const next = found.length > limit ? (items.at(-1)?.number ?? null) : null
      return { dir, watching: directory.watching, waiting: await waitingFiles(dir), items, next }
    },
    async inboxFile(number) {
      const found = arrivals.one(number)
      const [item] = withProblems(found ? [found] : [], arrivals.refusals(refusalsMax))
      if (!found || !item) return null
      return { item, text: await takenText(dir, { ...item, taskId: found.task?.id ?? null, sha256: found.sha256 }) }
    },
  }
}

async function keysOf({ loaded: { config }, env, secrets }: Plan): Promise<KeyLook[]> {
  const stored = await new SecretStore(config.data_dir, { keychain: config.keychain, mask: secrets }).list()
  return config.models.providers.map((provider): KeyLook => {
    const variable = provider.api_key_env ?? null
    const isKept = stored.some(({ name }) => name === provider.name)
    const from = variable && env[variable] ? 'environment' : isKept ? 'stored' : null
    return { provider: provider.name, variable, from }
  })
}

async function rulesOf({ loaded: { config, origins }, store }: Plan): Promise<RuleList> {
  const said = store.workspaces.list().slice(0, projectsMax)
  const { machine, projects } = await writtenRules(managedFileDefault, said)
  const builtin = config.runtimes.flatMap((one) => (one.kind === 'builtin' ? one.permissions : []))
  const layer = (from: RuleLayer['from'], where: string, rules: RuleLayer['rules'], note: string | null = null) => {
    return { from, where, rules, note }
  }
  const all: RuleLayer[] = [
    layer('machine', managedFileDefault, [...machine]),
    layer('default', 'OpenLoom itself', [...defaultRules]),
    layer('user', origins.get('permissions') ?? 'permissions', config.permissions),
    layer('user', origins.get('runtimes') ?? 'runtimes', builtin),
    ...projects.map(({ path, rules, why }) => layer('project', path, [...rules], why)),
  ]
  return { items: all.filter(({ rules, note }) => rules.length > 0 || note !== null) }
}

const obeyed = / done$/

function withProblems(found: readonly Arrival[], refusals: readonly LoomEvent[]): InboxItem[] {
  return found.map(({ number, key, at, task }): InboxItem => {
    const name = nameOfKey(key)
    const outcome = task ? 'accepted' : obeyed.test(key) ? 'obeyed' : 'rejected'
    const told = refusals.find((event) => event.data.file === name && Math.abs(event.at - at) < apartMs)
    const problems = outcome === 'rejected' ? ((told?.data.problems as Problem[] | undefined) ?? null) : null
    return { number, name, at, outcome, task, problems }
  })
}

/** Keys by the name of their variable only. What is offered becomes active when a person writes it down. */
async function foundBy({ loaded: { config, home, files }, env }: Plan): Promise<FoundList> {
  const file = files.at(-1) ?? join(env.XDG_CONFIG_HOME ?? join(home, '.config'), 'openloom', 'config.yaml')
  const given = config.runtimes.find((one) => one.kind === 'opencode')
  const [providers, answers] = await Promise.all([
    detectProviders({ env, clock: systemClock }),
    given ? detectOpenCode(given, env) : false,
  ])
  const models = providers.map((one): FoundItem => {
    const isUsed = config.models.providers.some(({ name }) => name === one.settings.name)
    const lines = `models:\n  providers:\n    ${asYaml(one)}`
    const todo = isUsed ? 'It is in the settings already.' : 'Put these lines into the settings, then start again.'
    return { name: one.settings.name ?? '', because: one.because, state: isUsed ? 'used' : 'usable', lines, todo }
  })
  return { items: [...openCodeFound(given, { env, answers }), ...models, ...foreign(env.PATH)], file }
}

function openCodeFound(
  given: { url: string; command: string } | undefined,
  { env, answers }: { env: Plan['env']; answers: boolean },
): FoundItem[] {
  const program = findBinary(given?.command ?? 'opencode', env.PATH)
  const name = 'OpenCode'
  if (answers) {
    const todo = 'Tasks with `runtime: opencode` run there, and its sessions are watched.'
    return [{ name, because: `it answers at ${given?.url}`, state: 'used', lines: null, todo }]
  }
  if (program === null) return []
  const todo = 'Start its server in a terminal, or leave that to OpenLoom: a task with `runtime: opencode` does.'
  return [{ name, because: `${program} is there`, state: 'usable', lines: 'opencode serve', todo }]
}

const others = [
  { command: 'claude', name: 'Claude Code', key: 'ANTHROPIC_API_KEY' },
  { command: 'codex', name: 'Codex', key: 'OPENAI_API_KEY' },
]

function foreign(path: string | undefined): FoundItem[] {
  return others.flatMap(({ command, name, key }): FoundItem[] => {
    const program = findBinary(command, path)
    const todo = `OpenLoom does not run it yet. Its models work here with a key in ${key}.`
    return program ? [{ name, because: `${program} is there`, state: 'foreign', lines: null, todo }] : []
  })
}
