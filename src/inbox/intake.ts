/**
 * The last step of every way in: a parsed spec becomes a task, once. Workspace made real, policy of the source asked,
 * named checks put in, limits filled. Knows no file format and no transport.
 */
import { realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import type { AnyChecker, CheckSpec } from '../core/check.ts'
import type { EventType } from '../core/event.ts'
import type { Problem, Result } from '../core/problem.ts'
import type { Limits, TaskSpec } from '../core/spec.ts'
import type { Acceptance, NewTask, Origin, Source, Submission, Task } from '../core/task.ts'
import { errnoOf } from '../lib/files.ts'
import { answerProblem, effectiveLimits, policyProblems, type SourcePolicy } from './policy.ts'

/** What intake needs of the store. */
export interface Arrivals {
  arrival(origin: Pick<Origin, 'source' | 'externalId'>): { taskId: string | null; bodySha256: string } | null
  accept(task: NewTask): Acceptance
  refuse(origin: Origin, event: { type: EventType; data: Record<string, unknown> }): boolean
  revise(id: string, spec: TaskSpec, because: string): boolean
  get(id: string): Task | null
  /** The newest task with this title. */
  titled(title: string): Task | null
}

export interface IntakeSettings {
  policies: Readonly<Record<Source, SourcePolicy>>
  home: string
  /** Folder that a relative workspace starts from. */
  base: string
  defaults: {
    workspace: string | null
    runtime: string
    checks: readonly CheckSpec[]
    limits: Limits
    checkIntervalMinutes: number
    isolation?: TaskSpec['isolation']
    whenVerified?: TaskSpec['when_verified']
  }
  namedChecks: Readonly<Record<string, CheckSpec>>
  checkers: readonly AnyChecker[]
  runtimes: readonly string[]
  /** Below it the fire drill makes its folders. */
  drillDir: string
  /** Where a session that a task names lives; null: never seen. */
  sessionOf(id: string): { runtime: string; workspace: string } | null
}

export class Intake {
  private readonly arrivals: Arrivals
  private readonly settings: IntakeSettings

  constructor(arrivals: Arrivals, settings: IntakeSettings) {
    this.arrivals = arrivals
    this.settings = settings
  }

  /**
   * What came before under this key, without parsing anything: a policy that changed since does not change the past.
   */
  before(origin: Origin): Submission | null {
    const known = this.arrivals.arrival(origin)
    if (!known) return null
    const task = known.taskId ? this.arrivals.get(known.taskId) : null
    return { kind: known.bodySha256 === origin.bodySha256 ? 'known' : 'conflict', task }
  }

  /** Why texts of this source may not decide about sessions, or null. */
  answerProblem(source: Source): Problem | null {
    return answerProblem(source, this.settings.policies[source])
  }

  async submit(parsed: Result<TaskSpec>, origin: Origin): Promise<Submission> {
    const before = this.before(origin)
    if (before) return before
    if (!parsed.ok) return { kind: 'refused', problems: parsed.problems }
    const prepared = await this.prepare(parsed.value, origin.source)
    if (!prepared.ok) return { kind: 'refused', problems: prepared.problems }
    return this.arrivals.accept({ ...prepared.value, origin })
  }

  /** New bytes for a task that was accepted: `revised` before its start, `late` after it. */
  async revise(task: Task, parsed: Result<TaskSpec>): Promise<'revised' | 'late' | 'unreadable' | 'circle'> {
    if (!parsed.ok) return 'unreadable'
    const prepared = await this.prepare(parsed.value, task.source)
    if (!prepared.ok || prepared.value.workspace !== task.workspace) return 'unreadable'
    // Only a rewritten file can close a circle: a new task is nobody's predecessor yet.
    if (this.leadsTo(prepared.value.spec.after ?? [], task.id)) return 'circle'
    return this.arrivals.revise(task.id, prepared.value.spec, 'its file was written to again') ? 'revised' : 'late'
  }

  async prepare(spec: TaskSpec, source: Source): Promise<Result<Omit<NewTask, 'origin'>>> {
    const { settings } = this
    const session = spec.session === undefined ? null : settings.sessionOf(spec.session)
    const wanted = spec.workspace ?? session?.workspace ?? settings.defaults.workspace
    if (!wanted) return { ok: false, problems: [noWorkspace] }
    const workspace = await realFolder(resolveWorkspace(wanted, settings))
    if (typeof workspace !== 'string') return { ok: false, problems: [workspace] }
    const runtime = spec.runtime ?? session?.runtime ?? settings.defaults.runtime
    const policy = settings.policies[source]
    const { home, checkers, drillDir } = settings
    const problems = policyProblems({ ...spec, runtime }, workspace, {
      source,
      policy,
      home,
      checkers,
      drillDir,
    })
    if (spec.session !== undefined && spec.isolation === 'worktree') problems.push(sessionElsewhere)
    if (spec.tools && runtime !== narrows) problems.push(notNarrowed(runtime))
    if (!settings.runtimes.includes(runtime)) problems.push(unknownRuntime(runtime, settings.runtimes))
    const full = this.withNamedChecks(this.withTasks(withDefaults(spec, policy, settings), problems), problems)
    return problems.length > 0 ? { ok: false, problems } : { ok: true, value: { spec: full, workspace, runtime } }
  }

  private withTasks(spec: TaskSpec, problems: Problem[]): TaskSpec {
    if (!spec.after) return spec
    const after = spec.after.flatMap((name) => {
      const found = this.arrivals.get(name) ?? this.arrivals.titled(name)
      if (!found) problems.push(unknownPredecessor(name))
      return found ? [found.id] : []
    })
    return { ...spec, after: [...new Set(after)] }
  }

  private leadsTo(from: readonly string[], target: string): boolean {
    const seen = new Set<string>()
    for (const ids = [...from]; ids.length > 0; ) {
      const id = ids.pop() as string
      if (id === target) return true
      if (seen.has(id)) continue
      seen.add(id)
      ids.push(...(this.arrivals.get(id)?.spec.after ?? []))
    }
    return false
  }

  private withNamedChecks(spec: TaskSpec, problems: Problem[]): TaskSpec {
    const named = this.settings.namedChecks
    const resolveOne = (check: CheckSpec): CheckSpec => {
      if (check.kind !== 'named') return check
      const name = String(check.use)
      const found = Object.hasOwn(named, name) ? named[name] : undefined
      if (found) return { name, ...found }
      const todo = `Names there are: ${Object.keys(named).join(', ') || 'none yet'}.`
      problems.push({ kind: 'unknown-check', text: `No check is named "${name}" in the configuration.`, todo })
      return check
    }
    const steps = spec.steps.map((step) => ({ ...step, checks: step.checks.map(resolveOne) }))
    return { ...spec, steps, checks: spec.checks.map(resolveOne) }
  }
}

const sessionElsewhere: Problem = {
  kind: 'isolation-session',
  text: 'It names a session, which works in its own folder, and asks for a worktree of its own.',
  todo: 'Remove `session` or `isolation: worktree`.',
}

/** The one runtime whose tools are ours to leave out. */
const narrows = 'builtin'

const notNarrowed = (runtime: string): Problem => ({
  kind: 'tools-not-narrowed',
  text: `It may use only some tools ("tools"), and the runtime "${runtime}" cannot be held to that.`,
  todo: `Remove "tools", or use \`runtime: ${narrows}\`.`,
})

const noWorkspace: Problem = {
  kind: 'no-workspace',
  text: 'It does not say which folder to work in.',
  todo: 'Add a line `workspace: ~/path/to/project`, or set inbox.default_workspace.',
}

const unknownPredecessor = (name: string): Problem => ({
  kind: 'unknown-predecessor',
  text: `It is to come after "${name.slice(0, 120)}", but there is no task with this id or title.`,
  todo: 'Add that task first, or correct the name; `openloom status` lists what there is.',
})

const unknownRuntime = (runtime: string, known: readonly string[]): Problem => ({
  kind: 'unknown-runtime',
  text: `There is no runtime "${runtime}".`,
  todo: `Runtimes there are: ${known.join(', ')}.`,
})

function resolveWorkspace(wanted: string, { home, base }: IntakeSettings): string {
  if (wanted === '~' || wanted.startsWith('~/')) return join(home, wanted.slice(1))
  return isAbsolute(wanted) ? wanted : resolve(base, wanted)
}

async function realFolder(path: string): Promise<string | Problem> {
  try {
    const real = await realpath(path)
    if ((await stat(real)).isDirectory()) return real
    return { kind: 'workspace-no-folder', text: `The workspace ${path} is not a folder.`, todo: 'Name a folder.' }
  } catch (error) {
    const why = errnoOf(error) === 'ENOENT' ? 'does not exist' : `cannot be opened (${errnoOf(error)})`
    const todo = 'Create it, or correct the path.'
    return { kind: 'workspace-missing', text: `The workspace ${path} ${why}.`, todo }
  }
}

function withDefaults(spec: TaskSpec, policy: SourcePolicy, { defaults }: IntakeSettings): TaskSpec {
  const hasChecks = spec.checks.length > 0 || spec.steps.some((step) => step.checks.length > 0)
  // A session that exists works where it is; only a task that says so itself is refused for that.
  const isolation = spec.isolation ?? (spec.session === undefined ? defaults.isolation : undefined)
  return {
    ...spec,
    ...(isolation === 'worktree' ? { isolation, when_verified: spec.when_verified ?? defaults.whenVerified } : {}),
    checks: hasChecks ? spec.checks : [...defaults.checks],
    limits: effectiveLimits(spec.limits, policy.limits, defaults.limits),
    check_interval_minutes: spec.check_interval_minutes ?? defaults.checkIntervalMinutes,
  }
}
