/** Runs a shell line in the workspace, in the foreground or the background. Every process ends with the run. */
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { pause } from '../../core/clock.ts'
import type { AnyTool, Tool, ToolContext, ToolResult } from '../../core/tool.ts'
import { ignoreMissing } from '../../lib/files.ts'
import { newId } from '../../lib/id.ts'
import { type BesideOutcome, runBeside, spoolBytesMax } from '../../lib/process.ts'
import { isProvenReadOnly } from '../permission/read-only.ts'
import { failure } from './text-file.ts'

export const bashSettingsSchema = z.strictObject({
  timeout_ms: z.number().int().min(100).default(30_000),
  timeout_ms_max: z.number().int().min(100).default(600_000),
})
export type BashSettings = z.output<typeof bashSettingsSchema>

const outputBytesMax = 32_000
const outputLinesMax = 500
const backgroundMax = 8
const backgroundMs = 24 * 60 * 60_000
const waitMsMax = 60_000

interface Background {
  owner: string
  file: string
  readTo: number
  /** What came since it was looked at last. */
  newest: Newest
  stop: AbortController
  done: Promise<void>
  outcome: BesideOutcome | null
}

/** The two tools share the table of what runs in the background. */
export function createBash(settings: BashSettings): AnyTool[] {
  const running = new Map<string, Background>()
  return [bashTool(settings, running), outputTool(running)]
}

function bashTool(settings: BashSettings, running: Map<string, Background>): AnyTool {
  const schema = z.strictObject({
    command: z.string().min(1).max(100_000),
    timeout: z
      .number()
      .int()
      .min(0)
      .max(settings.timeout_ms_max)
      .default(0)
      .describe(`Milliseconds; 0 is the default of ${settings.timeout_ms}.`),
    run_in_background: z.boolean().default(false).describe('Return at once with an id for bash_output.'),
  })
  const tool: Tool<typeof schema> = {
    name: 'bash',
    description:
      'Runs a command with bash in the workspace, without input. Each call is a new shell. Long output keeps head ' +
      'and tail; the whole is in a file that read and grep can open. Background processes end with the run.',
    schema,
    isReadOnly: ({ command, run_in_background }) => !run_in_background && isProvenReadOnly(command),
    subjects: ({ command }) => [{ kind: 'command', text: command }],
    async run(input, context) {
      const id = newId(input.run_in_background ? 'bg' : 'sh', context.clock.now())
      const request = requestOf(input.command, id, context)
      if (input.run_in_background) return startInBackground(running, { id, request, context, command: input.command })
      const timeoutMs = input.timeout === 0 ? settings.timeout_ms : input.timeout
      const outcome = await runBeside({
        ...request,
        spoolAboveBytes: outputBytesMax,
        timeoutMs,
        signal: context.signal,
        keepBackground: true,
        onOutput: (text) => context.live(text),
      })
      return resultOf(outcome, { file: request.spoolPath, timeoutMs, command: input.command })
    },
  }
  return tool
}

/** Each command is its own owner below the run: ending one at its limit leaves the others alone. */
function requestOf(command: string, id: string, context: ToolContext) {
  return {
    argv: context.confinement.wrap(['bash', '-c', command], context.workspace),
    cwd: context.workspace,
    env: context.env,
    owner: `${context.owner}/${id}`,
    outputBytesMax,
    spoolPath: join(context.outputDir, `${id}.txt`),
  }
}

async function resultOf(
  outcome: BesideOutcome,
  { file, timeoutMs, command }: { file: string; timeoutMs: number; command: string },
): Promise<ToolResult> {
  const facts = { command, exitCode: outcome.exitCode, ended: outcome.ended, sizeBytes: outcome.sizeBytes }
  if (outcome.ended === 'not-started') return failure(`bash could not be started: ${outcome.error}`, facts)
  const { text, whole } = fitLines(outcome.output, outcome.sizeBytes)
  const tooManyLines = !whole && outcome.sizeBytes <= outputBytesMax
  const keptBytes = tooManyLines
    ? await writeFile(file, outcome.output, { mode: 0o600 }).then(() => outcome.sizeBytes, none)
    : (outcome.spooledBytes ?? 0)
  const kept = keptNote(file, keptBytes, outcome.sizeBytes)
  const notes = [
    ...(outcome.ended === 'timeout'
      ? [`[timed out after ${timeoutMs} ms; the command and its children were ended]`]
      : []),
    ...(outcome.ended === 'lost' ? [lostNote(outcome)] : []),
    ...(outcome.ended === 'aborted' ? ['[stopped; the command and its children were ended]'] : []),
    ...(outcome.exitCode !== 0 && outcome.ended === 'exit'
      ? [outcome.killedBy ? `[killed by ${outcome.killedBy}]` : `[exit code ${outcome.exitCode}]`]
      : []),
    ...(whole ? [] : [`[${outcome.sizeBytes} bytes in all; ${kept}]`]),
  ]
  return {
    ok: outcome.ended === 'exit' && outcome.exitCode === 0,
    output: [text.replace(/\n$/, '') || '(no output)', ...notes].join('\n'),
    facts: whole ? facts : { ...facts, file },
  }
}

const lostNote = ({ error }: BesideOutcome): string => `[lost: ${error}; how far the command came is not known]`

/** A full disk costs the copy of the output, not the command. */
const none = () => 0

function keptNote(file: string, keptBytes: number, sizeBytes: number): string {
  if (keptBytes >= sizeBytes) return `the whole output is in ${file}`
  if (keptBytes === 0) return 'the whole output could not be kept'
  return `the first ${keptBytes} bytes of it are in ${file}, what came behind was not kept`
}

/** By bytes it fits already (runBeside keeps head and tail); here also by lines. */
function fitLines(output: string, sizeBytes: number): { text: string; whole: boolean } {
  const lines = output.split('\n')
  if (lines.length <= outputLinesMax) return { text: output, whole: sizeBytes <= outputBytesMax }
  const half = outputLinesMax / 2
  const left = lines.length - outputLinesMax
  const text = [...lines.slice(0, half), `[… ${left} lines left out …]`, ...lines.slice(-half)].join('\n')
  return { text, whole: false }
}

interface BackgroundStart {
  id: string
  request: ReturnType<typeof requestOf>
  context: ToolContext
  command: string
}

function startInBackground(
  running: Map<string, Background>,
  { id, request, context, command }: BackgroundStart,
): ToolResult {
  const mine = [...running.values()].filter((one) => one.owner === context.owner && !one.outcome)
  if (mine.length >= backgroundMax) {
    return failure(`${backgroundMax} commands run in the background already. Stop one with bash_output first.`)
  }
  const stop = new AbortController()
  const forget = () => {
    stop.abort()
    running.delete(id)
  }
  // The signal of the context is also aborted when the run ends by itself: nothing of it stays behind.
  context.signal.addEventListener('abort', forget, { once: true })
  const newest = new Newest()
  const onOutput = (text: string) => newest.push(text)
  const background: Background = {
    owner: context.owner,
    file: request.spoolPath,
    readTo: 0,
    newest,
    stop,
    outcome: null,
    done: runBeside({ ...request, timeoutMs: backgroundMs, signal: stop.signal, onOutput }).then((outcome) => {
      background.outcome = outcome
    }),
  }
  running.set(id, background)
  const facts = { command, id, file: request.spoolPath }
  const output = `Started in the background as ${id}; its output is in ${request.spoolPath}.`
  return { ok: true, output, facts, goesOn: true }
}

function outputTool(running: Map<string, Background>): AnyTool {
  const schema = z.strictObject({
    id: z.string().min(1),
    wait_ms: z.number().int().min(0).max(waitMsMax).default(0).describe('Wait for its end, at most so long.'),
    stop: z.boolean().default(false).describe('End the command first.'),
  })
  const tool: Tool<typeof schema> = {
    name: 'bash_output',
    description: 'New output and state of a background command of this run; can also wait for its end, or end it.',
    schema,
    isReadOnly: () => false,
    async run(input, context) {
      const background = running.get(input.id)
      if (!background || background.owner !== context.owner) {
        const known = [...running].filter(([, one]) => one.owner === context.owner).map(([id]) => id)
        return failure(`No background command ${input.id} in this run. Known: ${known.join(', ') || 'none'}.`)
      }
      if (input.stop) background.stop.abort()
      const waitMs = input.stop ? waitMsMax : input.wait_ms
      if (waitMs > 0 && !background.outcome) await waitFor(background, context, waitMs)
      const { outcome } = background
      const state = outcome ? stateOf(outcome) : '[running]'
      const news = await readNews(background)
      return { ok: true, output: `${news}${state}`, facts: { id: input.id, running: !outcome } }
    },
  }
  return tool
}

const stateOf = (outcome: BesideOutcome): string =>
  outcome.ended === 'lost' ? lostNote(outcome) : `[ended: ${outcome.exitCode ?? outcome.killedBy ?? outcome.error}]`

async function waitFor(background: Background, context: ToolContext, waitMs: number): Promise<void> {
  const over = new AbortController()
  const onAbort = () => over.abort()
  context.signal.addEventListener('abort', onAbort, { once: true })
  await Promise.race([background.done, pause(context.clock, waitMs, over.signal)])
  context.signal.removeEventListener('abort', onAbort)
  over.abort()
}

/** The file holds so much and no more: of what comes behind, the newest is kept here. */
class Newest {
  sizeBytes = 0
  private text = ''
  private unreadBytes = 0

  push(text: string): void {
    const bytes = Buffer.byteLength(text)
    this.sizeBytes += bytes
    this.unreadBytes += bytes
    this.text += text.slice(-outputBytesMax)
    if (this.text.length > 2 * outputBytesMax) this.text = this.text.slice(-outputBytesMax)
  }

  take(): { text: string; leftOutBytes: number } {
    const text = this.text.slice(-outputBytesMax)
    const leftOutBytes = this.unreadBytes - Buffer.byteLength(text)
    this.text = ''
    this.unreadBytes = 0
    return { text, leftOutBytes }
  }
}

async function readNews(background: Background): Promise<string> {
  const { newest, file: path } = background
  const isPast = newest.sizeBytes > spoolBytesMax
  const unread = newest.take()
  if (isPast) {
    const fitted = fitLines(unread.text, 0).text
    const note = `only the first ${spoolBytesMax} bytes are in ${path}`
    return fitted === '' ? '' : `[… ${unread.leftOutBytes} bytes left out; ${note} …]\n${ended(fitted)}`
  }
  const file = await open(path, 'r').catch(ignoreMissing)
  if (!file) return ''
  try {
    const { size } = await file.stat()
    const skipped = Math.max(0, size - background.readTo - outputBytesMax)
    const buffer = Buffer.alloc(Math.min(size - background.readTo, outputBytesMax))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, background.readTo + skipped)
    background.readTo = size
    const { text } = fitLines(buffer.subarray(0, bytesRead).toString('utf8'), bytesRead)
    const note = skipped > 0 ? `[… ${skipped} bytes left out; all of it is in ${path} …]\n` : ''
    return note + ended(text)
  } finally {
    await file.close()
  }
}

const ended = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`)
