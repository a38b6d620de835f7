/** The verdict of one attempt: what its checks say together. Pure arithmetic over outcomes. */
import type { CheckOutcome, CheckResult, CheckSpec } from './check.ts'

/**
 * `verified`: every check passed, and at least one of those that the task brought had not passed before. In brackets:
 * the only proof is a check that a model proposed, or the project's own commands and the fact that something changed.
 * `refuted`: at least one failed. `works-only-here`, `works-only-clean`: a check passes in the workspace and fails in
 * a clean checkout of the result, or the reverse. `weakened`: all passed, but fewer tests stand behind it than before.
 * `tampered`: the work changed what judges it. `unknown`: none failed, but at least one could not look. `unverified`:
 * there was nothing to check, or nothing but what only guards. `vacuous`: all passed, and all had passed before the
 * work began.
 */
export const verdicts = [
  'verified',
  'verified (proposed checks)',
  'verified (project checks)',
  'refuted',
  'works-only-here',
  'works-only-clean',
  'weakened',
  'tampered',
  'unknown',
  'unverified',
  'vacuous',
] as const
export type Verdict = (typeof verdicts)[number]

/** Who brought a check, when it was not the task: found in the project, or proposed by a model before the work. */
export type CheckOrigin = 'project' | 'proposed'

/** For people and agents, behind the one-line form. */
export const originWords: Readonly<Record<CheckOrigin, string>> = {
  project: 'found in the project',
  proposed: 'proposed from the acceptance lines',
}

export interface CheckRecord extends CheckResult {
  /** Position in the list of checks of the task (`checksOf`), from 0. */
  index: number
  spec: CheckSpec
  /** The one-line form. */
  title: string
  /** Index of the step that brought this check, or null when it belongs to the whole task. */
  step: number | null
  startedAt: number
  durationMs: number
  origin?: CheckOrigin | undefined
  /** It only says that nothing got worse (core/check.ts). */
  guards?: boolean | undefined
  /** What the same check said before the work began; null: not known. Absent: the task does not ask. */
  base?: CheckOutcome | null | undefined
  /** What the same check says in a clean checkout of the result. Absent: it was not asked there. */
  clean?: CheckResult | undefined
  /** Why fewer tests stand behind a pass than before the work, with names; absent or empty: they do not. */
  weakened?: string[] | undefined
  /** It says that the work changed what judges it. */
  tampered?: boolean | undefined
  /** A person has said that its failure is known: until then it neither refutes nor proves. */
  quarantined?: Quarantine | undefined
}

type Judged = Pick<CheckRecord, 'outcome' | 'base' | 'clean' | 'origin' | 'guards' | 'tampered' | 'quarantined'> & {
  weakened?: readonly string[] | undefined
}

export function verdictOf(records: readonly Judged[]): Verdict {
  if (records.some((record) => record.tampered)) return 'tampered'
  const judging = records.filter((record) => !isExcused(record) && !isMute(record))
  if (judging.length === 0) return 'unverified'
  const found = judging.map(findingOf)
  for (const finding of ['refuted', 'works-only-here', 'works-only-clean', 'weakened', 'unknown'] as const) {
    if (found.includes(finding)) return finding
  }
  const proving = judging.filter(isProof)
  if (proving.some(({ origin }) => origin === undefined)) return 'verified'
  if (proving.some(({ origin }) => origin === 'proposed')) return 'verified (proposed checks)'
  if (proving.length > 0 && judging.length === records.length) return 'verified (project checks)'
  // That nothing got worse is no answer to a task which brought nothing to check.
  return judging.every(({ origin }) => origin !== undefined) ? 'unverified' : 'vacuous'
}

/** A failure that a person has put in quarantine. A pass needs no excuse, and what changed the judge has none. */
export const isExcused = ({ outcome, quarantined }: Pick<CheckRecord, 'outcome' | 'quarantined'>): boolean =>
  quarantined !== undefined && outcome !== 'pass'

/** Whether an attempt is not over with this record: it failed, could not look, or passes with less behind it. */
export const isTrouble = (record: Judged): boolean =>
  !isExcused(record) && !isMute(record) && findingOf(record) !== null

export const flakyIn = (records: readonly Pick<CheckRecord, 'flaky' | 'clean'>[]): number =>
  records.filter((record) => record.flaky ?? record.clean?.flaky).length

/** The word that people read: a check that was tried again is named beside it. */
export const verdictText = (verdict: Verdict, flaky = 0): string => (flaky > 0 ? `${verdict}, ${flaky} flaky` : verdict)

/** A guard proves only for a task that brought it and says that its checks may pass before the work. */
const isProof = ({ guards, base, origin }: Judged): boolean =>
  guards ? base === undefined && origin === undefined : base !== 'pass'

/**
 * A guard that nobody asked for and that could not look says nothing at all: it must not fail work that it cannot
 * judge. That something changed is then no proof either.
 */
const isMute = ({ origin, guards, outcome }: Judged): boolean =>
  origin === 'project' && guards === true && outcome === 'error'

/** What one check says by itself, its result in the clean checkout included; null: a pass. */
function findingOf({ outcome, clean, weakened }: Judged): Verdict | null {
  const there = clean?.outcome ?? outcome
  if (outcome === 'error' || there === 'error') return outcome === 'fail' || there === 'fail' ? 'refuted' : 'unknown'
  if (outcome !== there) return outcome === 'pass' ? 'works-only-here' : 'works-only-clean'
  if (outcome === 'fail') return 'refuted'
  return (weakened?.length ?? 0) > 0 ? 'weakened' : null
}

/** A person's word that a check is known to be flaky: until then its failure refutes nothing. */
export interface Quarantine {
  owner: string
  /** Epoch ms. */
  until: number
  why: string
}

export interface Progress {
  proven: number
  total: number
}

/**
 * Share of steps proven. A step is proven when it has checks and
 * all of them passed; steps without checks count with the whole. What only guards proves no step.
 */
export function progressOf(stepCount: number, records: readonly (Judged & Pick<CheckRecord, 'step'>)[]): Progress {
  const proving = records.filter((r) => !r.guards)
  const passes = (record: Judged) => findingOf(record) === null
  if (stepCount === 0) return { proven: proving.filter(passes).length, total: proving.length }
  const whole = proving.length > 0 && records.every(passes)
  let proven = 0
  for (let step = 0; step < stepCount; step++) {
    const own = records.filter((r) => r.step === step)
    if (own.length > 0 ? own.every(passes) : whole) proven++
  }
  return { proven, total: stepCount }
}

/** One start-to-verdict round, as stored and shown. */
export interface AttemptRecord {
  number: number
  sessionId: string | null
  /** What was sent to the agent. */
  prompt: string
  startedAt: number
  endedAt: number | null
  /** The agent's last words: a claim, shown as such, never a reason for anything. */
  claim: string | null
  verdict: Verdict | null
  checks: CheckRecord[]
}
