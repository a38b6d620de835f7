/**
 * The second look at a result: commands once more in a clean checkout, judged by what judged before the work. Says for
 * each whether the two agree, and adds one record when the work changed its own judges.
 */
import type { CheckResult } from '../core/check.ts'
import type { Checkout } from '../core/spec.ts'
import type { Task } from '../core/task.ts'
import type { CheckRecord } from '../core/verdict.ts'
import { NoCleanTree } from '../lib/clean-repository.ts'
import { askGit } from '../lib/git.ts'
import { isDependency, type Result } from '../lib/result.ts'
import type { TreeLook } from '../lib/tree.ts'
import { specOf } from './base.ts'
import type { Opened } from './checkout.ts'
import { contextOf, type Placed, runOne } from './examine.ts'
import { footingThere } from './footing.ts'
import { changedInstalled } from './installed.ts'
import {
  type Base,
  type Change,
  type Comparison,
  compare,
  type Ground,
  listCommitted,
  readBase,
  showChanges,
} from './pinned.ts'
import { protectionOf } from './protect.ts'
import type { World } from './world.ts'

const leftShown = 20
const ignoredBytesMax = 256 * 1024

export const checkoutOf = (task: Pick<Task, 'spec'>, world: World): Checkout | false =>
  task.spec.checkout ?? world.settings.checkout

/** What of a task, or of a session that nobody gave a task, is judged. */
export type Standing = Placed & Pick<Task, 'spec' | 'accepted' | 'isolation'>

export interface Second {
  signal: AbortSignal
  /** By position: what the checks said before the work. */
  before: ReadonlyMap<number, CheckResult>
  /** They were looked at in a clean checkout then, too. */
  seenClean?: boolean
}

export interface Judged {
  records: CheckRecord[]
  /** The files of the workspace as they were judged; null: not looked at as a whole. */
  look: TreeLook | null
}

interface Look {
  task: Standing
  before: Second['before']
  world: World
  signal: AbortSignal
  ground: Ground
  base: Base | null
  result: Result | null
  found: Comparison
}

/** The records with what the clean checkout says, or null when `signal` ended it. Never rejects for what it finds. */
export async function lookTwice(
  task: Standing,
  records: readonly CheckRecord[],
  world: World,
  { signal, before, seenClean }: Second,
): Promise<Judged | null> {
  // What the project's own commands need beside its files nobody declared; they are held against what they said before.
  const isCommand = ({ spec, guards, origin }: CheckRecord) =>
    (seenClean || !(guards && origin === 'project')) &&
    world.checkers.find((one) => one.kind === spec.kind)?.runsCommand === true
  const commands = records.filter(isCommand)
  const how = checkoutOf(task, world)
  try {
    const look = { ...(await prepare(task, records, world, signal)), before }
    const cleans = how && look.result && commands.length > 0 ? await runClean(look, commands, how) : new Map()
    if (signal.aborted) return null
    const judged = records.map((record) => {
      const clean = cleans.get(record.index)
      return { ...record, ...cleanOf(clean), ...footingThere(record, clean?.result) }
    })
    const ignored = judged.some(onlyHere) ? await ignoredIn(look.ground) : []
    for (const record of judged) if (onlyHere(record)) nameIgnored(record, ignored)
    const byTests = judged.some((record) => cleans.get(record.index)?.byTests)
    const changes = [...look.found.hard, ...(byTests ? look.found.soft : [])]
    if (changes.length > 0) judged.push(await tamperedRecord(look, changes, records.length))
    return { records: judged, look: look.ground.root === task.workspace ? (look.result?.look ?? null) : null }
  } catch (error) {
    if (signal.aborted) return null
    if (!(error instanceof NoCleanTree)) throw error
    const told = records.map((record) =>
      how && isCommand(record) ? { ...record, clean: noClean(record, error.message) } : record,
    )
    const couldLook = (await readBase(world.checkouts.folderOf(task.id)).catch(() => true)) !== null
    // Whoever breaks git must not get around what protects by it.
    const isBlind = couldLook && !(how && commands.length > 0)
    return { records: isBlind ? [...told, blindRecord(error.message, records.length, world)] : told, look: null }
  }
}

const judgesTitle = 'what judges the work is unchanged'

const blindRecord = (why: string, index: number, world: World): CheckRecord => ({
  ...{ index, spec: { kind: 'protected' }, title: judgesTitle, step: null },
  ...{ startedAt: world.clock.now(), durationMs: 0, outcome: 'error' as const },
  evidence: { subject: judgesTitle, summary: `It could be looked at before the work, and not any more: ${why}.` },
})

async function prepare(
  task: Standing,
  records: readonly CheckRecord[],
  world: World,
  signal: AbortSignal,
): Promise<Omit<Look, 'before'>> {
  const ground = await world.checkouts.ground(task, signal)
  const base = await readBase(ground.folder)
  const committed = listCommitted(ground, ground.isGit ? (base?.commit ?? null) : null)
  const result = ground.isGit ? await world.checkouts.result(ground, base, task) : null
  if (typeof result === 'string') throw new NoCleanTree(result)
  const checks = records.map((record) => record.spec)
  const rules = protectionOf(specOf(task, world), checks, base?.lines ?? [])
  const accepted = new Set(task.accepted ?? [])
  const entries = result?.entries ?? []
  const found: Comparison = base
    ? await compare(ground, base, rules, { result, accepted, committed })
    : { hard: [], soft: [], restored: entries, hardRestored: entries }
  const installed = await changedInstalled(ground, world.checkouts.ids, rules)
  found.hard.push(...installed.filter(({ path, sha256 }) => !accepted.has(`${path}:${sha256}`)))
  return { task, world, signal, ground, base, result, found }
}

const onlyHere = ({ outcome, clean }: CheckRecord): boolean => outcome === 'pass' && clean?.outcome === 'fail'

/** Files and folders that git ignores: one of them may be why. */
async function ignoredIn({ git, isGit }: Ground): Promise<string[]> {
  if (!isGit) return []
  const args = ['ls-files', '--others', '--ignored', '--exclude-standard', '--directory', '-z']
  const names = (await askGit(git, args, ignoredBytesMax))?.split('\0') ?? []
  return names.filter((name) => name !== '' && !isDependency(name)).slice(0, leftShown)
}

function nameIgnored({ clean }: CheckRecord, ignored: readonly string[]): void {
  if (clean && ignored.length > 0) clean.evidence.facts = { ...clean.evidence.facts, ignored: [...ignored] }
}

interface Clean {
  result: CheckResult
  /** It passes only with the tests as the work left them. */
  byTests: boolean
}

const cleanOf = (clean: Clean | undefined) => (clean ? { clean: clean.result } : {})

async function runClean(look: Look, commands: readonly CheckRecord[], how: Checkout): Promise<Map<number, Clean>> {
  const { found } = look
  const first = await runAll(look, commands, { how, entries: found.restored })
  const differs = (record: CheckRecord) => record.outcome !== first.get(record.index)?.outcome
  if (found.soft.length === 0 || !commands.some(differs) || look.signal.aborted) return wrap(first, () => false)
  // With the tests as the work left them: do they make the difference?
  const second = await runAll(look, commands, { how, entries: found.hardRestored })
  return wrap(second, (record) => {
    const [before, now] = [first.get(record.index), second.get(record.index)]
    return record.outcome === 'pass' && before?.outcome === 'fail' && now?.outcome === 'pass'
  })

  function wrap(results: ReadonlyMap<number, CheckResult>, byTests: (record: CheckRecord) => boolean) {
    const clean = new Map<number, Clean>()
    for (const record of commands) {
      const result = results.get(record.index)
      if (result) clean.set(record.index, { result, byTests: byTests(record) })
    }
    return clean
  }
}

async function runAll(
  { task, world, signal, ground, result, before }: Look,
  commands: readonly CheckRecord[],
  { how, entries }: { how: Checkout; entries: Result['entries'] },
): Promise<Map<number, CheckResult>> {
  const results = new Map<number, CheckResult>()
  if (!result) return results
  const opened = await world.checkouts.open(task, ground, { ...result, entries }, how)
  for (const record of commands) {
    if (signal.aborted) break
    const checker = world.checkers.find((one) => one.kind === record.spec.kind)
    const was = before.get(record.index) ?? null
    const { workspace, shown } = opened
    const context = contextOf({ ...task, workspace }, world, { signal, before: was, shown })
    results.set(record.index, withFacts(await runOne(checker, record.spec, context), opened, result))
  }
  return results
}

/** What a reader needs to know when the two differ. */
function withFacts({ evidence, ...rest }: CheckResult, { linked }: Opened, { left }: Result): CheckResult {
  const facts = {
    ...evidence.facts,
    ...(left.length > 0 ? { left: left.slice(0, leftShown), leftCount: left.length } : {}),
    ...(linked.length > 0 ? { linked } : {}),
  }
  return { ...rest, evidence: { ...evidence, facts } }
}

const noClean = ({ title }: CheckRecord, why: string): CheckResult => ({
  outcome: 'error',
  evidence: {
    subject: title,
    summary: `There is no clean checkout to run it in: ${why}. "checkout: none" in the task does without.`,
  },
})

async function tamperedRecord(look: Look, changes: readonly Change[], index: number): Promise<CheckRecord> {
  const { world, ground, base } = look
  const count = changes.length === 1 ? 'A file that judges' : `${changes.length} files that judge`
  const names = changes.slice(0, 5).map((change) => change.path)
  const summary = `${count} the work ${changes.length === 1 ? 'was' : 'were'} changed by it: ${names.join(', ')}${
    changes.length > names.length ? ' …' : ''
  }.`
  const title = judgesTitle
  return {
    index,
    spec: { kind: 'protected' },
    title,
    step: null,
    startedAt: world.clock.now(),
    durationMs: 0,
    outcome: 'fail',
    tampered: true,
    evidence: {
      subject: title,
      summary,
      excerpt: base ? await showChanges(ground, base, changes) : '',
      facts: { changes: changes.map(({ path, sha256 }) => `${path}:${sha256}`) },
    },
  }
}
