/** Changes one cell of a notebook, found by its id; every other byte of the file stays. It runs no cell. */
import { z } from 'zod'
import type { Tool, ToolContext, ToolResult } from '../../core/tool.ts'
import { fieldSpans, itemSpans, type Span } from '../../lib/json-spans.ts'
import { idOf, type Notebook, parseNotebook } from './notebook.ts'
import { changesFile, failure, filePath, openToChange, writeChange } from './text-file.ts'

const schema = z.strictObject({
  file_path: filePath,
  mode: z.enum(['replace', 'insert', 'delete']).default('replace'),
  cell_id: z.string().min(1).optional().describe('As read shows it. insert: the cell before; absent: at the start.'),
  cell_type: z.enum(['code', 'markdown', 'raw']).optional().describe('Of an inserted cell; default: code.'),
  source: z.string().default('').describe('The whole new text of the cell.'),
})
type Input = z.output<typeof schema>

export const notebookEdit: Tool<typeof schema> = {
  name: 'notebook_edit',
  description:
    'Replaces the source of one cell of a .ipynb file that was read in this session, inserts a cell behind another, ' +
    'or deletes one. Outputs stay as they are until the notebook is run.',
  schema,
  ...changesFile,
  async run(input, context) {
    const opened = await openToChange(context, input.file_path)
    if ('refused' in opened) return opened.refused
    const { place, before } = opened
    if (before === null) return failure(`${place.shown} does not exist.`)
    const notebook = parseNotebook(before.text)
    if (!notebook) return failure(`${place.shown} is no notebook (nbformat 4 or later).`)
    const after = changed(before.text, notebook, input)
    if ('problem' in after) return failure(after.problem)
    const verb = { replace: 'Replaced', insert: 'Inserted', delete: 'Deleted' }[input.mode]
    return finish(context, { place, before, after: after.text }, `${verb} cell ${after.id} of ${place.shown}`)
  },
}

/** What is written is read once more: a slip here would cost the whole notebook. */
async function finish(
  context: ToolContext,
  change: Parameters<typeof writeChange>[1],
  said: string,
): Promise<ToolResult> {
  if (!parseNotebook(change.after)) throw new Error('the changed notebook cannot be read any more')
  return writeChange(context, change, said)
}

type Changed = { text: string; id: string } | { problem: string }

/** Pure. */
export function changed(text: string, notebook: Notebook, input: Input): Changed {
  const { cells } = notebook
  const index = cells.findIndex((cell, at) => idOf(cell, at) === input.cell_id)
  if (index < 0 && (input.cell_id !== undefined || input.mode !== 'insert')) {
    const known = cells.slice(0, 50).map(idOf).join(', ')
    return { problem: `There is no cell ${input.cell_id ?? '(none named)'}. There are: ${known || 'none'}.` }
  }
  const list = fieldSpans(text, text.indexOf('{')).get('cells') as Span
  const spans = itemSpans(text, list.start)
  if (input.mode === 'insert') return insert(text, notebook, { list, spans, index, input })
  const id = input.cell_id ?? ''
  const span = spans[index] as Span
  if (input.mode === 'delete') return { text: without(text, list, spans, index), id }
  const source = fieldSpans(text, span.start).get('source') as Span
  const isList = text[source.start] === '['
  const value = isList ? sourceLines(input.source, indentAt(text, source.start), unitOf(text)) : input.source
  return { text: splice(text, source, isList ? String(value) : JSON.stringify(value)), id }
}

const splice = (text: string, { start, end }: Span, by: string): string => text.slice(0, start) + by + text.slice(end)

/** White space that the line begins with. */
function indentAt(text: string, at: number): string {
  const line = text.slice(text.lastIndexOf('\n', at) + 1, at)
  return /^\s*/.exec(line)?.[0] ?? ''
}

/** How far the file indents; null: it stands in one line. */
const unitOf = (text: string): string | null => /\{\n([ \t]+)"/.exec(text)?.[1] ?? null

/** As notebooks are written: a list with one text a line. */
function sourceLines(source: string, indent: string, unit: string | null): string {
  const parts = source.split(/(?<=\n)/).filter((part) => part !== '')
  return pretty(parts, indent, unit)
}

const pretty = (value: unknown, indent: string, unit: string | null): string =>
  unit === null ? JSON.stringify(value) : JSON.stringify(value, null, unit).replaceAll('\n', `\n${indent}`)

function without(text: string, list: Span, spans: readonly Span[], index: number): string {
  const [before, span, next] = [spans[index - 1], spans[index] as Span, spans[index + 1]]
  if (next) return splice(text, { start: span.start, end: next.start }, '')
  if (before) return splice(text, { start: before.end, end: span.end }, '')
  return splice(text, list, '[]')
}

interface Place {
  list: Span
  spans: readonly Span[]
  /** Of the cell before; -1: none. */
  index: number
  input: Input
}

function insert(text: string, notebook: Notebook, { list, spans, index, input }: Place): Changed {
  const unit = unitOf(text)
  const { cell_type = 'code', source } = input
  const id = newIdIn(notebook)
  const hasIds = notebook.nbformat > 4 || notebook.nbformat_minor >= 5
  const parts = source.split(/(?<=\n)/).filter((part) => part !== '')
  // The keys in the order in which notebooks are saved.
  const code = cell_type === 'code'
  const cell = {
    cell_type,
    ...(code ? { execution_count: null } : {}),
    ...(hasIds ? { id } : {}),
    metadata: {},
    ...(code ? { outputs: [] } : {}),
    source: parts,
  }
  const shownId = hasIds ? id : `cell-${index + 1}`
  const [first] = spans
  const indent = first ? indentAt(text, first.start) : (unit ?? '').repeat(2)
  const gap = unit === null ? '' : `\n${indent}`
  const written = pretty(cell, indent, unit)
  const anchor = spans[index]
  if (anchor) return { text: splice(text, { start: anchor.end, end: anchor.end }, `,${gap}${written}`), id: shownId }
  if (first) return { text: splice(text, { start: first.start, end: first.start }, `${written},${gap}`), id: shownId }
  const close = unit === null ? '' : `\n${unit}`
  return { text: splice(text, list, `[${gap}${written}${close}]`), id: shownId }
}

/** The same for the same notebook: nothing here is left to chance. */
function newIdIn({ cells }: Notebook): string {
  const taken = new Set(cells.map(idOf))
  let n = cells.length + 1
  while (taken.has(`new-${n}`)) n += 1
  return `new-${n}`
}
