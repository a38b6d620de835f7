/** What the page shows of everything around the work, gathered when somebody asks. It builds and starts nothing. */
import { managedFileDefault, writtenRules } from './agent/permission/policies.ts'
import { defaultRules } from './agent/permission/rules.ts'
import { detectProviders } from './agent/providers/detect.ts'
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
import { filtersOf, openCodeName, SettingChanges } from './setting-changes.ts'
import type { Arrival } from './store/arrivals.ts'
import { SecretStore } from './store/secrets.ts'

const projectsMax = 50
const refusalsMax = 500
/** A refusal and its event are one transaction; only the clock lies between them. */
const apartMs = 1_000

export function surroundings(plan: Plan, directory: Pick<InboxDirectory, 'watching'>): Around {
  const { settings } = plan
  const { arrivals } = plan.store
  const { dir } = plan.loaded.config.inbox
  const changes = new SettingChanges(plan)
  return {
    async settings() {
      const hide = (text: string) => plan.secrets.hide(text)
      const [keys, filters] = await Promise.all([keysOf(plan), filtersOf(plan)])
      return { ...settingList({ ...settings.now, schema: jsonSchema(), keys, hide }), filters }
    },
    rules: () => rulesOf(plan),
    preview: (asked) => changes.preview(asked),
    change: (asked, seen) => changes.change(asked, seen),
    found: () => foundBy(plan, changes),
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

async function keysOf({ settings, env, secrets }: Plan): Promise<KeyLook[]> {
  const { config } = settings.now
  const stored = await new SecretStore(config.data_dir, { keychain: config.keychain, mask: secrets }).list()
  return config.models.providers.map((provider): KeyLook => {
    const variable = provider.api_key_env ?? null
    const isKept = stored.some(({ name }) => name === provider.name)
    const from = variable && env[variable] ? 'environment' : isKept ? 'stored' : null
    return { provider: provider.name, variable, from }
  })
}

async function rulesOf({ settings, store }: Plan): Promise<RuleList> {
  const { config, origins } = settings.now
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

/** Keys by the name of their variable only. What is found becomes active when a person presses its button. */
async function foundBy({ settings, env }: Plan, changes: SettingChanges): Promise<FoundList> {
  const { config, userFile: file } = settings.now
  const given = config.runtimes.find((one) => one.kind === 'opencode')
  const [providers, answers] = await Promise.all([
    detectProviders({ env, clock: systemClock }),
    given ? detectOpenCode(given, env) : false,
  ])
  const models = providers.map(async ({ because, settings: { name = '' } }): Promise<FoundItem> => {
    const isUsed = config.models.providers.some((one) => one.name === name)
    const made = await changes.preview({ kind: 'use', name, on: !isUsed })
    const change = made.ok ? made.value : null
    const first = config.models.providers[0]
    const todo = isUsed
      ? name === first?.name
        ? 'Sessions that name no model use it.'
        : `Sessions use it that name a model of it; those that name none use ${first?.name}.`
      : made.ok
        ? 'Its models are in use as soon as these lines are written.'
        : whyNot(made.problems)
    return { name, because, state: isUsed ? 'used' : 'usable', todo, change }
  })
  const openCode = await openCodeFound(given, { plan: { settings, env }, answers, changes })
  return { items: [...openCode, ...(await Promise.all(models)), ...foreign(env.PATH)], file }
}

const whyNot = (problems: readonly Problem[]) =>
  problems.map(({ text, todo }) => [text, todo].filter(Boolean).join(' ')).join(' ')

interface Looked {
  plan: Pick<Plan, 'settings' | 'env'>
  answers: boolean
  changes: SettingChanges
}

async function openCodeFound(
  given: { url: string; command: string } | undefined,
  { plan: { settings, env }, answers, changes }: Looked,
): Promise<FoundItem[]> {
  const program = findBinary(given?.command ?? 'opencode', env.PATH)
  if (!answers && program === null) return []
  const name = openCodeName
  const because = answers ? `it answers at ${given?.url}` : `${program} is there`
  const isDefault = settings.now.config.defaults.runtime === 'opencode'
  const made = await changes.preview({ kind: 'use', name, on: !isDefault })
  const begins = answers ? '' : ' OpenLoom starts its server with the first of them.'
  const todo = !made.ok
    ? whyNot(made.problems)
    : isDefault
      ? `Tasks that name no runtime run there.${begins}`
      : `Tasks with \`runtime: opencode\` run there; with these lines also those that name none.${begins}`
  return [{ name, because, state: answers || isDefault ? 'used' : 'usable', todo, change: made.ok ? made.value : null }]
}

const others = [
  { command: 'claude', name: 'Claude Code', key: 'ANTHROPIC_API_KEY' },
  { command: 'codex', name: 'Codex', key: 'OPENAI_API_KEY' },
]

/** Without a button: nothing that could be written would make them run. */
function foreign(path: string | undefined): FoundItem[] {
  return others.flatMap(({ command, name, key }): FoundItem[] => {
    const program = findBinary(command, path)
    const todo = `OpenLoom does not run it yet. Its models work here with a key in ${key}.`
    return program ? [{ name, because: `${program} is there`, state: 'foreign', todo, change: null }] : []
  })
}
