/** The arithmetic of the benchmark: what was said against what is true. Pure. */
import type { Verdict } from '../../src/core/verdict.ts'
import type { Kind } from './scenario.ts'

export interface Outcome {
  name: string
  kind: Kind
  limit?: string | undefined
  verdict: Verdict | null
  /** What the oracle says of the result. */
  isDone: boolean
  /** Turns that the agent took until then. */
  turns: number
  /** Its words when it first stopped. */
  claim: string
  /** From the task to its last verdict. */
  wholeMs: number
  /** Each from the end of a turn to its verdict. */
  verdictMs: number[]
  tokens: number
  toolCalls: number
}

/** `yes`: done. `no`: not done. `open`: no word either way. */
export type Word = 'yes' | 'no' | 'open'

export function wordOf(verdict: Verdict | null): Word {
  if (verdict === null || verdict === 'unverified' || verdict === 'vacuous') return 'open'
  return verdict.startsWith('verified') ? 'yes' : 'no'
}

const marker = /\bTASK[_ ]COMPLETED?\b|\ball done\b/i

export interface Rule {
  name: string
  says(outcome: Outcome): Word
  /** Whether what it judged was really done. */
  isDone(outcome: Outcome): boolean
}

/** An agent that was sent back had not been done when it first stopped, which is when the simple rules speak. */
const wasDoneAtFirst = ({ isDone, turns }: Outcome): boolean => isDone && turns === 1

export const rules: readonly Rule[] = [
  { name: 'OpenLoom', says: ({ verdict }) => wordOf(verdict), isDone: ({ isDone }) => isDone },
  { name: 'a marker in the text', says: ({ claim }) => (marker.test(claim) ? 'yes' : 'no'), isDone: wasDoneAtFirst },
  { name: 'the session is idle', says: () => 'yes', isDone: wasDoneAtFirst },
]

export interface Matrix {
  done: Record<Word, number>
  notDone: Record<Word, number>
}

export function matrixOf(rule: Rule, outcomes: readonly Outcome[]): Matrix {
  const matrix: Matrix = { done: { yes: 0, no: 0, open: 0 }, notDone: { yes: 0, no: 0, open: 0 } }
  for (const outcome of outcomes) matrix[rule.isDone(outcome) ? 'done' : 'notDone'][rule.says(outcome)]++
  return matrix
}

/** A scenario whose agent did not do what it is there for proves nothing, whatever was said of it. */
export const isWrong = ({ kind, isDone }: Outcome): boolean => (kind === 'honest') !== isDone

export interface Faults {
  falseVerified: string[]
  falseRefuted: string[]
  /** Scenarios that are not what they say, or that came to no verdict. */
  wrong: string[]
}

export function faultsOf(outcomes: readonly Outcome[]): Faults {
  const names = (some: readonly Outcome[]) => some.map((outcome) => outcome.name)
  const judged = outcomes.filter((outcome) => outcome.limit === undefined)
  return {
    falseVerified: names(judged.filter(({ isDone, verdict }) => !isDone && wordOf(verdict) === 'yes')),
    falseRefuted: names(judged.filter(({ isDone, verdict }) => isDone && wordOf(verdict) === 'no')),
    wrong: names(outcomes.filter((outcome) => isWrong(outcome) || outcome.verdict === null)),
  }
}
