/** Runs checks, each once and in order, and says what each found. It stores nothing and knows no attempt. */
import type { AnyChecker, CheckContext, CheckResult, CheckSpec } from '../core/check.ts'
import { reasonOf } from '../core/problem.ts'
import { checksOf, type Task } from '../core/task.ts'
import type { CheckRecord } from '../core/verdict.ts'
import type { Shown } from '../lib/sandbox/sandbox.ts'
import { footingOf } from './footing.ts'
import type { World } from './world.ts'

export interface Pass {
  signal: AbortSignal
  skip(index: number): boolean
  /** What each check said before the work. */
  base?: ReadonlyMap<number, CheckRecord['base']>
  /** The whole results of then, for checks that compare. */
  before?: ReadonlyMap<number, CheckResult>
  /** The folder that stands for the workspace; absent: the workspace itself. */
  workspace?: string
  /** What of this machine a command is shown beside it. */
  shown?: Shown
  /** Called with each as it finishes. */
  keep?(record: CheckRecord): void
}

/** Those that finished before `signal`. */
export async function examine(task: Task, world: World, pass: Pass): Promise<CheckRecord[]> {
  const records: CheckRecord[] = []
  for (const [index, { spec, step, origin }] of checksOf(task).entries()) {
    if (pass.signal.aborted) break
    if (pass.skip(index)) continue
    const startedAt = world.clock.now()
    const begun = world.clock.monotonic()
    const checker = world.checkers.find((one) => one.kind === spec.kind)
    const before = pass.before?.get(index) ?? null
    const { workspace = task.workspace, signal, shown } = pass
    const context = contextOf({ ...task, workspace }, world, { signal, before, shown })
    const result = await runOne(checker, spec, context)
    if (pass.signal.aborted) break
    const title = world.describeCheck(spec)
    const durationMs = Math.round(world.clock.monotonic() - begun)
    const base = pass.base?.has(index) ? { base: pass.base.get(index) } : {}
    const kept = { ...base, ...(origin ? { origin } : {}), ...(checker?.guards ? { guards: true } : {}) }
    const found = { ...result, ...kept, ...footingOf(task, { spec, result, before }, world) }
    const record: CheckRecord = { index, spec, title, step, startedAt, durationMs, ...found }
    pass.keep?.(record)
    records.push(record)
  }
  return records
}

export async function runOne(
  checker: AnyChecker | undefined,
  spec: CheckSpec,
  context: CheckContext,
): Promise<CheckResult> {
  const subject = String(spec.path ?? spec.kind)
  if (!checker) {
    return { outcome: 'error', evidence: { subject, summary: `This version has no check of the kind "${spec.kind}".` } }
  }
  try {
    return await checker.run(spec, context)
  } catch (error) {
    // A bug in a checker must not look like a fact about the work.
    return { outcome: 'error', evidence: { subject, summary: `The check itself broke: ${reasonOf(error)}.` } }
  }
}

/** What a check needs to know of whose work it looks at. */
export type Placed = Pick<Task, 'id' | 'workspace' | 'startedAt' | 'createdAt' | 'baseCommit' | 'baseline'>

export function contextOf(
  task: Placed,
  world: World,
  { signal, before, shown }: Pick<CheckContext, 'signal' | 'before'> & { shown?: Shown | undefined },
): CheckContext {
  return {
    workspace: task.workspace,
    taskStartedAt: task.startedAt ?? task.createdAt,
    baseCommit: task.baseCommit,
    baseline: task.baseline,
    before,
    env: world.env,
    owner: `${world.owner}/${task.id}`,
    confinement: world.sandbox.confine({ workspace: task.workspace, writable: true, owner: task.id, ...shown }),
    clock: world.clock,
    signal,
  }
}
