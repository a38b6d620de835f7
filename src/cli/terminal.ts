/**
 * Words for a terminal: safe (control characters of agents and files never reach it), aligned, coloured only on a TTY.
 */
import { styleText } from 'node:util'
import type { LoomEvent } from '../core/event.ts'
import type { Problem } from '../core/problem.ts'
import type { TaskItem } from '../core/task.ts'
import { verdictText } from '../core/verdict.ts'

type Style = Parameters<typeof styleText>[0]

export const paint = (style: Style, text: string): string =>
  process.stdout.isTTY && !process.env.NO_COLOR ? styleText(style, text) : text

/** Escapes and other control characters become visible; they could move the cursor or forge lines. */
export const safe = (text: string): string =>
  Array.from(text, (c) => {
    const code = c.codePointAt(0) ?? 0
    const control = (code < 32 && c !== '\n' && c !== '\t') || (code >= 0x7f && code < 0xa0)
    const bidi = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)
    return control || bidi ? `\\u{${code.toString(16)}}` : c
  }).join('')

/** One thing of a list, whole: no blank is folded, and no further line looks like another thing of the list. */
export const wholeOf = (text: string): string => `    ${safe(text).replaceAll('\n', '\n  ⏎ ')}`

export const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2))

export function printProblems(problems: readonly Problem[]): void {
  for (const { text, todo, line } of problems) {
    const where = line === undefined || text.includes(`:${line}:`) ? '' : `line ${line}: `
    process.stderr.write(`${safe(`${where}${text}`)}\n${todo ? `  ${safe(todo)}\n` : ''}`)
  }
}

export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  }
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export function cut(text: string, max: number): string {
  const line = safe(text).replace(/\s+/g, ' ').trim()
  return line.length > max ? `${line.slice(0, max - 1)}…` : line
}

/** Status and verdict in one word or two; an unverified done never looks like a verified one. */
export function stateOf(task: Pick<TaskItem, 'status' | 'verdict' | 'flaky' | 'reason'>): string {
  const { status, verdict, flaky, reason } = task
  if (status === 'paused' && reason?.code === 'tampered') return 'paused (tampered)'
  if (status === 'failed' && verdict && reason?.code === `attempts-${verdict}`) return `failed (${verdict})`
  if (status !== 'done') return status
  const word = verdictText(verdict ?? 'unverified', flaky)
  return verdict === 'verified' ? `done, ${word}` : `done (${word})`
}

const styles: Partial<Record<LoomEvent['type'], Style>> = {
  'task.done': 'green',
  'task.failed': 'red',
  'task.refuted': 'yellow',
  'task.paused': 'yellow',
  'inbox.rejected': 'red',
  'alarm.raised': 'red',
  'ask.raised': 'yellow',
  'isolation.conflicted': 'yellow',
}

const doneWords: Partial<Record<string, string>> = {
  verified: 'done: verified by its checks',
  'verified (proposed checks)': 'done: verified, but only by checks that a model proposed',
  'verified (project checks)':
    'done: something changed and nothing in the project got worse; nobody said what to prove',
  unverified: 'done, but unverified: it had no checks of its own',
  vacuous: 'done, but nothing is proven: every check passed before the work began',
}

function addedWords({ checks }: LoomEvent['data']): string {
  const added = (checks as { title: string; because: string }[] | undefined) ?? []
  return `checks that nobody wrote: ${added.map(({ title, because }) => `${title} (${because})`).join(', ')}`
}

function doneLine(task: TaskItem | undefined): string {
  const words = doneWords[task?.verdict ?? 'unverified'] ?? `done: ${task?.verdict}`
  return task?.flaky ? `${words}, ${task.flaky} flaky` : words
}

/** Without the digest of what was accepted. */
const pathOf = (change: string): string => change.replace(/:[0-9a-f]*$/, '')

/** Worth a line only when a check will prove nothing. */
function baseWords(data: LoomEvent['data']): string | null {
  const green = (data.green as string[] | undefined) ?? []
  return green.length > 0 ? `passes before the work: ${green.join(', ')}` : null
}

/** One line for a person watching; null for events that would be noise there. */
export function lineOf(event: LoomEvent): string | null {
  const words = wordsOf(event)
  if (words === null) return null
  const time = new Date(event.at).toTimeString().slice(0, 8)
  const style = styles[event.type]
  const text = cut(words, 160)
  return `${paint('dim', time)}  ${(event.taskId ?? '').slice(-6).padEnd(6)}  ${style ? paint(style, text) : text}`
}

function wordsOf({ type, data }: LoomEvent): string | null {
  const task = data.task as TaskItem | undefined
  const reason = task?.reason ? `: ${task.reason.text}` : ''
  switch (type) {
    case 'task.created':
      return `new task from ${String(data.source)}: ${task?.title ?? ''}`
    case 'task.started':
      return `started on ${task?.runtime ?? ''} in ${task?.workspace ?? ''}`
    case 'task.waiting':
    case 'task.paused':
    case 'task.failed':
    case 'task.cancelled':
      return `${type.slice('task.'.length)}${reason}`
    case 'task.done':
      return doneLine(task)
    case 'checks.added':
      return addedWords(data)
    case 'base.examined':
      return baseWords(data)
    case 'tampering.accepted':
      return `a person accepted the change: ${(data.changes as string[] | undefined)?.map(pathOf).join(', ') ?? ''}`
    case 'task.refuted':
      return `the files disagree: ${(data.failed as string[] | undefined)?.join(', ') ?? ''}`
    case 'attempt.started':
      return `attempt ${String(data.number)}`
    case 'run.started':
      return `model ${String(data.model)} (${String(data.provider)})`
    case 'message.finished':
      return data.text ? `agent: ${String(data.text)}` : null
    case 'tool.started':
      return `tool ${String(data.name)} ${String(data.summary ?? '')}`
    case 'check.finished':
      return `check ${String(data.outcome)}: ${String(data.title)} (${String(data.summary)})`
    case 'inbox.rejected':
      return `rejected ${String(data.file)}: ${(data.problems as Problem[] | undefined)?.[0]?.text ?? ''}`
    case 'inbox.noticed':
    case 'alarm.raised':
    case 'alarm.cleared':
      return String(data.text ?? data.code ?? '')
    case 'ask.raised':
      return `${String(data.summary)} (${String(data.askId)})`
    case 'isolation.opened':
    case 'isolation.merged':
    case 'isolation.kept':
    case 'isolation.dropped':
    case 'isolation.conflicted':
      return String(data.text ?? '')
    case 'ask.answered':
      return String(data.summary)
    case 'delivery.failed':
      return `a notification could not be delivered: ${String(data.problem ?? data.sink ?? '')}`
    default:
      return null
  }
}
