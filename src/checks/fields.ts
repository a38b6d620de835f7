/** The parts that schemas and one-line forms of several checks share. Pure; touches no file. */
import { z } from 'zod'
import { globFault } from '../lib/glob.ts'

export const nameField = z.string().min(1).max(200).optional()

/** Relative to the workspace. An absolute path is accepted here and judged by its real path when the check runs. */
export const pathField = z
  .string()
  .min(1)
  .max(4096)
  .refine((path) => !path.includes('\0'), 'A path holds no NUL.')
  .refine((path) => !leavesFolder(path), 'The path must stay inside the workspace.')

/** `a/../../b` leaves, whatever exists on the disk. */
export function leavesFolder(path: string): boolean {
  if (path.startsWith('/')) return false
  let depth = 0
  for (const part of path.split('/')) {
    if (part === '..') depth--
    else if (part !== '' && part !== '.') depth++
    if (depth < 0) return true
  }
  return false
}

export const globField = z
  .string()
  .max(4096)
  .superRefine((pattern, context) => {
    const fault = globFault(pattern)
    if (fault) context.addIssue({ code: 'custom', message: fault })
  })

export const globList = z.union([globField.transform((one) => [one]), z.array(globField).min(1).max(50)])

const quotes = ['"', "'", '`']

/** Without one pair of quotes or backticks around it; a JSON text is what it stands for. */
export function unquoted(text: string): string {
  const trimmed = text.trim()
  const asJson = trimmed.startsWith('"') ? jsonText(trimmed) : null
  if (asJson !== null) return asJson
  const quote = trimmed[0] ?? ''
  const isQuoted = quotes.includes(quote) && trimmed.length > 1 && trimmed.indexOf(quote, 1) === trimmed.length - 1
  return isQuoted ? trimmed.slice(1, -1) : trimmed
}

function jsonText(text: string): string | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'string' ? value : null
  } catch {
    return null
  }
}

/** The first word, quotes respected, and what follows it. */
export function firstWord(text: string): [word: string, rest: string] {
  const trimmed = text.trim()
  const quote = trimmed[0] ?? ''
  const end = quotes.includes(quote) ? trimmed.indexOf(quote, 1) : -1
  if (end > 0) return [trimmed.slice(1, end), trimmed.slice(end + 1).trim()]
  const space = trimmed.search(/\s/)
  return space < 0 ? [trimmed, ''] : [trimmed.slice(0, space), trimmed.slice(space).trim()]
}

export const quotedIfNeeded = (word: string): string => (/[\s"'`]/.test(word) ? JSON.stringify(word) : word)

/** The one-line form that is nothing but a path. */
export function pathLine(text: string): Record<string, unknown> | string {
  const path = unquoted(text)
  return path === '' ? 'A path is missing.' : { path }
}
