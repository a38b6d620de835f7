/**
 * Plans that a session hands in: shown to a person under a number, and what the rows say became of them. It carries out
 * none itself; whoever runs the session does.
 */
import type { JournalEntry, ToolCall } from '../core/session.ts'
import type { PlanWord } from '../core/tool.ts'
import { newId } from '../lib/id.ts'
import type { Run } from './run.ts'

type Row<T extends JournalEntry['type']> = Extract<JournalEntry, { type: T }>

/** What the first prompt of a session of its own says. */
export const freshPrompt = (plan: string): string =>
  `A person has accepted this plan. Carry it out, and say in your report where you had to leave it.\n\n${plan}`

/** As a layer of the system message: it outlives every summary. */
export const planLayer = (plan: string): string =>
  'The plan that a person accepted in this session. Carry it out, as far as they have not said anything else since:' +
  `\n\n${plan}`

/** Null: nobody is there, or the run was stopped. What was said is in the journal by then. */
export async function reviewPlan(run: Run, call: ToolCall, text: string): Promise<PlanWord | null> {
  const { session, transcript, profile, asks } = run
  const { handsTo } = profile
  if (!asks || handsTo === undefined) return null
  const { version } = handIn(run, call, text)
  const fresh = session.taskId === null && run.beginFresh !== undefined
  const reply = await asks.ask(run, call, { kind: 'plan', version, text, fresh })
  switch (reply?.kind) {
    case 'execute':
      // Stored with the result of the call: either both are there after a crash, or the word is found again.
      transcript.hold({ type: 'plan.taken', runId: run.id, callId: call.id, to: { profile: handsTo } })
      return { kind: 'execute' }
    case 'execute_fresh':
      return move(run, call, text)
    case 'reject':
    case 'feedback':
      return reply
    default:
      return null
  }
}

/** Once a call, also when it is run again after a crash. */
function handIn({ id: runId, transcript }: Run, { id: callId }: ToolCall, text: string): Row<'plan'> {
  const before = transcript.entries.filter((entry) => entry.type === 'plan')
  const known = before.find((plan) => plan.callId === callId)
  if (known) return known
  const plan = { type: 'plan' as const, runId, callId, version: before.length + 1, text }
  transcript.append(plan)
  return plan
}

/** The name of the other session is stored before it is made, so that a crash leaves no second one. */
async function move(run: Run, { id: callId }: ToolCall, text: string): Promise<PlanWord> {
  const { id: runId, transcript, clock, promptId } = run
  const known = transcript.entries.findLast((entry) => entry.type === 'plan.taken' && entry.callId === callId)
  const to =
    known?.type === 'plan.taken' && 'sessionId' in known.to
      ? known.to
      : { sessionId: newId('s', clock.now()), promptId: `${promptId}.plan` }
  if (!known) transcript.append({ type: 'plan.taken', runId, callId, to })
  const begun = await run.beginFresh?.({ ...to, text: freshPrompt(text) })
  return {
    kind: 'moved',
    sessionId: to.sessionId,
    trouble: begun?.ok === false ? (begun.problems[0]?.text ?? '') : null,
  }
}

export type PlanFate = { kind: 'here'; profile: string } | { kind: 'moved'; sessionId: string } | { kind: 'rejected' }

/** What became of the plan that the last reply handed in; null: it handed none in, or is to hand in another. Pure. */
export function planFateOf(entries: readonly JournalEntry[]): PlanFate | null {
  const last = entries.findLastIndex(({ type }) => type === 'assistant' || type === 'prompt')
  const after = entries.slice(Math.max(0, last))
  const plan = after.findLast((entry) => entry.type === 'plan')
  if (!plan) return null
  const isOfIt = (entry: JournalEntry): boolean => 'callId' in entry && entry.callId === plan.callId
  if (!after.some((entry) => entry.type === 'tool.ended' && isOfIt(entry))) return null
  const taken = after.findLast((entry) => entry.type === 'plan.taken' && isOfIt(entry))
  if (taken?.type === 'plan.taken') {
    return 'profile' in taken.to
      ? { kind: 'here', profile: taken.to.profile }
      : { kind: 'moved', sessionId: taken.to.sessionId }
  }
  const word = after.findLast((entry) => entry.type === 'ask.answered' && isOfIt(entry))
  return word?.type === 'ask.answered' && word.reply.kind === 'reject' ? { kind: 'rejected' } : null
}
