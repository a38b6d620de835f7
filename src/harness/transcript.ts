/** The journal of our own agent as the transcript that other runtimes tell: pure, and bounded like theirs. */

import { typedText, unknownEnd } from '../core/runtime.ts'
import {
  type JournalEntry,
  type StoredEntry,
  type ToolCall,
  type TranscriptMessage,
  type TranscriptPage,
  type TranscriptPart,
  withoutUndone,
} from '../core/session.ts'
import { excerptOf } from '../lib/excerpt.ts'

const partCharsMax = 20_000
const neverRun = 'Not run: the turn was cut off before.'
const bounded = (text: string): string => excerptOf(text, partCharsMax)

interface Part {
  before: string | null
  limit: number
  /** Nobody runs the last turn any more. */
  isLeft: boolean
}

/** The newest `limit` messages before `before`. */
export function transcriptOf(entries: readonly StoredEntry[], { before, limit, isLeft }: Part): TranscriptPage {
  const all = messagesOf(
    withoutUndone(entries, (row) => row.entry),
    isLeft,
  )
  const end =
    before === null
      ? all.length
      : Math.max(
          0,
          all.findIndex((message) => message.id === before),
        )
  const start = Math.max(0, end - limit)
  const messages = all.slice(start, end)
  return { messages, next: start > 0 ? (messages[0]?.id ?? null) : null }
}

/** Calls of the last turn that have begun, may have changed something, and of whose end nothing is noted. */
export function openCallsOf(rows: readonly StoredEntry[]): ToolCall[] {
  const entries = withoutUndone(rows, ({ entry }) => entry).map(({ entry }) => entry)
  const turn = entries.slice(
    Math.max(
      0,
      entries.findLastIndex(({ type }) => type === 'prompt'),
    ),
  )
  const open = new Set<string>()
  for (const entry of turn) {
    if (entry.type === 'tool.started' && !entry.readOnly) open.add(entry.callId)
    if (entry.type === 'tool.ended') open.delete(entry.callId)
  }
  return turn.flatMap((entry) => (entry.type === 'assistant' ? entry.calls.filter(({ id }) => open.has(id)) : []))
}

type ToolPart = Extract<TranscriptPart, { kind: 'tool' }>

function messagesOf(entries: readonly StoredEntry[], isLeft: boolean): TranscriptMessage[] {
  const messages: TranscriptMessage[] = []
  const calls = new Map<string, ToolPart>()
  let model: string | null = null
  for (const { seq, at, entry } of entries) {
    const last = messages.at(-1)
    const head = { id: String(seq), at, endedAt: at, problem: null }
    if (entry.type === 'prompt') leave(calls)
    if (entry.type === 'prompt' || entry.type === 'steer')
      messages.push({ ...head, role: 'user', model: null, parts: [textPart(entry.text)] })
    else if (entry.type === 'note' && entry.ran)
      messages.push({ ...head, role: 'user', model: null, parts: [typedPart(entry, entry.ran)] })
    else if (entry.type === 'run.started') model = entry.model
    else if (entry.type === 'assistant') {
      const parts = partsOf(entry)
      for (const part of parts) if (part.kind === 'tool') calls.set(part.callId, part)
      messages.push({ ...head, role: 'assistant', model, parts })
    } else if (entry.type === 'run.ended' && entry.problem && last) {
      // A model that never answered leaves only the prompt to say so at.
      last.problem = [entry.problem.text, entry.problem.todo].filter(Boolean).join(' ')
    } else noteCall(entry, calls)
  }
  if (isLeft) leave(calls)
  return messages
}

/** Of calls that have no end, none comes any more: their turn was cut off by the end of its program. */
function leave(calls: Map<string, ToolPart>): void {
  for (const call of calls.values()) {
    if (call.state === 'running') Object.assign(call, { state: 'error', output: unknownEnd })
    if (call.state === 'pending') Object.assign(call, { state: 'error', output: neverRun })
  }
  calls.clear()
}

/** A shell line that the person typed, with what came of it. */
function typedPart(
  { runId, text }: { runId: string; text: string },
  { line, ok }: { line: string; ok: boolean },
): ToolPart {
  const output = bounded(text.slice(typedText(line, '').length))
  const input = bounded(JSON.stringify({ command: line }))
  return { kind: 'tool', callId: runId, name: 'bash', input, output, state: ok ? 'completed' : 'error', childId: null }
}

const textPart = (text: string): TranscriptPart => ({ kind: 'text', text: bounded(text) })

function partsOf(entry: Extract<JournalEntry, { type: 'assistant' }>): TranscriptPart[] {
  const thought: TranscriptPart[] = entry.reasoning ? [{ kind: 'reasoning', text: bounded(entry.reasoning) }] : []
  const said = entry.text ? [textPart(entry.text)] : []
  const calls = entry.calls.map(
    (call): ToolPart => ({
      ...{ kind: 'tool', callId: call.id, name: call.name, input: bounded(call.argumentsText), output: '' },
      ...{ state: 'pending', childId: null },
    }),
  )
  return [...thought, ...said, ...calls]
}

function noteCall(entry: JournalEntry, calls: ReadonlyMap<string, ToolPart>): void {
  const call = 'callId' in entry ? calls.get(entry.callId) : undefined
  if (!call) return
  if (entry.type === 'tool.started') call.state = 'running'
  if (entry.type === 'plan.taken' && 'sessionId' in entry.to) call.childId = entry.to.sessionId
  if (entry.type !== 'tool.ended') return
  call.state = entry.ok ? 'completed' : 'error'
  call.output = bounded(entry.output)
}
