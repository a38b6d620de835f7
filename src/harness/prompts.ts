/** The words the harness puts before an agent. Pure. Never says how to get around a check. */
import type { Evidence } from '../core/check.ts'
import type { TaskSpec } from '../core/spec.ts'
import { type CheckRecord, isExcused, isTrouble } from '../core/verdict.ts'
import { excerptOf } from '../lib/excerpt.ts'

const evidenceCharsMax = 12_000
const excerptCharsMax = 3_000

/** First prompt of a task: what is wanted and how it will be judged. `checks`: their one-line forms. */
export function firstPrompt(spec: TaskSpec, checks: readonly string[]): string {
  const parts = [spec.goal]
  if (spec.steps.length > 0) parts.push(`Steps:\n${spec.steps.map((step, i) => `${i + 1}. ${step.title}`).join('\n')}`)
  if (spec.acceptance.length > 0) parts.push(`It is accepted when:\n${bullets(spec.acceptance)}`)
  if (checks.length > 0) {
    parts.push(
      `When you stop, OpenLoom runs these checks in the workspace. They decide, not what you say:\n${bullets(checks)}`,
    )
  }
  parts.push('Nobody is there to answer questions. Work until the goal is reached, then stop with a short summary.')
  return parts.join('\n\n')
}

/** Prompt of a further attempt: exactly what was found, and the goal again. */
export function evidencePrompt(spec: TaskSpec, records: readonly CheckRecord[]): string {
  const failing = records.filter(isTrouble)
  const passing = records.filter((record) => !isTrouble(record) && !isExcused(record)).length
  const shares = Math.max(400, Math.floor(evidenceCharsMax / Math.max(1, failing.length)))
  const found = failing.map((record) => findingOf(record, Math.min(excerptCharsMax, shares)))
  const kept = passing > 0 ? `${passing} passed; keep them so.` : ''
  const goal = `The goal was:\n\n${excerptOf(spec.goal, 4_000)}`
  const end = 'Find out why, correct the work itself, and stop when it is done.'
  return [introOf(failing, records.length), ...found, kept, goal, end].filter((part) => part !== '').join('\n\n')
}

function introOf(failing: readonly CheckRecord[], total: number): string {
  const weakened = failing.filter(
    ({ outcome, clean }) => outcome === 'pass' && (clean?.outcome ?? 'pass') === 'pass',
  ).length
  const failed = failing.length - weakened
  const parts = [
    ...(failed > 0 ? [`${failed} of ${total} checks did not pass`] : []),
    ...(weakened > 0 ? [`${weakened} of ${total} pass with fewer tests behind them than before the work`] : []),
  ]
  return `The work is not done: ${parts.join(', ')}.`
}

function findingOf(record: CheckRecord, charsMax: number): string {
  const { title, outcome, clean, weakened = [] } = record
  if (record.tampered) return quoted(`CHANGED, AND NOT YOURS TO CHANGE: ${notYours}`, record.evidence, charsMax)
  const there = clean?.outcome ?? outcome
  if (outcome === 'pass' && there === 'pass') {
    return `WEAKENED: ${title}\n${fenced(excerptOf(weakened.join('\n'), charsMax))}`
  }
  if (outcome === 'error' || there === 'error') {
    const evidence = outcome === 'error' || !clean ? record.evidence : clean.evidence
    return quoted(`COULD NOT BE CHECKED: ${title}`, evidence, charsMax)
  }
  if (!clean || there === outcome) return quoted(`FAILED: ${title}`, record.evidence, charsMax)
  if (outcome === 'fail') {
    return quoted(`FAILED HERE: ${title}, which passes in a clean checkout of the result`, record.evidence, charsMax)
  }
  const { left, leftCount, ignored } = clean.evidence.facts ?? {}
  const names = [
    ...(Array.isArray(left) ? [`\nHere, but no part of the result (${leftCount}): ${left.join(', ')}`] : []),
    ...(Array.isArray(ignored) ? [`\nHere, but ignored by git: ${ignored.join(', ')}`] : []),
  ].join('')
  const head = `FAILED: ${title} passes in the workspace and fails in a clean checkout of the result.`
  return `${quoted(head, clean.evidence, charsMax)}${names}`
}

const notYours =
  'put it back as it was and do the work itself. If it has to change for the goal, leave it so: a person will decide.'

function quoted(head: string, evidence: Evidence, charsMax: number): string {
  const code = evidence.exitCode === undefined || evidence.exitCode === null ? '' : ` (exit code ${evidence.exitCode})`
  const excerpt = evidence.excerpt ? `\n${fenced(excerptOf(evidence.excerpt, charsMax))}` : ''
  return `${head}\n${evidence.summary}${code}${excerpt}`
}

/** Longer than any fence inside, so that output cannot step out of its quotation. */
export function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((match) => match[0].length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}\n${text}\n${fence}`
}

/** Prompt of a turn after one that has asked, where no check says what is missing. */
export function answeredPrompt(spec: TaskSpec): string {
  const goal = `The goal was:\n\n${excerptOf(spec.goal, 4_000)}`
  return `Go on with the task, then stop. What was answered of what you asked, you hear below.\n\n${goal}`
}

/** Prompt that lets a turn go on which was cut off by trouble outside the agent. */
export function continuePrompt(because: string): string {
  return `The last turn was cut off (${because}). Look at what is already there, then go on with the task.`
}

const bullets = (lines: readonly string[]): string =>
  lines.map((line) => `- ${line.replaceAll('\n', '\n  ')}`).join('\n')
