/** Runs the checks of a task and stores each as it finishes. The file system answers; nothing here asks the agent. */
import type { AnyChecker, CheckContext, CheckResult, CheckSpec } from '../core/check.ts'
import { reasonOf } from '../core/problem.ts'
import { flattenChecks } from '../core/spec.ts'
import type { Task } from '../core/task.ts'
import type { CheckRecord } from '../core/verdict.ts'
import { failpoint } from '../lib/failpoint.ts'
import type { World } from './world.ts'

/**
 * The records of this attempt, those already stored included (a finished check is not run again after a crash), or null
 * when `signal` ended it before the last one.
 */
export async function runChecks(task: Task, world: World, signal: AbortSignal): Promise<CheckRecord[] | null> {
  const finished = new Map(world.store.attempts.checksOf(task.id, task.attempt).map((r) => [r.index, r]))
  for (const record of await checkAll(task, world, { signal, skip: (index) => finished.has(index) })) {
    finished.set(record.index, record)
  }
  if (signal.aborted) return null
  return [...finished.values()].sort((a, b) => a.index - b.index)
}

/** Runs the checks now, without storing anything and without touching the task. */
export function checkNow(task: Task, world: World, signal: AbortSignal): Promise<CheckRecord[]> {
  return checkAll(task, world, { signal, skip: () => false, store: false })
}

interface Pass {
  signal: AbortSignal
  skip(index: number): boolean
  store?: boolean
}

async function checkAll(task: Task, world: World, pass: Pass): Promise<CheckRecord[]> {
  const records: CheckRecord[] = []
  for (const [index, { spec, step }] of flattenChecks(task.spec).entries()) {
    if (pass.signal.aborted) break
    if (pass.skip(index)) continue
    const startedAt = world.clock.now()
    const begun = world.clock.monotonic()
    const checker = world.checkers.find((one) => one.kind === spec.kind)
    const result = await runOne(checker, spec, contextOf(task, world, pass.signal))
    if (pass.signal.aborted) break
    const title = world.describeCheck(spec)
    const durationMs = Math.round(world.clock.monotonic() - begun)
    const record: CheckRecord = { index, spec, title, step, startedAt, durationMs, ...result }
    if (pass.store !== false) {
      failpoint('verify.checked')
      world.store.attempts.addCheck(task.id, task.attempt, record)
      failpoint('verify.stored')
    }
    records.push(record)
  }
  return records
}

async function runOne(checker: AnyChecker | undefined, spec: CheckSpec, context: CheckContext): Promise<CheckResult> {
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

function contextOf(task: Task, world: World, signal: AbortSignal): CheckContext {
  return {
    workspace: task.workspace,
    taskStartedAt: task.startedAt ?? task.createdAt,
    baseCommit: task.baseCommit,
    baseline: task.baseline,
    env: world.env,
    owner: `${world.owner}/${task.id}`,
    clock: world.clock,
    signal,
  }
}
