/**
 * Tools that a project brings as one file each, once a person took them. Their code never runs in the daemon: each call
 * is a child process, confined as commands are, that takes its arguments and gives its result as JSON.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { reasonOf } from '../core/problem.ts'
import type { SessionRecord } from '../core/session.ts'
import type { AnyTool, Confinement, ToolContext, ToolResult } from '../core/tool.ts'
import { excerptOf } from '../lib/excerpt.ts'
import { newId } from '../lib/id.ts'
import { type CommandRequest, runCommand } from '../lib/process.ts'
import { readToolFiles, type ToolFile, type ToolFiles, toolsFolder } from '../lib/project/tools.ts'
import type { Policy } from './permission/engine.ts'

/** In a string because a bundle has no file of its own for it; what the tool itself prints goes to stderr. */
const runner = `
import { pathToFileURL } from 'node:url'
const [, file, wanted] = process.argv
console.log = console.info = console.debug = console.error
const say = (value) => process.stdout.write(JSON.stringify(value), () => process.exit(0))
try {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk
  const { default: tool } = await import(pathToFileURL(file).href)
  if (wanted === 'describe') {
    const { name, description, parameters, readOnly, timeoutMs, outputCharsMax } = tool
    const schema = typeof parameters?.toJSONSchema === 'function' ? parameters.toJSONSchema() : parameters
    say({ name, description, parameters: schema, readOnly, timeoutMs, outputCharsMax })
  } else {
    const given = JSON.parse(text)
    const result = await tool.run(given.input, { workspace: given.workspace })
    const output = typeof result === 'string' ? result : JSON.stringify(result, null, 2) ?? ''
    say({ ok: true, output: output.slice(0, 1_000_000) })
  }
} catch (error) {
  say({ ok: false, output: String(error?.message ?? error).slice(0, 4_000) })
}
`

const describeMs = 10_000
const replyBytesMax = 8 * 1024 * 1024
const cacheMax = 50

const descriptionSchema = z.object({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,49}$/, 'lower case letters, digits and _')
    .optional(),
  description: z.string().min(1).max(4_000),
  parameters: z.looseObject({ type: z.literal('object') }),
  readOnly: z.boolean().default(false),
  timeoutMs: z.number().int().min(1).max(600_000).default(60_000),
  outputCharsMax: z.number().int().min(100).max(100_000).default(30_000),
})
const replySchema = z.object({ ok: z.boolean(), output: z.string() })

export interface LocalToolsOptions {
  env: Readonly<Record<string, string>>
  owner: string
  /** In which a file is asked what it is. */
  confine(session: SessionRecord): Confinement
  /** Names that are taken. */
  taken: ReadonlySet<string>
  /** Tells a person of a file that is no tool. */
  notice(session: SessionRecord, text: string): void
}

type Place = Pick<CommandRequest, 'cwd' | 'env' | 'owner' | 'timeoutMs'> & {
  confinement: Confinement
  signal?: AbortSignal
}

export class LocalTools {
  private readonly options: LocalToolsOptions
  /** By place and content: a file is asked once what it is. */
  private readonly known = new Map<string, Promise<AnyTool[]>>()

  constructor(options: LocalToolsOptions) {
    this.options = options
  }

  of(session: SessionRecord, { tools }: Policy): Promise<AnyTool[]> {
    if (!tools) return Promise.resolve([])
    const key = `${session.workspace}\0${tools.sha256}`
    const found = this.known.get(key) ?? this.load(session, tools)
    if (!this.known.has(key) && this.known.size >= cacheMax) this.known.clear()
    this.known.set(key, found)
    return found
  }

  private async load(session: SessionRecord, taken: ToolFiles): Promise<AnyTool[]> {
    const { env, owner, confine, taken: names, notice } = this.options
    const confinement = confine(session)
    const tools = new Map<string, AnyTool>()
    for (const { name, why } of taken.left) notice(session, `${toolsFolder}/${name} is not offered as a tool: ${why}.`)
    for (const file of taken.files) {
      const place = { cwd: session.workspace, env, owner: `${owner}/tools`, timeoutMs: describeMs, confinement }
      const made = toolFrom({ ...file, of: taken.sha256 }, await ask(file, place))
      const why = typeof made === 'string' ? made : nameFault(made.name, names, tools)
      if (typeof made !== 'string' && why === null) tools.set(made.name, made)
      else notice(session, `${toolsFolder}/${file.name}.mjs is not offered as a tool: ${why}`)
    }
    return [...tools.values()]
  }
}

const nameFault = (name: string, taken: ReadonlySet<string>, made: ReadonlyMap<string, unknown>): string | null =>
  taken.has(name) || made.has(name) ? `There is a tool ${name} already.` : null

/** What the child said, or why it said nothing. */
async function ask(file: ToolFile, place: Place, call?: unknown): Promise<{ value: unknown } | string> {
  const { confinement, ...rest } = place
  const chunks: Buffer[] = []
  let sizeBytes = 0
  const words = [
    '--input-type=module',
    '-e',
    runner,
    '--',
    file.path,
    call === undefined ? 'describe' : 'call',
  ] as const
  const outcome = await runCommand({
    ...rest,
    argv: confinement.wrap([process.execPath, ...words], rest.cwd),
    input: JSON.stringify(call ?? null),
    outputBytesMax: 2_000,
    onStdout(chunk) {
      sizeBytes += chunk.length
      if (sizeBytes <= replyBytesMax) chunks.push(chunk)
    },
  })
  if (outcome.ended === 'timeout') return `It took longer than ${rest.timeoutMs} ms.`
  if (outcome.ended === 'aborted') return 'Stopped.'
  try {
    return { value: JSON.parse(Buffer.concat(chunks).toString('utf8')) }
  } catch {
    return `It gave no result: ${(outcome.error ?? outcome.output.trim()).slice(0, 1_000) || 'it said nothing'}`
  }
}

/** With the digest of all that was taken with it. */
type TakenFile = ToolFile & { of: string }

/** The tool, or why the file is none. */
function toolFrom(file: TakenFile, said: { value: unknown } | string): AnyTool | string {
  if (typeof said === 'string') return said
  const failed = replySchema.safeParse(said.value)
  if (failed.success) return failed.data.output
  const parsed = descriptionSchema.safeParse(said.value)
  if (!parsed.success) return parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
  const {
    name = file.name.toLowerCase().replaceAll('-', '_'),
    description,
    parameters,
    readOnly,
    ...limits
  } = parsed.data
  const schema = schemaFrom(parameters)
  if (typeof schema === 'string') return `parameters: ${schema}`
  const isReadOnly = () => readOnly
  const work = (input: unknown, context: ToolContext) => run(file, limits, { input, context })
  return { name, description, schema, ofProject: true, isReadOnly, run: work }
}

function schemaFrom(parameters: Record<string, unknown>): z.ZodType | string {
  try {
    return z.fromJSONSchema({ additionalProperties: false, ...parameters })
  } catch (error) {
    return reasonOf(error)
  }
}

const changed = `This tool, or a file beside it in ${toolsFolder}, changed since a person took it.`

interface Limits {
  timeoutMs: number
  outputCharsMax: number
}

async function run(
  file: TakenFile,
  { timeoutMs, outputCharsMax }: Limits,
  { input, context }: { input: unknown; context: ToolContext },
): Promise<ToolResult> {
  const { workspace, env, confinement, signal, clock } = context
  const now = await readToolFiles(workspace)
  if (now?.sha256 !== file.of) return { ok: false, output: changed }
  const owner = `${context.owner}/${newId('tool', clock.now())}`
  const place = { cwd: workspace, env, owner, timeoutMs, confinement, signal }
  const said = await ask(file, place, { input, workspace })
  const reply = replySchema.safeParse(typeof said === 'string' ? { ok: false, output: said } : said.value)
  if (!reply.success) return { ok: false, output: 'The tool gave no result.' }
  const { ok, output } = reply.data
  if (output.length <= outputCharsMax) return { ok, output: output || '(no output)' }
  const whole = join(context.outputDir, `${newId('tool', clock.now())}.txt`)
  await writeFile(whole, output, { mode: 0o600 })
  const note = `[${output.length} characters in all; the whole output is in ${whole}]`
  return { ok, output: `${excerptOf(output, outputCharsMax)}\n${note}`, facts: { file: whole } }
}
