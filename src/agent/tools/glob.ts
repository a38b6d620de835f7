/** Lists files by a pattern, ignore rules honoured. It reads none of them. */
import { z } from 'zod'
import type { Tool, ToolContext, ToolResult } from '../../core/tool.ts'
import { chooserOf, type SearchPlace, searching, searchWith } from './ripgrep.ts'
import { failure, locate, type Place } from './text-file.ts'

const schema = z.strictObject({
  pattern: z.string().min(1).max(1_000).describe('E.g. *.ts (at any depth) or src/**/*.test.ts'),
  path: z.string().min(1).optional().describe('Folder to look in; default the workspace.'),
  sort: z.enum(['name', 'modified']).default('name').describe('modified: newest first.'),
})

type Input = z.output<typeof schema>

const filesMax = 1_000

export const glob: Tool<typeof schema> = {
  name: 'glob',
  description: 'Lists files whose path fits a pattern. Ignored files (.gitignore) are left out.',
  schema,
  isReadOnly: () => true,
  subjects: ({ path }) => [{ kind: 'read', text: path ?? '.' }],
  async run(input, context) {
    const place = await locate(context, input.path ?? '.')
    if (typeof place === 'string') return failure(place)
    const answer = await searching(place, (where) => list(where, place, { input, context }))
    return 'problem' in answer ? failure(answer.problem) : answer
  },
}

async function list(
  where: SearchPlace,
  place: Place,
  { input, context }: { input: Input; context: ToolContext },
): Promise<ToolResult> {
  if (where.file !== null) return failure(`${place.shown} is not a folder.`)
  const chooser = await chooserOf(context, where, input.pattern)
  if ('problem' in chooser) return failure(chooser.problem)
  const found: string[] = []
  const problem = await searchWith(context, {
    cwd: where.cwd,
    real: where.real,
    args: [
      ...(chooser.kind === 'name' ? chooser.args : []),
      ...(input.sort === 'modified' ? ['--sortr', 'modified'] : ['--sort', 'path']),
      '--files',
    ],
    separator: '\0',
    onPiece(path) {
      const isWanted = chooser.kind !== 'among' || chooser.paths.has(path)
      if (isWanted && !context.hides?.(where.prefix + path)) found.push(where.prefix + path)
      return found.length <= filesMax
    },
  })
  if (problem !== null) return failure(problem)
  if (found.length === 0) return { ok: true, output: `No file fits ${input.pattern}.`, facts: { files: 0 } }
  const shown = found.slice(0, filesMax)
  const more = found.length > filesMax ? `\n(more than ${filesMax} files fit; narrow the pattern down)` : ''
  return { ok: true, output: shown.join('\n') + more, facts: { files: shown.length } }
}
