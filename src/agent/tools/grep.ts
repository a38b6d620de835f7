/** Searches the text of files. The limit is for the whole answer, not for each file. */
import { z } from 'zod'
import type { Tool, ToolContext, ToolResult } from '../../core/tool.ts'
import { chooserOf, type SearchPlace, searching, searchWith } from './ripgrep.ts'
import { failure, locate } from './text-file.ts'

const schema = z.strictObject({
  pattern: z.string().min(1).max(4_000).describe('Regular expression (Rust syntax).'),
  path: z.string().min(1).optional().describe('File or folder; default the workspace.'),
  include: z.string().min(1).max(1_000).optional().describe('Only files that fit this pattern, e.g. *.ts'),
  mode: z.enum(['content', 'files', 'count']).default('content').describe('Lines, names of files, or counts.'),
  context: z.number().int().min(0).max(10).default(0).describe('Lines around each match.'),
  ignore_case: z.boolean().default(false),
})
type Input = z.output<typeof schema>

const linesMax = 200
/** Past that many the search is ended, and which of them are the first in order is not known. */
const hitsMax = 20_000
const columnsMax = 500

export const grep: Tool<typeof schema> = {
  name: 'grep',
  description: `Searches files with a regular expression. At most ${linesMax} lines; ignored files are left out.`,
  schema,
  isReadOnly: () => true,
  subjects: ({ path }) => [{ kind: 'read', text: path ?? '.' }],
  async run(input, context) {
    const place = await locate(context, input.path ?? '.', true)
    if (typeof place === 'string') return failure(place)
    const answer = await searching(place, (where) => search(where, input, context))
    return 'problem' in answer ? failure(answer.problem) : answer
  },
}

async function search(where: SearchPlace, input: Input, context: ToolContext): Promise<ToolResult> {
  const chooser = await chooserOf(context, where, where.file === null ? input.include : undefined)
  if ('problem' in chooser) return failure(chooser.problem)
  const { file, prefix } = where
  const hits = new Hits(
    (path) => (chooser.kind !== 'among' || chooser.paths.has(path)) && !context.hides?.(prefix + path),
  )
  const called = (piece: string) =>
    file && piece.startsWith(file.way) ? file.name + piece.slice(file.way.length) : piece
  const problem = await searchWith(context, {
    cwd: where.cwd,
    real: where.real,
    args: [...(chooser.kind === 'name' ? chooser.args : []), ...optionsOf(input), file?.way ?? './'],
    // With --files-with-matches a NUL is all that stands between two names.
    separator: input.mode === 'files' ? '\0' : '\n',
    onPiece: (piece) => hits.take(called(input.mode === 'files' ? `${piece}\0` : piece)),
  })
  if (problem !== null) return failure(problem)
  const found = hits.inOrder().map((line) => (line === gap ? line : prefix + line))
  if (found.length === 0) return { ok: true, output: `No match for ${input.pattern}.`, facts: { lines: 0 } }
  const shown = found.slice(0, linesMax)
  const more = found.length > linesMax ? `\n(only the first ${linesMax} lines; there are more matches)` : ''
  return { ok: true, output: shown.join('\n') + more, facts: { lines: shown.length } }
}

const gap = '--'

/** Lines as the threads of the search bring them, file by file; shown in the order of paths. */
class Hits {
  private readonly files = new Map<string, string[] | null>()
  private readonly isWanted: (path: string) => boolean
  private last: string[] = []
  private count = 0

  constructor(isWanted: (path: string) => boolean) {
    this.isWanted = isWanted
  }

  /** `path NUL rest`; false when there is more than anybody will look at. */
  take(piece: string): boolean {
    const cut = piece.indexOf('\0')
    if (piece === gap) this.last.push(gap)
    if (cut < 0) return true
    const path = piece.slice(0, cut).replace(/^\.\//, '')
    const rest = piece.slice(cut + 1).replace(/\r$/, '')
    let lines = this.files.get(path)
    if (lines === undefined) {
      lines = this.isWanted(path) ? [] : null
      this.files.set(path, lines)
    }
    this.last = lines ?? []
    if (lines === null) return true
    lines.push(rest === '' ? path : `${path}:${rest}`)
    this.count += 1
    return this.count <= hitsMax
  }

  /** Groups of lines with their context stand apart. */
  inOrder(): string[] {
    const files = [...this.files].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, lines]) => (lines ? [lines] : []))
    const hasGaps = files.some((lines) => lines.includes(gap))
    const whole = files.map((lines) => (lines.at(-1) === gap ? lines.slice(0, -1) : lines))
    return whole.flatMap((lines, index) => (hasGaps && index > 0 ? [gap, ...lines] : lines))
  }
}

function optionsOf(input: Input): string[] {
  const modes = {
    content: ['--line-number', '--no-heading', '--max-columns', String(columnsMax), '--max-columns-preview'],
    files: ['--files-with-matches'],
    count: ['--count'],
  }
  return [
    ...modes[input.mode],
    ...(input.mode === 'content' && input.context > 0 ? ['--context', String(input.context)] : []),
    ...(input.ignore_case ? ['--ignore-case'] : []),
    '--with-filename',
    '--regexp',
    input.pattern,
    '--',
  ]
}
