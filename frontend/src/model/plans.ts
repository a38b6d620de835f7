/** The plans of a session for a person: what became of each version, and the plan in a call that hands one in. Pure. */
import type { SessionPlans } from '../../../src/server/api.ts'
import { type DiffLine, diffLines } from './diff.ts'
import type { ToolPart } from './tool-call.ts'
import type { Look } from './words.ts'

export type Plan = SessionPlans['items'][number]

export const planLooks: Record<Plan['status'], Look> = {
  open: { word: 'waits for your word', tone: 'attention', mark: 'ring' },
  execute: { word: 'accepted', tone: 'ok', mark: 'closed' },
  execute_fresh: { word: 'in a fresh session', tone: 'ok', mark: 'closed' },
  feedback: { word: 'sent back', tone: 'idle', mark: 'open' },
  reject: { word: 'rejected', tone: 'danger', mark: 'cross' },
  gone: { word: 'not looked at', tone: 'idle', mark: 'dash' },
}

/** The first words of what the agent is told of its plan. */
const outcomes: readonly [string, Plan['status']][] = [
  ['The person has accepted', 'execute'],
  ['The plan is carried out by', 'execute_fresh'],
  ['The person wants', 'feedback'],
  ['The plan was rejected', 'reject'],
]

/** Of a call in the transcript. */
export function planCallLook({ state, output }: Pick<ToolPart, 'state' | 'output'>): Look {
  if (state === 'pending') return { word: 'not handed in yet', tone: 'idle', mark: 'ring' }
  if (state === 'running') return planLooks.open
  return planLooks[outcomes.find(([words]) => output.startsWith(words))?.[1] ?? 'gone']
}

/** The markdown that a call hands in; null: it hands in none, or is cut off. */
export function planIn({ name, input }: Pick<ToolPart, 'name' | 'input'>): string | null {
  if (name !== 'submit_plan') return null
  try {
    const value: unknown = JSON.parse(input)
    const plan = value !== null && typeof value === 'object' && 'plan' in value ? value.plan : null
    return typeof plan === 'string' ? plan : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** Its first words, without the marks of markdown. */
export const headingOf = (plan: string): string =>
  (plan.split('\n').find((line) => line.trim() !== '') ?? '').replace(/^[\s#>-]+|\*\*|`/g, '').trim()

const changedLinesMax = 2_000

/** The lines of what a version changes. */
export const changedIn = (change: string): DiffLine[] => diffLines(change, changedLinesMax).lines

const shownLinesMax = 40

/** How many lines it has, where they are too many to be shown whole among other things; else 0. */
export function linesOfLong(plan: string): number {
  const lines = plan.split('\n').length
  return lines > shownLinesMax ? lines : 0
}
