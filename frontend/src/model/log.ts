/** What is asked of the event log, as the address bar has it, and which events fit. The daemon judges the same. */
import type { LoomEvent } from '../../../src/core/event.ts'
import type { Tone } from './words.ts'

export interface LogAsked {
  /** A type, or a family as `task.*`; empty: all. */
  type: string
  task: string
  session: string
  q: string
}

export const families = [
  ...['task', 'attempt', 'check', 'verdict', 'session', 'run', 'message', 'tool', 'ask', 'permission', 'grant'],
  ...['inbox', 'intake', 'isolation', 'receipt', 'usage', 'files', 'workspace', 'runtime', 'sink', 'delivery'],
  ...['alarm', 'machine', 'daemon'],
] as const

export function logHref(asked: Partial<LogAsked>): string {
  const query = new URLSearchParams()
  for (const [key, value] of Object.entries(asked)) if (value) query.set(key, value)
  const text = query.toString()
  return text ? `/log?${text}` : '/log'
}

export function logAsked(search: URLSearchParams): LogAsked {
  const id = (key: string) => {
    const given = search.get(key) ?? ''
    return /^[A-Za-z0-9_-]{1,120}$/.test(given) ? given : ''
  }
  const type = search.get('type') ?? ''
  const isType = /^[a-z]+\.(\*|[a-z_]+)$/.test(type)
  return {
    type: isType ? type : '',
    task: id('task'),
    session: id('session'),
    q: (search.get('q') ?? '').slice(0, 200),
  }
}

/** The same as the daemon's search, for what arrives meanwhile. */
export function fitsLog(event: LoomEvent, { type, task, session, q }: LogAsked): boolean {
  if (type && (type.endsWith('*') ? !event.type.startsWith(type.slice(0, -1)) : event.type !== type)) return false
  if ((task && event.taskId !== task) || (session && event.sessionId !== session)) return false
  const text = q ? `${event.type} ${JSON.stringify(event.data)}`.toLowerCase() : ''
  return q
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word))
}

const said = ['summary', 'text', 'because', 'title', 'name', 'reason', 'verdict', 'model', 'file', 'workspace'] as const

/** The one sentence of an event, wherever its kind keeps it. */
export function sentenceOf({ data }: Pick<LoomEvent, 'data'>): string {
  const task = data['task'] as { title?: unknown } | undefined
  const words = said.map((key) => data[key]).find((value) => typeof value === 'string' && value.trim() !== '')
  const title = typeof task?.title === 'string' ? task.title : ''
  return [title, typeof words === 'string' && words !== title ? words : ''].filter(Boolean).join(' · ')
}

const tones: Record<string, Tone> = { alarm: 'danger', ask: 'attention', task: 'running', verdict: 'ok', inbox: 'idle' }

/** Trouble is what the eye must meet; the rest is told by its family. */
export function toneOf(type: string): Tone {
  if (/failed|rejected|refused|refuted|lost|stalled|conflicted|killed|raised$/.test(type)) {
    return type === 'ask.raised' ? 'attention' : 'danger'
  }
  if (/done|verified|cleared|connected/.test(type)) return 'ok'
  return tones[type.split('.')[0] ?? ''] ?? 'idle'
}
