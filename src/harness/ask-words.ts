/** What is told of an ask: bounded data of its events and one sentence for a phone. Pure. */
import {
  type Ask,
  type AskAuthority,
  type AskReply,
  type AskRequest,
  isKeepable,
  patternCharsMax,
} from '../core/ask.ts'
import { excerptOf } from '../lib/excerpt.ts'
import type { AskEvent } from '../store/asks.ts'

const listMax = 20
const lineCharsMax = 500
const detailCharsMax = 4_000
const storedPatternsMax = 200
const planCharsMax = 20_000

const line = (text: string): string => (text.length > lineCharsMax ? `${text.slice(0, lineCharsMax)}… (cut)` : text)
const lines = (texts: readonly string[]): string[] => texts.slice(0, listMax).map(line)

/** As it is stored. A pattern that had to be cut stays longer than any rule covers. */
export function boundedRequest(request: AskRequest): AskRequest {
  const cut = (text: string) => (text.length > 2 * patternCharsMax ? excerptOf(text, 2 * patternCharsMax) : text)
  if (request.kind === 'permission') {
    const { permission, patterns, always, detail } = request
    // Too many to be read one by one: one pattern that no rule covers stands for the rest.
    const rest =
      patterns.length > storedPatternsMax ? [`… and ${patterns.length} more `.padEnd(patternCharsMax + 1)] : []
    return {
      kind: 'permission',
      permission: line(permission),
      patterns: [...patterns.slice(0, storedPatternsMax).map(cut), ...rest],
      always: always.slice(0, storedPatternsMax).map(cut),
      detail: excerptOf(detail, 8_000),
      ...(request.personOnly ? { personOnly: true } : {}),
    }
  }
  if (request.kind === 'plan') return { ...request, text: excerptOf(request.text, planCharsMax) }
  const questions = request.questions.slice(0, listMax).map((question) => ({
    ...question,
    header: line(question.header),
    text: cut(question.text),
    options: question.options
      .slice(0, 50)
      .map(({ label, description }) => ({ label: line(label), description: line(description) })),
  }))
  return { kind: 'question', questions }
}

export function raised(ask: Ask, title: string): AskEvent {
  const summary = `${title ? `"${line(title)}"` : 'A session'} ${wishOf(ask.request)}`
  return { type: 'ask.raised', data: { summary, ...identity(ask), title: line(title), ...factsOf(ask.request) } }
}

function factsOf(request: AskRequest): Record<string, unknown> {
  switch (request.kind) {
    case 'permission':
      return {
        permission: request.permission,
        patterns: isKeepable(request) ? request.patterns : lines(request.patterns),
        always: lines(request.always),
        detail: excerptOf(request.detail, detailCharsMax),
      }
    case 'question':
      return {
        questions: request.questions.map(({ header, text, options }) => ({
          ...{ header, text: line(text), options: lines(options.map(({ label }) => label)) },
        })),
      }
    case 'plan':
      return { version: request.version, plan: excerptOf(request.text, detailCharsMax) }
  }
}

export function answered(ask: Ask, reply: AskReply, by: AskAuthority): AskEvent {
  const said =
    reply.kind === 'reject'
      ? { message: reply.message }
      : reply.kind === 'feedback'
        ? { message: line(reply.text) }
        : {}
  const answers = reply.kind === 'answers' ? { answers: reply.answers.slice(0, listMax).map(lines) } : {}
  const summary = `${replyWord(reply)} by ${authorityWord(by)}: ${subjectOf(ask.request)}`
  return { type: 'ask.answered', data: { summary, ...identity(ask), reply: reply.kind, by, ...said, ...answers } }
}

export function ended(ask: Ask): AskEvent {
  const summary = `Nobody waits any more for: ${subjectOf(ask.request)}`
  return { type: 'ask.ended', data: { summary, ...identity(ask) } }
}

const identity = ({ id, runtime, workspace, request }: Ask) => ({
  ...{ askId: id, runtime, workspace, kind: request.kind },
})

export function subjectOf(request: AskRequest): string {
  switch (request.kind) {
    case 'permission': {
      const wanted = `${request.permission} ${request.patterns.join(', ')}`
      // Whoever is told by this sentence alone may answer "always".
      return isKeepable(request) ? wanted : line(wanted)
    }
    case 'question':
      return line(request.questions[0]?.text ?? '')
    case 'plan':
      return line(`plan ${request.version}: ${headingOf(request.text)}`)
  }
}

/** The first words of a plan, without the marks of markdown. */
const headingOf = (plan: string): string =>
  (plan.split('\n').find((one) => one.trim() !== '') ?? '').replace(/^[\s#>-]+|\*\*|`/g, '').trim()

const wishes: Record<AskRequest['kind'], string> = {
  permission: 'wants to:',
  question: 'asks:',
  plan: 'wants you to look at its',
}
const wishOf = (request: AskRequest): string => `${wishes[request.kind]} ${subjectOf(request)}`

const replyWords: Record<AskReply['kind'], string> = {
  once: 'allowed once',
  always: 'always allowed',
  reject: 'denied',
  answers: 'answered',
  execute: 'accepted',
  execute_fresh: 'accepted, for a fresh session',
  feedback: 'sent back',
}
export const replyWord = (reply: AskReply): string => replyWords[reply.kind]

export const authorityWord = (by: AskAuthority | null): string =>
  by === null
    ? 'nobody'
    : { person: 'a person', rule: 'a kept "always"', task: 'what the task says', deadline: 'its deadline' }[by]
