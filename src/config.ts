/** One zod schema: openloom.yaml + user configuration + environment + flags → Config; every value knows its origin. */
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { z } from 'zod'
import { modelsSchema } from './agent/model-settings.ts'
import { rulesSchema } from './agent/permission/rules.ts'
import { checkers, isCheckLine, parseCheckLine } from './checks/index.ts'
import { problemsOf } from './config-problems.ts'
import type { AnyChecker } from './core/check.ts'
import { hangPolicies } from './core/diagnosis.ts'
import { ok, type Problem, type Result, refuse } from './core/problem.ts'
import { drillRuntime } from './core/runtime.ts'
import {
  askPolicies,
  checkoutSchema,
  crashPolicies,
  isolations,
  limitsSchema,
  projectChecks,
  protectSchema,
  type TaskSpec,
  verifiedEnds,
} from './core/spec.ts'
import { retentionSchema } from './harness/retention.ts'
import { decodeTask, dispatchMarkdown, dispatchYaml, type Grammar } from './inbox/dispatch.ts'
import { checkUnion, makeGrammar } from './inbox/grammar.ts'
import type { IntakeSettings } from './inbox/intake.ts'
import { isKey, isRecord, taskKeys } from './inbox/keys.ts'
import type { SourcePolicy } from './inbox/policy.ts'
import { writtenTask } from './inbox/written.ts'
import { addLists, environmentLayer } from './lib/environment.ts'
import { type Layer, mergeLayers, type Tree } from './lib/layers.ts'
import { nearest } from './lib/nearest.ts'
import { sandboxSchema } from './lib/sandbox/sandbox.ts'
import { parseYaml } from './lib/yaml.ts'
import { sinkKinds } from './notify/index.ts'
import { runtimeKinds } from './runtimes/index.ts'

const check = checkUnion(checkers)
const runtimes = runtimeKinds.map((kind) => kind.schema) as unknown as [
  (typeof runtimeKinds)[0]['schema'],
  (typeof runtimeKinds)[1]['schema'],
]
const sinks = sinkKinds.map((kind) => kind.schema) as unknown as [(typeof sinkKinds)[0]['schema']]

/** The one grammar of tasks: markdown, YAML and JSON are judged by it. */
export const grammar: Grammar = makeGrammar(checkers, { parseCheckLine, isCheckLine })

const sourceSchema = z.strictObject({
  workspace_roots: z.array(z.string().min(1)).optional().describe('Folders below which a task may work.'),
  runtimes: z.array(z.string()).default([]).describe('Empty: every runtime.'),
  commands: z.enum(['any', 'named', 'none']).optional().describe('Whether checks may bring commands.'),
  auto_accept: z.boolean().optional().describe('Whether tasks may have permissions answered unasked.'),
  answers: z.boolean().default(true).describe('Whether its texts may answer asks and take sessions over.'),
  limits: limitsSchema.default({}),
})

const port = z.number().int().min(0).max(65_535)
const seconds = z.number().positive().max(86_400)
const portion = z.number().int().min(1).max(1_000)

export const configSchema = z
  .strictObject({
    data_dir: z.string().min(1),
    server: z.strictObject({
      host: z.string().min(1).default('127.0.0.1'),
      port: port.default(55_413),
      allowed_hosts: z.array(z.string().min(1)).default([]).describe('Further Host names, e.g. of a reverse proxy.'),
      allow_remote: z.boolean().default(false).describe('Needed for any address that is not loopback.'),
    }),
    inbox: z.strictObject({
      dir: z.string().min(1).default('inbox'),
      poll_seconds: seconds.default(30),
      quiet_seconds: seconds.default(2),
      default_workspace: z.string().min(1).optional(),
    }),
    sources: z.strictObject({
      inbox: sourceSchema.prefault({}),
      api: sourceSchema.prefault({}),
      webhook: sourceSchema.prefault({}),
      spec: sourceSchema.prefault({}),
      cli: sourceSchema.prefault({}),
    }),
    workspace_roots: z.array(z.string().min(1)).optional().describe('For every source that names none of its own.'),
    defaults: z.strictObject({
      runtime: z.string().optional().describe('Default: builtin, or opencode where there is no model but that.'),
      checks: z.array(check).default([]),
      limits: limitsSchema.default({}),
      check_interval_minutes: z.number().positive().max(1_440).default(5).describe('A slow look at each task at work.'),
      must_fail_first: z
        .boolean()
        .default(true)
        .describe('Run the checks before the work begins; those that pass already prove less.'),
      protect: protectSchema.default([]).describe('Globs of further files that judge the work; false: none at all.'),
      checkout: z
        .union([z.literal(false), checkoutSchema])
        .prefault({})
        .describe('The clean checkout in which commands are run again; false: they are not.'),
      base_seconds: z.number().positive().max(3_600).default(60).describe('Time for that, for all checks of a task.'),
      project_checks: z
        .enum(projectChecks)
        .default('auto')
        .describe("When the project's own tests, types and lint are checks; auto: for tasks that bring none."),
      wait_for_base: z
        .boolean()
        .default(true)
        .describe('The agent begins when the checks have looked; false: commands look beside it, in a clean checkout.'),
      commit_trailer: z.boolean().default(false).describe('Write the verdict into the commit of the agent.'),
      propose_checks: z
        .boolean()
        .default(true)
        .describe('Have a model propose checks for the acceptance lines of tasks that bring none.'),
      isolation: z.enum(isolations).default('none').describe('worktree: each task works in a git worktree of its own.'),
      when_verified: z
        .enum(verifiedEnds)
        .default('wait')
        .describe('What becomes of the worktree of a verified task; wait: a person says.'),
      on_hang: z.enum(hangPolicies).default('alert').describe('What may be done when a session hangs.'),
      ask: z
        .enum(askPolicies)
        .default('continue')
        .describe(
          'Of what needs a person. continue: the run goes on and hears the answer later; deny: nobody is asked.',
        ),
      after_crash: z
        .enum(crashPolicies)
        .default('continue')
        .describe('pause: where a crash cut off a command that may have changed something, a person looks first.'),
      ask_deadline_minutes: z
        .number()
        .positive()
        .max(10_080)
        // A long weekend.
        .default(4_320)
        .describe('An ask that nobody answers is denied then, where the task does not say.'),
    }),
    stale_busy: z.strictObject({
      checks: z.number().int().min(1).max(10_000).default(10).describe('Looks in a row without a sign of life.'),
      every_seconds: seconds.default(15).describe('Time between two such looks.'),
      after_seconds: seconds.optional().describe('The same as a duration; wins over checks.'),
    }),
    named_checks: z.record(z.string(), check).default({}),
    concurrency: z.strictObject({
      tasks: portion.default(4).describe('That work at the same time.'),
      runtimes: z.record(z.string(), portion).default({}),
    }),
    models: modelsSchema,
    permissions: rulesSchema.default([]).describe('For our own agent. Those of a workspace tighten, once taken.'),
    runtimes: z.array(z.discriminatedUnion('kind', runtimes)).prefault([{ kind: 'builtin' }, { kind: 'opencode' }]),
    child_env: z.array(z.string().min(1)).default([]).describe('Further variables that agents and checks may see.'),
    notify: z.strictObject({ sinks: z.array(z.discriminatedUnion('kind', sinks)).default([]) }),
    keychain: z.enum(['auto', 'off']).default('auto').describe('off: stored secrets are kept in a file.'),
    sandbox: sandboxSchema,
    retention: retentionSchema,
    drain_seconds: seconds.default(5),
    log_level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('warn'),
    sample: z.enum(['auto', 'on', 'off']).default('auto'),
  })
  .meta({ id: 'Settings', description: 'Settings of the daemon; every section may stand in openloom.yaml.' })

export type Config = z.output<typeof configSchema>

export interface LoadedConfig {
  config: Config
  origins: Map<string, string>
  /** Files that were read. */
  files: string[]
  home: string
  /** Folder that relative paths start from. */
  cwd: string
  /** The user's own file, there or not. */
  userFile: string
  sources: ConfigSources
}

export type Project = 'own' | 'accepted' | 'foreign'

export interface ConfigSources {
  cwd: string
  env: Readonly<Record<string, string | undefined>>
  /** From the command line, already in the shape of the schema. */
  flags?: Tree
  /** Whose openloom.yaml of that folder is: of who starts this (absent), or a project's, taken by a person or not. */
  project?: Project
  /** Files as they would be, by their path. */
  texts?: ReadonlyMap<string, string>
}

/** Top-level keys of openloom.yaml that are settings; everything else there is a task. */
export const settingSections: readonly string[] = Object.keys(configSchema.shape)

export function loadConfig(sources: ConfigSources): Result<LoadedConfig> {
  const { cwd, env, flags = {}, project = 'own', texts = new Map() } = sources
  const home = env.HOME ?? homedir()
  const userFile = env.OPENLOOM_CONFIG ?? join(env.XDG_CONFIG_HOME ?? join(home, '.config'), 'openloom', 'config.yaml')
  const here = project !== 'foreign' ? [readLayer(join(cwd, 'openloom.yaml'), texts)] : []
  // Rules of a project tighten for work in it, and never stand in for the user's own.
  if (project === 'accepted') for (const { layer } of here) delete layer?.values.permissions
  const read = [readLayer(userFile, texts, env.OPENLOOM_CONFIG !== undefined), ...here]
  const environment = environmentLayer(env)
  const problems = [...read.flatMap((file) => file.problems), ...environment.problems]
  if (problems.length > 0) return refuse(...problems)
  const layers: Layer[] = [
    { origin: 'default', values: defaultsFor(env, home) },
    ...read.flatMap((file) => (file.layer ? [file.layer] : [])),
    { origin: environment.origin, values: environment.values },
    { origin: 'command line', values: flags },
  ]
  const { values, origins, brought } = mergeLayers(layers)
  const places = addLists(values, origins, env)
  const parsed = configSchema.safeParse(values)
  if (!parsed.success) {
    const written = { schema: configSchema, values, brought, places }
    return refuse(...parsed.error.issues.flatMap((issue) => problemsOf(issue, written)))
  }
  const files = read.flatMap((file) => (file.layer ? [file.path] : []))
  const base = { home: realOr(home), cwd: realOr(cwd) }
  return ok({ config: absolute(parsed.data, { cwd, home }), origins, files, ...base, userFile, sources })
}

/** Sections are objects so that a misspelt key inside one is found; their defaults are the schema's. */
function defaultsFor(env: ConfigSources['env'], home: string): Tree {
  const data_dir = join(env.XDG_DATA_HOME ?? join(home, '.local', 'share'), 'openloom')
  const empty = ['server', 'inbox', 'sources', 'defaults', 'stale_busy', 'concurrency', 'models', 'notify', 'sandbox']
  const limits = { attempts: 3, minutes: 60, tool_calls: 500 }
  return { data_dir, ...Object.fromEntries(empty.map((name) => [name, {}])), defaults: { limits } }
}

/** Of a configuration file. */
export const settingsBytesMax = 256 * 1024

interface ReadFile {
  path: string
  layer: Layer | null
  problems: Problem[]
}

function readLayer(path: string, texts: ReadonlyMap<string, string>, required = false): ReadFile {
  const given = texts.get(path)
  if (given === undefined && !existsSync(path)) {
    const missing = { kind: 'config-missing', text: `The configuration ${path} does not exist.`, todo: 'Create it.' }
    return { path, layer: null, problems: required ? [missing] : [] }
  }
  const parsed = parseYaml(given ?? readFileSync(path, 'utf8'), { sizeBytesMax: settingsBytesMax })
  if (!parsed.ok)
    return { path, layer: null, problems: parsed.problems.map((p) => ({ ...p, text: `${path}: ${p.text}` })) }
  const { value, lineOf } = parsed.value
  if (value === null) return { path, layer: null, problems: [] }
  const text = `${path}: the top level is not a set of keys.`
  if (!isRecord(value)) return { path, layer: null, problems: [{ kind: 'config-shape', text, line: 1 }] }
  const settings: Tree = {}
  const problems: Problem[] = []
  for (const [key, part] of Object.entries(value)) {
    if (settingSections.includes(key)) settings[key] = part
    else if (!isKey(key)) problems.push(unknownKey(path, key, lineOf([key])))
  }
  return { path, layer: { origin: (at) => `${path}:${lineOf(at) ?? 1}`, values: settings }, problems }
}

function unknownKey(path: string, key: string, line: number | undefined): Problem {
  const near = nearest(key, [...settingSections, ...taskKeys])
  const todo = near ? `Did you mean "${near}"?` : `Known sections: ${settingSections.join(', ')}.`
  const where = line === undefined ? {} : { line }
  const text = `${path}:${line ?? 1}: "${key}" is neither a setting nor a key of a task.`
  return { kind: 'unknown-key', text, todo, ...where }
}

function absolute(config: Config, base: { cwd: string; home: string }): Config {
  const data_dir = toPath(config.data_dir, base)
  const [also_read, also_write] = [config.sandbox.also_read, config.sandbox.also_write].map((paths) =>
    paths.map((path) => toPath(path, base)),
  )
  const sandbox = { ...config.sandbox, also_read: also_read ?? [], also_write: also_write ?? [] }
  return { ...config, data_dir, sandbox, inbox: { ...config.inbox, dir: toPath(config.inbox.dir, base) } }
}

/** `~` and relative paths made absolute. */
export function toPath(path: string, base: { cwd: string; home: string }): string {
  if (path === '~' || path.startsWith('~/')) return join(base.home, path.slice(1))
  return isAbsolute(path) ? path : resolve(base.cwd, path)
}

/** The real path, or the path itself while it does not exist. */
export function realOr(path: string): string {
  return existsSync(path) ? realpathSync(path) : join(realOr(dirname(path)), path.slice(dirname(path).length))
}

/** Real path of the folder below which the fire drill makes its own. */
export const drillDirOf = ({ data_dir }: Pick<Config, 'data_dir'>): string => join(realOr(data_dir), 'drill')

/** What intake judges by: the policies of the sources with real paths, and the defaults. */
export function intakeSettings(
  { config, home, cwd }: LoadedConfig,
  given: {
    checkers: readonly AnyChecker[]
    sampleWorkspace: string | null
    runtime?: string
    sessionOf?: IntakeSettings['sessionOf']
  },
): IntakeSettings {
  const { defaults } = config
  const common = config.workspace_roots ?? [home, cwd]
  const policyOf = (source: keyof Config['sources'], more: readonly string[] = []): SourcePolicy => {
    const { workspace_roots, runtimes, commands, auto_accept, answers, limits } = config.sources[source]
    const roots = [...(workspace_roots ?? common), ...more].map((root) => realOr(toPath(root, { cwd, home })))
    const local = source !== 'webhook'
    return {
      workspaceRoots: roots,
      runtimes,
      commands: commands ?? (local ? 'any' : 'named'),
      autoAccept: auto_accept ?? local,
      answers,
      limits,
    }
  }
  const inbox = policyOf('inbox', given.sampleWorkspace ? [given.sampleWorkspace] : [])
  const [api, webhook, spec, cli] = [policyOf('api'), policyOf('webhook'), policyOf('spec'), policyOf('cli')]
  return {
    policies: { inbox, api, webhook, spec, cli, sample: inbox },
    home,
    base: cwd,
    defaults: {
      workspace: config.inbox.default_workspace ?? null,
      runtime: defaults.runtime ?? given.runtime ?? 'builtin',
      checks: defaults.checks,
      limits: defaults.limits,
      checkIntervalMinutes: defaults.check_interval_minutes,
      isolation: defaults.isolation,
      whenVerified: defaults.when_verified,
    },
    namedChecks: config.named_checks,
    checkers: given.checkers,
    runtimes: [...config.runtimes.map((runtime) => runtime.kind), drillRuntime],
    drillDir: drillDirOf(config),
    sessionOf: given.sessionOf ?? (() => null),
  }
}

/** A task spec, YAML or markdown; in openloom.yaml the settings sections beside the task are left alone. */
export function readSpecFile(path: string): Result<TaskSpec> {
  if (!existsSync(path)) {
    const todo = 'Write one with `openloom init`, or name another file.'
    return refuse({ kind: 'spec-missing', text: `There is no ${path}.`, todo })
  }
  const decoded = decodeTask(readFileSync(path))
  if (!decoded.ok) return decoded
  const markdown = /\.md$/i.test(path)
  return markdown ? dispatchMarkdown(decoded.value, grammar) : dispatchYaml(decoded.value, grammar, settingSections)
}

/** JSON Schema of openloom.yaml and specs/*.yaml: a task, settings, or both. */
export function jsonSchema(): Record<string, unknown> {
  const options = { io: 'input', unrepresentable: 'any', target: 'draft-2020-12' } as const
  const settings = z.toJSONSchema(configSchema.partial(), options) as Record<string, unknown>
  const task = z.toJSONSchema(writtenTask(check), options) as Record<string, unknown>
  const parts = [settings, task].map((schema) => (schema.properties ?? {}) as Record<string, unknown>)
  const defs = { ...(settings.$defs as object | undefined), ...(task.$defs as object | undefined) }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:openloom:schema',
    title: 'OpenLoom',
    description: 'A task for a coding agent, settings of the daemon, or both.',
    type: 'object',
    properties: { ...parts[0], ...parts[1] },
    additionalProperties: false,
    ...(Object.keys(defs).length > 0 ? { $defs: defs } : {}),
  }
}
