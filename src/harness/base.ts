/**
 * Runs the checks of a task before its work begins, in the very folder and state that the work begins from: what passes
 * already proves nothing about the work. Bounded; what was not seen in time is unknown, never green.
 */
import type { CheckSpec } from '../core/check.ts'
import type { TaskSpec } from '../core/spec.ts'
import { checksOf, type Task } from '../core/task.ts'
import type { CheckRecord } from '../core/verdict.ts'
import { NoCleanTree } from '../lib/clean-repository.ts'
import { GitSilent } from '../lib/git.ts'
import type { Opened } from './checkout.ts'
import { examine } from './examine.ts'
import { noteLook } from './footing.ts'
import { noteInstalled } from './installed.ts'
import { noteBase, readBase } from './pinned.ts'
import { commandLines, protectionOf } from './protect.ts'
import type { World } from './world.ts'

export const mustFailFirst = (task: Task, world: World): boolean =>
  task.spec.must_fail_first ?? world.settings.mustFailFirst

/** The spec with all that it protects: what the configuration names, too. */
export function specOf({ spec }: Pick<Task, 'spec'>, { settings }: World): TaskSpec {
  const [always, own] = [settings.protect, spec.protect]
  return { ...spec, protect: always === false || own === false ? false : [...always, ...(own ?? [])] }
}

/**
 * Everything that is looked at before the first prompt: what the checks say, and then what judges and what lies there.
 * False: ended by `signal`.
 */
export async function lookBefore(task: Task, world: World, signal: AbortSignal): Promise<boolean> {
  if (!(await examineBase(task, world, signal))) return false
  try {
    const ground = await world.checkouts.ground(task, signal)
    if ((await readBase(ground.folder)) !== null) return true
    const checks = checksOf(task).map(({ spec }) => spec)
    const rules = (scripts: readonly string[]) => protectionOf(specOf(task, world), checks, scripts)
    const commands = commandLines(checks)
    if (commands.length > 0 && specOf(task, world).protect !== false) {
      await noteInstalled(ground, world.checkouts.ids)
    }
    await noteBase(ground, { commands, rules, commit: task.baseCommit, ids: world.checkouts.ids })
  } catch (error) {
    if (signal.aborted) return false
    if (!(error instanceof NoCleanTree)) throw error
    // Git answers no better later: the verdict will say so.
    world.log.warn({ task: task.id, why: error.message }, 'what judges the work could not be noted')
  }
  return !signal.aborted
}

/** Only before the first prompt: afterwards the folder is not the base any more. False: ended by `signal`. */
async function examineBase(task: Task, world: World, signal: AbortSignal): Promise<boolean> {
  const looks = looksOf(task, world)
  if (looks.every((look) => look === 'none')) return true
  if (world.store.attempts.checksOf(task.id, 0).length > 0) return true
  const limit = new AbortController()
  const timer = world.clock.after(world.settings.baseMs, () => limit.abort(new Error('over')))
  try {
    const within = AbortSignal.any([signal, limit.signal])
    const beside = await openBeside(task, looks, world, within)
    const skip = (index: number) => looks[index] !== 'limited' || beside?.indexes.has(index) === true
    const seen = await examine(task, world, { signal: within, skip })
    // What compares files looks last, so that what the others wrote counts as there before the work.
    seen.push(...(await examine(task, world, { signal, skip: (index) => looks[index] !== 'last' })))
    if (signal.aborted) return false
    const missed = notSeen(task, seen, world).filter(({ index }) => looks[index] !== 'none')
    world.store.ledger.transact(() => {
      const records = [...seen, ...missed].sort((a, b) => a.index - b.index)
      world.store.attempts.addBase(task.id, records)
      for (const record of seen) noteLook(task, record, world)
    })
    if (beside) world.checkouts.alongside(task.id, (stop) => lookBeside(task, beside, world, stop))
    return true
  } finally {
    timer.cancel()
  }
}

/** A clean checkout of what the work begins from. */
interface Beside extends Pick<Opened, 'workspace' | 'shown'> {
  indexes: ReadonlySet<number>
}

/** Where the commands look at the base while the agent works already; null: they look before it. */
async function openBeside(
  task: Task,
  looks: readonly Look[],
  world: World,
  signal: AbortSignal,
): Promise<Beside | null> {
  const how = task.spec.checkout ?? world.settings.checkout
  if ((task.spec.wait_for_base ?? world.settings.waitForBase) || !how) return null
  const runs = ({ spec }: { spec: CheckSpec }) => world.checkers.find((one) => one.kind === spec.kind)?.runsCommand
  const indexes = checksOf(task).flatMap((check, index) => (looks[index] === 'limited' && runs(check) ? [index] : []))
  if (indexes.length === 0) return null
  try {
    const ground = await world.checkouts.ground(task, signal)
    const result = ground.isGit ? await world.checkouts.result(ground, null, task) : 'there is no git'
    if (typeof result === 'string') return null
    const { workspace, shown } = await world.checkouts.open(task, ground, result, how)
    return { workspace, shown, indexes: new Set(indexes) }
  } catch (error) {
    // Without a checkout they look in the workspace, and the agent waits.
    if (error instanceof NoCleanTree || error instanceof GitSilent) return null
    throw error
  }
}

async function lookBeside(
  task: Task,
  { indexes, ...checkout }: Beside,
  world: World,
  stop: AbortSignal,
): Promise<void> {
  const limit = new AbortController()
  const timer = world.clock.after(world.settings.baseMs, () => limit.abort(new Error('over')))
  const signal = AbortSignal.any([stop, limit.signal])
  const seen = await examine(task, world, { signal, skip: (index) => !indexes.has(index), ...checkout })
  timer.cancel()
  if (stop.aborted) return
  const found = new Map(seen.map((record) => [record.index, record]))
  const { attempts, ledger } = world.store
  ledger.transact(() => {
    const records = attempts.checksOf(task.id, 0).map((record) => found.get(record.index) ?? record)
    attempts.amendChecks(task.id, 0, records)
    for (const record of seen) noteLook(task, record, world)
  })
}

type Look = 'none' | 'limited' | 'last'

/** By position. Checks that judge against what was before are looked at whatever the task says. */
function looksOf(task: Task, world: World): Look[] {
  return checksOf(task).map(({ spec }) => {
    const checker = world.checkers.find((one) => one.kind === spec.kind)
    if (checker?.compares) return 'last'
    return checker?.guards || mustFailFirst(task, world) ? 'limited' : 'none'
  })
}

function notSeen(task: Task, seen: readonly CheckRecord[], world: World): CheckRecord[] {
  const known = new Set(seen.map((record) => record.index))
  const startedAt = world.clock.now()
  return checksOf(task).flatMap(({ spec, step, origin }, index) => {
    if (known.has(index)) return []
    const title = world.describeCheck(spec)
    const seconds = world.settings.baseMs / 1_000
    const summary = `There was no time to look before the work began (${seconds} s for all checks).`
    const evidence = { subject: title, summary }
    const record = { index, spec, title, step, startedAt, durationMs: 0, outcome: 'error' as const, evidence }
    return [origin ? { ...record, origin } : record]
  })
}

/** By position: the whole results of the look before the work. */
export const resultsBefore = (task: Task, world: World): ReadonlyMap<number, CheckRecord> =>
  new Map(world.store.attempts.checksOf(task.id, 0).map((record) => [record.index, record]))

/** By position: what each check said before the work; null for what is not known. Absent: nobody asked. */
export function baseOf(task: Task, world: World): ReadonlyMap<number, CheckRecord['base']> {
  const asks = checksOf(task).map(({ origin }) => origin !== undefined || mustFailFirst(task, world))
  if (!asks.includes(true)) return new Map()
  const found = world.store.attempts.checksOf(task.id, 0)
  const base = new Map(found.map(({ index, outcome }) => [index, outcome === 'error' ? null : outcome]))
  return new Map(asks.flatMap((asked, index) => (asked ? [[index, base.get(index) ?? null] as const] : [])))
}
