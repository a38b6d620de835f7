/** What a task does this second, as one line: from events and from what is said between them. */
import type { LoomEvent } from '../../../src/core/event.ts'
import type { LiveFrame } from '../../../src/server/api.ts'
import { firstLine, lastLine } from './text.ts'

export type Delta = Extract<LiveFrame, { event: 'delta' }>['data']

export interface LiveLine {
  kind: 'text' | 'reasoning' | 'tool' | 'event'
  text: string
}

export interface StreamPart {
  kind: Delta['kind']
  text: string
}

export const streamCharsMax = 20_000

/** Joins a delta to the parts before it; the oldest text goes when the whole would grow past its bound. */
export function joinDelta(parts: readonly StreamPart[], delta: StreamPart): StreamPart[] {
  const last = parts.at(-1)
  const next =
    last?.kind === delta.kind
      ? [...parts.slice(0, -1), { kind: last.kind, text: last.text + delta.text }]
      : [...parts, { kind: delta.kind, text: delta.text }]
  let excess = next.reduce((sum, part) => sum + part.text.length, 0) - streamCharsMax
  while (excess > 0) {
    const first = next[0]
    if (!first) break
    if (first.text.length > excess) {
      next[0] = { kind: first.kind, text: first.text.slice(excess) }
      break
    }
    excess -= first.text.length
    next.shift()
  }
  return next
}

export function lineOfStream(parts: readonly StreamPart[]): LiveLine | null {
  const last = parts.at(-1)
  return last ? { kind: last.kind, text: lastLine(last.text) } : null
}

const text = (value: unknown): string => (typeof value === 'string' ? firstLine(value) : '')
const figure = (value: unknown): string => (typeof value === 'number' ? String(value) : '?')

/** The line an event brings, or null when it changes nothing about what is going on now. */
export function lineOfEvent({ type, data }: LoomEvent): LiveLine | null {
  switch (type) {
    case 'attempt.started':
      return { kind: 'event', text: `attempt ${figure(data['number'])} begins` }
    case 'run.started':
      return { kind: 'event', text: `asking ${text(data['model']) || 'the model'}` }
    case 'tool.started':
      return { kind: 'tool', text: `${text(data['name'])} ${text(data['summary'])}`.trim() }
    case 'message.finished':
      return text(data['text']) ? { kind: 'text', text: lastLine(String(data['text'])) } : null
    case 'task.verifying':
      return { kind: 'event', text: 'checking the files' }
    case 'check.finished':
      return { kind: 'event', text: `${text(data['outcome'])}: ${text(data['title'])}` }
    case 'task.refuted':
      return { kind: 'event', text: 'refuted; the evidence goes back to the agent' }
    default:
      return null
  }
}
