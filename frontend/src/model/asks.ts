/** What a card says of an ask, and what its buttons send. Pure; nothing is chosen for anybody. */
import type { AskRequest, Question } from '../../../src/core/ask.ts'
import type { TaskItem } from '../../../src/core/task.ts'
import type { AskItem, LiveFrame } from '../../../src/server/api.ts'

export type AskBody =
  | { reply: 'once' | 'always' | 'execute' | 'execute_fresh' }
  | { reply: 'reject'; message?: string }
  | { reply: 'feedback'; message: string }
  | { answers: string[][] }

type Permission = Extract<AskRequest, { kind: 'permission' }>

const wishes: Record<string, string> = {
  bash: 'wants to run',
  edit: 'wants to change',
  write: 'wants to write',
  read: 'wants to read',
  webfetch: 'wants to fetch',
  external_directory: 'wants to work outside its folder',
  doom_loop: 'repeats the same call and wants to go on',
}

export const wishOf = ({ permission }: Permission): string => wishes[permission] ?? `wants “${permission}” on`

/** The detail, where it says more than the patterns do. */
export function detailOf({ patterns, detail }: Permission): string {
  const text = detail.trim()
  return text === '' || patterns.some((pattern) => pattern.trim() === text) ? '' : text
}

/** What a person has put together for one question. */
export interface Choice {
  picked: string[]
  own: string
}

export const noChoice = (): Choice => ({ picked: [], own: '' })

export function pick(question: Question, choice: Choice, label: string): Choice {
  if (!question.multiple) return { picked: choice.picked.includes(label) ? [] : [label], own: '' }
  const picked = choice.picked.includes(label)
    ? choice.picked.filter((one) => one !== label)
    : [...choice.picked, label]
  return { ...choice, picked }
}

/** Own words stand beside several choices, and instead of a single one. */
export function write(question: Question, choice: Choice, own: string): Choice {
  return { picked: question.multiple || own.trim() === '' ? choice.picked : [], own }
}

/** The answers, or null while a question has none. */
export function answersOf(choices: readonly Choice[]): string[][] | null {
  const answers = choices.map(({ picked, own }) => [...picked, ...(own.trim() === '' ? [] : [own.trim()])])
  return answers.every((answer) => answer.length > 0) ? answers : null
}

/** What frames mean for the open asks: ids that are over, and whether there are new ones to read. */
export function askMoves(frames: readonly LiveFrame[]): { over: string[]; fresh: boolean } {
  const events = frames.flatMap((frame) => (frame.event === 'event' ? [frame.data] : []))
  const ended = events.filter(({ type }) => type === 'ask.answered' || type === 'ask.ended')
  return { over: ended.map(({ data }) => String(data['askId'])), fresh: events.some((e) => e.type === 'ask.raised') }
}

/**
 * Tasks that wait for an open ask and for nothing else: its card speaks for them, so that no row and no count says it
 * twice. A task whose row is not here is taken for one of them.
 */
export function askingTasks(asks: Iterable<AskItem>, rows: ReadonlyMap<string, Pick<TaskItem, 'status'>>): Set<string> {
  const ids = [...asks].flatMap(({ taskId }) => taskId ?? [])
  return new Set(ids.filter((id) => (rows.get(id)?.status ?? 'waiting') === 'waiting'))
}
