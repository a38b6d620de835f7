/**
 * Asks that a run does not wait for: what the agent is told at once, what it hears when a person has answered, and what
 * a task still waits for between two of its turns. It answers nothing.
 */
import type { Ask, AskReply, AskRequest } from '../core/ask.ts'
import type { Reason } from '../core/task.ts'
import { excerptOf } from '../lib/excerpt.ts'
import type { Asks } from '../store/asks.ts'
import { subjectOf } from './ask-words.ts'
import { fenced } from './prompts.ts'
import type { World } from './world.ts'

/** Of what was asked, and of what was answered: both have to fit into what is said into a turn. */
const saidCharsMax = 8_000

/** What its call gets in place of an answer. */
export function deferralOf({ kind }: AskRequest): AskReply {
  const state = kind === 'question' ? 'Not answered yet' : 'Not done'
  const message =
    `${state}: a person was asked, and the work does not wait for it. Go on with what does not need it. When nothing ` +
    'else is left, stop and say what is missing; you hear the answer as soon as there is one.'
  return { kind: 'reject', message, later: true }
}

/** What a task that did all else waits for. */
export function unansweredOf(taskId: string, asks: Asks): Reason | null {
  const open = asks.deferredOf(taskId).find(({ status }) => status === 'open')
  if (!open) return null
  return { code: `needs-${open.request.kind}`, text: `Nobody has answered yet: ${subjectOf(open.request)}` }
}

/** The agent asked something and has not heard the answer, given or not. */
export const hasUnheard = (taskId: string, asks: Asks): boolean =>
  asks.deferredOf(taskId).some(({ deferred }) => deferred === 'untold')

/** Says into the turn that runs what was answered meanwhile; where none runs, it is said to the next one. */
export async function tellAnswers(
  { id, runtime, sessionId }: { id: string; runtime: string; sessionId: string | null },
  { store, runtimes }: Pick<World, 'store' | 'runtimes'>,
): Promise<void> {
  const host = runtimes.get(runtime)
  if (!host?.steer || sessionId === null) return
  for (const ask of store.asks.deferredOf(id)) {
    if (ask.status !== 'answered' || ask.deferred !== 'untold') continue
    const said = await host.steer(sessionId, answerText(ask), `answer-${ask.id}`)
    if (said.ok) store.asks.told(ask)
  }
}

function answerText({ request, reply, by }: Ask): string {
  const asked = fenced(excerptOf(subjectOf(request), saidCharsMax))
  const who = by === 'deadline' ? 'Nobody answered in time' : 'A person has answered'
  const head = `${who} what you asked before:\n${asked}\n`
  switch (reply?.kind) {
    case 'once':
    case 'always':
      return `${head}It is allowed. Make exactly that call again if you still need it.`
    case 'answers': {
      const lines =
        request.kind === 'question' ? request.questions.map(({ text }, n) => answerLine(text, reply, n)) : []
      return `${head}${excerptOf(lines.join('\n'), saidCharsMax)}`
    }
    default: {
      const message = reply?.kind === 'reject' && by !== 'deadline' ? (reply.message ?? '') : ''
      return `${head}It is not allowed. ${excerptOf(message, saidCharsMax)}\nDo it another way, or without it.`
    }
  }
}

const answerLine = (text: string, { answers }: Extract<AskReply, { kind: 'answers' }>, n: number): string =>
  `Q: ${text}\nA: ${(answers[n] ?? []).join(', ') || '(none)'}`
