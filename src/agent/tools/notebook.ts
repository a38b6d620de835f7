/** Notebooks as their reader sees them: cells with ids, sources and the text of their outputs. It runs no cell. */
import { z } from 'zod'

const lines = z.union([z.string(), z.array(z.string())]).transform((given) => [given].flat().join(''))
const output = z.object({
  text: lines.optional(),
  data: z.record(z.string(), z.unknown()).optional(),
  ename: z.string().optional(),
  evalue: z.string().optional(),
})
const cell = z.object({
  cell_type: z.string(),
  id: z.string().optional(),
  source: lines,
  execution_count: z.number().nullish(),
  outputs: z.array(output).optional(),
})
const notebookSchema = z.object({
  cells: z.array(cell).max(10_000),
  nbformat: z.number(),
  nbformat_minor: z.number(),
})
export type Notebook = z.output<typeof notebookSchema>
type Cell = z.output<typeof cell>

const outputCharsMax = 4_000
const shownCharsMax = 100_000

/** Null: it is no notebook of the present format. */
export function parseNotebook(text: string): Notebook | null {
  try {
    const parsed = notebookSchema.safeParse(JSON.parse(text))
    return parsed.success && parsed.data.nbformat >= 4 ? parsed.data : null
  } catch {
    return null
  }
}

/** Older notebooks have no ids; there the place stands for one. */
export const idOf = ({ id }: Pick<Cell, 'id'>, index: number): string => id ?? `cell-${index}`

export function showNotebook({ cells }: Notebook, offset: number, limit: number): string {
  const parts: string[] = []
  let chars = 0
  for (const [index, one] of cells.entries()) {
    if (index < offset) continue
    const part = showCell(one, index)
    chars += part.length
    if (parts.length >= limit || (chars > shownCharsMax && parts.length > 0)) break
    parts.push(part.slice(0, shownCharsMax))
  }
  const next = offset + parts.length
  const more = next < cells.length ? [`(more cells follow; go on with offset ${next})`] : []
  return [`Notebook with ${cells.length} cells`, ...parts, ...more].join('\n\n')
}

function showCell(one: Cell, index: number): string {
  const count = one.execution_count ? ` [${one.execution_count}]` : ''
  const outputs = (one.outputs ?? []).map(showOutput).filter((text) => text !== '')
  const shown = outputs.map((text) => `--- output\n${text}`)
  return [`=== cell ${idOf(one, index)} (${one.cell_type})${count}`, one.source, ...shown].join('\n')
}

const colours = /\p{Cc}\[[\d;]*m/gu

function showOutput({ text, data, ename, evalue }: z.output<typeof output>): string {
  const plain = lines.safeParse(data?.['text/plain'])
  const others = Object.keys(data ?? {}).filter((type) => type !== 'text/plain')
  const said = [
    ...(text === undefined ? [] : [text]),
    ...(plain.success ? [plain.data] : []),
    ...(ename === undefined ? [] : [`${ename}: ${evalue ?? ''}`]),
    ...(others.length > 0 ? [`(also as ${others.join(', ')})`] : []),
  ]
  const whole = said.join('\n').replace(colours, '').trimEnd()
  return whole.length > outputCharsMax ? `${whole.slice(0, outputCharsMax)}\n[… output cut]` : whole
}
