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

type Judged =
  | { kind: 'answer'; call: ToolCall; output: string }
  | { kind: 'ask'; call: ToolCall; what: string }
  | { kind: 'run'; call: ToolCall; tool: AnyTool; input: unknown; readOnly: boolean }

/** A call that has no result yet. */
export interface Pending {
  call: ToolCall
  argumentsText: string
  /** The output limit ended the reply in the middle of it. */
  cut: boolean
  /** It was running when a process was killed. */
  begun: boolean
}

export interface Batch {
  answered: { call: ToolCall; result: ToolResult }[]
  /** Why the rest was not run. */
  stopped: 'budget' | 'aborted' | { needsPermission: string } | null
}

export function pendingOf(calls: readonly ToolCall[], finish: string): Pending[] {
  const texts = argumentTexts(calls)
  return calls.map((call, index) => ({
    call,
    argumentsText: texts[index] ?? '',
    cut: finish === 'length' && index === calls.length - 1,
    begun: false,
  }))
}

export function pendingOfOpen(open: readonly OpenCall[]): Pending[] {
  const begun = new Set(open.filter((one) => one.started).map((one) => one.call.id))
  const calls = open.map((one) => one.call)
  return pendingOf(calls, '').map((pending) => ({ ...pending, begun: begun.has(pending.call.id) }))
}

/** Schema first, then permission. Judged right before its turn: the calls before it may have moved what it names. */
async function judge(run: Run, { call, argumentsText, cut }: Pending): Promise<Judged> {
  const answer = (output: string): Judged => ({ kind: 'answer', call, output })
  const tool = run.tools.find((one) => one.name === call.name)
  if (!tool) {
    return answer(`There is no tool "${call.name}". There are: ${run.tools.map((one) => one.name).join(', ')}.`)
  }
  const parsed = parseArguments(argumentsText)
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

const changes = (one: Judged): boolean => one.kind === 'run' && !one.readOnly

/** Runs at most `callsMax` of them and answers all of these; the caller answers the rest. */
export async function runCalls(
  run: Run,
  pending: readonly Pending[],
  { context, callsMax, onChanging }: { context: ToolContext; callsMax: number; onChanging(): void },
): Promise<Batch> {
  const answered: Batch['answered'] = []
  let unsure = false
  while (answered.length < pending.length) {
    if (run.signal.aborted) return { answered, stopped: 'aborted' }
    const next = answered.length
    if (next >= callsMax) return { answered, stopped: 'budget' }
    const window = pending.slice(next, Math.min(next + parallelMax, callsMax))
    const fresh = await Promise.all(window.map((one) => judge(run, one)))
    // After a kill: what only reads runs again; what had begun and may have changed something is never repeated
    // unasked, and what should have changed something after it is not run either.
    const judged = fresh.map((one, index): Judged => {
      const begun = window[index]?.begun ?? false
      if (one.kind === 'run' && one.readOnly) return one
      unsure ||= begun
      if (!begun && !(unsure && changes(one))) return one
      return { kind: 'answer', call: one.call, output: begun ? unknownOutcome : neverBegun }
    })
    if (judged[0]?.kind === 'ask') return { answered, stopped: { needsPermission: judged[0].what } }
    const batch = judged.slice(0, batchSize(judged))
    if (batch.some(changes)) onChanging()
    const begun = batch.flatMap((one) => {
      if (one.kind !== 'run') return []
      const { call, readOnly } = one
      return [{ type: 'tool.started' as const, runId: run.id, callId: call.id, readOnly }]
    })
    if (begun.length > 0) run.transcript.append(...begun)
    failpoint('agent.tool.started')
    answered.push(...(await Promise.all(batch.map((one) => perform(run, one, context)))))
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
  failpoint('agent.tool.ran')
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
