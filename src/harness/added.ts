/**
 * Checks that nobody wrote: the project's own commands, which must not fail in anything new, and what a model proposes
 * for the acceptance lines. Decided once, before the work begins, and frozen in the task; afterwards nothing is added.
 */
import type { AnyChecker, CheckSpec, Proposals } from '../core/check.ts'
import { reasonOf } from '../core/problem.ts'
import type { ModelUsage } from '../core/session.ts'
import { checksMax, flattenChecks } from '../core/spec.ts'
import { type AddedCheck, checksOf, type Task } from '../core/task.ts'
import { originWords } from '../core/verdict.ts'
import { failpoint } from '../lib/failpoint.ts'
import { walkFiles } from '../lib/glob.ts'
import { plainLine } from '../lib/mask.ts'
import { findCommands, type ProjectCommand } from '../lib/project/commands.ts'
import { readBaseline } from './baseline.ts'
import { examine } from './examine.ts'
import { asksForChange } from './goal.ts'
import { firstPrompt } from './prompts.ts'
import type { World } from './world.ts'

const proposalMs = 60_000
const becauseCharsMax = 300
const filesShown = 400
const entriesMax = 5_000
const skipped = ['.git', 'node_modules', 'dist', 'build', 'target', 'vendor', '.venv', 'venv', '__pycache__']

/** The forms that a model may use: they read files of the workspace and run nothing. */
const forms: Readonly<Record<string, string>> = {
  file_exists: 'file: PATH',
  file_absent: 'no file: PATH',
  file_contains: 'contains: PATH "text", or contains: PATH /pattern/i',
  file_changed: 'changed: PATH',
  glob_count: 'count: GLOB >= 1, or count: GLOB == 0',
  json_path: 'json: PATH $.key == value',
  yaml_path: 'yaml: PATH $.key == value',
}

/** The task with its added checks, or null when `signal` ended it. Idempotent: what is frozen is kept. */
export async function addChecks(task: Task, world: World, signal: AbortSignal): Promise<Task | null> {
  if (task.added !== null) return task
  const wants = { project: wantsProject(task, world), proposals: wantsProposals(task, world) }
  const commands = wants.project || wants.proposals ? await projectCommands(task, world) : []
  const added = [
    ...(wants.project ? await projectChecks(task, commands, { world, signal }) : []),
    ...(wants.proposals ? await proposedChecks(task, commands, { world, signal }) : []),
  ]
  if (signal.aborted) return null
  failpoint('checks.chosen')
  const frozen = await freeze(task, added.slice(0, checksMax), world)
  failpoint('checks.frozen')
  return frozen
}

const bringsNone = ({ spec }: Task): boolean => flattenChecks(spec).length === 0

function wantsProject(task: Task, world: World): boolean {
  const when = task.spec.project_checks ?? world.settings.projectChecks
  return when === 'always' || (when === 'auto' && bringsNone(task))
}

function wantsProposals(task: Task, world: World): boolean {
  const { propose_checks = world.settings.proposeChecks, acceptance } = task.spec
  return propose_checks && world.proposer !== null && acceptance.length > 0 && bringsNone(task)
}

async function freeze(task: Task, added: AddedCheck[], world: World): Promise<Task> {
  const { store } = world
  if (added.length === 0) return store.tasks.patch(task.id, { added })
  const { baseline } = await readBaseline({ ...task, added }, world)
  return store.ledger.transact(() => {
    const proving = checksOf({ spec: task.spec, added }).filter(({ spec }) => !guards(spec, world))
    const total = task.spec.steps.length > 0 ? task.spec.steps.length : proving.length
    const frozen = store.tasks.patch(task.id, { added, baseline, progress: { ...task.progress, total } })
    store.attempts.reword(task.id, task.attempt, firstPrompt(task.spec, checkLines(frozen, world)))
    const checks = added.map(({ spec, origin, because }) => ({ title: world.describeCheck(spec), origin, because }))
    store.ledger.emit({ type: 'checks.added', taskId: task.id, data: { checks } })
    return frozen
  })
}

const guards = ({ kind }: CheckSpec, world: World): boolean =>
  world.checkers.some((checker) => checker.kind === kind && checker.guards)

/** For the agent: every check of the task, those that nobody wrote with where they come from. */
export const checkLines = (task: Task, world: World): string[] => [
  ...flattenChecks(task.spec).map(({ spec }) => world.describeCheck(spec)),
  ...(task.added ?? []).map(({ spec, origin }) => `${world.describeCheck(spec)} (${originWords[origin]})`),
]

/**
 * A source that may not bring commands still has the project's own run: they are not in its text, and the agent that it
 * starts works in that project anyway. Where no command at all may run for a source, none does.
 */
async function projectCommands(task: Task, world: World): Promise<ProjectCommand[]> {
  if (!world.settings.runsCommands(task.source)) return []
  try {
    return await findCommands(task.workspace, world.env.PATH ?? '')
  } catch (error) {
    // A folder that cannot be read is for the agent and the checks to tell of; here it holds no command.
    world.log.warn({ taskId: task.id }, `no commands were found in the project: ${reasonOf(error)}`)
    return []
  }
}

interface Around {
  world: World
  signal: AbortSignal
}

async function projectChecks(
  task: Task,
  commands: readonly ProjectCommand[],
  { world, signal }: Around,
): Promise<AddedCheck[]> {
  const checks = commands.flatMap(({ run, because }): AddedCheck[] => {
    const spec = parsed({ kind: 'no_worse', run }, world.checkers)
    return spec ? [{ spec, origin: 'project', because: plainLine(because, becauseCharsMax) }] : []
  })
  const changes = task.spec.changes_files ?? asksForChange(task.spec.goal)
  const change = parsed({ kind: 'any_change' }, world.checkers)
  if (checks.length === 0 || !changes || !change) return checks
  const because = 'the task is to change files'
  const whole: AddedCheck[] = [...checks, { spec: change, origin: 'project', because }]
  return (await canLook(whole.at(-1) as AddedCheck, task, { world, signal })) ? whole : checks
}

const parsed = (fields: CheckSpec, checkers: readonly AnyChecker[]): CheckSpec | null => {
  const found = checkers.find(({ kind }) => kind === fields.kind)?.schema.safeParse(fields)
  return found?.success ? (found.data as CheckSpec) : null
}

/** Before it is frozen: a check that can never look would make every verdict unknown. */
async function canLook(check: AddedCheck, task: Task, { world, signal }: Around): Promise<boolean> {
  const own = flattenChecks(task.spec).length
  const look = { signal, skip: (index: number) => index < own }
  const [record] = await examine({ ...task, added: [check] }, world, look)
  return record !== undefined && record.outcome !== 'error'
}

async function proposedChecks(
  task: Task,
  commands: readonly ProjectCommand[],
  { world, signal }: Around,
): Promise<AddedCheck[]> {
  const { spec, workspace, runtime } = task
  const runs = commands.map(({ run }) => `run: ${run}`)
  const request = {
    goal: spec.goal.slice(0, 20_000),
    acceptance: spec.acceptance.map((line) => line.slice(0, 1_000)),
    files: await listFiles(workspace, signal),
    forms: [...Object.values(forms), ...runs],
    model: runtime === 'builtin' ? (spec.model ?? null) : null,
  }
  const { answers, usage } = await askWithin(request, { world, signal })
  if (usage) keepUsage(task, usage, world)
  const known = new Set<string>()
  return answers.flatMap(({ line, check }): AddedCheck[] => {
    const found = world.parseCheck(check)
    if (!found.ok || !mayPropose(found.value, commands)) return []
    const title = world.describeCheck(found.value)
    if (known.has(title)) return []
    known.add(title)
    const because = plainLine(spec.acceptance[line] ?? '', becauseCharsMax)
    return [{ spec: found.value, origin: 'proposed', because }]
  })
}

/** A model brings no command of its own: only one that the project has anyway. */
const mayPropose = (spec: CheckSpec, commands: readonly ProjectCommand[]): boolean =>
  Object.hasOwn(forms, spec.kind) || (spec.kind === 'command' && commands.some(({ run }) => run === spec.run))

/** It belongs to the task, which has no session yet: its id stands for one. */
function keepUsage({ id }: Task, usage: ModelUsage, world: World): void {
  const at = world.clock.now()
  world.store.usage.grow({ sessionId: id, messageId: 'proposals', taskId: id, firstAt: at, at, usage })
}

type Request = Parameters<NonNullable<World['proposer']>['propose']>[0]

/** A model that is slow or does not answer holds nothing up for long: then nothing is proposed. */
async function askWithin(request: Request, { world, signal }: Around): Promise<Proposals> {
  const limit = new AbortController()
  const timer = world.clock.after(proposalMs, () => limit.abort(new Error('over')))
  try {
    const answered = await world.proposer?.propose(request, AbortSignal.any([signal, limit.signal]))
    return answered ?? { answers: [], usage: null }
  } finally {
    timer.cancel()
  }
}

async function listFiles(workspace: string, signal: AbortSignal): Promise<string[]> {
  const files: string[] = []
  await walkFiles(workspace, { entriesMax, signal, skip: skipped }, (path) => {
    if (files.length < filesShown && path.length < 300) files.push(path)
  })
  return files.sort()
}
