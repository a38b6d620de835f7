/** What a call of a tool says to a person: its point in one line, its input, and the change that it asks for. */
import type { TranscriptMessage, TranscriptPart } from '../../../src/core/session.ts'
import type { DiffLine } from './diff.ts'
import { firstLine } from './text.ts'

export type ToolPart = Extract<TranscriptPart, { kind: 'tool' }>
type Fields = Record<string, unknown>

/** The field that says the point, the best first; both spellings, for runtimes differ. */
const points = ['command', 'file_path', 'filePath', 'path', 'pattern', 'url', 'query', 'description', 'prompt', 'id']

/** Null where the input is no JSON object: cut off, or no JSON at all. */
function fieldsOf(input: string): Fields | null {
  try {
    const value: unknown = JSON.parse(input)
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Fields) : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

export function pointOf({ input }: Pick<ToolPart, 'input'>): string {
  const fields = fieldsOf(input)
  if (!fields) return firstLine(input)
  const point = points.map((name) => fields[name]).find((value) => typeof value === 'string' && value !== '')
  const any = point ?? Object.values(fields).find((value) => typeof value === 'string' && value !== '')
  return firstLine(typeof any === 'string' ? any : '')
}

const textIn = (fields: Fields, ...names: string[]): string | null => {
  const found = names.map((name) => fields[name]).find((value) => typeof value === 'string')
  return typeof found === 'string' ? found : null
}

const lined = (kind: DiffLine['kind'], sign: string, text: string): DiffLine[] =>
  text === ''
    ? []
    : text
        .replace(/\n$/, '')
        .split('\n')
        .map((line) => ({ kind, text: sign + line }))

function changeIn(fields: Fields): DiffLine[] {
  const before = textIn(fields, 'old_string', 'oldString')
  const after = textIn(fields, 'new_string', 'newString')
  return before === null || after === null ? [] : [...lined('removed', '-', before), ...lined('added', '+', after)]
}

export interface Shown {
  /** The whole command, or the rest of the input as JSON. */
  text: string
  lang: string
  /** What the call would change, from its own words; the files may say otherwise. */
  change: DiffLine[]
  path: string
}

export function shownOf({ input }: Pick<ToolPart, 'input'>): Shown {
  const fields = fieldsOf(input)
  if (!fields) return { text: input, lang: '', change: [], path: '' }
  const path = textIn(fields, 'file_path', 'filePath', 'path') ?? ''
  const edits = Array.isArray(fields['edits']) ? fields['edits'] : []
  const change = [fields, ...edits.filter((one): one is Fields => one !== null && typeof one === 'object')].flatMap(
    changeIn,
  )
  const content = textIn(fields, 'content')
  if (change.length > 0) return { text: '', lang: '', change, path }
  if (content !== null && path) return { text: '', lang: '', change: lined('added', '+', content), path }
  const command = textIn(fields, 'command')
  if (command !== null) return { text: command, lang: 'sh', change: [], path }
  return { text: JSON.stringify(fields, null, 2), lang: 'json', change: [], path }
}

/** A whole message as text to take away: words, calls and results; what was only thought stays behind. */
export function copyOf({ parts }: Pick<TranscriptMessage, 'parts'>): string {
  return parts
    .flatMap((part) => {
      if (part.kind !== 'tool') return part.kind === 'text' ? [part.text] : []
      return [`${part.name} ${part.input}`, ...(part.output ? [part.output] : [])]
    })
    .join('\n\n')
}
