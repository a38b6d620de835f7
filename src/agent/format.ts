/**
 * Formats a file that was just written, with the formatter that its project has set up: in place, confined, for a
 * limited time. It chooses and runs; what becomes of a file that a formatter spoils is the writer's matter.
 */
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path'
import { z } from 'zod'
import type { Argv, ToolContext } from '../core/tool.ts'
import { errnoOf, isInside, readBounded } from '../lib/files.ts'
import { newId } from '../lib/id.ts'
import { runCommand } from '../lib/process.ts'
import { fits } from '../lib/wildcard.ts'

const customSchema = z.strictObject({
  files: z.string().min(1).describe('Name of the file; * and ? are wildcards.'),
  command: z.array(z.string().min(1)).min(1).max(50).describe('Program and arguments; {file} stands for the path.'),
})
export const formatSettingsSchema = z.strictObject({
  mode: z
    .enum(['auto', 'always', 'off'])
    .default('auto')
    .describe('auto: where the project has set a formatter up; always: whichever is installed.'),
  timeout_ms: z.number().int().min(100).max(120_000).default(10_000),
  custom: z.array(customSchema).max(50).default([]).describe('Come first; the first that fits is taken.'),
})
export type FormatSettings = z.output<typeof formatSettingsSchema>

/** Null: there is none for this file. Else which it was, and what it said where it failed. */
export type Format = (
  context: ToolContext,
  file: string,
  /** What the formatter is run within, where there is one. */
  around?: Around,
) => Promise<{ name: string; fault: string | null } | null>
export type Around = <T>(work: () => Promise<T>) => Promise<T>

interface Formatter {
  name: string
  endings: readonly string[]
  args(file: string): string[]
  /** Files that say that the project uses it, and what stands in them; none: everybody uses it. */
  signs: readonly { file: string; has?: string }[]
}

const words = (text: string): string[] => text.split(' ')

const formatters: readonly Formatter[] = [
  {
    name: 'ruff',
    endings: words('py pyi'),
    args: (file) => ['format', file],
    signs: [{ file: 'ruff.toml' }, { file: '.ruff.toml' }, { file: 'pyproject.toml', has: '[tool.ruff' }],
  },
  {
    name: 'black',
    endings: words('py pyi'),
    args: (file) => ['--quiet', file],
    signs: [{ file: 'pyproject.toml', has: '[tool.black' }],
  },
  { name: 'gofmt', endings: ['go'], args: (file) => ['-w', file], signs: [] },
  // By its name it would format the modules of the file as well.
  { name: 'rustfmt', endings: ['rs'], args: () => ['--edition', '2021'], signs: [] },
  {
    name: 'prettier',
    endings: words('js jsx mjs cjs ts tsx mts cts css scss less html vue svelte json md mdx yaml yml graphql'),
    args: (file) => ['--write', '--log-level', 'warn', file],
    signs: [
      ...words('.prettierrc .prettierrc.json .prettierrc.yaml .prettierrc.yml .prettierrc.js .prettierrc.mjs').map(
        (file) => ({ file }),
      ),
      ...words('prettier.config.js prettier.config.mjs prettier.config.ts').map((file) => ({ file })),
      { file: 'package.json', has: '"prettier"' },
    ],
  },
  { name: 'shfmt', endings: words('sh bash'), args: (file) => ['-w', file], signs: [{ file: '.editorconfig' }] },
  {
    name: 'clang-format',
    endings: words('c h cc cpp cxx hpp hh m mm proto'),
    args: (file) => ['-i', file],
    signs: [{ file: '.clang-format' }, { file: '_clang-format' }],
  },
]

const faultCharsMax = 400
const signBytesMax = 256 * 1024

/** `accepted`: a person said that the project is trusted, so that a program which it brings may be run unasked. */
export function createFormat(settings: FormatSettings, accepted: boolean): Format | null {
  if (settings.mode === 'off') return null
  return async (context, file, around = (work) => work()) => {
    const chosen = await choose(settings, { context, file, accepted })
    if (!chosen) return null
    const { name, argv } = chosen
    const request = {
      argv: context.confinement.wrap(argv, context.workspace),
      cwd: context.workspace,
      env: context.env,
      owner: `${context.owner}/${newId('fmt', context.clock.now())}`,
      timeoutMs: settings.timeout_ms,
      signal: context.signal,
      outputBytesMax: 4_096,
    }
    const outcome = await around(() => runCommand(request))
    if (outcome.ended === 'exit' && outcome.exitCode === 0) return { name, fault: null }
    const said = outcome.error ?? outcome.output.trim()
    const why = outcome.ended === 'timeout' ? `no end within ${settings.timeout_ms} ms` : said.slice(0, faultCharsMax)
    return { name, fault: why || `exit code ${outcome.exitCode}` }
  }
}

interface Wanted {
  context: ToolContext
  file: string
  accepted: boolean
}

async function choose(settings: FormatSettings, wanted: Wanted): Promise<{ name: string; argv: Argv } | null> {
  const { context, file } = wanted
  const custom = settings.custom.find(({ files }) => fits(files, basename(file)))
  if (custom) {
    const [name = '', ...args] = custom.command.map((word) => word.replaceAll('{file}', file))
    return { name: basename(name), argv: [name, ...args] }
  }
  const ending = /\.(\w+)$/.exec(basename(file))?.[1]?.toLowerCase() ?? ''
  for (const one of formatters) {
    if (!one.endings.includes(ending)) continue
    const program = await findProgram(one.name, wanted)
    if (program === null) continue
    if (settings.mode === 'auto' && !(await isSetUp(one, context.workspace, file))) continue
    const argv: Argv = [program, ...one.args(file)]
    return { name: one.name, argv: one.name === 'rustfmt' ? throughPipe(argv, file) : argv }
  }
  return null
}

/** For those that would touch more than the file: it comes in and goes out by pipes. */
const throughPipe = (argv: Argv, file: string): Argv => {
  const script =
    'out=$(mktemp) && trap \'rm -f "$out"\' EXIT && file=$1 && shift && "$@" < "$file" > "$out" && cat "$out" > "$file"'
  return ['sh', '-c', script, 'sh', file, ...argv]
}

/** On the PATH; in the project's own packages only where a person trusts it. */
async function findProgram(name: string, { context, accepted }: Wanted): Promise<string | null> {
  const own = accepted ? [join(context.workspace, 'node_modules', '.bin')] : []
  const searched = [...own, ...(context.env.PATH ?? '').split(delimiter).filter((folder) => isAbsolute(folder))]
  for (const folder of searched) {
    const path = join(folder, name)
    if (!accepted && isInside(context.workspace, path)) continue
    if (await access(path, constants.X_OK).then(yes, no)) return path
  }
  return null
}

const yes = () => true
const no = () => false

/** Null: there is none. A project whose settings may not be read is none that was set up for us. */
async function readSign(path: string): Promise<{ bytes: Buffer } | null> {
  try {
    return await readBounded(path, signBytesMax)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENOTREG', 'ELOOP', 'EACCES'].includes(errnoOf(error))) return null
    throw error
  }
}

/** Looked for from the folder of the file up to the workspace. */
async function isSetUp({ signs }: Formatter, workspace: string, file: string): Promise<boolean> {
  if (signs.length === 0) return true
  for (let folder = dirname(file); isInside(workspace, folder); folder = dirname(folder)) {
    for (const sign of signs) {
      const read = await readSign(join(folder, sign.file))
      if (read && (!sign.has || read.bytes.includes(sign.has))) return true
    }
    if (folder === dirname(folder)) break
  }
  return false
}
