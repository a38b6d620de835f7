/** Runs the checks of a task and stores each as it finishes. The file system answers; nothing here asks the agent. */
import { isActive, type Task } from '../core/task.ts'
import type { CheckRecord } from '../core/verdict.ts'
import { failpoint } from '../lib/failpoint.ts'
import { baseOf, resultsBefore } from './base.ts'
import { type Judged, lookTwice } from './clean.ts'
import { examine } from './examine.ts'
import { noteLook } from './footing.ts'
import type { World } from './world.ts'

/**
 * The records of this attempt, those already stored included (a finished check is not run again after a crash), or null
 * when `signal` ended it before the last one.
 */
export async function runChecks(task: Task, world: World, signal: AbortSignal): Promise<Judged | null> {
  await world.checkouts.settled(task.id)
  const finished = new Map(world.store.attempts.checksOf(task.id, task.attempt).map((r) => [r.index, r]))
  const base = baseOf(task, world)
  const keep = (record: CheckRecord) => {
    failpoint('verify.checked')
    world.store.ledger.transact(() => {
      if (world.store.attempts.addCheck(task.id, task.attempt, record)) noteLook(task, record, world)
    })
    failpoint('verify.stored')
  }
  const before = resultsBefore(task, world)
  const skip = (index: number) => finished.has(index)
  for (const record of await examine(task, world, { signal, skip, base, before, keep })) {
    finished.set(record.index, record)
  }
  if (signal.aborted) return null
  const records = [...finished.values()].sort((a, b) => a.index - b.index)
  const judged = await lookTwice(task, records.filter(isOwn), world, { signal, before })
  failpoint('verify.clean')
  if (judged !== null) world.store.attempts.amendChecks(task.id, task.attempt, judged.records)
  return judged
}

/** The record on protected files is made anew with each look at the clean checkout. */
const isOwn = (record: CheckRecord): boolean => record.spec.kind !== 'protected'

/** Runs the checks now, without storing anything and without touching the task. */
export async function checkNow(task: Task, world: World, signal: AbortSignal): Promise<CheckRecord[]> {
  const before = resultsBefore(task, world)
  const records = await examine(task, world, { signal, skip: () => false, before })
  const judged = await lookTwice(task, records, world, { signal, before })
  if (!isActive(task.status)) await world.checkouts.close(task.id)
  return judged?.records ?? records
}
