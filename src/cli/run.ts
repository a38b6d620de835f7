/** `openloom run -p "…"`: one run of our own agent in this folder, without a daemon and without checks. */
import { fstatSync, readFileSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { systemClock } from '../core/clock.ts'
import type { LoomEvent } from '../core/event.ts'
import { ProblemError, reasonOf } from '../core/problem.ts'
import type { Observation } from '../core/session.ts'
import { exit } from './exit.ts'
import { lostWords } from './lost.ts'
import { type Shell, UsageError } from './program.ts'
import { openRunner, type Runner, titleOf } from './runner.ts'
import { settingsFor } from './settings.ts'
import { print, printJson, printProblems, safe } from './terminal.ts'

export interface RunOptions {
  prompt?: string
  json?: boolean
  streamJson?: boolean
  agent?: string
  model?: string
  maxSteps?: number
  allow?: string[]
  deny?: string[]
  outputSchema?: string
  session?: string
  continue?: boolean
}

const nothingToContinue = {
  kind: 'nothing-to-continue',
  text: 'Nothing was said in this folder yet.',
  todo: 'Leave --continue out.',
}
const repairsMax = 2
const stdinBytesMax = 1024 * 1024
const firstByteMs = 3_000
const longestMs = 24 * 3_600_000
const permissionNeeded = 'permission-needed'

export async function run(options: RunOptions, shell: Shell): Promise<number> {
  const prompt = await promptOf(options.prompt ?? '')
  const schema = options.outputSchema ? readSchema(resolve(shell.cwd, options.outputSchema)) : null
  const { allow = [], deny = [], maxSteps } = options
  const opts = { env: shell.env, allow, deny, stepsMax: maxSteps ?? null }
  const runner = await openRunner(await settingsFor(shell), opts)
  if (!runner.ok) throw new ProblemError(...runner.problems)
  const quiet = options.json || options.streamJson
  const stops = [
    runner.value.deltas.onDelta((delta) => {
      if (options.streamJson) process.stdout.write(`${JSON.stringify({ type: 'delta', ...delta })}\n`)
      else if (!quiet && delta.kind === 'text') process.stdout.write(safe(delta.text))
    }),
    runner.value.events.onEvent((event) => {
      if (options.streamJson) process.stdout.write(`${JSON.stringify(event)}\n`)
      // What the agent says before its calls and after them are two texts.
      else if (!quiet && event.type === 'message.finished' && event.data.text && hasCalls(event)) print('')
    }),
  ]
  const cancel = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => cancel.abort())
  try {
    return await converse(runner.value, { options: { ...options, prompt }, schema, shell, signal: cancel.signal })
  } finally {
    for (const stop of stops) stop()
    await runner.value.close()
  }
}

/** What stands in `-p`, and behind it what comes through a pipe; `-` alone is nothing but that. */
async function promptOf(given: string): Promise<string> {
  const said = given.trim() === '-' ? '' : given.trim()
  const prompt = [said, (await readPiped(said !== '')).trim()].filter(Boolean).join('\n\n')
  if (prompt === '') {
    throw new UsageError({ kind: 'no-prompt', text: 'There is no prompt.', todo: 'Write openloom run -p "…".' })
  }
  return prompt
}

/** `optional`: whoever started this may have left a pipe open that nothing comes through. */
async function readPiped(optional: boolean): Promise<string> {
  const from = fstatSync(0)
  if (!from.isFIFO() && !from.isFile() && !from.isSocket()) return ''
  const parts: Buffer[] = []
  const silent = systemClock.after(optional ? firstByteMs : longestMs, () => process.stdin.destroy())
  let sizeBytes = 0
  try {
    for await (const part of process.stdin as AsyncIterable<Buffer>) {
      silent.cancel()
      sizeBytes += part.length
      if (sizeBytes > stdinBytesMax) {
        throw new UsageError({ kind: 'too-large', text: `At most ${stdinBytesMax} bytes are read.` })
      }
      parts.push(part)
    }
  } catch (error) {
    // Nothing came, and waiting was given up.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  } finally {
    silent.cancel()
  }
  return Buffer.concat(parts).toString('utf8')
}

const hasCalls = ({ data }: LoomEvent): boolean => Array.isArray(data.calls) && data.calls.length > 0

interface Talk {
  options: RunOptions
  schema: z.ZodType | null
  shell: Shell
  signal: AbortSignal
}

async function converse(runner: Runner, { options, schema, shell, signal }: Talk): Promise<number> {
  const { agent = null, model = null } = options
  const workspace = realpathSync(shell.cwd)
  const session = options.continue ? runner.newestIn(workspace) : (options.session ?? null)
  if (options.continue && session === null) throw new UsageError(nothingToContinue)
  const opened = await runner.open({ title: titleOf(options.prompt ?? ''), workspace, agent, model, session })
  if (!opened.ok) {
    const isTyped = opened.problems.some(({ kind }) => kind === 'agent-unknown' || kind === 'session-missing')
    if (isTyped) throw new UsageError(...opened.problems)
    throw new ProblemError(...opened.problems)
  }
  const { sessionId } = opened.value
  if (session !== null) await tellLost(runner, sessionId)
  let text = schema ? withSchema(options.prompt ?? '', schema) : (options.prompt ?? '')
  for (let round = 0; ; round++) {
    const seen = await runner.turn(sessionId, text, signal)
    const code = signal.aborted ? exit.cancelled : codeOf(seen)
    const answer = seen.state.kind === 'idle' ? seen.state.text : ''
    const fault = code === exit.ok && schema ? faultOf(answer, schema) : null
    if (fault === null || round >= repairsMax) {
      report({ sessionId, seen, answer, options, code: fault === null ? code : exit.failed, fault })
      return fault === null ? code : exit.failed
    }
    text = `The answer does not fit the schema: ${fault}\nAnswer again with nothing but the JSON.`
  }
}

/** Beside the answer, which may be read by a program: whoever goes on in a session hears what in it is not known. */
async function tellLost({ store, talk }: Runner, sessionId: string): Promise<void> {
  const known = store.watched.get(sessionId)
  const words = known ? await lostWords(talk, known) : []
  if (words.length > 0) process.stderr.write(`${words.join('\n')}\n`)
}

/** 0 ok · 1 failed · 3 needs permission · 4 provider · 130 cancelled (CL-3). */
function codeOf({ state }: Observation): number {
  if (state.kind === 'idle') return state.complete ? exit.ok : exit.failed
  if (state.kind === 'waiting') return exit.person
  if (state.kind === 'interrupted') return exit.cancelled
  if (state.kind !== 'failed') return exit.failed
  return state.problem.kind === permissionNeeded ? exit.person : exit.provider
}

interface Outcome {
  sessionId: string
  seen: Observation
  answer: string
  options: RunOptions
  code: number
  fault: string | null
}

function report({ sessionId, seen, answer, options, code, fault }: Outcome): void {
  const { state, usage } = seen
  const problem = state.kind === 'failed' ? state.problem : null
  const unfinished = state.kind === 'idle' ? (state.unfinished ?? null) : null
  if (options.json || options.streamJson) {
    const said = { session_id: sessionId, response: answer, exit_code: code, usage }
    const result = { type: 'result', ...said, problem, fault, unfinished }
    if (options.json) printJson(result)
    else process.stdout.write(`${JSON.stringify(result)}\n`)
    return
  }
  process.stdout.write('\n')
  const todo = 'Allow it with --allow "bash(<command>)" (or --allow bash), unless a rule of yours wants to be asked.'
  if (problem) printProblems([problem.kind === permissionNeeded ? { ...problem, todo } : problem])
  if (unfinished) printProblems([unfinished])
  if (fault) process.stderr.write(`The answer does not fit the schema: ${fault}\n`)
}

function readSchema(path: string): z.ZodType {
  try {
    return z.fromJSONSchema(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    const text = `${path} is no JSON Schema that can be used: ${reasonOf(error)}.`
    throw new UsageError({ kind: 'bad-schema', text })
  }
}

function withSchema(prompt: string, schema: z.ZodType): string {
  const wanted = JSON.stringify(z.toJSONSchema(schema))
  return `${prompt}\n\nEnd with an answer that is nothing but JSON fitting this schema:\n${wanted}`
}

/** Null when the answer (a fence around it tolerated) fits. */
function faultOf(answer: string, schema: z.ZodType): string | null {
  const json = /^\s*```(?:json)?\s*\n([\s\S]*?)\n```\s*$/.exec(answer)?.[1] ?? answer
  try {
    const parsed = schema.safeParse(JSON.parse(json))
    return parsed.success ? null : parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('; ')
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
