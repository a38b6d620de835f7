/** What a finding stands on beside itself: tests that were lost since before the work, and what is known of flakes. */
import type { CheckResult, CheckSpec } from '../core/check.ts'
import type { Task } from '../core/task.ts'
import type { CheckRecord } from '../core/verdict.ts'
import { weakenings } from './weakening.ts'
import type { World } from './world.ts'

interface Finding {
  spec: CheckSpec
  result: CheckResult
  before: CheckResult | null
}

type Footing = Pick<CheckRecord, 'weakened' | 'quarantined'>

export function footingOf(task: Task, { spec, result, before }: Finding, world: World): Footing {
  if (result.outcome === 'pass') {
    const weakened = weakenings(before?.census ?? null, result.census ?? null)
    return weakened.length > 0 ? { weakened } : {}
  }
  const quarantined = world.store.flakes.quarantineOf(placeOf(task), spec)
  return result.outcome === 'fail' && quarantined ? { quarantined } : {}
}

/**
 * A pass in the clean checkout behind which no test stands. What is only fewer there is not judged: tests that were
 * never part of the result may have lain in the workspace before the work.
 */
export function footingThere({ weakened = [] }: CheckRecord, clean: CheckResult | undefined): Footing {
  if (weakened.length > 0 || clean?.outcome !== 'pass') return {}
  const there = weakenings(null, clean.census ?? null)
  return there.length > 0 ? { weakened: there.map((why) => `In the clean checkout: ${why}`) } : {}
}

/** Counts a look at a check that may be tried again; inside the transaction that stores the look. */
export function noteLook(task: Task, { spec, title, flaky }: CheckRecord, world: World): void {
  if (Number(spec.retries ?? 0) > 0) world.store.flakes.saw(placeOf(task), spec, { title, flaky: flaky !== undefined })
}

/** A check is known by the folder that was asked for, not by the worktree that a task got for itself. */
const placeOf = (task: Task): string => task.isolation?.origin ?? task.workspace
