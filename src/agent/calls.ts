/**
 * The calls of one reply: judged one by one, run in order (those that only read, at once), each answered. A call is in
 * the journal before it acts, and its result before anything else does.
 */
import { relative } from 'node:path'
import type { z } from 'zod'
import { pause } from '../core/clock.ts'
import { reasonOf } from '../core/problem.ts'
import type { ToolCall } from '../core/session.ts'
import type { AnyTool, ToolContext, ToolResult } from '../core/tool.ts'
import { failpoint } from '../lib/failpoint.ts'
import { realPathInside } from '../lib/files.ts'
import { argumentTexts, parseArguments } from './arguments.ts'
import { neverBegun, type OpenCall, unknownOutcome } from './history.ts'
import { decide, subjectOf } from './permission.ts'
import type { Run } from './run.ts'

const parallelMax = 10
/** A tool that does not return when it is stopped is left behind. */
const stopGraceMs = 3_000

export type Judged =
  | { kind: 'answer'; call: ToolCall; output: string }
  | { kind: 'ask'; call: ToolCall; what: string }
  | { kind: 'run'; call: ToolCall; tool: AnyTool; input: unknown; readOnly: boolean }

export interface Batch {
  answered: { call: ToolCall; result: ToolResult }[]
  /** Why the rest was not run. */
  stopped: 'budget' | 'aborted' | { needsPermission: string } | null
}

/** Every call of a reply as what is to be done with it: schema first, then permission. `cut`: by the output limit. */
export function judgeCalls(run: Run, calls: readonly ToolCall[], cut: boolean): Promise<Judged[]> {
  const texts = argumentTexts(calls)
  return Promise.all(
    calls.map((call, index) => judge(run, call, { text: texts[index] ?? '', cut: cut && index === calls.length - 1 })),
  )
}

async function judge(run: Run, call: ToolCall, { text, cut }: { text: string; cut: boolean }): Promise<Judged> {
  const answer = (output: string): Judged => ({ kind: 'answer', call, output })
  const tool = run.tools.find((one) => one.name === call.name)
  if (!tool) {
    return answer(`There is no tool "${call.name}". There are: ${run.tools.map((one) => one.name).join(', ')}.`)
  }
  const parsed = parseArguments(text)
  if (!parsed.ok) {
    const why = cut ? 'they were cut off by the output limit; make the call smaller' : parsed.fault
    return answer(`Invalid arguments for ${call.name}: ${why}. The call was not run.`)
  }
  const checked = tool.schema.safeParse(parsed.value)
  if (!checked.success) {
    return answer(`Invalid arguments for ${call.name}: ${faultsOf(checked.error)}. The call was not run.`)
  }
  const subject = await subjectIn(run.session.workspace, checked.data)
  const decision = decide(run.rules, call.name, subject)
  if (decision === 'deny') return answer(`Not permitted: a rule denies ${call.name} for ${subject}.`)
  if (decision === 'ask') return { kind: 'ask', call, what: `${call.name} ${subject}` }
  return { kind: 'run', call, tool, input: checked.data, readOnly: tool.isReadOnly(checked.data) }
}

function faultsOf(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'arguments'}: ${issue.message}`).join('; ')
}

/** Rules see the real path, so that a link is no way around them. */
async function subjectIn(workspace: string, input: unknown): Promise<string> {
  const subject = subjectOf(input)
  if (subject.kind !== 'path') return subject.text
  const real = await realPathInside(workspace, subject.text)
  return real === null ? subject.text : relative(workspace, real) || '.'
}

/** Calls that a killed process left open: what only reads runs again, what changes is never repeated unasked. */
export function judgeOpenCalls(open: readonly OpenCall[], judged: readonly Judged[]): Judged[] {
  let unsure = false
  return judged.map((one, index): Judged => {
    if (one.kind !== 'run' || one.readOnly) return one
    const begun = open[index]?.started ?? false
    if (!begun && !unsure) return one
    unsure = true
    return { kind: 'answer', call: one.call, output: begun ? unknownOutcome : neverBegun }
  })
}

/** Runs at most `callsMax` of them and answers all of these; the caller answers the rest. */
export async function runCalls(
  run: Run,
  judged: readonly Judged[],
  { context, callsMax }: { context: ToolContext; callsMax: number },
): Promise<Batch> {
  const answered: Batch['answered'] = []
  let next = 0
  while (next < judged.length) {
    const first = judged[next]
    if (run.signal.aborted) return { answered, stopped: 'aborted' }
    if (next >= callsMax) return { answered, stopped: 'budget' }
    if (first?.kind === 'ask') return { answered, stopped: { needsPermission: first.what } }
    const size = batchSize(judged.slice(next, Math.min(next + parallelMax, callsMax)))
    const batch = judged.slice(next, next + size)
    for (const one of batch) {
      if (one.kind === 'run') run.transcript.append({ type: 'tool.started', runId: run.id, callId: one.call.id })
    }
    failpoint('agent.tool.started')
    answered.push(...(await Promise.all(batch.map((one) => perform(run, one, context)))))
    next += size
  }
  return { answered, stopped: run.signal.aborted ? 'aborted' : null }
}

const isParallel = (one: Judged): boolean => one.kind === 'answer' || (one.kind === 'run' && one.readOnly)

function batchSize(judged: readonly Judged[]): number {
  const parallel = judged.findIndex((one) => !isParallel(one))
  return parallel < 0 ? judged.length : Math.max(1, parallel)
}

async function perform(run: Run, one: Judged, context: ToolContext): Promise<Batch['answered'][number]> {
  if (one.kind === 'run') run.onState({ tool: one.call.name, retry: null })
  const result = one.kind === 'run' ? await useTool(run, one, context) : { ok: false, output: outputOf(one) }
  answerCall(run, one.call, result)
  failpoint('agent.tool.ended')
  return { call: one.call, result }
}

const outputOf = (one: Exclude<Judged, { kind: 'run' }>): string => (one.kind === 'answer' ? one.output : one.what)

export function answerCall(run: Run, call: ToolCall, result: ToolResult): void {
  const { ok, output, facts = {} } = result
  run.transcript.append({ type: 'tool.ended', runId: run.id, callId: call.id, ok, output, facts })
}

/** The history must stay valid whatever a tool does: one that throws or hangs is answered for. */
async function useTool(run: Run, one: Extract<Judged, { kind: 'run' }>, context: ToolContext): Promise<ToolResult> {
  const stopped = new AbortController()
  const leftBehind = async (): Promise<ToolResult> => {
    await aborted(run.signal, stopped.signal)
    await pause(run.clock, stopGraceMs, stopped.signal)
    return { ok: false, output: 'The tool did not stop when the run was stopped.' }
  }
  try {
    return await Promise.race([one.tool.run(one.input, context), leftBehind()])
  } catch (error) {
    return { ok: false, output: `The tool ${one.call.name} broke: ${reasonOf(error)}` }
  } finally {
    stopped.abort()
  }
}

function aborted(...signals: AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const any = AbortSignal.any(signals)
    if (any.aborted) resolve()
    else any.addEventListener('abort', () => resolve(), { once: true })
  })
}
