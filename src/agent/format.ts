/**
 * Formats a file that is written, with the formatter that its project has set up: by pipes, confined, for a limited
 * time. It chooses and runs; what becomes of what a formatter spoils is the writer's matter.
 */
import { constants, existsSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path'
import { z } from 'zod'
import type { Argv, Formatter, Subject, ToolContext } from '../core/tool.ts'
import { decodeUtf8, errnoOf, isInside, readBounded } from '../lib/files.ts'
import { newId } from '../lib/id.ts'
import { type CommandOutcome, type CommandRequest, runCommand } from '../lib/process.ts'
import { fits } from '../lib/wildcard.ts'

const customSchema = z.strictObject({
  files: z.string().min(1).describe('Name of the file; * and ? are wildcards.'),
  command: z
    .array(z.string().min(1))
    .min(1)
    .max(50)
    .describe('Program and arguments; {file} stands for a copy of the file, beside it, that it changes.'),
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

/** Null: there is none for this file. */
export type Format = (context: ToolContext, file: string, within?: Within) => Promise<Formatter | null>
export type Around = <T>(work: () => Promise<T>) => Promise<T>

export interface Within {
  /** What the formatter is run in, where there is something. */
  around: Around
  /** Whether a command may run unasked. */
  permits(subject: Subject): Promise<boolean>
}

interface Known {
  name: string
  endings: readonly string[]
  /** So that it reads the text from stdin and says on stdout what it makes of it. */
  args(file: string): string[]
  /** Files that say that the project uses it, and what stands in them; none: everybody uses it. */
  signs: readonly { file: string; has?: string }[]
  /** Files of the project that name programs which it runs; `any`: its settings may. Absent: none do. */
  runs?: 'any' | readonly string[]
}

const words = (text: string): string[] => text.split(' ')

const prettierNames = ['.prettierrc', ...words('json json5 yaml yml toml').map((ending) => `.prettierrc.${ending}`)]
const prettierPrograms = words('js mjs cjs ts mts cts').flatMap((ending) => [
  `.prettierrc.${ending}`,
  `prettier.config.${ending}`,
])

const formatters: readonly Known[] = [
  {
    name: 'ruff',
    endings: words('py pyi'),
    args: (file) => ['format', '--stdin-filename', file, '-'],
    signs: [{ file: 'ruff.toml' }, { file: '.ruff.toml' }, { file: 'pyproject.toml', has: '[tool.ruff' }],
  },
  {
    name: 'black',
    endings: words('py pyi'),
    args: (file) => ['--quiet', '--stdin-filename', file, '-'],
    signs: [{ file: 'pyproject.toml', has: '[tool.black' }],
  },
  { name: 'gofmt', endings: ['go'], args: () => [], signs: [] },
  {
    name: 'rustfmt',
    endings: ['rs'],
    args: () => ['--edition', '2021'],
    signs: [],
    // They may name a folder whose programs are started instead.
    runs: ['rust-toolchain', 'rust-toolchain.toml'],
  },
  {
    name: 'prettier',
    endings: words('js jsx mjs cjs ts tsx mts cts css scss less html vue svelte json md mdx yaml yml graphql'),
    args: (file) => ['--log-level', 'warn', '--stdin-filepath', file],
    signs: [
      ...[...prettierNames, ...prettierPrograms].map((file) => ({ file })),
      { file: 'package.json', has: '"prettier"' },
      { file: 'package.yaml', has: 'prettier' },
    ],
    // Each of them may name plugins.
    runs: 'any',
  },
  {
    name: 'shfmt',
    endings: words('sh bash'),
    args: (file) => ['-filename', file],
    signs: [{ file: '.editorconfig' }],
  },
  {
    name: 'clang-format',
    endings: words('c h cc cpp cxx hpp hh m mm proto'),
    args: (file) => [`--assume-filename=${file}`],
    signs: [{ file: '.clang-format' }, { file: '_clang-format' }],
  },
]

const faultCharsMax = 400
const madeBytesMax = 16 * 1024 * 1024
const signBytesMax = 256 * 1024

/** `accepted`: a person said that the project is trusted, so that a program which it brings may be run unasked. */
export function createFormat(settings: FormatSettings, accepted: boolean): Format | null {
  if (settings.mode === 'off') return null
  return async (context, file, within = free) => {
    const chosen = await choose(settings, { context, file, accepted, within })
    if (!chosen) return null
    const { name, argv } = chosen
    const job = { argv, context, around: within.around, timeoutMs: settings.timeout_ms }
    if (chosen.kind === 'copy') return { kind: 'pipe', name, run: (text) => throughCopy(job, { file, text }) }
    if (chosen.kind === 'pipe') return { kind: 'pipe', name, run: (text) => pipe(job, text) }
    return { kind: 'file', name, run: async () => faultOf(await work(job), job) }
  }
}

const free: Within = { around: (work) => work(), permits: async () => false }

interface Job {
  argv: Argv
  context: ToolContext
  around: Around
  timeoutMs: number
}

function work(job: Job, more: Pick<CommandRequest, 'input' | 'onStdout'> = {}): Promise<CommandOutcome> {
  const { argv, context, around, timeoutMs } = job
  const { workspace: cwd, env, signal } = context
  const owner = `${context.owner}/${newId('fmt', context.clock.now())}`
  const wrapped = context.confinement.wrap(argv, cwd)
  return around(() => runCommand({ argv: wrapped, cwd, env, owner, timeoutMs, signal, outputBytesMax: 4_096, ...more }))
}

async function pipe(job: Job, text: string): Promise<{ text: string } | { fault: string }> {
  const made: Buffer[] = []
  let sizeBytes = 0
  const onStdout = (chunk: Buffer) => {
    sizeBytes += chunk.length
    if (sizeBytes <= madeBytesMax) made.push(chunk)
  }
  const outcome = await work(job, { input: text, onStdout })
  const fault = faultOf(outcome, job)
  if (fault) return fault
  if (sizeBytes > madeBytesMax) return { fault: `it made more than ${madeBytesMax} bytes of it` }
  const formatted = decodeUtf8(Buffer.concat(made))
  if (formatted === null || (formatted === '' && text !== '')) return { fault: 'it left no text' }
  // Decoding takes the mark away.
  return { text: text.startsWith(mark) ? mark + formatted : formatted }
}

const mark = '\ufeff'

const toCopy = 'mkdir -m 700 -- "$1" && cat > "$2" || exit; folder=$1; copy=$2; shift 2'
const changeCopy = '"$@" >&2; code=$?; [ ! -f "$copy" ] || cat -- "$copy"; rm -rf -- "$folder"; exit $code'

/**
 * One that changes a file gets a copy to change, in a folder beside the file: settings are found from there as from the
 * file itself. The copy is made and read by a command, so that nothing is done there with more rights than it has.
 */
async function throughCopy(
  job: Job,
  { file, text }: { file: string; text: string },
): Promise<{ text: string } | { fault: string }> {
  const { context, around } = job
  let beside = dirname(file)
  while (!existsSync(beside)) beside = dirname(beside)
  const folder = join(beside, `openloom-${newId('fmt', context.clock.now())}`)
  const copy = join(folder, basename(file))
  const [program, ...args] = job.argv.map((word) => word.replaceAll('{file}', copy))
  const argv: Argv = ['sh', '-c', `${toCopy}; ${changeCopy}`, 'sh', folder, copy, program ?? '', ...args]
  return around(async () => {
    const alone = { ...job, argv, around: free.around }
    const made = await pipe(alone, text)
    // Ended from outside, it leaves the folder.
    if ('fault' in made) {
      const signal = new AbortController().signal
      await work({ ...alone, argv: ['rm', '-rf', '--', folder], context: { ...context, signal } })
    }
    return made
  })
}

function faultOf(outcome: CommandOutcome, { timeoutMs }: Job): { fault: string } | null {
  if (outcome.ended === 'exit' && outcome.exitCode === 0) return null
  if (outcome.ended === 'timeout') return { fault: `no end within ${timeoutMs} ms` }
  const said = outcome.error ?? outcome.output.trim()
  return { fault: said.slice(0, faultCharsMax) || `exit code ${outcome.exitCode}` }
}

interface Wanted {
  context: ToolContext
  file: string
  accepted: boolean
  within: Within
}

/** `copy`: it changes the file that it is given; `file`: it finds by itself what it changes. */
type Chosen = { kind: Formatter['kind'] | 'copy'; name: string; argv: Argv }

async function choose(settings: FormatSettings, wanted: Wanted): Promise<Chosen | null> {
  const { context, file } = wanted
  const custom = settings.custom.find(({ files }) => fits(files, basename(file)))
  if (custom) {
    const [name = '', ...args] = custom.command
    const kind = args.some((word) => word.includes('{file}')) ? 'copy' : 'file'
    return { kind, name: basename(name), argv: [name, ...args] }
  }
  const ending = /\.(\w+)$/.exec(basename(file))?.[1]?.toLowerCase() ?? ''
  for (const one of formatters) {
    if (!one.endings.includes(ending)) continue
    const program = await findProgram(one.name, wanted)
    if (program === null) continue
    if (settings.mode === 'auto' && !(await isSetUp(one, context.workspace, file))) continue
    if (await isSafe(one, wanted)) return { kind: 'pipe', name: one.name, argv: [program, ...one.args(file)] }
  }
  return null
}

/** Nothing that the agent wrote runs by this way alone: in the sandbox, or where it might have run it as a command. */
async function isSafe({ name, runs = [] }: Known, { context, accepted, within }: Wanted): Promise<boolean> {
  if (context.confinement.kind !== 'none') return true
  const isNamed = runs === 'any' || runs.some((file) => existsSync(join(context.workspace, file)))
  return !isNamed || (accepted && within.permits({ kind: 'command', text: name }))
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
async function isSetUp({ signs }: Known, workspace: string, file: string): Promise<boolean> {
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
