/** Environment variables as a layer of settings. One table; a value that does not fit is an error, never ignored. */
import type { Problem } from '../core/problem.ts'
import type { Tree } from './layers.ts'

type Read = (value: string) => unknown

const text: Read = (value) => value
const number: Read = (value) => (/^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : new Error('a number'))
/** Commas or spaces. */
const list: Read = (value) => value.split(/[\s,]+/).filter((part) => part !== '')
/** Folders are separated as in PATH, or by commas. */
const folders: Read = (value) =>
  value
    .split(/[,:]+/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
const flag: Read = (value) =>
  /^(1|true|yes|on)$/i.test(value) ? true : /^(0|false|no|off)$/i.test(value) ? false : new Error('true or false')

/** Variable → path in the settings. */
export const variables: readonly { name: string; path: string; read: Read }[] = [
  { name: 'OPENLOOM_DATA_DIR', path: 'data_dir', read: text },
  { name: 'OPENLOOM_UI_HOST', path: 'server.host', read: text },
  { name: 'OPENLOOM_UI_PORT', path: 'server.port', read: number },
  { name: 'OPENLOOM_ALLOWED_HOSTS', path: 'server.allowed_hosts', read: list },
  { name: 'OPENLOOM_ALLOW_REMOTE', path: 'server.allow_remote', read: flag },
  { name: 'OPENLOOM_INBOX_DIR', path: 'inbox.dir', read: text },
  { name: 'OPENLOOM_INBOX_POLL_SECONDS', path: 'inbox.poll_seconds', read: number },
  { name: 'OPENLOOM_INBOX_DEFAULT_WORKSPACE', path: 'inbox.default_workspace', read: text },
  { name: 'OPENLOOM_WORKSPACE_ROOTS', path: 'workspace_roots', read: folders },
  { name: 'OPENLOOM_CONCURRENCY', path: 'concurrency.tasks', read: number },
  { name: 'OPENLOOM_MAX_TASK_TOKENS', path: 'defaults.limits.tokens', read: number },
  { name: 'OPENLOOM_MAX_TASK_RUNTIME_MINUTES', path: 'defaults.limits.minutes', read: number },
  { name: 'OPENLOOM_MUST_FAIL_FIRST', path: 'defaults.must_fail_first', read: flag },
  { name: 'OPENLOOM_PROJECT_CHECKS', path: 'defaults.project_checks', read: text },
  { name: 'OPENLOOM_PROPOSE_CHECKS', path: 'defaults.propose_checks', read: flag },
  { name: 'OPENLOOM_STALE_BUSY_CHECKS', path: 'stale_busy.checks', read: number },
  { name: 'OPENLOOM_STALE_BUSY_SECONDS', path: 'stale_busy.after_seconds', read: number },
  { name: 'OPENLOOM_DEBUG_LLM', path: 'models.debug', read: flag },
  { name: 'OPENLOOM_KEYCHAIN', path: 'keychain', read: text },
  { name: 'OPENLOOM_SANDBOX_MODE', path: 'sandbox.mode', read: text },
  { name: 'OPENLOOM_SANDBOX_NETWORK', path: 'sandbox.network', read: text },
  { name: 'OPENLOOM_DRAIN_SECONDS', path: 'drain_seconds', read: number },
  { name: 'OPENLOOM_LOG_LEVEL', path: 'log_level', read: text },
  { name: 'OPENLOOM_SAMPLE', path: 'sample', read: text },
]

const formatSwitch = 'OPENLOOM_FORMAT'

type Environment = Readonly<Record<string, string | undefined>>

/** Formatters are kept away whatever the settings say: for one start of the program. */
export const isFormatOff = (env: Environment): boolean => flag(env[formatSwitch]?.trim() ?? '') === false

export interface EnvironmentLayer {
  values: Tree
  origin(path: readonly string[]): string
  problems: Problem[]
}

export function environmentLayer(env: Environment): EnvironmentLayer {
  const values: Tree = {}
  const problems: Problem[] = []
  const names = new Map<string, string>()
  for (const { name, path, read } of variables) {
    const given = env[name]
    if (given === undefined || given.trim() === '') continue
    const value = read(given)
    if (value instanceof Error) {
      problems.push(badValue(name, given, value))
      continue
    }
    set(values, path.split('.'), value)
    names.set(path, name)
  }
  const switched = env[formatSwitch]?.trim() ?? ''
  const fault = switched === '' ? null : flag(switched)
  if (fault instanceof Error) problems.push(badValue(formatSwitch, switched, fault))
  return { values, problems, origin: (path) => names.get(path.join('.')) ?? 'environment' }
}

const badValue = (name: string, given: string, { message }: Error): Problem => ({
  kind: 'bad-setting',
  text: `The variable ${name} is "${given}"; it must be ${message}.`,
})

function set(tree: Tree, path: readonly string[], value: unknown): void {
  const [first, ...rest] = path
  if (first === undefined) return
  if (rest.length === 0) {
    tree[first] = value
    return
  }
  const branch = (tree[first] ?? {}) as Tree
  tree[first] = branch
  set(branch, rest, value)
}

/**
 * What the original's variables mean: `OPENLOOM_BASE_URL` (with `OPENLOOM_MODEL`) is a model provider,
 * `OPENLOOM_NOTIFY_*` are sinks. They add to the lists of the files instead of replacing them.
 */
function environmentLists(env: Readonly<Record<string, string | undefined>>): {
  providers: Tree[]
  sinks: Tree[]
  /** Settings of the OpenCode server; null: none. Its password stays in the environment. */
  opencode: Tree | null
} {
  const providers: Tree[] = []
  const sinks: Tree[] = []
  if (env.OPENLOOM_BASE_URL) {
    const model = env.OPENLOOM_MODEL ? { model: env.OPENLOOM_MODEL } : {}
    providers.push({ kind: 'openai', name: 'env', base_url: env.OPENLOOM_BASE_URL, ...model })
  }
  const urls = list(env.OPENLOOM_NOTIFY_WEBHOOK_URLS ?? '') as string[]
  const urlEvents = list(env.OPENLOOM_NOTIFY_WEBHOOK_EVENTS ?? '*')
  const secret = env.OPENLOOM_NOTIFY_WEBHOOK_SECRET ? { secrets: [env.OPENLOOM_NOTIFY_WEBHOOK_SECRET] } : {}
  for (const url of urls) sinks.push({ kind: 'webhook', url, events: urlEvents, ...secret })
  const dirs = folders(env.OPENLOOM_NOTIFY_FILE_DIRS ?? '') as string[]
  const dirEvents = list(env.OPENLOOM_NOTIFY_FILE_EVENTS ?? '*')
  const prefix = env.OPENLOOM_NOTIFY_FILE_PREFIX ? { prefix: env.OPENLOOM_NOTIFY_FILE_PREFIX } : {}
  for (const dir of dirs) sinks.push({ kind: 'file', dir, events: dirEvents, ...prefix })
  const url = env.OPENLOOM_OPENCODE_URL ? { url: env.OPENLOOM_OPENCODE_URL } : {}
  const username = env.OPENLOOM_OPENCODE_USERNAME ? { username: env.OPENLOOM_OPENCODE_USERNAME } : {}
  const opencode = { ...url, ...username }
  return { providers, sinks, opencode: Object.keys(opencode).length > 0 ? opencode : null }
}

/** Providers and sinks of the environment come before those of the files: the first provider is the default. */
export function addLists(
  values: Tree,
  origins: Map<string, string>,
  env: Readonly<Record<string, string | undefined>>,
): ReadonlyMap<string, readonly (number | null)[]> {
  const { providers: more, sinks: further, opencode } = environmentLists(env)
  const places = new Map<string, readonly (number | null)[]>()
  if (opencode) {
    const given = Array.isArray(values.runtimes)
      ? (values.runtimes as Tree[])
      : [{ kind: 'builtin' }, { kind: 'opencode' }]
    const others = given.filter((runtime) => runtime.kind !== 'opencode')
    const own = given.find((runtime) => runtime.kind === 'opencode') ?? { kind: 'opencode' }
    values.runtimes = [...others, { ...own, ...opencode }]
    places.set(
      'runtimes',
      [...others, own].map((runtime) => placeIn(given, runtime)),
    )
    origins.set('runtimes', 'environment')
  }
  for (const [section, name, list] of [
    ['models', 'providers', more],
    ['notify', 'sinks', further],
  ] as const) {
    if (list.length === 0) continue
    const branch = values[section] as Tree
    const given: unknown[] = Array.isArray(branch[name]) ? branch[name] : []
    branch[name] = [...list, ...given]
    places.set(`${section}.${name}`, [...list.map(() => null), ...given.keys()])
    origins.set(`${section}.${name}`, 'environment')
  }
  return places
}

const placeIn = <T>(list: readonly T[], one: T): number | null => {
  const at = list.indexOf(one)
  return at < 0 ? null : at
}
