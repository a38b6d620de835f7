/** One line of words per event of a task. Unknown events still show, by their name: nothing is hidden. */
import type { LoomEvent } from '../../../src/core/event.ts'
import { count, duration } from './format.ts'
import { firstLine } from './text.ts'
import { outcomeLooks, type Tone, verdictLooks } from './words.ts'

export interface TimelineLine {
  seq: number
  at: number
  type: LoomEvent['type']
  text: string
  /** From a machine: shown in mono. */
  machine: string
  tone: Tone | null
}

type Words = Pick<TimelineLine, 'text' | 'machine' | 'tone'>

const string = (value: unknown): string => (typeof value === 'string' ? firstLine(value) : '')
const number = (value: unknown): string => (typeof value === 'number' ? String(value) : '?')

/** A reason is `{code, text}` in moves and a plain word in `run.ended`. */
function reason(value: unknown): string {
  return typeof value === 'object' && value ? string((value as { text?: unknown }).text) : string(value)
}

const say = (text: string, machine = '', tone: Tone | null = null): Words => ({ text, machine, tone })

const moveWords: Partial<Record<LoomEvent['type'], [string, Tone | null]>> = {
  'task.created': ['Task accepted', null],
  'task.updated': ['Task updated', null],
  'task.queued': ['Queued', null],
  'task.started': ['Started', 'running'],
  'task.running': ['Agent at work', 'running'],
  'task.waiting': ['Waiting', 'attention'],
  'task.paused': ['Paused', 'attention'],
  'task.verifying': ['Checking the files', 'running'],
  'task.refuted': ['Refuted: the evidence becomes the next prompt', 'danger'],
  'task.failed': ['Failed', 'danger'],
  'task.cancelled': ['Cancelled', null],
  'task.archived': ['Archived', null],
}

function verdictWords(data: LoomEvent['data']): Words {
  const look = verdictLooks[data['verdict'] as keyof typeof verdictLooks] ?? verdictLooks.unknown
  const counts = [`${number(data['passed'])} passed`, `${number(data['failed'])} failed`]
  if (data['errors']) counts.push(`${number(data['errors'])} could not look`)
  if (data['flaky']) counts.push(`${number(data['flaky'])} flaky`)
  return say(`Verdict of attempt ${number(data['attempt'])}: ${look.word} (${counts.join(', ')})`, '', look.tone)
}

function doneWords(data: LoomEvent['data']): Words {
  const verdict = (data['task'] as { verdict?: keyof typeof verdictLooks } | undefined)?.verdict ?? 'unverified'
  return say(`Done: ${verdict}`, '', (verdictLooks[verdict] ?? verdictLooks.unverified).tone)
}

function baseWords(data: LoomEvent['data']): Words {
  const green = Array.isArray(data['green']) ? data['green'].map(String) : []
  const red = data['red'] === 1 ? '1 check fails' : `${number(data['red'])} checks fail`
  const text = `Before the work: ${red}, ${green.length} pass already`
  return say(text, green.join(', '), green.length > 0 ? 'unknown' : null)
}

function addedWords({ checks }: LoomEvent['data']): Words {
  const added = Array.isArray(checks) ? (checks as { title?: unknown; because?: unknown }[]) : []
  const lines = added.map(({ title, because }) => `${string(title)} — ${string(because)}`)
  return say(`${count(added.length, 'check')} that nobody wrote`, lines.join('; '))
}

function checkWords(data: LoomEvent['data']): Words {
  const look = outcomeLooks[data['outcome'] as keyof typeof outcomeLooks] ?? outcomeLooks.error
  const took = typeof data['durationMs'] === 'number' ? ` in ${duration(data['durationMs'])}` : ''
  return say(`Check: ${look.word}${took}`, string(data['title']), look.tone)
}

function acceptedWords({ changes }: LoomEvent['data']): Words {
  const paths = Array.isArray(changes) ? changes.map((one) => string(one).replace(/:[0-9a-f]*$/, '')) : []
  return say('A person accepted the change of what judges the work', paths.join(', '))
}

function wordsOf(event: LoomEvent): Words {
  const { type, data } = event
  const move = moveWords[type]
  if (move) {
    const why = reason(data['reason'])
    return say(why ? `${move[0]} — ${why}` : move[0], '', move[1])
  }
  switch (type) {
    case 'task.done':
      return doneWords(data)
    case 'tampering.accepted':
      return acceptedWords(data)
    case 'attempt.started':
      return say(`Attempt ${number(data['number'])} begins`)
    case 'prompt.sent':
      return say(`Prompt of attempt ${number(data['attempt'])} sent to the agent`)
    case 'checks.added':
      return addedWords(data)
    case 'base.examined':
      return baseWords(data)
    case 'check.finished':
      return checkWords(data)
    case 'verdict.reached':
      return verdictWords(data)
    case 'receipt.issued':
      return say(`Receipt ${number(data['seq'])} signed`, string(data['digest']).slice(0, 16))
    case 'run.started':
      return say('Model asked', [string(data['model']), string(data['provider'])].filter(Boolean).join(' · '))
    case 'run.ended':
      return say(`Agent stopped${reason(data['reason']) ? ` (${reason(data['reason'])})` : ''}`)
    case 'message.finished':
      return say(string(data['text']) ? `Agent: “${string(data['text'])}”` : 'Agent asked for tools')
    case 'tool.started':
      return say('Tool', `${string(data['name'])} ${string(data['summary'])}`.trim())
    case 'tool.ended':
      return data['ok'] === false
        ? say('Tool failed', `${string(data['name'])} ${string(data['summary'])}`.trim(), 'attention')
        : say('Tool done', `${string(data['name'])} ${string(data['summary'])}`.trim())
    case 'ask.raised':
      return say(string(data['summary']) || type, '', 'attention')
    case 'ask.answered':
    case 'ask.ended':
      return say(string(data['summary']) || type)
    case 'permission.decided':
      return say(data['decision'] === 'deny' ? 'Not permitted' : 'Permitted', string(data['tool']))
    case 'files.changed':
      return say('Files changed meanwhile', [data['paths']].flat().map(string).join(', '))
    case 'session.stalled':
      return say('It makes no progress', string(data['diagnosis']), 'danger')
    case 'machine.slept':
      return say(`The machine was asleep for ${duration(Number(data['sleptMs']))}`)
    case 'session.revived':
      return say('It goes on by itself', '', 'ok')
    case 'session.taken_over':
      return say('Taken over: its turn was ended and begins again')
    case 'session.opened':
      return say('Session opened', string(data['runtime']))
    case 'isolation.opened':
    case 'isolation.merged':
    case 'isolation.kept':
    case 'isolation.dropped':
      return say(string(data['text']) || type)
    case 'isolation.conflicted':
      return say(string(data['text']) || type, '', 'attention')
    case 'usage.recorded':
      return say('Model answered', count(tokensOf(data), 'token'))
    default:
      return say(type)
  }
}

function tokensOf(data: LoomEvent['data']): number {
  const counted = ['input', 'output', 'cacheRead', 'cacheWrite'].map((name) => Number(data[name] ?? 0))
  return counted.reduce((sum, n) => sum + n, 0)
}

export function timelineOf(events: readonly LoomEvent[]): TimelineLine[] {
  return events.map((event) => ({ seq: event.seq, at: event.at, type: event.type, ...wordsOf(event) }))
}

/** Events sorted by `seq`, each once: a page that was read and the live stream may overlap. */
export function mergeEvents(known: readonly LoomEvent[], more: readonly LoomEvent[]): LoomEvent[] {
  const last = known.at(-1)?.seq ?? 0
  if (more.every((event, i) => event.seq > (i === 0 ? last : (more[i - 1]?.seq ?? 0)))) return [...known, ...more]
  const bySeq = new Map([...known, ...more].map((event) => [event.seq, event]))
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq)
}
