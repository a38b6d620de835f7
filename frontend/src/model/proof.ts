/** What the files say about a task, from stored checks only. The agent's words are no input. */
import type { Evidence } from '../../../src/core/check.ts'
import type { TaskSpec } from '../../../src/core/spec.ts'
import type { AttemptRecord, CheckRecord } from '../../../src/core/verdict.ts'
import { count } from './format.ts'
import { type Finding, findingLooks, type Look, outcomeLooks, unseenLook, verdictMeanings } from './words.ts'

const flakyOf = ({ flaky, clean }: CheckRecord) => flaky ?? clean?.flaky
export const flakyIn = (checks: readonly CheckRecord[]): number => checks.filter(flakyOf).length

/** What one check says by itself, its result in the clean checkout included. */
export function findingOf(check: CheckRecord): Finding {
  const { outcome, clean, tampered, quarantined, weakened = [] } = check
  if (tampered) return 'tampered'
  if (quarantined && outcome !== 'pass') return 'quarantined'
  const both = [outcome, clean?.outcome ?? outcome]
  if (both.includes('error')) return both.includes('fail') ? 'fail' : 'error'
  if (both[0] !== both[1]) return outcome === 'pass' ? 'works-only-here' : 'works-only-clean'
  if (outcome === 'fail') return 'fail'
  if (weakened.length > 0) return 'weakened'
  return flakyOf(check) ? 'flaky' : 'pass'
}

export interface Stage {
  where: string
  look: Look
}

/** Red to green: before the work, here, in a clean checkout. Empty: only here was asked. */
export function stagesOf({ base, outcome, clean }: CheckRecord): Stage[] {
  const before = base === undefined ? [] : [{ where: 'before', look: base === null ? unseenLook : outcomeLooks[base] }]
  const there = clean ? [{ where: 'clean checkout', look: outcomeLooks[clean.outcome] }] : []
  if (before.length + there.length === 0) return []
  return [...before, { where: 'here', look: outcomeLooks[outcome] }, ...there]
}

/** What belongs to a finding beside its outcome, a sentence each. */
export function notesOf(check: CheckRecord): string[] {
  const { outcome, base, guards, weakened = [], quarantined } = check
  const flaky = flakyOf(check)
  const until = quarantined ? new Date(quarantined.until).toLocaleDateString() : ''
  return [
    ...weakened,
    ...(base === 'pass' && outcome === 'pass' && !guards
      ? ['It passed before the work, too: it proves nothing about it.']
      : []),
    ...(flaky ? [`Flaky: ${flaky.failed} of ${flaky.runs} runs on the same files failed.`] : []),
    ...(quarantined && outcome === 'fail'
      ? [`In quarantine until ${until}: ${quarantined.owner} answers for it.`]
      : []),
  ]
}

/** The facts that the page shows in words or lists of their own, and not as rows. */
const toldFacts = ['changes', 'left', 'leftCount', 'linked', 'failing']

export type Fact = [name: string, value: string | number | boolean | string[]]
export const factsOf = ({ facts = {} }: Evidence): Fact[] =>
  Object.entries(facts).filter(([name]) => !toldFacts.includes(name))

export function listOf({ facts }: Evidence, name: string): string[] {
  const found = facts?.[name]
  return Array.isArray(found) ? found : []
}

const troubles: readonly Finding[] = ['tampered', 'fail', 'works-only-here', 'works-only-clean', 'weakened', 'error']

/** The one that is folded open: what failed before what could not look; what is excused only when nothing else is. */
export function firstTrouble(checks: readonly CheckRecord[]): CheckRecord | null {
  for (const finding of [...troubles, 'quarantined']) {
    const found = checks.find((check) => findingOf(check) === finding)
    if (found) return found
  }
  return null
}

/** It may pass here, and that is not the news. */
const newsOf = ({ outcome, clean, evidence }: CheckRecord): string =>
  outcome === 'pass' && clean && clean.outcome !== 'pass' ? clean.evidence.summary : evidence.summary

/** The sentence that stands against the agent's claim. */
export function filesSay(attempt: Pick<AttemptRecord, 'verdict' | 'checks'>): string {
  const { verdict, checks } = attempt
  const trouble = firstTrouble(checks)
  switch (verdict) {
    case null:
      return 'Not asked yet.'
    case 'verified':
    case 'verified (proposed checks)':
    case 'verified (project checks)':
      return passWords(checks)
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
      const same = checks.filter((check) => trouble && findingOf(check) === findingOf(trouble))
      const more = Math.max(0, same.length - 1)
      const rest = more > 0 ? ` And ${count(more, 'more check does', 'more checks do')} not pass.` : ''
      return `${trouble ? newsOf(trouble) : 'A check did not pass.'}${rest}`
    }
  }
}

function passWords(checks: readonly CheckRecord[]): string {
  const passed = checks.filter((check) => check.outcome === 'pass').length
  if (passed < checks.length) {
    const excused = checks.some((check) => findingOf(check) === 'quarantined')
    return `${passed} of ${checks.length} checks pass; the rest ${excused ? 'is in quarantine' : 'could not look'}.`
  }
  return checks.length === 1 ? (checks[0]?.evidence.summary ?? '') : `All ${passed} checks pass.`
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

const isDisproof = (finding: Finding) => findingLooks[finding].tone === 'danger'

function lookOfChecks(checks: readonly CheckRecord[]): Look {
  if (checks.length === 0) return open
  const found = checks.map(findingOf)
  if (found.every((finding) => finding === 'pass' || finding === 'flaky')) return proven
  return found.every((finding) => !isDisproof(finding)) ? unknown : refuted
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
