/** The words, marks and colours of statuses and verdicts. A table per union: a new member does not compile here. */
import type { CheckOutcome } from '../../../src/core/check.ts'
import type { SessionState } from '../../../src/core/session.ts'
import type { TaskItem, TaskStatus } from '../../../src/core/task.ts'
import type { CheckOrigin, Verdict } from '../../../src/core/verdict.ts'

/** State colours of the design, by name of their token. */
export type Tone = 'ok' | 'attention' | 'danger' | 'running' | 'idle' | 'unknown'

export type Mark = 'closed' | 'open' | 'bar' | 'dot' | 'ring' | 'cross' | 'question' | 'dash'

export interface Look {
  word: string
  tone: Tone
  /** A shape beside the word, because colour alone says nothing to many people. */
  mark: Mark
}

export const statusLooks: Record<TaskStatus, Look> = {
  queued: { word: 'queued', tone: 'idle', mark: 'ring' },
  starting: { word: 'starting', tone: 'running', mark: 'dot' },
  running: { word: 'running', tone: 'running', mark: 'dot' },
  verifying: { word: 'verifying', tone: 'running', mark: 'dot' },
  waiting: { word: 'waiting', tone: 'attention', mark: 'ring' },
  paused: { word: 'paused', tone: 'attention', mark: 'bar' },
  done: { word: 'done', tone: 'idle', mark: 'closed' },
  failed: { word: 'failed', tone: 'danger', mark: 'cross' },
  cancelled: { word: 'cancelled', tone: 'idle', mark: 'dash' },
  archived: { word: 'archived', tone: 'idle', mark: 'dash' },
}

/** Said of a task at work until its first live word arrives. */
export const doingWords: Partial<Record<TaskStatus, string>> = {
  starting: 'opening a session',
  running: 'at work',
  verifying: 'checking the files',
}

export const verdictLooks: Record<Verdict, Look> = {
  verified: { word: 'verified', tone: 'ok', mark: 'closed' },
  'verified (proposed checks)': { word: 'verified (proposed checks)', tone: 'unknown', mark: 'closed' },
  'verified (project checks)': { word: 'verified (project checks)', tone: 'unknown', mark: 'closed' },
  refuted: { word: 'refuted', tone: 'danger', mark: 'open' },
  'works-only-here': { word: 'works only here', tone: 'danger', mark: 'open' },
  'works-only-clean': { word: 'works only clean', tone: 'danger', mark: 'open' },
  weakened: { word: 'weakened', tone: 'danger', mark: 'open' },
  tampered: { word: 'tampered', tone: 'danger', mark: 'cross' },
  unknown: { word: 'unknown', tone: 'unknown', mark: 'question' },
  unverified: { word: 'unverified', tone: 'unknown', mark: 'dash' },
  vacuous: { word: 'vacuous', tone: 'unknown', mark: 'dash' },
}

export const verdictMeanings: Record<Verdict, string> = {
  verified: 'Every check passed.',
  'verified (proposed checks)': 'Every check passed; those that were red before were proposed by a model.',
  'verified (project checks)': 'Something changed and nothing in the project got worse. Nobody said what to prove.',
  refuted: 'At least one check failed.',
  'works-only-here': 'A check passes in the workspace and fails in a clean checkout of the result.',
  'works-only-clean': 'A check passes in a clean checkout of the result and fails in the workspace.',
  weakened: 'Every check passed, but fewer tests stand behind them than before the work.',
  tampered: 'The work changed what judges it. Only a person can accept that.',
  unknown: 'No check failed, but at least one could not look.',
  unverified: 'There was nothing to check: nobody proved this.',
  vacuous: 'Every check passed before the work began: they prove nothing about it.',
}

/** Who brought a check, when it was not the task. */
export const originWords: Record<CheckOrigin, string> = {
  project: 'found in the project',
  proposed: 'proposed by a model from the acceptance lines',
}

export const outcomeLooks: Record<CheckOutcome, Look> = {
  pass: { word: 'pass', tone: 'ok', mark: 'closed' },
  fail: { word: 'fail', tone: 'danger', mark: 'cross' },
  error: { word: 'could not look', tone: 'unknown', mark: 'question' },
}

/** Of a single check, where more is to be said than its outcome. */
export const findingLooks = {
  tampered: { word: 'tampered', tone: 'danger', mark: 'cross' },
  quarantined: { word: 'quarantined', tone: 'attention', mark: 'bar' },
  'works-only-here': { word: 'only here', tone: 'danger', mark: 'open' },
  'works-only-clean': { word: 'only clean', tone: 'danger', mark: 'open' },
  weakened: { word: 'weakened', tone: 'danger', mark: 'open' },
  flaky: { word: 'pass, flaky', tone: 'ok', mark: 'closed' },
  ...outcomeLooks,
} satisfies Record<string, Look>
export type Finding = keyof typeof findingLooks

/** Nobody looked, or it was not kept. */
export const unseenLook: Look = { word: 'not known', tone: 'idle', mark: 'question' }

export const sessionLooks: Record<SessionState['kind'], Look> = {
  absent: { word: 'not there', tone: 'idle', mark: 'dash' },
  unreachable: { word: 'unreachable', tone: 'unknown', mark: 'question' },
  starting: { word: 'starting', tone: 'running', mark: 'dot' },
  busy: { word: 'busy', tone: 'running', mark: 'dot' },
  waiting: { word: 'waiting', tone: 'attention', mark: 'ring' },
  retrying: { word: 'retrying', tone: 'attention', mark: 'ring' },
  idle: { word: 'idle', tone: 'idle', mark: 'ring' },
  failed: { word: 'failed', tone: 'danger', mark: 'cross' },
  interrupted: { word: 'interrupted', tone: 'attention', mark: 'bar' },
}

const goneLook: Look = { word: 'gone', tone: 'idle', mark: 'dash' }
const stalledLook: Look = { word: 'stalled', tone: 'danger', mark: 'bar' }
const untoldLook: Look = { word: 'unknown', tone: 'idle', mark: 'dash' }

/**
 * A hang is what the eye must meet; a session that is gone does nothing any more, whatever it did last; and one whose
 * turn stands at what it asks is not at work.
 */
export function sessionLook(session: {
  state: SessionState['kind'] | null
  goneAt: number | null
  stalledAt: number | null
  asks: number
}): Look {
  if (session.goneAt !== null) return goneLook
  if (session.stalledAt !== null) return stalledLook
  if (session.state === 'busy' && session.asks > 0) return sessionLooks.waiting
  return session.state === null ? untoldLook : sessionLooks[session.state]
}

/** A check that was tried again until it passed is named beside the verdict. */
export function verdictLook(verdict: Verdict, flaky = 0): Look {
  const look = verdictLooks[verdict]
  return flaky > 0 ? { ...look, word: `${look.word}, ${flaky} flaky` } : look
}

/** It waits for a person's word on what the work changed of its judges. */
export const isTampered = (task: { status: TaskStatus; reason?: { code: string } | null | undefined }): boolean =>
  task.status === 'paused' && task.reason?.code === 'tampered'

/** For a narrow column: the word, and below it what stands in brackets behind it. */
export function inTwo({ word }: Look): [string, string | null] {
  const [, first = word, more = null] = /^(.+) \((.+)\)$/.exec(word) ?? []
  return [first, more]
}

/** Checks that had all passed before the work prove nothing by passing. */
export const shareOf = ({ progress, verdict }: Pick<TaskItem, 'progress' | 'verdict'>): string =>
  `${progress.proven}/${progress.total} ${verdict === 'vacuous' ? 'passed' : 'proven'}`

/**
 * What a row shows for a task. A done task shows its verdict and never just "done", so that an unproven end cannot
 * pass for a proven one; a verdict of an earlier attempt says nothing about a task that is still at work.
 */
export function lookOf(task: {
  status: TaskStatus
  verdict: Verdict | null
  flaky?: number | undefined
  reason?: { code: string } | null | undefined
}): Look {
  if (task.status === 'done') return verdictLook(task.verdict ?? 'unverified', task.flaky)
  // Only a person can tell who is right, and "paused" would hide that.
  if (isTampered(task)) return verdictLooks.tampered
  const look = statusLooks[task.status]
  if (task.status !== 'failed' || task.verdict === null || task.reason?.code !== `attempts-${task.verdict}`) return look
  return { ...look, word: `${look.word} (${verdictLooks[task.verdict].word})` }
}
