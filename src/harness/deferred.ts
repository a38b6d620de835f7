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
const asksMax = 1_000
const answeredMs = 10_000
/** Of all answers that one prompt carries; more than a single one can have. */
const answersCharsMax = 40_000

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

/** Whether all that a tree of sessions asks has its answer, or is put off, and the last of it a moment ago. */
export function isAnswering(rootId: string | null, asks: Asks, now: number): boolean {
  if (rootId === null) return false
  const open = asks.list({ status: 'open', rootId, limit: asksMax })
  if (open.some(({ reply, deferred }) => reply === null && deferred === null)) return false
  const [last] = asks.list({ status: 'answered', rootId, limit: 1 })
  return open.length > 0 || (last !== undefined && now - last.askedAt < answeredMs)
}

/** The agent asked something and has not heard the answer, given or not. */
export const hasUnheard = (taskId: string, asks: Asks): boolean =>
  asks.deferredOf(taskId).some(({ deferred }) => deferred === 'untold')

const untoldOf = (taskId: string, asks: Asks): Ask[] =>
  asks.deferredOf(taskId).filter(({ status, deferred }) => status === 'answered' && deferred === 'untold')

/** Says into the turn that runs what was answered meanwhile; where nothing can be said into one, the next hears it. */
export async function tellAnswers(
  { id, runtime, sessionId }: { id: string; runtime: string; sessionId: string | null },
  { store, runtimes }: Pick<World, 'store' | 'runtimes'>,
): Promise<void> {
  const host = runtimes.get(runtime)
  if (!host?.steer || sessionId === null) return
  for (const ask of untoldOf(id, store.asks)) {
    const said = await host.steer(sessionId, answerText(ask), `answer-${ask.id}`)
    if (said.ok) store.asks.told(ask)
  }
}

/**
 * A prompt with the answers that can be said in no other way; `told` notes them once it was sent. What does not fit is
 * said to the turn after.
 */
export function withAnswers(
  text: string,
  { id, runtime }: { id: string; runtime: string },
  { store, runtimes }: Pick<World, 'store' | 'runtimes'>,
): { text: string; told: () => void } {
  const said: { ask: Ask; text: string }[] = []
  let room = runtimes.get(runtime)?.steer ? 0 : answersCharsMax
  for (const ask of room > 0 ? untoldOf(id, store.asks) : []) {
    const one = { ask, text: answerText(ask) }
    room -= one.text.length
    if (room < 0) break
    said.push(one)
  }
  return {
    text: [text, ...said.map((one) => one.text)].join('\n\n'),
    told: () => {
      for (const { ask } of said) store.asks.told(ask)
    },
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
