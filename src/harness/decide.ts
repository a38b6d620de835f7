/** Look → decide → act: the middle. Pure: one task, one observation, the facts around them; out comes one action. */
import type { Action } from '../core/action.ts'
import type { Observation } from '../core/session.ts'
import { isActive, promptIdOf, type Reason, type Task } from '../core/task.ts'
import type { Verdict } from '../core/verdict.ts'

export interface Facts {
  /** Epoch ms. */
  now: number
  /** For a queued task: null when it may start, else why not. */
  blocked: Reason | null
  /** A person is to look first where nobody knows what its last call did. */
  looksFirst: boolean
  /** What its runs did not wait for and nobody has answered yet. */
  unanswered: Reason | null
  /** All that its session waits for was answered, or put off, a moment ago: it has not heard it yet. */
  answering: boolean
  attemptsMax: number
}

export function decide(task: Task, seen: Observation | null, facts: Facts): Action {
  if (task.status === 'queued') {
    return facts.blocked ? { kind: 'wait', reason: facts.blocked, retryAt: null } : { kind: 'start' }
  }
  if (task.status === 'verifying') return { kind: 'verify' }
  if (!isActive(task.status)) return { kind: 'nothing' }
  if (facts.looksFirst && seen?.state.kind === 'interrupted' && seen.state.lost !== undefined) {
    return { kind: 'pause', reason: outcomeUnknown(seen.state.lost), abort: false }
  }
  if (task.retryAt !== null && facts.now < task.retryAt) return { kind: 'nothing' }
  const answered = seen?.state.kind === 'idle' && seen.state.promptId === promptIdOf(task)
  const breach = breachOf(task, seen)
  // What was finished in time is judged by its checks; what is still going on is stopped.
  if (breach && !answered) return { kind: 'pause', reason: breach, abort: true }
  if (!seen) return { kind: 'prompt' }
  if (isForeign(task, seen)) {
    // Only to begin with: a person who types into the session later is not cut off.
    const takesOver = task.spec.abort && task.promptNumber === 1
    return takesOver ? { kind: 'prompt', abort: true } : { kind: 'wait', reason: sessionBusy, retryAt: null }
  }
  const action = decideBySession(task, seen)
  if (action.kind === 'wait' && facts.answering && isHearing(seen, facts.now)) return { kind: 'continue' }
  if (action.kind !== 'prompt' || seen.state.kind !== 'idle' || !facts.unanswered) return action
  // It did what it could without the answer: another turn would only ask again. Not so a turn that was cut.
  if (!seen.state.complete && task.attempt <= facts.attemptsMax) return action
  return { kind: 'wait', reason: facts.unanswered, retryAt: null }
}

/** Where it goes on asking, it waits all the same. */
function isHearing({ state, lastActivityAt }: Observation, now: number): boolean {
  if (state.kind !== 'waiting' || (state.for !== 'permission' && state.for !== 'question')) return false
  return lastActivityAt !== null && now - lastActivityAt < hearingMs
}

const hearingMs = 10_000

const isForeign = ({ id }: Task, { turn }: Observation): boolean =>
  turn === null || (turn !== undefined && !turn.startsWith(`${id}.`))

/** Somebody else's prompt is being answered: ours would be mixed into it. */
export const sessionBusy: Reason = {
  code: 'session-busy',
  text: 'The session answers another prompt; this one comes when it is through.',
}

function decideBySession(task: Task, { state }: Observation): Action {
  const current = promptIdOf(task)
  switch (state.kind) {
    case 'absent':
    case 'interrupted':
      return { kind: 'prompt' }
    case 'unreachable':
      return { kind: 'wait', reason: { code: 'unreachable', text: state.text }, retryAt: null }
    case 'starting':
    case 'busy':
    case 'retrying':
      return { kind: 'continue' }
    case 'waiting':
      return { kind: 'wait', reason: { code: `needs-${state.for}`, text: state.text }, retryAt: null }
    case 'idle':
      return state.promptId === current ? { kind: 'verify' } : { kind: 'prompt' }
    case 'failed': {
      if (state.promptId !== current) return { kind: 'prompt' }
      const { kind, text, todo } = state.problem
      const reason = { code: kind, text: todo ? `${text} ${todo}` : text }
      return state.transient ? { kind: 'wait', reason, retryAt: null } : { kind: 'pause', reason, abort: false }
    }
  }
}

const outcomeUnknown = (lost: string): Reason => ({
  code: 'outcome-unknown',
  text: `OpenLoom was ended while this ran, and nobody knows what it did: ${lost}. Look, then resume.`,
})

/** A limit that is used up, as a sentence; null while there is room. */
export function breachOf(task: Task, seen: Observation | null): Reason | null {
  const { limits } = task.spec
  const used = {
    minutes: task.activeMs / 60_000,
    tool_calls: Math.max(task.toolCalls, seen?.usage.toolCalls ?? 0),
    tokens: Math.max(task.tokens, seen?.usage.tokens ?? 0),
  }
  const words = { minutes: 'minute(s) of work', tool_calls: 'tool call(s)', tokens: 'token(s)' }
  for (const name of ['minutes', 'tool_calls', 'tokens'] as const) {
    const max = limits[name]
    if (max !== undefined && used[name] >= max) {
      const text = `The limit of ${max} ${words[name]} is used up. Resume grants as much again, or set another limit.`
      return { code: `limit-${name}`, text }
    }
  }
  return null
}

export type Conclusion = { kind: 'done' } | { kind: 'again' } | { kind: 'fail' | 'ask'; reason: Reason }

/** What follows from the verdict of an attempt. `asks`: the agent asked something, and has not heard the answer. */
export function conclude(
  task: Task,
  verdict: Verdict,
  { attemptsMax, asks }: { attemptsMax: number; asks: boolean },
): Conclusion {
  switch (verdict) {
    case 'verified':
    case 'verified (proposed checks)':
    case 'verified (project checks)':
      return { kind: 'done' }
    case 'unverified':
    case 'vacuous':
      // Nothing shows that it can do without the answer.
      return { kind: asks ? 'again' : 'done' }
    case 'tampered':
      // Told once, an agent that was mistaken puts it back; after that only a person can tell who is right.
      if (task.attempt < attemptsMax && task.verdict !== 'tampered') return { kind: 'again' }
      return { kind: 'ask', reason: tampered }
    default: {
      if (task.attempt < attemptsMax || asks) return { kind: 'again' }
      const count = task.attempt === 1 ? 'the only attempt' : `${task.attempt} attempts`
      return { kind: 'fail', reason: { code: `attempts-${verdict}`, text: `After ${count}, ${still[verdict]}.` } }
    }
  }
}

const tampered: Reason = {
  code: 'tampered',
  text:
    'The work changed what judges it. Look at the change: accept it (`openloom accept`), or put the files back and ' +
    'resume.',
}

const still = {
  refuted: 'checks still fail',
  'works-only-here': 'checks still pass only in the workspace, not in a clean checkout of the result',
  'works-only-clean': 'checks still pass only in a clean checkout, not in the workspace',
  weakened: 'fewer tests stand behind the checks than before',
  unknown: 'checks could not look',
} as const
