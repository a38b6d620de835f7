/**
 * What a way in may ask for. Pure but for the real path of the workspace, which the caller resolves: nothing of a
 * task is believed because of where it came from, and what is not allowed is refused with the reason, never dropped.
 */
import type { AnyChecker, CheckSpec } from '../core/check.ts'
import type { Problem } from '../core/problem.ts'
import { drillRuntime } from '../core/runtime.ts'
import { flattenChecks, type Limits, type TaskSpec } from '../core/spec.ts'
import type { Source } from '../core/task.ts'
import { isInside } from '../lib/files.ts'

export interface SourcePolicy {
  /** Real paths; the workspace must lie strictly below one of them or be one that is named on purpose. */
  workspaceRoots: readonly string[]
  /** Empty: every runtime. */
  runtimes: readonly string[]
  /** `any`: checks may bring commands. `named`: only checks named in the configuration. `none`: no command at all. */
  commands: 'any' | 'named' | 'none'
  /** Whether tasks may have permissions answered unasked. */
  autoAccept: boolean
  /** Whether texts may answer what sessions ask, and take sessions over. */
  answers: boolean
  /** Upper limits: asking for more is refused; asking for nothing gets these. */
  limits: Limits
}

export interface PolicyContext {
  source: Source
  policy: SourcePolicy
  /** Home of the user, real path: never a workspace itself. */
  home: string
  /** Real path of the folder below which the fire drill makes its own. */
  drillDir: string
  checkers: readonly AnyChecker[]
}

const systemFolders = [
  '/bin',
  '/boot',
  '/dev',
  '/etc',
  '/lib',
  '/lib64',
  '/proc',
  '/run',
  '/sbin',
  '/sys',
  '/usr',
  '/var',
]

/** `workspace`: real path of the folder. Empty list: allowed. */
export function policyProblems(spec: TaskSpec, workspace: string, context: PolicyContext): Problem[] {
  const { policy, source } = context
  const problems = placeProblems(spec, workspace, context)
  if (!policy.autoAccept && spec.auto_accept !== undefined && spec.auto_accept !== false) {
    problems.push({
      kind: 'auto-accept-not-allowed',
      text: `Tasks from ${source} may not have permissions answered unasked ("auto_accept").`,
      todo: `Remove the line, or set sources.${source}.auto_accept to true.`,
    })
  }
  if (spec.checkout && spec.checkout.setup !== undefined && policy.commands !== 'any') {
    problems.push({
      kind: 'command-not-allowed',
      text: `Tasks from ${source} may not bring commands of their own ("checkout.setup").`,
      todo: `Write it under defaults.checkout in openloom.yaml, or set sources.${source}.commands to any.`,
    })
  }
  for (const { spec: check } of flattenChecks(spec)) {
    const problem = commandProblem(check, context)
    if (problem) problems.push(problem)
  }
  for (const [name, max] of Object.entries(policy.limits) as [keyof Limits, number | undefined][]) {
    const wanted = spec.limits[name]
    if (max !== undefined && wanted !== undefined && wanted > max) {
      const text = `The limit "${name}: ${wanted}" is above what tasks from ${source} may have (${max}).`
      problems.push({ kind: 'limit-too-high', text, todo: `Ask for less, or raise sources.${source}.limits.${name}.` })
    }
  }
  return problems
}

/** Where it works and by what. The drill has its own rule: a script must never play in a folder of a person. */
function placeProblems({ runtime }: TaskSpec, workspace: string, context: PolicyContext): Problem[] {
  const { policy, source, drillDir } = context
  if (runtime === drillRuntime) {
    const isDrill = source === 'cli' && workspace !== drillDir && isInside(drillDir, workspace)
    return isDrill ? [] : [onlyDrills]
  }
  const place = workspaceProblem(workspace, context)
  const problems = place ? [place] : []
  if (runtime && policy.runtimes.length > 0 && !policy.runtimes.includes(runtime)) {
    problems.push({
      kind: 'runtime-not-allowed',
      text: `Tasks from ${source} may not use the runtime "${runtime}".`,
      todo: `Use one of: ${policy.runtimes.join(', ')}; or allow it in sources.${source}.runtimes.`,
    })
  }
  return problems
}

const onlyDrills: Problem = {
  kind: 'drill-only',
  text: 'The runtime "drill" plays the fire drill and takes no other work.',
  todo: 'Run `openloom drill`, or name another runtime.',
}

function workspaceProblem(workspace: string, { policy, home, source }: PolicyContext): Problem | null {
  const named = policy.workspaceRoots.includes(workspace)
  const forbidden =
    workspace === '/' ||
    workspace === home ||
    systemFolders.some(
      (folder) => isInside(folder, workspace) && !(named || isBelowNamedRoot(policy, workspace, folder)),
    )
  if (forbidden) {
    return {
      kind: 'workspace-forbidden',
      text: `${workspace} is no place for an agent: it is the home folder itself or belongs to the system.`,
      todo: 'Name a project folder.',
    }
  }
  if (policy.workspaceRoots.some((root) => isInside(root, workspace))) return null
  return {
    kind: 'workspace-not-allowed',
    text: `The workspace ${workspace} is outside the folders that tasks from ${source} may use.`,
    todo: `Use a folder below ${policy.workspaceRoots.join(' or ')}, or add it to OPENLOOM_WORKSPACE_ROOTS.`,
  }
}

/** A root that lies in a system folder was put there on purpose (a temporary folder below /var, say). */
const isBelowNamedRoot = (policy: SourcePolicy, workspace: string, folder: string): boolean =>
  policy.workspaceRoots.some((root) => root !== folder && isInside(folder, root) && isInside(root, workspace))

function commandProblem(check: CheckSpec, { policy, source, checkers }: PolicyContext): Problem | null {
  if (policy.commands === 'any' || check.kind === 'named') return null
  if (!checkers.find((checker) => checker.kind === check.kind)?.runsCommand) return null
  return {
    kind: 'command-not-allowed',
    text: `Tasks from ${source} may not bring commands, and the check "${check.kind}" runs one.`,
    todo:
      policy.commands === 'named'
        ? `Give the command a name under named_checks in the configuration and write "- check: <name>".`
        : `Set sources.${source}.commands to any.`,
  }
}

/** Why a text of this source may not decide about sessions, or null. */
export function answerProblem(source: Source, policy: SourcePolicy): Problem | null {
  if (policy.answers) return null
  return {
    kind: 'answers-not-allowed',
    text: `Texts from ${source} may not answer what a session asks, nor take one over.`,
    todo: `Do it on the page or with \`openloom approve\`, or set sources.${source}.answers to true.`,
  }
}

/** The limits that hold: what was asked, else what the source allows at most, else the defaults. */
export function effectiveLimits(asked: Limits, policy: Limits, defaults: Limits): Limits {
  const names = ['minutes', 'attempts', 'tool_calls', 'tokens'] as const
  return Object.fromEntries(
    names.flatMap((name) => {
      const fallback = Math.min(policy[name] ?? Number.POSITIVE_INFINITY, defaults[name] ?? Number.POSITIVE_INFINITY)
      const value = asked[name] ?? fallback
      return Number.isFinite(value) ? [[name, value]] : []
    }),
  )
}
