/** The sentences of a diagnosis. Pure; everything that came from a process is masked and quoted. */
import type { Cause } from '../../core/diagnosis.ts'
import { maskLine } from '../../lib/mask.ts'

/** `6 min`, `45 s`, `2 h 5 min`. */
export function spanOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 90) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 90) return `${minutes} min`
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

const quoteCharsMax = 100

/** Backticks inside would end the quotation. */
export const quote = (line: string): string => `\`${maskLine(line, quoteCharsMax).replaceAll('`', "'") || '?'}\``

export const todos: Readonly<Record<Cause, string | null>> = {
  permission: 'Answer the permission.',
  question: 'Answer the question.',
  retrying: 'Wait for the next try, or look at the account and the model at the provider.',
  'model-silent': 'Wait until the provider gives up, or take the session over: abort and prompt again.',
  'server-dead': 'Start the server again; the turn is lost and must be prompted again.',
  input: 'End that process: nobody can type there. The command needs its input from a file or a flag such as --yes.',
  'held-pipe': 'End that process; next time it should be started with its output sent to a file.',
  serving: 'End that process; a server should be started in the background with its output sent to a file.',
  network: 'See whether the other side is up; end that process to let the turn go on.',
  lock: 'End whoever has the lock, or that process.',
  spinning: 'End that process if it is not known to take this long.',
  sleeping: 'End that process if nothing is worth waiting for.',
  zombie: 'End its parent, which does not notice that its child has ended.',
  working: null,
  unknown: 'Look at it, or take the session over: abort and prompt again.',
}
