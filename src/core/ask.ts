/** An ask is a permission or a question that a session waits for. It is answered by a person, a rule or a deadline. */
import { ok, type Problem, type Result, refuse } from './problem.ts'

/** What a runtime reports; it may be reported any number of times. */
export interface PendingAsk {
  /** The runtime's own id, unique within it. */
  id: string
  /** Of the session that asks, which may be a subagent. */
  sessionId: string
  /** Where the answer must be sent (OpenCode: the directory of the asking session). */
  scope: string
  request: AskRequest
}

export type AskRequest =
  | {
      kind: 'permission'
      /** What it wants to do, e.g. `bash`, `edit`, `webfetch`. */
      permission: string
      /** On what: shell lines, paths, addresses. Hostile text. */
      patterns: string[]
      /** What the runtime would cover with "always"; shown before anybody says always. */
      always: string[]
      /** The command, diff or path in question, for a person; at most 8,000 characters. */
      detail: string
      /** Neither a kept "always" nor a task may answer it. */
      personOnly?: boolean
    }
  | { kind: 'question'; questions: Question[] }

export interface Question {
  header: string
  text: string
  options: { label: string; description: string }[]
  /** More than one option may be chosen. */
  multiple: boolean
}

export type AskReply =
  | { kind: 'once' }
  /** Kept as a rule of OpenLoom; towards the runtime it is `once`. */
  | { kind: 'always' }
  | { kind: 'reject'; message: string | null }
  /** One list a question, in order: labels of options or words of one's own. */
  | { kind: 'answers'; answers: string[][] }

export const askStatuses = ['open', 'answered', 'gone'] as const
/** `gone`: it left by itself: answered elsewhere, or its turn is over. */
export type AskStatus = (typeof askStatuses)[number]

/** Who answered. */
export type AskAuthority = 'person' | 'rule' | 'task' | 'deadline'

/** An ask as the store keeps it. */
export interface Ask {
  id: string
  runtime: string
  sessionId: string
  /** The session at the top of the tree. */
  rootId: string
  taskId: string | null
  workspace: string
  scope: string
  request: AskRequest
  status: AskStatus
  reply: AskReply | null
  by: AskAuthority | null
  askedAt: number
  endedAt: number | null
}

/** A stored "always": covers exactly this permission on exactly these patterns, in this workspace. */
export interface Grant {
  id: string
  runtime: string
  workspace: string
  permission: string
  /** Compared as a whole, not as a glob: what a person saw is what is allowed. */
  pattern: string
  createdAt: number
  askId: string
}

/** What an answer written by hand says, before anybody looked up what it answers. */
export type WrittenReply =
  | { kind: 'once' | 'always' }
  | { kind: 'reject'; message: string | null }
  /** One text a question: a label, labels separated by commas, or own words. */
  | { kind: 'answers'; texts: string[] }

/** A written reply as the one that this request takes, or why it does not fit. */
export function replyFrom(request: AskRequest, written: WrittenReply): Result<AskReply> {
  if (written.kind !== 'answers') return checkedReply(request, written)
  if (request.kind === 'permission') return refuse(notAQuestion)
  const { questions } = request
  const { texts } = written
  if (texts.length !== questions.length) return refuse(wrongCount(questions, texts.length))
  const read = questions.map((question, n) => readAnswer(question, texts[n] ?? ''))
  const problems = read.flatMap((one) => (one.ok ? [] : one.problems))
  const answers = read.flatMap((one) => (one.ok ? [one.value] : []))
  return problems.length > 0 ? refuse(...problems) : checkedReply(request, { kind: 'answers', answers })
}

const answerCharsMax = 10_000

/** The reply itself when it fits what was asked. */
export function checkedReply(request: AskRequest, reply: AskReply): Result<AskReply> {
  if (reply.kind === 'reject') return ok(reply)
  if (reply.kind !== 'answers') return request.kind === 'permission' ? ok(reply) : refuse(notAPermission)
  if (request.kind === 'permission') return refuse(notAQuestion)
  if (reply.answers.length !== request.questions.length) {
    return refuse(wrongCount(request.questions, reply.answers.length))
  }
  const problems = request.questions.flatMap((question, n) => faultsOf(question, reply.answers[n] ?? []))
  return problems.length > 0 ? refuse(...problems) : ok(reply)
}

function faultsOf(question: Question, answer: readonly string[]): Problem[] {
  const asked = question.text.slice(0, 200)
  const words = answer.filter((word) => word.trim() !== '')
  if (words.length === 0 || words.length !== answer.length) {
    return [{ kind: 'no-answer', text: `"${asked}" has no answer.`, todo: choices(question) }]
  }
  if (answer.length > 1 && !question.multiple) {
    const text = `"${asked}" takes one answer, not ${answer.length}.`
    return [{ kind: 'too-many-answers', text, todo: choices(question) }]
  }
  if (answer.some((word) => word.length > answerCharsMax)) {
    return [{ kind: 'too-long', text: `An answer may have ${answerCharsMax} characters.` }]
  }
  return []
}

/** A text that names a label, whatever its case, is that label; anything else is a person's own words. */
function readAnswer(question: Question, text: string): Result<string[]> {
  const labelOf = (word: string) =>
    question.options.find(({ label }) => label.trim().toLowerCase() === word.trim().toLowerCase())?.label
  const whole = labelOf(text)
  if (whole !== undefined || !question.multiple) return ok([whole ?? text.trim()])
  const parts = text.split(',').map((part) => part.trim())
  const labels = parts.map(labelOf)
  if (labels.every((label) => label === undefined)) return ok([text.trim()])
  const slip = parts.find((_, n) => labels[n] === undefined)
  if (slip === undefined) return ok(labels.flatMap((label) => label ?? []))
  return refuse({ kind: 'unknown-choice', text: `"${slip.slice(0, 200)}" is no choice.`, todo: choices(question) })
}

const choices = ({ options }: Question): string =>
  options.length > 0 ? `Choose of: ${options.map(({ label }) => label).join(' · ')}.` : 'Answer in your own words.'

const notAQuestion: Problem = {
  kind: 'not-a-question',
  text: 'This asks for a permission, which is given or denied.',
  todo: 'Approve or deny it.',
}

const notAPermission: Problem = {
  kind: 'not-a-permission',
  text: 'This is a question: it has to be answered, or denied.',
  todo: 'Say what the answer is.',
}

const wrongCount = (questions: readonly Question[], given: number): Problem => ({
  kind: 'wrong-number-of-answers',
  text: `There are ${questions.length} questions and ${given} answers; one a question is needed.`,
  todo: questions.map((question, n) => `${n + 1}. ${question.text.slice(0, 200)} ${choices(question)}`).join('\n'),
})
