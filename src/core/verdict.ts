/** The verdict of one attempt: what its checks say together. Pure arithmetic over outcomes. */
import type { CheckOutcome, CheckResult, CheckSpec } from './check.ts'

/**
 * `verified`: every check passed, and not all of them had passed before. `refuted`: at least one failed. `unknown`:
 * none failed, but at least one could not look. `unverified`: there was nothing to check. `vacuous`: all passed, and
 * all had passed before the work began. `works-only-here`, `weakened` and `tampered` belong to the vocabulary of
 * verdicts (architecture §2); a member is added here together with the code that can reach it.
 */
export const verdicts = ['verified', 'refuted', 'unknown', 'unverified', 'vacuous'] as const
export type Verdict = (typeof verdicts)[number]

export interface CheckRecord extends CheckResult {
  /** Position in the flattened list of checks of the task, from 0. */
  index: number
  spec: CheckSpec
  /** The one-line form. */
  title: string
  /** Index of the step that brought this check, or null when it belongs to the whole task. */
  step: number | null
  startedAt: number
  durationMs: number
  /** What the same check said before the work began; null: not known. Absent: the task does not ask. */
  base?: CheckOutcome | null | undefined
}

export function verdictOf(records: readonly Pick<CheckRecord, 'outcome' | 'base'>[]): Verdict {
  if (records.length === 0) return 'unverified'
  const outcomes = records.map((record) => record.outcome)
  if (outcomes.includes('fail')) return 'refuted'
  if (outcomes.includes('error')) return 'unknown'
  return records.every((record) => record.base === 'pass') ? 'vacuous' : 'verified'
}

export interface Progress {
  proven: number
  total: number
}

/**
 * Share of steps proven. A step is proven when it has checks and
 * all of them passed; steps without checks count with the whole.
 */
export function progressOf(stepCount: number, records: readonly Pick<CheckRecord, 'step' | 'outcome'>[]): Progress {
  if (stepCount === 0) {
    return { proven: records.filter((r) => r.outcome === 'pass').length, total: records.length }
  }
  const whole = records.length > 0 && records.every((r) => r.outcome === 'pass')
  let proven = 0
  for (let step = 0; step < stepCount; step++) {
    const own = records.filter((r) => r.step === step)
    if (own.length > 0 ? own.every((r) => r.outcome === 'pass') : whole) proven++
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
