/** The plans of a session as its rows tell of them: versions, what a person said of each, what changed. Pure. */
import { createTwoFilesPatch } from 'diff'
import type { AskReply } from '../core/ask.ts'
import { type JournalEntry, type StoredEntry, withoutUndone } from '../core/session.ts'

/** `gone`: nobody looked at it before its turn was over. */
export type PlanStatus = 'open' | 'gone' | 'execute' | 'execute_fresh' | 'feedback' | 'reject'

export interface SessionPlan {
  version: number
  callId: string
  at: number
  text: string
  status: PlanStatus
  /** What a person said beside it. */
  message: string | null
  /** The session that carries it out. */
  movedTo: string | null
  /** Against the version before it, as a unified diff; empty: it is the first. */
  change: string
}

/** `GET /api/sessions/{id}/plans`. */
export interface SessionPlans {
  items: SessionPlan[]
}

const plansMax = 20
/** Of one change, and of all that are told at once. */
const diffMs = 100
const diffsMs = 300

/** The newest first. */
export function plansOf(rows: readonly StoredEntry[]): SessionPlan[] {
  const left = withoutUndone(rows, ({ entry }) => entry)
  const entries = left.map(({ entry }) => entry)
  const handed = left.flatMap(({ at, entry }) => (entry.type === 'plan' ? [{ at, ...entry }] : [])).slice(-plansMax)
  const end = performance.now() + diffsMs
  return handed.toReversed().map(({ at, callId, version, text }, n, newestFirst) => {
    const before = newestFirst[n + 1]
    const limitMs = Math.min(diffMs, end - performance.now())
    const change = before ? changeOf(before, { version, text }, limitMs) : ''
    return { version, callId, at, text, ...wordOn(callId, entries), change }
  })
}

function wordOn(callId: string, entries: readonly JournalEntry[]): Pick<SessionPlan, 'status' | 'message' | 'movedTo'> {
  const own = entries.filter((entry) => 'callId' in entry && entry.callId === callId)
  const said = own.findLast((entry) => entry.type === 'ask.answered')
  const taken = own.findLast((entry) => entry.type === 'plan.taken')
  const movedTo = taken?.type === 'plan.taken' && 'sessionId' in taken.to ? taken.to.sessionId : null
  const reply = said?.type === 'ask.answered' ? said.reply : null
  const closed = own.some(({ type }) => type === 'tool.ended')
  return { status: reply ? statusOf(reply) : closed ? 'gone' : 'open', message: messageOf(reply), movedTo }
}

const statusOf = ({ kind }: AskReply): PlanStatus =>
  kind === 'execute' || kind === 'execute_fresh' || kind === 'feedback' || kind === 'reject' ? kind : 'gone'

function messageOf(reply: AskReply | null): string | null {
  if (reply?.kind === 'feedback') return reply.text
  return reply?.kind === 'reject' ? reply.message : null
}

type Version = Pick<SessionPlan, 'version' | 'text'>

/** Two that have too little in common have no change that would say more than both. */
function changeOf(before: Version, after: Version, timeout: number): string {
  const [old, now] = [before, after].map(({ version }) => `version ${version}`) as [string, string]
  const [oldText, nowText] = [before, after].map(({ text }) => `${text}\n`) as [string, string]
  return createTwoFilesPatch(old, now, oldText, nowText, '', '', { context: 3, timeout }) ?? ''
}
