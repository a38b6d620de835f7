/**
 * The calls of one reply: judged one by one, run in order (those that only read, at once), each answered. A call is in
 * the journal before it acts, and its result before anything else does.
 */
import type { Timer } from '../core/clock.ts'
import { reasonOf } from '../core/problem.ts'
import type { JournalEntry, ToolCall } from '../core/session.ts'
import type { Subject, ToolContext, ToolResult } from '../core/tool.ts'
import { failpoint } from '../lib/failpoint.ts'
import { argumentTexts } from './arguments.ts'
import { askIdOf } from './asks.ts'
import { type ChangedRow, changesUnnamed, writtenBy } from './checkpoint.ts'
import type { Around } from './format.ts'
import type { OpenCall } from './history.ts'
import { type Judged, judge, type Pending, permits } from './judge.ts'
import { hidingOf } from './permission/engine.ts'
import { planFateOf, reviewPlan } from './plans.ts'
import { parked, type Run } from './run.ts'
import { neverBegun, unknownOutcome } from './shown.ts'
import { pauses } from './wishes.ts'

const parallelMax = 10
/** A tool that does not return when it is stopped is left behind. */
const stopGraceMs = 3_000

export interface Batch {
  answered: { call: ToolCall; result: ToolResult }[]
  /** Why the rest was not run. */
  stopped: 'budget' | 'aborted' | 'paused' | 'planned' | { needsPermission: string } | { needsInput: string } | null
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
    if (pauses(run.wishes)) return { answered, stopped: 'paused' }
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
    const [first] = judged
    if (first?.kind === 'ask') {
      if (run.granted?.(first.request)) {
        const { id: callId, name: tool } = first.call
        const askId = askIdOf(run.session.id, first.call)
        run.transcript.append({ type: 'ask.answered', askId, callId, tool, reply: { kind: 'once' } })
        continue
      }
      if (!run.asks) return { answered, stopped: { needsPermission: first.what } }
      run.transcript.flush()
      // What was said is in the journal by then, where the next judgement finds it.
      if ((await run.asks.ask(run, first.call, first.request)) === null) return { answered, stopped: 'aborted' }
      continue
    }
    const batch = judged.slice(0, batchSize(judged))
    if (batch.some(changes)) onChanging()
    const begun = (await Promise.all(batch.map((one) => beginningOf(run, one)))).flat()
    if (begun.length > 0) run.transcript.append(...begun)
    failpoint('agent.tool.started')
    const own = batch.length > 1 ? withOwnSignal : (shared: ToolContext) => shared
    const done = await Promise.all(batch.map((one) => perform(run, one, own(context))))
    answered.push(...done.flatMap((one) => one ?? []))
    if (done.includes(null)) return { answered, stopped: 'aborted' }
    if (planFateOf(run.transcript.entries)) return { answered, stopped: 'planned' }
    const unanswered = done.find((one) => one?.result.facts?.unanswered)?.result.facts?.unanswered
    if (typeof unanswered === 'string') return { answered, stopped: { needsInput: unanswered } }
  }
  return { answered, stopped: run.signal.aborted ? 'aborted' : null }
}

type Row<T extends JournalEntry['type']> = Extract<JournalEntry, { type: T }>

/** What is noted of a call before it acts: of one that may write, also what the files were that it may change. */
async function beginningOf(run: Run, one: Judged): Promise<(Row<'tool.started'> | ChangedRow)[]> {
  if (one.kind !== 'run') return []
  const { tool, input, call, readOnly } = one
  const row = { type: 'tool.started' as const, runId: run.id, callId: call.id, readOnly }
  if (readOnly || !run.checkpoint) return [row]
  if (changesUnnamed(tool, input)) return [...(await run.checkpoint.before(run.id)), { ...row, looked: true }]
  const paths = await writtenBy(tool, input, run.session.workspace)
  return [{ ...row, ...(paths.length > 0 ? { files: run.checkpoint.moments(paths) } : {}) }]
}

const isParallel = (one: Judged): boolean =>
  one.kind === 'answer' || (one.kind === 'run' && one.readOnly && !one.tool.isAsk)

function batchSize(judged: readonly Judged[]): number {
  const parallel = judged.findIndex((one) => !isParallel(one))
  return parallel < 0 ? judged.length : Math.max(1, parallel)
}

/** Null: it waits for a person, and whoever enters the turn again waits on. */
async function perform(run: Run, one: Judged, context: ToolContext): Promise<Batch['answered'][number] | null> {
  if (one.kind === 'run') run.onState({ tool: one.call.name, retry: null })
  const beside: ChangedRow[] = []
  const result =
    one.kind === 'run'
      ? await useTool(run, one, contextFor(run, one, { context, beside }))
      : { ok: false, output: outputOf(one) }
  failpoint('agent.tool.ran')
  if (one.kind === 'run' && one.tool.isAsk && run.signal.reason === parked) return null
  const changed = [...beside, ...(await changedBy(run, one, result))]
  if (one.kind === 'answer' && one.denied) {
    const { by, text } = one.denied
    run.transcript.append({ type: 'call.denied', runId: run.id, callId: one.call.id, tool: one.call.name, by, text })
  }
  answerCall(run, one.call, result, { ...(one.kind === 'run' ? filesAfter(run, one.call) : {}), changed })
  failpoint('agent.tool.ended')
  return { call: one.call, result }
}

const outputOf = (one: Exclude<Judged, { kind: 'run' }>): string => (one.kind === 'answer' ? one.output : one.what)

type Files = Pick<Row<'tool.ended'>, 'files'> & { changed?: readonly ChangedRow[] }

/** Also of a call that was cut off: what is found when its run is entered again. */
async function changedBy(run: Run, { call }: Judged, { goesOn }: ToolResult): Promise<ChangedRow[]> {
  if (!run.checkpoint || !run.transcript.startOf(call.id)?.looked) return []
  return run.checkpoint.after({ runId: run.id, callId: call.id }, goesOn)
}

/** Only for a call that was run just now: whoever comes later finds what others have done since. */
function filesAfter(run: Run, call: ToolCall): Files {
  const begun = run.transcript.startOf(call.id)?.files
  return begun && run.checkpoint ? { files: run.checkpoint.moments(begun.map(({ path }) => path)) } : {}
}

export function answerCall(run: Run, call: ToolCall, result: ToolResult, files: Files = {}): void {
  const { ok, output, facts = {} } = result
  const { changed = [], ...named } = files
  run.transcript.append({ type: 'tool.ended', runId: run.id, callId: call.id, ok, output, facts, ...named }, ...changed)
}

/** Of calls that run at once: those who listen would pile up on the signal of the run. */
const withOwnSignal = (context: ToolContext): ToolContext => ({ ...context, signal: AbortSignal.any([context.signal]) })

/** The history must stay valid whatever a tool does: one that throws or hangs is answered for. */
function useTool(run: Run, one: Extract<Judged, { kind: 'run' }>, context: ToolContext): Promise<ToolResult> {
  const { clock } = run
  const { signal } = context
  return new Promise((resolve) => {
    let grace: Timer | null = null
    const answer = (result: ToolResult) => {
      grace?.cancel()
      signal.removeEventListener('abort', onAbort)
      resolve(result)
    }
    const failed = (output: string) => answer({ ok: false, output })
    const onAbort = () => {
      grace = clock.after(stopGraceMs, () => failed('The tool did not stop when the run was stopped.'))
    }
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    const work = async () => one.tool.run(one.input, context)
    work().then(answer, (error: unknown) => failed(`The tool ${one.call.name} broke: ${reasonOf(error)}`))
  })
}

type Running = Extract<Judged, { kind: 'run' }>

/** The questions of a tool, and what it may touch or show, are bound to its call. */
function contextFor(
  run: Run,
  { call, readOnly }: Running,
  { context, beside }: { context: ToolContext; beside: ChangedRow[] },
): ToolContext {
  const { asks, policy, profile, format } = run
  const seen = { tool: call.name, profile: profile.name, from: run.session.workspace }
  const hides = readOnly ? hidingOf(policy, seen) : null
  // What a formatter runs of a project is run as a command.
  const asCommand = (subject: Subject) => mayRun(run, call, subject)
  const within = { around: besides(run, call, beside), permits: asCommand }
  return {
    ...context,
    ...(hides ? { hides } : {}),
    ...(format && context.format ? { format: (file) => format(context, file, within) } : {}),
    askPerson: async (questions) => (asks ? asks.ask(run, call, { kind: 'question', questions }) : null),
    reviewPlan: (text) => reviewPlan(run, call, text),
    permits: (subject) => permits(run, call, subject),
  }
}

const mayRun = async (run: Run, call: ToolCall, subject: Subject): Promise<boolean> =>
  run.tools.some(({ name }) => name === 'bash') && permits(run, { ...call, name: 'bash' }, subject)

/** A formatter may change more than the file that it was given. */
const besides =
  ({ id: runId, checkpoint, transcript }: Run, { id: callId }: ToolCall, beside: ChangedRow[]): Around =>
  async (work) => {
    if (!checkpoint) return work()
    beside.push(...(await checkpoint.before(runId)))
    const done = await work()
    const named = new Set(transcript.startOf(callId)?.files?.map(({ path }) => path))
    for (const row of await checkpoint.after({ runId, callId })) {
      const files = row.files.filter(({ path }) => !named.has(path))
      if (files.length > 0 || row.uncovered !== undefined) beside.push({ ...row, files })
    }
    return done
  }
