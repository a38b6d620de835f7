/** Replaces literal text in a file: one place (edit) or several, all or nothing (multiedit). It guesses no match. */
import { z } from 'zod'
import type { Tool, ToolContext, ToolResult } from '../../core/tool.ts'
import { changesFile, failure, filePath, openToChange, writeChange } from './text-file.ts'

const replacement = {
  old_string: z.string().min(1).describe('Exactly as it stands in the file, without the line numbers of read.'),
  new_string: z.string(),
  replace_all: z.boolean().default(false).describe('Every match, not only a single one.'),
}
const replacementSchema = z.strictObject(replacement)
type Replacement = z.output<typeof replacementSchema>

const editSchema = z.strictObject({ file_path: filePath, ...replacement })
const multieditSchema = z.strictObject({
  file_path: filePath,
  edits: z.preprocess(listOf, z.array(replacementSchema).min(1).max(200)),
})

/** Some models send a list as a JSON string. */
export function listOf(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

export const edit: Tool<typeof editSchema> = {
  name: 'edit',
  description:
    'Replaces old_string by new_string in a file that was read in this session. old_string must occur exactly ' +
    'once, unless replace_all is true; add lines around it to make it unique.',
  schema: editSchema,
  ...changesFile,
  run: ({ file_path, ...one }, context) => change(context, file_path, [one]),
}

export const multiedit: Tool<typeof multieditSchema> = {
  name: 'multiedit',
  description:
    'Several replacements in one file, in order, each on the result of the one before. If one fails, none is made.',
  schema: multieditSchema,
  ...changesFile,
  run: ({ file_path, edits }, context) => change(context, file_path, edits),
}

async function change(context: ToolContext, path: string, edits: readonly Replacement[]): Promise<ToolResult> {
  const opened = await openToChange(context, path)
  if ('refused' in opened) return opened.refused
  const { place, before } = opened
  if (before === null) return failure(`${place.shown} does not exist. Use write for a new file.`)
  let after = before.text
  let count = 0
  for (const [index, one] of edits.entries()) {
    const replaced = replace(after, one)
    const which = edits.length > 1 ? `edits.${index}: ` : ''
    if (typeof replaced === 'string')
      return failure(`${which}${replaced}${edits.length > 1 ? ' Nothing was changed.' : ''}`)
    after = replaced.text
    count += replaced.count
  }
  if (after === before.text) return failure('The file would stay as it is: new_string equals old_string.')
  return writeChange(context, { place, before, after }, `Edited ${place.shown}: ${count} replacements`)
}

/** Pure. The new text, or why not. */
export function replace(text: string, edit: Replacement): { text: string; count: number } | string {
  const mixed = (wanted: string) => wanted.replace(/\r?\n/g, '\r\n')
  const direct = occurrences(text, edit.old_string)
  // A file with mixed line ends shows LF only; where the place has CRLF, the replacement keeps it.
  const useCrlf = direct === 0 && text.includes('\r\n')
  const wanted = useCrlf ? mixed(edit.old_string) : edit.old_string
  const becomes = useCrlf ? mixed(edit.new_string) : edit.new_string
  const count = useCrlf ? occurrences(text, wanted) : direct
  if (count === 0) return `old_string was not found. ${hintFor(text, edit.old_string)}`
  if (count > 1 && !edit.replace_all) {
    return `old_string was found ${count} times. Make it unique with more lines around it, or set replace_all.`
  }
  return { text: text.split(wanted).join(becomes), count }
}

function occurrences(text: string, wanted: string): number {
  let count = 0
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) count += 1
  return count
}

const hintLinesMax = 12

/** Where the model probably meant: the same lines with other white space, or the place of its longest line. */
export function hintFor(text: string, wanted: string): string {
  const lines = text.split('\n')
  const sought = wanted.split('\n').map((line) => line.trim())
  while (sought.length > 1 && sought.at(-1) === '') sought.pop()
  const trimmed = lines.map((line) => line.trim())
  const at = trimmed.findIndex((_, start) => sought.every((line, offset) => trimmed[start + offset] === line))
  if (at >= 0) {
    return `The same lines stand at line ${at + 1} with other white space:\n${excerpt(lines, at, sought.length)}`
  }
  const longest = sought.reduce((best, line) => (line.length > best.length ? line : best), '')
  const near = longest.length < 6 ? -1 : trimmed.findIndex((line) => line.includes(longest))
  if (near < 0) return 'Nothing like it is in the file. Read it again.'
  const start = Math.max(0, near - sought.indexOf(longest))
  const around = excerpt(lines, start, sought.length)
  return `One line of it stands at line ${near + 1}, but the lines around it differ:\n${around}`
}

function excerpt(lines: readonly string[], start: number, count: number): string {
  return lines.slice(start, start + Math.min(count, hintLinesMax)).join('\n')
}
