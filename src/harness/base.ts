/**
 * Runs the checks of a task before its work begins, in the very folder and state that the work begins from: what passes
 * already proves nothing about the work. Bounded; what was not seen in time is unknown, never green.
 */
import { flattenChecks } from '../core/spec.ts'
import type { Task } from '../core/task.ts'
import type { CheckRecord } from '../core/verdict.ts'
import { examine } from './examine.ts'
import { noteLook } from './footing.ts'
import type { World } from './world.ts'

export const mustFailFirst = (task: Task, world: World): boolean =>
  task.spec.must_fail_first ?? world.settings.mustFailFirst

/** Only before the first prompt: afterwards the folder is not the base any more. False: ended by `signal`. */
export async function examineBase(task: Task, world: World, signal: AbortSignal): Promise<boolean> {
  if (flattenChecks(task.spec).length === 0 || !mustFailFirst(task, world)) return true
  if (world.store.attempts.checksOf(task.id, 0).length > 0) return true
  const limit = new AbortController()
  const timer = world.clock.after(world.settings.baseMs, () => limit.abort(new Error('over')))
  try {
    const seen = await examine(task, world, { signal: AbortSignal.any([signal, limit.signal]), skip: () => false })
    if (signal.aborted) return false
    world.store.ledger.transact(() => {
      world.store.attempts.addBase(task.id, [...seen, ...notSeen(task, seen, world)])
      for (const record of seen) noteLook(task, record, world)
    })
    return true
  } finally {
    timer.cancel()
  }
}

function notSeen(task: Task, seen: readonly CheckRecord[], world: World): CheckRecord[] {
  const known = new Set(seen.map((record) => record.index))
  const startedAt = world.clock.now()
  return flattenChecks(task.spec).flatMap(({ spec, step }, index) => {
    if (known.has(index)) return []
    const title = world.describeCheck(spec)
    const seconds = world.settings.baseMs / 1_000
    const summary = `There was no time to look before the work began (${seconds} s for all checks).`
    const evidence = { subject: title, summary }
    return [{ index, spec, title, step, startedAt, durationMs: 0, outcome: 'error' as const, evidence }]
  })
}

/** By position: the whole results of the look before the work. */
export const resultsBefore = (task: Task, world: World): ReadonlyMap<number, CheckRecord> =>
  new Map(world.store.attempts.checksOf(task.id, 0).map((record) => [record.index, record]))

/** By position: what each check said before the work; null for what is not known. Empty: nobody asked. */
export function baseOf(task: Task, world: World): ReadonlyMap<number, CheckRecord['base']> {
  if (!mustFailFirst(task, world)) return new Map()
  const found = world.store.attempts.checksOf(task.id, 0)
  const base = new Map(found.map(({ index, outcome }) => [index, outcome === 'error' ? null : outcome]))
  return new Map(flattenChecks(task.spec).map((_, index) => [index, base.get(index) ?? null]))
}
