/** A text with the problems that were found in it, line by line. Pure. */
import type { Problem } from '../../../src/core/problem.ts'
import type { InboxItem } from '../../../src/server/api.ts'
import { type Look, lookOf } from './words.ts'

export interface Line {
  number: number
  text: string
  problems: Problem[]
}

const linesMax = 600

/** The lines of a text, each with what was found in it; what has no line, or one beyond, stands apart. */
export function markLines(
  text: string,
  problems: readonly Problem[],
): { lines: Line[]; rest: number; apart: Problem[] } {
  const all = text.replaceAll('\r\n', '\n').split('\n')
  if (all.at(-1) === '') all.pop()
  const lines = all.slice(0, linesMax).map((line, index): Line => {
    return { number: index + 1, text: line, problems: problems.filter((problem) => problem.line === index + 1) }
  })
  const apart = problems.filter(({ line }) => line === undefined || line > lines.length)
  return { lines, rest: all.length - lines.length, apart }
}

/** What became of a file: of an accepted one, what became of its task. */
export function lookOfFile({ outcome, task }: Pick<InboxItem, 'outcome' | 'task'>): Look {
  if (task) return lookOf(task)
  if (outcome === 'obeyed') return { word: 'obeyed', tone: 'ok', mark: 'closed' }
  return { word: 'not accepted', tone: 'danger', mark: 'cross' }
}
