/** Builds the concrete pieces from the configuration, for the daemon and for a single run. It starts none of them. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openCheckpoint } from './agent/checkpoint.ts'
import { openModelDebug } from './agent/debug-log.ts'
import { GuideFiles } from './agent/guide-files.ts'
import { knownModels, listModels, testProvider } from './agent/model-list.ts'
import { knownModel } from './agent/model-names.ts'
import { createPolicies, managedFileDefault } from './agent/permission/policies.ts'
import type { Rule } from './agent/permission/rules.ts'
import { profiles } from './agent/profiles.ts'
import { openProposer } from './agent/proposals.ts'
import { asYaml, detectProviders } from './agent/providers/detect.ts'
import { keyVariables } from './agent/providers/keys.ts'
import { createTools } from './agent/tools/index.ts'
import { searchKeyVariables } from './agent/tools/web-search.ts'
import { runTyped } from './agent/typed-line.ts'
import { checkers, describeCheck, parseCheckLine } from './checks/index.ts'
import { type Config, grammar, type LoadedConfig, realOr } from './config.ts'
import type { AskRequest } from './core/ask.ts'
import { systemClock } from './core/clock.ts'
import { ok, type Result, refuse } from './core/problem.ts'
import { drillRuntime, type Runtime } from './core/runtime.ts'
import type { SessionRecord } from './core/session.ts'
import { type FollowedConfig, harnessSettings, openProviders } from './following.ts'
import { AskDesk } from './harness/asks.ts'
import { Checkouts } from './harness/checkout.ts'
import { isGranted } from './harness/rules.ts'
import { SessionEdits } from './harness/session-edits.ts'
import { markdownOf } from './harness/session-file.ts'
import type { RunLine } from './harness/typed-lines.ts'
import type { World } from './harness/world.ts'
import { dispatchObject } from './inbox/dispatch.ts'
import type { InboxWays } from './inbox/ways.ts'
import { sha256 } from './lib/digest.ts'
import { isInside } from './lib/files.ts'
import { Followed } from './lib/followed.ts'
import { type Log, openLog, Secrets } from './lib/log.ts'
import { childEnvironment } from './lib/process.ts'
import { openSandbox } from './lib/sandbox/open.ts'
import type { Sandbox } from './lib/sandbox/sandbox.ts'
import { hiddenPlaces } from './lib/secret-places.ts'
import { createBuiltin } from './runtimes/builtin.ts'
import { createRuntime } from './runtimes/index.ts'
import { detectOpenCode } from './runtimes/opencode/index.ts'
import { drillSource } from './sample/drill.ts'
import type { Sample } from './sample/open.ts'
import type { DaemonState } from './server/api.ts'
import { SkillDesk } from './skills/desk.ts'
import { makeOutliner } from './skills/outline.ts'
import { SkillShelf } from './skills/shelf.ts'
import { draftOf } from './skills/task.ts'
import { SessionClaims } from './store/claims.ts'
import { Keyring } from './store/keyring.ts'
import { openStore, type Store } from './store/open.ts'
import { SecretStore } from './store/secrets.ts'

export type { ModelRow } from './agent/model-list.ts'

export interface Base {
  store: Store
  keyring: Keyring
  log: Log
  secrets: Secrets
  owner: string
}

/** With what commands are confined in: it is found out once, before anything is built. */
export type Confined = Base & { sandbox: Sandbox }

/** Store and diary of the data directory: what the daemon and a single run have in common. */
export function openBase({ config }: LoadedConfig, env: NodeJS.ProcessEnv): Base {
  const secrets = new Secrets()
  const named = config.models.providers.flatMap((provider) => provider.api_key_env ?? [])
  const searching = config.runtimes.flatMap(
    (one) => (one.kind === 'builtin' ? one.tools.search?.api_key_env : []) ?? [],
  )
  for (const name of [...named, ...searching, ...keyVariables, ...searchKeyVariables, 'OPENLOOM_TOKEN']) {
    secrets.add(env[name])
  }
  mkdirSync(config.data_dir, { recursive: true, mode: 0o700 })
  new SecretStore(config.data_dir, { keychain: config.keychain, mask: secrets }).hideKept()
  const store = openStore({ path: join(config.data_dir, 'openloom.db'), clock: systemClock })
  const owner = ownerOf(config.data_dir)
  const keyring = new Keyring(config.data_dir, systemClock)
  return { store, keyring, log: openLog(config.log_level, secrets), secrets, owner }
}

/** What commands are confined in on this machine, or why nothing is; a problem where the settings require it. */
export async function findSandbox(
  { config, home }: LoadedConfig,
  env: NodeJS.ProcessEnv,
  { log, owner }: Pick<Base, 'log' | 'owner'>,
): Promise<Result<Sandbox>> {
  const sandbox = await openSandbox({
    settings: config.sandbox,
    home,
    dataDir: realOr(config.data_dir),
    env: childEnvironment(env, config.child_env),
    owner: `${owner}-sandbox`,
    log,
  })
  if (sandbox.kind === 'bwrap' || config.sandbox.mode !== 'require') return ok(sandbox)
  const text = `Commands cannot be confined here: ${sandbox.detail}.`
  return refuse({ kind: 'no-sandbox', text, todo: 'Set that right, or sandbox.mode: auto.' })
}

/** Of all processes that the daemon of this data directory starts; behind it stands their role. */
export const ownerOf = (dataDir: string): string => `loom-${sha256(realOr(dataDir)).slice(0, 12)}`

export interface RuntimeOptions {
  base: Omit<Confined, 'keyring'>
  loaded: LoadedConfig
  /** Of a daemon, whose settings may change while it runs. */
  settings?: FollowedConfig
  env: NodeJS.ProcessEnv
  sample?: Sample | null
  /** What a single run asks for beside the configuration. */
  narrowed?: { permissions: readonly Rule[]; stepsMax: number | null }
  /** Part of the owner of its processes; the daemon ends those of `agent` that a killed one left. */
  role: 'agent' | 'run'
  /** Whether somebody answers asks. Default: those of the daemon are. */
  attended?: boolean
  /** Rules of the machine; absent: where they always are. */
  managedFile?: string
}

export function openRuntimes(options: RuntimeOptions): Map<string, Runtime> {
  const { base, loaded, env, sample, narrowed, role, settings = new Followed(loaded) } = options
  const { config } = loaded
  const keeping = { keychain: config.keychain, mask: base.secrets }
  const claims = new SessionClaims(join(config.data_dir, 'claims'))
  const deps = {
    journal: base.store.sessions,
    providers: openProviders(settings, { sample: sample ?? null, env, mask: base.secrets }),
    purposes: settings.follow((now) => ({ ...now.config.models.purposes })),
    clock: systemClock,
    env: childEnvironment(env, config.child_env),
    outputRoot: join(config.data_dir, 'outputs'),
    hidden: hiddenPlaces(loaded.home, config.data_dir),
    retitle: (id: string, from: string, to: string) => base.store.sessions.retitle(id, from, to),
    ...guideFolders(loaded, env),
    checkpointRoot: checkpointRoot(loaded),
    claim: (sessionId: string) => claims.take(sessionId),
    owner: `${base.owner}-${role}`,
    sandbox: base.sandbox,
    log: (text: string) => base.log.error({ role }, text),
    notice: noticeTo(base.store),
    ...(config.models.debug ? { debug: debugOf(config, base) } : {}),
    around: {
      env,
      secret: (name: string) => new SecretStore(config.data_dir, keeping).read(name),
      hosts: config.sandbox.network === 'none' ? null : config.sandbox.allow_hosts,
    },
    book: base.store.prompts,
    processEnv: env,
    attended: options.attended ?? role === 'agent',
    // The desk of the daemon and of a chat looks up what a person allowed for good; a single run has none.
    ...(options.attended === false ? { granted: grantsOf(options) } : {}),
    childNames: config.child_env,
    dataDir: config.data_dir,
  }
  const runtimes = config.runtimes.map((given): [string, Runtime] => {
    if (given.kind !== 'builtin') return [given.kind, createRuntime(given, deps)]
    const steps = narrowed?.stepsMax ? { steps_max: narrowed.stepsMax } : {}
    const policyOf = policiesOf(options, given)
    return [given.kind, createRuntime({ ...given, ...steps }, { ...deps, policyOf })]
  })
  return new Map(runtimes)
}

/** Where what agents are told beside the conversation lies. */
const guideFolders = ({ config, home }: LoadedConfig, env: NodeJS.ProcessEnv) => ({
  userDir: join(env.XDG_CONFIG_HOME ?? join(home, '.config'), 'openloom'),
  memoryDir: join(realOr(config.data_dir), 'memory'),
})

/** What a person writes for agents: skills, and files that tell them how to work. `ways` null: nothing is run. */
export function openTexts(
  loaded: LoadedConfig,
  env: NodeJS.ProcessEnv,
  { store, ways = null }: { store: Store; ways?: Pick<InboxWays, 'submitObject'> | null },
) {
  const folders = guideFolders(loaded, env)
  const trustOf = (path: string) => store.workspaces.of(path)?.trust
  const guides = new GuideFiles({ ...folders, trusts: (path) => (trustOf(path) ?? 'trusted') === 'trusted' })
  const shelf = new SkillShelf({
    folder: join(folders.userDir, 'skills'),
    foreign: [join(loaded.home, '.claude', 'skills')],
    isCheckLine: grammar.isCheckLine,
    outline: makeOutliner(systemClock),
    judge: (skill) => {
      const spec = dispatchObject(draftOf(skill), grammar)
      return spec.ok ? [] : spec.problems
    },
  })
  const skills = new SkillDesk({
    shelf,
    trusts: (path) => trustOf(path) === 'trusted',
    submit: async (...given) => ways?.submitObject(...given) ?? { kind: 'refused', problems: [] },
    tasksBy: (keyStart, limit) => store.tasks.byKey(keyStart, limit),
  })
  return { guides, skills }
}

const checkpointRoot = ({ config }: LoadedConfig): string => join(realOr(config.data_dir), 'checkpoints')

const noticeTo =
  ({ ledger }: Store) =>
  ({ id, taskId, workspace }: SessionRecord, summary: string): void => {
    ledger.transact(() =>
      ledger.emit({ type: 'workspace.ignored', sessionId: id, taskId, data: { workspace, summary } }),
    )
  }
function policiesOf(options: RuntimeOptions, { permissions }: { permissions: readonly Rule[] }) {
  const user = [...options.loaded.config.permissions, ...permissions]
  return policies(options, { user, run: options.narrowed?.permissions ?? [] })
}

const grantsOf =
  ({ base: { store } }: RuntimeOptions) =>
  ({ runtime, workspace }: SessionRecord, request: AskRequest): boolean =>
    request.kind === 'permission' &&
    isGranted(request, store.asks.grantsFor({ runtime, workspace }, request.permission))

/** Shell lines that a person types: under the permissions of the agent, and in its sandbox. */
export function openTyped(options: RuntimeOptions) {
  const { base, loaded, env, role } = options
  const { data_dir, child_env, runtimes } = loaded.config
  const given = runtimes.find((one) => one.kind === 'builtin')
  const policyOf = policiesOf(options, given ?? { permissions: [] })
  const [tools, [profile]] = [createTools(given?.tools), profiles]
  if (!profile) throw new Error('there is no profile')
  const here = { journal: base.store.sessions, profile, tools, sandbox: base.sandbox, clock: systemClock }
  const type: RunLine = async (session, line, { signal, live }) => {
    const rest = { env: childEnvironment(env, child_env), owner: `${base.owner}-${role}`, live }
    const outputDir = join(data_dir, 'outputs', session.id)
    const checkpoint = openCheckpoint(session, { ...rest, root: checkpointRoot(loaded) })
    return runTyped({ ...here, ...rest, checkpoint, session, policy: await policyOf(session), outputDir }, line, signal)
  }
  return { policyOf, type }
}

/** What a person does in a chat beside the words: sessions, asks, and shell lines of their own. */
export function openTalk(options: RuntimeOptions & { base: Confined }, runtimes: ReadonlyMap<string, Runtime>) {
  const { base, loaded } = options
  const { store, secrets, log } = base
  const dataDir = loaded.config.data_dir
  const clock = systemClock
  const isolation = { dir: join(realOr(dataDir), 'worktrees'), owner: `${base.owner}-tree` }
  const [env, owner] = [childEnvironment(options.env, loaded.config.child_env), `${base.owner}-${options.role}`]
  return {
    edits: new SessionEdits({ store, runtimes, clock, dataDir, env, owner, hide: (text) => secrets.hide(text) }),
    asks: new AskDesk({ store, runtimes, clock, log, isolation }, { ask: 'wait', deadlineMinutes: null }),
    ...openTyped(options),
    guides: openTexts(loaded, options.env, { store }).guides,
    markdownOf,
  }
}
export type Talk = ReturnType<typeof openTalk>

function policies({ base, loaded, managedFile }: RuntimeOptions, rules: Record<'user' | 'run', readonly Rule[]>) {
  const { store } = base
  const worktrees = join(realOr(loaded.config.data_dir), 'worktrees')
  const originOf = ({ workspace, taskId }: SessionRecord): string =>
    (isInside(worktrees, workspace) && taskId ? store.tasks.get(taskId)?.isolation?.origin : null) ?? workspace
  return createPolicies({
    ...rules,
    managedFile: managedFile ?? managedFileDefault,
    trustOf: (session) => store.workspaces.of(originOf(session)),
    ignored: ({ id, taskId, workspace }, why) => {
      const summary = `The settings of the project itself are not taken. ${why} Look at its openloom.yaml, then say so.`
      const data = { workspace, summary, todo: `openloom trust ${workspace}` }
      store.ledger.transact(() => store.ledger.emit({ type: 'workspace.ignored', sessionId: id, taskId, data }))
    },
  })
}

/** Those of the configuration and the drill's: it needs no model and is nobody's default. */
export function openAgents(options: Omit<RuntimeOptions, 'role'>): Map<string, Runtime> {
  const { base, loaded, env } = options
  const { config } = loaded
  const drill = createBuiltin({
    name: drillRuntime,
    journal: base.store.sessions,
    providers: [drillSource],
    defaultModel: null,
    clock: systemClock,
    env: childEnvironment(env, config.child_env),
    outputRoot: join(config.data_dir, 'outputs'),
    hidden: hiddenPlaces(loaded.home, config.data_dir),
    owner: `${base.owner}-agent`,
    sandbox: base.sandbox,
    log: (text) => base.log.error({ role: drillRuntime }, text),
  })
  return openRuntimes({ ...options, role: 'agent' }).set(drillRuntime, drill)
}

/** Whether there is an agent beside our own: then nobody needs a demonstration. */
export async function findAgent(config: Config, env: NodeJS.ProcessEnv): Promise<boolean> {
  const found = config.runtimes.find((runtime) => runtime.kind === 'opencode')
  return found ? detectOpenCode(found, env) : false
}

const debugOf = ({ data_dir }: Config, { secrets, log }: Pick<Base, 'secrets' | 'log'>) =>
  openModelDebug({
    dir: join(data_dir, 'debug'),
    clock: systemClock,
    hide: (text) => secrets.hide(text),
    log: (text) => log.warn({}, text),
  })

export interface Plan extends Confined {
  /** As it was at the start; what follows the settings of now takes `settings`. */
  loaded: LoadedConfig
  settings: FollowedConfig
  env: NodeJS.ProcessEnv
  /** For one task alone. */
  alone: boolean
  sample: Sample | null
  /** Of a task that does not say. */
  runtime: string
}

export function worldOf(plan: Plan, runtimes: ReadonlyMap<string, Runtime>, alarm: World['alarm']): World {
  const { loaded, settings, env, store, keyring, log, owner, sandbox } = plan
  const { config } = loaded
  const checkoutDir = join(realOr(config.data_dir), 'checkouts')
  // The scripted model of the sample proposes nothing: it knows only its script.
  const sources = openProviders(settings, { sample: null, env, mask: plan.secrets })
  const proposing = { sources, purposes: settings.follow((now) => ({ ...now.config.models.purposes })) }
  const [checkEnv, checkOwner] = [childEnvironment(env, config.child_env), `${owner}-check`]
  return {
    store,
    keyring,
    runtimes,
    checkers,
    describeCheck,
    parseCheck: parseCheckLine,
    // The first model may come while the daemon runs.
    get proposer() {
      return openProposer(proposing)
    },
    clock: systemClock,
    env: checkEnv,
    owner: checkOwner,
    sandbox,
    checkouts: new Checkouts({
      folder: checkoutDir,
      clock: systemClock,
      env: checkEnv,
      owner: checkOwner,
      sandbox,
      log,
    }),
    isolation: { dir: join(realOr(config.data_dir), 'worktrees'), owner: `${owner}-tree` },
    settings: harnessSettings(plan),
    log,
    alarm,
  }
}

export async function readiness(runtime: Runtime): Promise<DaemonState['runtimes'][number]> {
  const found = await runtime.available()
  const ready = found.kind === 'ready'
  const detail = ready ? found.detail : [found.problem.text, found.problem.todo].filter(Boolean).join(' ')
  return { name: runtime.name, ready, detail, profiles: runtime.profiles?.map(({ name }) => name) ?? [] }
}

/** For verbs that ask about models without a daemon. */
export function openModelDesk(loaded: LoadedConfig, env: NodeJS.ProcessEnv, settings = new Followed(loaded)) {
  const sources = openProviders(settings, { sample: null, env, mask: new Secrets() })
  const runtime = loaded.config.runtimes.find((one) => one.kind === 'builtin')
  const purposes = settings.follow((now) => ({ ...now.config.models.purposes }))
  const choices = { sources, purposes, fallback: runtime?.model ?? null }
  const limit = () => AbortSignal.timeout(deskMs)
  const models = { known: () => knownModels(choices), list: () => listModels(choices, limit()) }
  return {
    ...models,
    names: sources.map(({ provider }) => provider.name),
    named: (wanted: string) => knownModel(models, wanted),
    test: (name: string | null) => {
      const wanted = sources.filter(({ provider }) => name === null || provider.name === name)
      return Promise.all(wanted.map((source) => testProvider(source, systemClock, limit())))
    },
    /** What could be used; nothing once a provider is configured. */
    async detect() {
      if (sources.length > 0) return []
      const found = await detectProviders({ env, clock: systemClock })
      return found.map((one) => ({ ...one, yaml: asYaml(one) }))
    },
  }
}

const deskMs = 120_000
