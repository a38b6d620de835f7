/** What the files say about a task, from stored checks only. The agent's words are no input. */
import type { TaskSpec } from '../../../src/core/spec.ts'
import type { AttemptRecord, CheckRecord } from '../../../src/core/verdict.ts'
import { count } from './format.ts'
import { type Look, verdictMeanings } from './words.ts'

export const flakyIn = (checks: readonly CheckRecord[]): number => checks.filter((check) => check.flaky).length

/** What belongs to a finding beside its outcome, a sentence each. */
export function notesOf({ outcome, weakened = [], flaky, quarantined }: CheckRecord): string[] {
  const until = quarantined ? new Date(quarantined.until).toLocaleDateString() : ''
  return [
    ...weakened,
    ...(flaky ? [`Flaky: ${flaky.failed} of ${flaky.runs} runs on the same files failed.`] : []),
    ...(quarantined && outcome === 'fail'
      ? [`In quarantine until ${until}: ${quarantined.owner} answers for it.`]
      : []),
  ]
}

/** First failure, else first check that could not look: the one that is folded open. */
export function firstTrouble(checks: readonly CheckRecord[]): CheckRecord | null {
  return checks.find((c) => c.outcome === 'fail') ?? checks.find((c) => c.outcome === 'error') ?? null
}

/** The sentence that stands against the agent's claim. */
export function filesSay(attempt: Pick<AttemptRecord, 'verdict' | 'checks'>): string {
  const { verdict, checks } = attempt
  const others = (outcome: CheckRecord['outcome']) => checks.filter((c) => c.outcome === outcome).length - 1
  const trouble = firstTrouble(checks)
  switch (verdict) {
    case null:
      return 'Not asked yet.'
    case 'verified':
    case 'verified (proposed checks)':
    case 'verified (project checks)':
      if (trouble)
        return `${checks.length - 1 - others('fail')} of ${checks.length} checks pass; the rest is in quarantine.`
      return checks.length === 1 ? (checks[0]?.evidence.summary ?? '') : `All ${checks.length} checks pass.`
    case 'vacuous':
      return 'Every check passes, but every one passed before the work began.'
    case 'unverified':
      return 'Nothing: the task brought no check, so nobody knows.'
    case 'works-only-here':
    case 'works-only-clean':
      return `${verdictMeanings[verdict]} ${differing(checks)}`
    case 'weakened':
      return checks.flatMap((c) => c.weakened ?? [])[0] ?? verdictMeanings.weakened
    case 'tampered':
      return checks.find((c) => c.tampered)?.evidence.summary ?? verdictMeanings.tampered
    case 'refuted':
    case 'unknown': {
      const more = trouble ? others(trouble.outcome) : 0
      const rest = more > 0 ? ` And ${count(more, 'more check does', 'more checks do')} not pass.` : ''
      return `${trouble?.evidence.summary ?? 'A check did not pass.'}${rest}`
    }
  }
}

/** The first check that says something else in the clean checkout. */
function differing(checks: readonly CheckRecord[]): string {
  const found = checks.find((c) => c.clean && c.clean.outcome !== c.outcome)
  return found ? `${found.title}: ${found.clean?.evidence.summary}` : ''
}

export interface StepProof {
  title: string
  look: Look
  /** How this step is proven, for a person. */
  by: string
}

const open: Look = { word: 'not proven yet', tone: 'idle', mark: 'ring' }
const proven: Look = { word: 'proven', tone: 'ok', mark: 'closed' }
const refuted: Look = { word: 'refuted', tone: 'danger', mark: 'cross' }
const unknown: Look = { word: 'could not look', tone: 'unknown', mark: 'question' }

function lookOfChecks(checks: readonly CheckRecord[]): Look {
  if (checks.length === 0) return open
  if (checks.some((c) => c.outcome === 'fail')) return refuted
  return checks.some((c) => c.outcome === 'error') ? unknown : proven
}

/** Same arithmetic as progressOf in core: a step without checks of its own counts with the whole. */
export function stepProofs(spec: TaskSpec, attempt: AttemptRecord | null): StepProof[] {
  const checks = attempt?.checks ?? []
  // What only guards against getting worse proves no step.
  const whole = checks.some((c) => !c.guards) ? lookOfChecks(checks) : open
  return spec.steps.map((step, index) => {
    const own = checks.filter((c) => c.step === index)
    if (step.checks.length > 0) {
      return { title: step.title, look: lookOfChecks(own), by: `by ${count(step.checks.length, 'check')} of its own` }
    }
    return { title: step.title, look: whole === proven ? proven : open, by: 'with the whole task' }
  })
}
