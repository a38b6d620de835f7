/**
 * Does what decide.ts said, for one task. Every effect is
 * idempotent: after a crash the same action is simply done again.
 */
import type { Action } from '../core/action.ts'
import type { CheckSpec } from '../core/check.ts'
import type { Problem } from '../core/problem.ts'
import type { Runtime, SessionRequest } from '../core/runtime.ts'
import type { Observation } from '../core/session.ts'
import { checksOf, needsPerson, promptIdOf, type Reason, type Task, type TaskStatus } from '../core/task.ts'
import { flakyIn, isTrouble, progressOf, verdictOf } from '../core/verdict.ts'
import { backoffMs } from '../lib/backoff.ts'
import { failpoint } from '../lib/failpoint.ts'
import type { TaskPatch } from '../store/tasks.ts'
import { addChecks, checkLines } from './added.ts'
import { lookBefore } from './base.ts'
import { readBaseline } from './baseline.ts'
import { checkoutOf } from './clean.ts'
import { breachOf, conclude, sessionBusy } from './decide.ts'
import { hasUnheard, tellAnswers, withAnswers } from './deferred.ts'
import { enterIsolation, sealWork, settleIsolation } from './isolation.ts'
import { markCommit } from './mark-commit.ts'
import { answeredPrompt, continuePrompt, evidencePrompt, firstPrompt } from './prompts.ts'
import { draftReceipt, issueReceipt, tellOfReceipt } from './receipt.ts'
import { runChecks } from './verify.ts'
import type { World } from './world.ts'

/** What one step was given beside the task. */
export interface Step {
  seen: Observation | null
  /** Ends a running verification (cancel, pause, drain). */
  signal: AbortSignal
  /** Whether figures that only grow are to be stored now; moves store them in any case. */
  store: boolean
}

/** True when something moved and another look is worth its while at once. */
export async function act(task: Task, action: Action, step: Step, world: World): Promise<boolean> {
  switch (action.kind) {
    case 'nothing':
      return false
    case 'start':
      await begin(task, world)
      return true
    case 'prompt':
      return promptOnce(task, action.abort === true, { step, world })
    case 'continue':
      keepGoing(task, step, world)
      return false
    case 'wait':
      if (task.status !== 'queued') waitFor(task, action, world)
      return false
    case 'verify':
      return verify(task, step, world)
    case 'pause':
      if (action.abort && task.sessionId) await runtimeOf(task, world).abort(task.sessionId)
      // What was used belongs to it: to resume grants as much again, on top of that.
      if (step.seen) world.store.tasks.patch(task.id, usageOf(task, step.seen))
      pauseTask(task, action.reason, world)
      return false
  }
}

/** What is to judge the work is settled, and looked at, before anything is sent. */
async function promptOnce(task: Task, abort: boolean, { step, world }: { step: Step; world: World }): Promise<boolean> {
  const judged = isFirst(task) ? await addChecks(task, world, step.signal) : task
  if (!judged || (isFirst(judged) && !(await lookBefore(judged, world, step.signal)))) return false
  if (abort && judged.sessionId) await runtimeOf(judged, world).abort(judged.sessionId)
  return step.seen?.state.kind === 'interrupted' ? reenter(judged, world) : prompt(judged, world)
}

/** Nothing was sent yet, so that the folder is still what the work begins from. */
const isFirst = (task: Task): boolean => task.promptNumber === 1 && task.status === 'starting'

export const attemptsMaxOf = (task: Task, world: World): number =>
  task.spec.limits.attempts ?? world.settings.attemptsMax

export function runtimeOf(task: Pick<Task, 'runtime'>, world: World): Runtime {
  const runtime = world.runtimes.get(task.runtime)
  // Intake refuses unknown runtimes; only a configuration changed since can bring one here.
  if (!runtime) throw new Error(`the runtime ${task.runtime} is not configured any more`)
  return runtime
}

/** Paused, remembering where it was. */
export function pauseTask(task: Task, reason: Reason, world: World): Task {
  const resumeTo: TaskStatus | null = task.status === 'queued' ? task.resumeTo : task.status
  return world.store.tasks.move(task.id, 'paused', { reason, resumeTo })
}

/** A queued task takes its place: a new attempt, or the one it was paused in. */
async function begin(queued: Task, world: World): Promise<void> {
  const { tasks, attempts, ledger } = world.store
  if (queued.resumeTo) return goOn(queued, world)
  const entered = await enterIsolation(queued, world)
  if (!entered.ok) {
    pauseTask(queued, reasonFor(entered.problems), world)
    return
  }
  const { task, fresh } = entered.value
  const base = task.startedAt === null || fresh ? await readBaseline(task, world) : {}
  const attempt = task.attempt + 1
  const text = firstPrompt(task.spec, checkLines(task, world))
  failpoint('harness.begin')
  ledger.transact(() => {
    const startedAt = task.startedAt ?? world.clock.now()
    tasks.move(task.id, 'starting', {
      ...base,
      ...nextPrompt(task, null),
      attempt,
      startedAt,
      verdict: null,
      troubles: 0,
    })
    attempts.begin(task.id, attempt, text)
  })
  failpoint('harness.begun')
}

export function reasonFor([problem]: readonly Problem[]): Reason {
  if (!problem) throw new Error('a refusal without a problem')
  return { code: problem.kind, text: [problem.text, problem.todo].filter(Boolean).join(' ') }
}

/** Back to where the task was paused. A turn that failed needs a new prompt; one that was cut off is re-entered. */
async function goOn(task: Task, world: World): Promise<void> {
  const seen = task.sessionId ? await runtimeOf(task, world).look(task.sessionId) : null
  const failed = seen?.state.kind === 'failed' && seen.state.promptId === promptIdOf(task)
  const next = failed ? nextPrompt(task, continuePrompt(task.reason?.text ?? 'it was paused')) : {}
  world.store.attempts.forgetChecks(task.id, task.attempt)
  world.store.tasks.move(task.id, 'starting', { ...next, resumeTo: null, troubles: 0 })
}

const nextPrompt = (task: Task, promptText: string | null): TaskPatch => ({
  promptNumber: task.promptNumber + 1,
  promptText,
})

async function prompt(task: Task, world: World): Promise<boolean> {
  const runtime = runtimeOf(task, world)
  const opened = await runtime.open(requestOf(task))
  if (!opened.ok) return troubled(task, opened.problems, world)
  const { sessionId } = opened.value
  failpoint('harness.opened')
  if (task.sessionId !== sessionId) world.store.tasks.patch(task.id, { sessionId })
  world.store.attempts.bindSession(task.id, task.attempt, sessionId)
  const words = task.promptText ?? world.store.attempts.of(task.id).at(-1)?.prompt ?? task.spec.goal
  const { text, told } = withAnswers(words, task, world)
  const limits = {
    toolCalls: left(task.spec.limits.tool_calls, task.toolCalls),
    tokens: left(task.spec.limits.tokens, task.tokens),
  }
  const sent = await runtime.prompt({
    sessionId,
    promptId: promptIdOf(task),
    text,
    ...choiceOf(task),
    ...narrowedTo(task),
    limits,
  })
  if (!sent.ok) return troubled(task, sent.problems, world)
  failpoint('harness.prompted')
  told()
  await tellAnswers({ ...task, sessionId }, world)
  if (isFirst(task)) warmCheckout(task, world)
  const data = { attempt: task.attempt, prompt: task.promptNumber }
  world.store.ledger.transact(() => {
    if (task.status !== 'running') world.store.tasks.move(task.id, 'running')
    world.store.ledger.emit({ type: 'prompt.sent', taskId: task.id, sessionId, data })
  })
  return false
}

/** Copying takes seconds where there are many files: not when somebody waits for the verdict. */
function warmCheckout(task: Task, world: World): void {
  const how = checkoutOf(task, world)
  const runs = ({ spec }: { spec: CheckSpec }) => world.checkers.find((one) => one.kind === spec.kind)?.runsCommand
  if (how && checksOf(task).some(runs)) world.checkouts.warm(task, how)
}

const narrowedTo = ({ spec }: Task) => (spec.tools ? { tools: spec.tools } : {})
const choiceOf = ({ spec }: Task) => ({ agent: spec.agent ?? null, model: spec.model ?? null })

/**
 * Once at once, as after a restart. A turn that breaks off each time before it gets anywhere (its folder is gone, say)
 * would otherwise be prompted without end.
 */
async function reenter(task: Task, world: World): Promise<boolean> {
  if (task.status === 'running' && task.troubles > 0) {
    if (task.troubles < cutOffsMax) waitFor(task, { reason: cutOff, retryAt: null, unsent: true }, world)
    else pauseTask(task, { ...cutOff, text: `${cutOff.text} It did so ${task.troubles} times.` }, world)
    return false
  }
  return prompt(task.troubles > 0 ? task : world.store.tasks.patch(task.id, { troubles: 1 }), world)
}

const cutOffsMax = 6
const cutOff: Reason = {
  code: 'turn-cut-off',
  text: 'The turn broke off before it got anywhere. Look whether its folder is still there, and at its log.',
}

const left = (max: number | undefined, used: number): number | null =>
  max === undefined ? null : Math.max(0, max - used)

function requestOf(task: Task): SessionRequest {
  const { spec } = task
  return {
    taskId: task.id,
    title: task.title,
    workspace: task.workspace,
    ...choiceOf(task),
    session: spec.session ?? null,
  }
}

/** The runtime refused: wait where waiting may help, ask a person where only a person can. */
async function troubled(task: Task, problems: readonly Problem[], world: World): Promise<boolean> {
  if (problems[0]?.kind === sessionBusy.code) {
    waitFor(task, { reason: sessionBusy, retryAt: null }, world)
    return false
  }
  const first = problems[0] ?? { kind: 'runtime-trouble', text: 'The runtime refused without a reason.' }
  const availability = await runtimeOf(task, world).available()
  const problem = availability.kind === 'unavailable' ? availability.problem : first
  const reason = { code: problem.kind, text: [problem.text, problem.todo].filter(Boolean).join(' ') }
  const transient = availability.kind === 'unavailable' ? availability.transient : task.troubles < 3
  // The prompt never arrived: it is the same one that comes next time.
  if (transient) waitFor(task, { reason, retryAt: null, unsent: true }, world)
  else pauseTask(task, reason, world)
  return false
}

/** Only real progress ends the count of troubles: a turn that always fails at its first step must not retry quickly. */
function keepGoing(task: Task, { seen, store }: Step, world: World): void {
  const usage = usageOf(task, seen)
  const progressed = usage.toolCalls > task.toolCalls || usage.tokens > task.tokens
  const patch = progressed ? { ...usage, troubles: 0 } : usage
  if (task.status !== 'running') world.store.tasks.move(task.id, 'running', patch)
  else if (progressed && (store || task.troubles > 0)) world.store.tasks.patch(task.id, patch)
}

/** What a session reports only grows; a runtime that lost count does not give anything back. */
export function usageOf(task: Task, seen: Observation | null): Pick<Task, 'toolCalls' | 'tokens' | 'costMicros'> {
  if (!seen) return { toolCalls: task.toolCalls, tokens: task.tokens, costMicros: task.costMicros }
  const { toolCalls, tokens, costMicros } = seen.usage
  return { toolCalls: Math.max(task.toolCalls, toolCalls), tokens: Math.max(task.tokens, tokens), costMicros }
}

/**
 * A person, be it one who works in the session, is waited for without end; trouble is looked at again after a growing
 * time.
 */
function waitFor(task: Task, wait: { reason: Reason; retryAt: number | null; unsent?: boolean }, world: World): void {
  const forPerson = needsPerson(wait.reason) || wait.reason.code === sessionBusy.code
  const troubles = task.troubles + 1
  const delay = forPerson ? null : backoffMs(world.settings.backoff, troubles)
  const retryAt = wait.retryAt ?? (delay === null ? null : world.clock.now() + delay)
  // A turn that failed is over: what follows the wait is a new prompt, not the old one.
  const failed = !forPerson && !wait.unsent && wait.reason.code !== 'unreachable'
  const next = failed ? nextPrompt(task, continuePrompt(wait.reason.text)) : {}
  const patch = { reason: wait.reason, retryAt, ...(forPerson ? {} : { troubles, ...next }) }
  if (task.status !== 'waiting') world.store.tasks.move(task.id, 'waiting', patch)
  else if (task.reason?.text !== wait.reason.text || !forPerson) world.store.tasks.patch(task.id, patch)
}

async function verify(task: Task, { seen, signal }: Step, world: World): Promise<boolean> {
  const { store } = world
  let current = task
  if (task.status !== 'verifying') {
    const claim = seen?.state.kind === 'idle' ? seen.state.text : ''
    current = store.ledger.transact(() => {
      store.attempts.claim(task.id, task.attempt, claim)
      return store.tasks.move(task.id, 'verifying', { ...usageOf(task, seen), troubles: 0 })
    })
    failpoint('harness.verifying')
  }
  const judged = await runChecks(current, world, signal)
  if (judged === null) return false
  const { records, look } = judged
  const verdict = verdictOf(records)
  const progress = progressOf(current.spec.steps.length, records)
  const asks = hasUnheard(current.id, store.asks)
  const next = conclude(current, verdict, { attemptsMax: attemptsMaxOf(current, world), asks })
  const breach = next.kind === 'again' ? breachOf(current, null) : null
  if (next.kind === 'done') await sealWork(current, world)
  const draft = await draftReceipt(current, { verdict, records, look }, world, signal)
  if (draft === null) return false
  failpoint('receipt.drafted')
  const missing = store.ledger.transact(() => {
    store.attempts.conclude(current.id, current.attempt, verdict)
    const unsigned = issueReceipt(draft, world)
    const found = { verdict, progress }
    if (next.kind === 'done') store.tasks.move(current.id, 'done', found, { flaky: flakyIn(records) })
    else if (next.kind === 'ask') {
      store.tasks.move(current.id, 'paused', { ...found, reason: next.reason, resumeTo: 'verifying' })
    } else if (next.kind === 'fail') store.tasks.move(current.id, 'failed', { ...found, reason: next.reason })
    else {
      const failed = records.filter(isTrouble).map((record) => record.title)
      if (failed.length > 0) store.tasks.tell(current.id, 'task.refuted', { attempt: current.attempt, failed })
      const text = failed.length > 0 ? evidencePrompt(current.spec, records) : answeredPrompt(current.spec)
      const attempt = current.attempt + 1
      store.attempts.begin(current.id, attempt, text)
      const because = failed.length > 0 ? 'refuted' : 'unanswered'
      store.tasks.move(current.id, 'running', { ...found, ...nextPrompt(current, null), attempt }, { because })
      if (breach) store.tasks.move(current.id, 'paused', { reason: breach, resumeTo: 'running' })
    }
    return unsigned
  })
  tellOfReceipt(missing, world)
  failpoint('harness.concluded')
  if (next.kind === 'done') {
    await markCommit(current, verdict, world)
    await settleIsolation(current.id, world)
  }
  return next.kind === 'again' && !breach
}
