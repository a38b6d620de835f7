/** What the page shows of everything around the work, gathered when somebody asks. It builds and starts nothing. */
import { managedFileDefault, writtenRules } from './agent/permission/policies.ts'
import { defaultRules } from './agent/permission/rules.ts'
import { jsonSchema } from './config.ts'
import type { Plan } from './parts.ts'
import type { KeyLook, RuleLayer, RuleList } from './server/api.ts'
import type { Around } from './server/context.ts'
import { settingList } from './server/settings.ts'
import { SecretStore } from './store/secrets.ts'

const projectsMax = 50

export function surroundings(plan: Plan): Around {
  const { config, origins, files } = plan.loaded
  return {
    async settings() {
      const hide = (text: string) => plan.secrets.hide(text)
      return settingList({ config, origins, files, schema: jsonSchema(), keys: await keysOf(plan), hide })
    },
    rules: () => rulesOf(plan),
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
