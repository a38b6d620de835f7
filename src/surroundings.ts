/** What the page shows of everything around the work, gathered when somebody asks. It builds and starts nothing. */
import { managedFileDefault, writtenRules } from './agent/permission/policies.ts'
import { defaultRules } from './agent/permission/rules.ts'
import { jsonSchema } from './config.ts'
import type { LoomEvent } from './core/event.ts'
import type { Problem } from './core/problem.ts'
import type { InboxDirectory } from './inbox/directory.ts'
import { nameOfKey, takenText, waitingFiles } from './inbox/shelf.ts'
import type { Plan } from './parts.ts'
import type { InboxItem, KeyLook, RuleLayer, RuleList } from './server/api.ts'
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
