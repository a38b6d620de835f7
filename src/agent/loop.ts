/**
 * The agent loop: model, calls, results, again, until the model is done or a limit is reached. Each step is in the
 * journal before it is acted on; a run that is killed anywhere goes on from there.
 */
import { mkdir } from 'node:fs/promises'
import { relative } from 'node:path'
import type { Problem } from '../core/problem.ts'
import { cutLineNote, cutLineOf } from '../core/runtime.ts'
import type { EndReason, JournalEntry, ModelUsage, ToolCall } from '../core/session.ts'
import type { ToolContext } from '../core/tool.ts'
import { failpoint } from '../lib/failpoint.ts'
import { killTree } from '../lib/process.ts'
import { answerCall, type Batch, pendingOf, pendingOfOpen, runCalls } from './calls.ts'
import { type Frame, openFrame } from './frame.ts'
import { Guidance } from './guidance.ts'
import { earlierOf, endedCallsOf, lastTurnOf, openCallsOf, seenOf } from './history.ts'
import type { Pending } from './judge.ts'
import { Outside } from './outside.ts'
import { planFateOf } from './plans.ts'
import { tokensOf } from './prices.ts'
import { Installs, Repeats } from './repeats.ts'
import { Room } from './room.ts'
import { parked, type Run } from './run.ts'
import { callModel, type ModelReply, unasked } from './turn.ts'
import { pauses } from './wishes.ts'

const emptyMax = 3
const words = {
  empty: 'Your reply was empty. Go on with the task, or say that it is finished and how it was checked.',
  circles: 'You made the same call with the same outcome three times. Repeating it will not help: try another way.',
  installs:
    'You have installed packages three times within a few calls. Stop and think: is it the right package and the ' +
    'right package manager, and does the project need it? See what it uses already.',
  changed: 'Files that you have read are different now. Read them again before you rely on them or change them:',
  goOn: 'Your turn was interrupted. Go on where it stopped.',
  permitted: 'A person has looked at the permissions since. Make the call again if you still need it.',
  notRun: 'Not run: the turn ended before this call.',
  cancelled: 'Not run: the turn was cancelled.',
  asks: 'Not run: it needs the permission of a person.',
}

interface End {
  reason: EndReason
  text: string
  problem: Problem | null
}

/** A person had a plan carried out: the turn goes on under this profile, in another run. */
interface HandOver {
  profile: string
}

type Stop = End | HandOver | 'paused'

const endOf = (reason: EndReason, text = '', problem: Problem | null = null): End => ({ reason, text, problem })

const questionCharsMax = 500

const unanswered = (question: string): Problem => ({
  kind: 'needs-input',
  text: `The agent asked, and nobody is asked while it runs: "${question.slice(0, questionCharsMax)}"`,
  todo: 'Resume it to let the agent decide, or give the task again with the answer in its goal or with `ask: wait`.',
})

/**
 * Null when the run was parked: it stays open, as it does where it is handed over. Rejects only for bugs and for a
 * journal that cannot be written.
 */
export async function runAgent(run: Run): Promise<EndReason | HandOver | null> {
  const { id: runId, promptId, resumed, model, source, transcript } = run
  const sandbox = run.confinement.kind
  const before = lastTurnOf(transcript.entries)?.ended?.reason ?? null
  const cut = cutLineOf(transcript.entries)
  if (cut) {
    const { runId: callId, looked } = cut
    const found = looked && (await run.checkpoint?.after({ runId: callId, callId }))
    transcript.append(cutLineNote(cut), ...(found ?? []))
  }
  transcript.append({ type: 'run.started', runId, promptId, resumed, model, provider: source.provider.name, sandbox })
  failpoint('agent.run.started')
  // Its abort is the end of everything that belongs to the run, whichever way the run ends.
  const scope = new AbortController()
  const onAbort = () => scope.abort(run.signal.reason)
  run.signal.addEventListener('abort', onAbort, { once: true })
  if (run.signal.aborted) onAbort()
  const loop = new Loop(run, await openContext(run, scope.signal))
  let end: End | HandOver | null
  try {
    end = await loop.toEnd(before)
  } finally {
    run.wishes.over = true
    run.signal.removeEventListener('abort', onAbort)
    scope.abort()
    loop.outside.close()
    // Looking for processes reads all of /proc: a run that only read can have left none.
    if (loop.mayHaveLeft) await killTree(undefined, run.owner)
  }
  const changed = (await run.checkpoint?.end(runId)) ?? []
  if (changed.length > 0) transcript.append(...changed)
  if (end === null || 'profile' in end) return end
  failpoint('agent.run.ending')
  transcript.append({ type: 'run.ended', runId, ...end })
  failpoint('agent.run.ended')
  return end.reason
}

async function openContext(run: Run, signal: AbortSignal): Promise<ToolContext> {
  await mkdir(run.outputDir, { recursive: true, mode: 0o700 })
  const context: ToolContext = {
    workspace: run.session.workspace,
    outputDir: run.outputDir,
    hidden: run.hidden,
    env: run.env,
    owner: run.owner,
    confinement: run.confinement,
    clock: run.clock,
    signal,
    access: run.policy.access,
    seesImages: run.source.images(run.model),
    seen: seenOf(run.transcript.entries),
    began: run.session.createdAt,
    ended: () => endedCallsOf(run.transcript.entries),
    live: (text) => run.onDelta('tool', text),
  }
  const { format } = run
  return format ? { ...context, format: (file) => format(context, file) } : context
}

/** A last answer that nothing followed: the process was killed before it wrote that the run was over. */
function unclosedAnswer(entries: readonly JournalEntry[]): string | null {
  const last = entries.findLast(({ type }) => !['run.started', 'instructions', 'changed'].includes(type))
  // What the daemon cut off when it was stopped is the beginning of an answer.
  if (last?.type !== 'assistant' || last.finish === 'aborted') return null
  return last.calls.length === 0 && last.text.trim() !== '' ? last.text : null
}

class Loop {
  /** Whether any call ran that may have started a process. */
  mayHaveLeft = false
  private readonly run: Run
  private readonly context: ToolContext
  private readonly repeats = new Repeats()
  private readonly installs = new Installs()
  private readonly guidance: Guidance
  readonly outside: Outside
  private toolCalls = 0
  private tokens = 0

  constructor(run: Run, context: ToolContext) {
    this.run = run
    this.context = context
    this.guidance = new Guidance(run)
    this.outside = new Outside(context.seen)
  }

  async toEnd(before: EndReason | null): Promise<End | HandOver | null> {
    await this.guidance.begin()
    const frame = await openFrame(this.run, this.run.transcript.history)
    await this.run.source.provider.learn?.(this.run.model, this.run.signal)
    const room = new Room(this.run, frame)
    // A turn has its steps once, however often it is entered.
    const earlier = this.seenBefore()
    const open = await this.reenter(before)
    if (open) return this.ended(open)
    let { empty } = earlier
    for (let { steps } = earlier; steps < this.run.profile.stepsMax; steps++) {
      if (this.run.signal.aborted) return this.ended(endOf('cancelled'))
      if (pauses(this.run.wishes)) return this.ended('paused')
      if (this.overBudget()) return this.ended(endOf('budget'))
      this.run.onState({ tool: null, retry: null })
      await this.tellOutside()
      const reply = await this.ask(frame, room)
      const end = this.store(reply)
      if (end) return this.ended(end)
      if (reply.calls.length > 0) {
        empty = 0
        const stopped = await this.perform(
          pendingOf(reply.calls, reply.end.kind === 'finished' ? reply.end.finish : ''),
        )
        if (stopped) return this.ended(stopped)
      } else if (reply.text.trim() !== '') {
        // An answer that did not hear what a person said meanwhile is not the last.
        empty = 0
      } else {
        empty += 1
        if (empty >= emptyMax) return this.ended(endOf('empty'))
        this.note(words.empty)
      }
    }
    return this.ended(endOf('max_steps'))
  }

  /** A request that turns out to be too long is made shorter once. */
  private async ask({ system, tools }: Frame, room: Room): Promise<ModelReply> {
    const { wishes, transcript } = this.run
    // What a person said meanwhile is there before room is made: it takes some of it.
    this.deliver()
    this.count(await room.make(wishes.compact))
    wishes.compact = false
    const tooLong = room.tooLong()
    if (tooLong) return unasked(tooLong)
    const call = () => callModel(this.run, [{ role: 'system', text: system }, ...transcript.history.messages()], tools)
    const reply = await call()
    if (reply.end.kind !== 'failed' || reply.end.problem.kind !== 'model-context-overflow') return reply
    room.overflowed(reply.end.problem)
    const made = await room.make(true)
    this.count(made)
    return made ? call() : reply
  }

  /** What a person said meanwhile stands last, whatever the loop itself had to say. */
  private deliver(): void {
    const messageIds = [...this.run.transcript.history.waiting.keys()]
    if (messageIds.length === 0) return
    this.run.transcript.append({ type: 'steered', runId: this.run.id, messageIds })
    failpoint('turn.steered')
  }

  private count(usages: readonly ModelUsage[] | null): void {
    for (const usage of usages ?? []) this.tokens += tokensOf(usage)
  }

  /** A run that is parked or paused has no end; one that is cancelled while it failed was cancelled. */
  private ended(end: Stop): End | HandOver | null {
    const { signal, wishes } = this.run
    wishes.over = true
    const isOpen = end === 'paused' || 'profile' in end
    if (isOpen && signal.aborted) return signal.reason === parked ? null : endOf('cancelled')
    if (isOpen) return end === 'paused' ? null : end
    if (!signal.aborted) return end
    return signal.reason === parked ? null : { ...end, reason: 'cancelled', problem: null }
  }

  private overBudget(): boolean {
    const { toolCalls, tokens } = this.run.limits
    return (toolCalls !== null && this.toolCalls >= toolCalls) || (tokens !== null && this.tokens >= tokens)
  }

  /** What the model knows of these files is not true any more. */
  private async tellOutside(): Promise<void> {
    const changed = await this.outside.changed()
    if (changed.length === 0) return
    const names = changed.map((path) => relative(this.run.session.workspace, path))
    const text = `${words.changed}\n${names.join('\n')}`
    this.run.transcript.append({ type: 'note', runId: this.run.id, text, changed: names })
  }

  private note(text: string): void {
    this.run.transcript.append({ type: 'note', runId: this.run.id, text })
  }

  /** Puts the reply into the journal. An End when there is nothing to go on with. */
  private store(reply: ModelReply): End | null {
    const { id: runId, transcript } = this.run
    this.count(reply.usages)
    const used = reply.usages.map((usage) => ({ type: 'usage' as const, runId, usage }))
    const { text, reasoning, end } = reply
    const said = { type: 'assistant' as const, runId, text, reasoning }
    if (end.kind !== 'finished') {
      // A person has seen it: what came of an answer stands in the session, whatever cut it off.
      const kept = text.trim() === '' ? used : [...used, { ...said, calls: [], finish: 'aborted' }]
      if (kept.length > 0) transcript.append(...kept)
      return end.kind === 'failed' ? endOf('provider_error', '', end.problem) : endOf('cancelled', text)
    }
    reply.calls = this.withOwnIds(reply.calls)
    const thinking = reply.thinking.length > 0 ? { thinking: reply.thinking } : {}
    const rows = [...used, { ...said, calls: reply.calls, finish: end.finish, ...thinking }]
    // With calls it is stored with the beginning of the first of them, which is before anything is done.
    if (reply.calls.length > 0) transcript.hold(...rows)
    else transcript.append(...rows)
    failpoint('agent.assistant.stored')
    const answered = reply.calls.length === 0 && text.trim() !== ''
    return answered && transcript.history.waiting.size === 0 ? endOf('completed', text) : null
  }

  /**
   * Some servers count their calls from 0 in each reply; in a session an id is one call. And another server may have to
   * take it later: the strictest know letters, digits, `_` and `-`.
   */
  private withOwnIds(calls: readonly ToolCall[]): ToolCall[] {
    const { callIds } = this.run.transcript
    const taken = new Set<string>()
    return calls.map((call) => {
      const given = call.id.replace(/[^\w-]/g, '_').slice(0, 48) || 'call'
      let id = given
      for (let n = 2; taken.has(id) || callIds.has(id); n++) id = `${given}_${n}`
      taken.add(id)
      return { ...call, id }
    })
  }

  /** What the turn took before this run of it, and what went in circles then. */
  private seenBefore(): { steps: number; empty: number } {
    const earlier = earlierOf(this.run.transcript.entries)
    for (const { call, result } of earlier.answered) {
      this.repeats.see(call, result)
      this.installs.see(call)
    }
    return earlier
  }

  /** What a turn that was begun before needs first: results for open calls, and a last message that asks. */
  private async reenter(before: EndReason | null): Promise<Stop | null> {
    if (!this.run.resumed) return null
    const { entries, history } = this.run.transcript
    const open = openCallsOf(entries)
    const end = open.length > 0 ? await this.perform(pendingOfOpen(open)) : this.planned()
    if (end) return end
    const answer = before === null && history.waiting.size === 0 ? unclosedAnswer(entries) : null
    if (answer !== null) return endOf('completed', answer)
    if (before === 'needs_permission') this.note(words.permitted)
    else if (history.waiting.size === 0 && history.messages().at(-1)?.role === 'assistant') this.note(words.goOn)
    return null
  }

  /** Runs the calls and closes each one, whatever happens. */
  private async perform(pending: readonly Pending[]): Promise<Stop | null> {
    const { limits, signal } = this.run
    const room = limits.toolCalls === null ? Number.POSITIVE_INFINITY : limits.toolCalls - this.toolCalls
    const overTokens = limits.tokens !== null && this.tokens >= limits.tokens
    const { answered, stopped } = await runCalls(this.run, pending, {
      context: this.context,
      callsMax: overTokens ? 0 : Math.max(0, room),
      onChanging: () => {
        this.mayHaveLeft = true
      },
    })
    this.run.transcript.flush()
    this.toolCalls += answered.length
    this.outside.follow()
    this.close(pending.slice(answered.length), stopped)
    if (stopped === 'paused') return 'paused'
    if (stopped === 'aborted' || signal.aborted) return endOf('cancelled')
    if (stopped === 'budget') return endOf('budget')
    if (stopped === 'planned') return this.planned()
    if (stopped !== null && 'needsInput' in stopped) return endOf('needs_input', '', unanswered(stopped.needsInput))
    if (stopped !== null) {
      const text = `The agent may not do this without a person: ${stopped.needsPermission}.`
      const todo = 'Add a permission rule that allows it, then resume.'
      return endOf('needs_permission', '', { kind: 'permission-needed', text, todo })
    }
    const seen = answered.map(({ call, result }) => this.repeats.see(call, result))
    if (seen.includes('stop')) return endOf('doom_loop')
    if (seen.includes('nudge')) this.note(words.circles)
    if (answered.some(({ call }) => this.installs.see(call))) this.note(words.installs)
    await this.guidance.follow(answered.map(({ result }) => result))
    return null
  }

  /** What a person said of a plan ends the run; but what they said beside a "no" is heard first. */
  private planned(): Stop | null {
    const { transcript, profile } = this.run
    const fate = planFateOf(transcript.entries)
    switch (fate?.kind) {
      case 'here':
        return fate.profile === profile.name ? null : { profile: fate.profile }
      case 'moved':
        return endOf('plan', `The plan is carried out by the session ${fate.sessionId}.`)
      case 'rejected':
        return transcript.history.waiting.size > 0 ? null : endOf('plan', 'The plan was rejected.')
      default:
        return null
    }
  }

  /** A parked or paused run leaves calls that were not begun open: they are run when it is entered again. */
  private close(rest: readonly Pending[], stopped: Batch['stopped']): void {
    const cancelled = this.run.signal.aborted && this.run.signal.reason !== parked
    if (!cancelled && (stopped === 'paused' || this.run.signal.aborted)) return
    const asks = stopped !== null && typeof stopped === 'object' && 'needsPermission' in stopped
    for (const [index, { call }] of rest.entries()) {
      const output =
        asks && index === 0 ? words.asks : stopped === 'aborted' || cancelled ? words.cancelled : words.notRun
      answerCall(this.run, call, { ok: false, output })
    }
  }
}
