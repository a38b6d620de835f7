/** Searches the text of files. The limit is for the whole answer, not for each file. */
import { z } from 'zod'
import type { Tool } from '../../core/tool.ts'
import { chooserOf, searchPlace, searchWith } from './ripgrep.ts'
import { failure, locate, outside } from './text-file.ts'

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
const columnsMax = 500

export const grep: Tool<typeof schema> = {
  name: 'grep',
  description: `Searches files with a regular expression. At most ${linesMax} lines; ignored files are left out.`,
  schema,
  isReadOnly: () => true,
  subjects: ({ path }) => [{ kind: 'read', text: path ?? '.' }],
  async run(input, context) {
    const place = await locate(context, input.path ?? '.', true)
    if (!place) return outside(input.path ?? '.')
    const where = await searchPlace(place)
    if (!where) return failure(`${place.shown} does not exist.`)
    const chooser = await chooserOf(context, where.cwd, where.file === null ? input.include : undefined)
    if ('problem' in chooser) return failure(chooser.problem)
    const found: string[] = []
    const problem = await searchWith(context, {
      cwd: where.cwd,
      args: [...(chooser.kind === 'name' ? chooser.args : []), ...optionsOf(input), where.file ?? './'],
      // With --files-with-matches a NUL is all that stands between two names.
      separator: input.mode === 'files' ? '\0' : '\n',
      onPiece(piece) {
        const line = lineOf(
          input.mode === 'files' ? `${piece}\0` : piece,
          (path) => chooser.kind !== 'among' || chooser.paths.has(path),
        )
        if (line !== null) found.push(line === '--' ? line : where.prefix + line)
        return found.length <= linesMax
      },
    })
    if (problem !== null) return failure(problem)
    if (found.length === 0) return { ok: true, output: `No match for ${input.pattern}.`, facts: { lines: 0 } }
    const shown = found.slice(0, linesMax)
    const more = found.length > linesMax ? `\n(only the first ${linesMax} lines; there are more matches)` : ''
    return { ok: true, output: shown.join('\n') + more, facts: { lines: shown.length } }
  },
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
    '--sort',
    'path',
    '--regexp',
    input.pattern,
    '--',
  ]
}

/** `path NUL rest` as one line; null for what is no result. */
function lineOf(piece: string, wanted: (path: string) => boolean): string | null {
  if (piece === '--') return piece
  const cut = piece.indexOf('\0')
  if (cut < 0) return null
  const path = piece.slice(0, cut).replace(/^\.\//, '')
  const rest = piece.slice(cut + 1).replace(/\r$/, '')
  if (!wanted(path)) return null
  return rest === '' ? path : `${path}:${rest}`
}
