/**
 * The journal read back: what the model is shown, which calls are open, how a turn ended. Pure functions of the rows,
 * so a restarted daemon sees the same.
 */
import type { ModelMessage } from '../core/provider.ts'
import type { EndReason, JournalEntry, SessionUsage, ToolCall } from '../core/session.ts'
import type { EndedCall } from '../core/tool.ts'
import { tokensOf } from './prices.ts'
import { History } from './shown.ts'

type Row<T extends JournalEntry['type']> = Extract<JournalEntry, { type: T }>

/** Messages after the system message. */
export const messagesOf = (entries: readonly JournalEntry[]): ModelMessage[] => new History(entries).messages()

export interface OpenCall {
  call: ToolCall
  started: boolean
}

/** Calls of the last reply that have no result, unless a newer prompt has overtaken them. */
export function openCallsOf(entries: readonly JournalEntry[]): OpenCall[] {
  const last = entries.findLastIndex((entry) => entry.type === 'assistant' || entry.type === 'prompt')
  const reply = entries[last]
  if (reply?.type !== 'assistant') return []
  const after = entries.slice(last)
  const has = (type: 'tool.started' | 'tool.ended', callId: string) =>
    after.some((entry) => entry.type === type && entry.callId === callId)
  return reply.calls
    .filter((call) => !has('tool.ended', call.id))
    .map((call) => ({ call, started: has('tool.started', call.id) }))
}

/** Digests of files as the session last read or wrote them; the tools put them into their facts. */
export function seenOf(entries: readonly JournalEntry[]): Map<string, string> {
  const seen = new Map<string, string>()
  for (const entry of entries) {
    if (entry.type !== 'tool.ended') continue
    const { path, sha256 } = entry.facts
    if (typeof path === 'string' && typeof sha256 === 'string') seen.set(path, sha256)
  }
  return seen
}

const summaryCharsMax = 80

export function endedCallsOf(entries: readonly JournalEntry[]): EndedCall[] {
  const calls = new Map(
    entries.flatMap((entry) => (entry.type === 'assistant' ? entry.calls.map((call) => [call.id, call] as const) : [])),
  )
  return entries.flatMap((entry) => {
    const call = entry.type === 'tool.ended' ? calls.get(entry.callId) : undefined
    if (entry.type !== 'tool.ended' || !call) return []
    const summary = call.argumentsText.slice(0, summaryCharsMax)
    return [{ id: call.id, name: call.name, summary, ok: entry.ok, facts: entry.facts }]
  })
}

export interface Earlier {
  /** Replies of the model that counted as a step. */
  steps: number
  /** Empty ones among them that nothing followed. */
  empty: number
  answered: { call: ToolCall; result: { ok: boolean; output: string } }[]
}

/** What the turn that is open has taken so far; a plan that was taken begins anew, under its own profile. */
export function earlierOf(entries: readonly JournalEntry[]): Earlier {
  const begins = ({ type }: JournalEntry) => type === 'prompt' || type === 'plan.taken'
  const earlier: Earlier = { steps: 0, empty: 0, answered: [] }
  const calls = new Map<string, ToolCall>()
  for (const entry of entries.slice(entries.findLastIndex(begins) + 1)) {
    if (entry.type === 'assistant' && entry.finish !== 'aborted') {
      earlier.steps += 1
      earlier.empty = entry.calls.length === 0 && entry.text.trim() === '' ? earlier.empty + 1 : 0
      for (const call of entry.calls) calls.set(call.id, call)
    }
    const call = entry.type === 'tool.ended' ? calls.get(entry.callId) : undefined
    if (entry.type === 'tool.ended' && call) earlier.answered.push({ call, result: entry })
  }
  return earlier
}

export const noUsage: SessionUsage = { toolCalls: 0, tokens: 0, costMicros: 0 }

export const usageOf = (entries: readonly JournalEntry[]): SessionUsage => entries.reduce(withUsage, noUsage)

export function withUsage(sum: SessionUsage, entry: JournalEntry): SessionUsage {
  if (entry.type === 'tool.ended') return { ...sum, toolCalls: sum.toolCalls + 1 }
  if (entry.type !== 'usage') return sum
  const { costMicros } = entry.usage
  return {
    toolCalls: sum.toolCalls,
    tokens: sum.tokens + tokensOf(entry.usage),
    costMicros: sum.costMicros === null || costMicros === null ? null : sum.costMicros + costMicros,
  }
}

/** Ends after which the same prompt may be entered again: nothing was answered. */
const reenterable: readonly EndReason[] = ['cancelled', 'provider_error', 'needs_permission']

/** The last turn of a session: the prompt, and how its last run ended (null: it did not). */
export interface Turn {
  promptId: string
  ended: Row<'run.ended'> | null
  /** It may be entered again. */
  open: boolean
  /** A person holds it. */
  paused: boolean
  /** False for an answer that is empty, cut off or stopped by a limit. */
  complete: boolean
  /** The agent's last words. */
  text: string
  /** Why the model said that its last message ended. */
  finish: string
}

export function lastTurnOf(entries: readonly JournalEntry[]): Turn | null {
  const at = entries.findLastIndex((entry) => entry.type === 'prompt')
  const prompt = entries[at]
  if (prompt?.type !== 'prompt') return null
  const after = entries.slice(at)
  const run = after.findLast((entry) => entry.type === 'run.started')
  const ended = run ? after.findLast((entry) => entry.type === 'run.ended' && entry.runId === run.runId) : undefined
  const said = after.findLast((entry) => entry.type === 'assistant' && entry.text.trim() !== '')
  const last = after.findLast((entry) => entry.type === 'assistant')
  const held = after.findLast(({ type }) => type === 'paused' || type === 'resumed' || type === 'run.ended')
  const end = ended?.type === 'run.ended' ? ended : null
  const isPlan = end?.reason === 'plan'
  const finish = last?.type === 'assistant' ? last.finish : ''
  return {
    promptId: prompt.promptId,
    ended: end,
    open: end === null || reenterable.includes(end.reason),
    paused: held?.type === 'paused',
    complete: isPlan || (end?.reason === 'completed' && finish === 'stop'),
    text: isPlan ? end.text : said?.type === 'assistant' ? said.text : '',
    finish,
  }
}

/** What a prompt with this id would be now. */
export function standingOf(entries: readonly JournalEntry[], promptId: string): 'new' | 'over' | 'open' {
  const turn = lastTurnOf(entries)
  if (turn?.promptId !== promptId) {
    return entries.some((entry) => entry.type === 'prompt' && entry.promptId === promptId) ? 'over' : 'new'
  }
  return turn.open ? 'open' : 'over'
}
