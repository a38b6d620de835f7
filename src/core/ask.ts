/**
 * An ask is a permission, a question or a plan that a session waits for. It is answered by a person, a rule or a
 * deadline.
 */
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
  /** Digest of the tool and all of its arguments, where the runtime tells: the same call, made again, has the same. */
  call?: string
  /** It is about how the run goes on, not about a call: a later yes to it would allow nothing. */
  ofNoCall?: true
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
  /** Markdown, hostile. `fresh`: a session of its own may carry it out. */
  | { kind: 'plan'; version: number; text: string; fresh: boolean }

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
  /** `nobody`: no person was or will be asked. `later`: one was, and the run goes on without the answer. */
  | { kind: 'reject'; message: string | null; nobody?: true; later?: true }
  /** One list a question, in order: labels of options or words of one's own. */
  | { kind: 'answers'; answers: string[][] }
  /** The plan is carried out: where it was made, or by a session of its own. */
  | { kind: 'execute' | 'execute_fresh' }
  /** What is to be different in the next version of the plan. */
  | { kind: 'feedback'; text: string }

export const askStatuses = ['open', 'answered', 'gone'] as const
/** `gone`: it left by itself: answered elsewhere, or its turn is over. */
export type AskStatus = (typeof askStatuses)[number]

/** Whether the agent has heard the answer to an ask that its run did not wait for; `used`: and cannot use it again. */
export type AskDeferral = 'untold' | 'told' | 'used'

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
  call: string | null
  status: AskStatus
  reply: AskReply | null
  by: AskAuthority | null
  /** Null: its run waits, or has waited. */
  deferred: AskDeferral | null
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

/** What is longer cannot be read by the one who allows it, and is never covered. */
export const patternCharsMax = 4_000

/** Whether "always" may be said to it. Every place that tells of such an ask shows all of its patterns, uncut. */
export function isKeepable(request: AskRequest): boolean {
  if (request.kind !== 'permission' || request.personOnly || request.patterns.length === 0) return false
  return request.patterns.join(', ').length <= patternCharsMax
}

/** What an answer written by hand says, before anybody looked up what it answers. */
export type WrittenReply =
  | { kind: 'once' }
  | { kind: 'always' }
  /** Of a plan: in a session of its own. */
  | { kind: 'fresh' }
  | { kind: 'reject'; message: string | null }
  /** One text a question: a label, labels separated by commas, or own words. Of a plan: what is to be different. */
  | { kind: 'answers'; texts: string[] }

/** A written reply as the one that this request takes, or why it does not fit. */
export function replyFrom(request: AskRequest, written: WrittenReply): Result<AskReply> {
  if (request.kind === 'plan') return planReplyFrom(request, written)
  if (written.kind === 'fresh') return refuse(notAPlan)
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

/** To approve a plan is to let it be carried out; to answer it is to say what is to be different. */
function planReplyFrom(request: PlanRequest, written: WrittenReply): Result<AskReply> {
  switch (written.kind) {
    case 'once':
      return checkedReply(request, { kind: 'execute' })
    case 'fresh':
      return checkedReply(request, { kind: 'execute_fresh' })
    case 'answers':
      return checkedReply(request, { kind: 'feedback', text: written.texts.join('\n') })
    default:
      return checkedReply(request, written)
  }
}

const answerCharsMax = 10_000

/** The reply itself when it fits what was asked. */
export function checkedReply(request: AskRequest, reply: AskReply): Result<AskReply> {
  if (reply.kind === 'reject') return ok(reply)
  if (request.kind === 'plan') return checkedPlanReply(request, reply)
  if (reply.kind === 'execute' || reply.kind === 'execute_fresh' || reply.kind === 'feedback') return refuse(notAPlan)
  if (reply.kind !== 'answers') return request.kind === 'permission' ? ok(reply) : refuse(notAPermission)
  if (request.kind === 'permission') return refuse(notAQuestion)
  if (reply.answers.length !== request.questions.length) {
    return refuse(wrongCount(request.questions, reply.answers.length))
  }
  const problems = request.questions.flatMap((question, n) => faultsOf(question, reply.answers[n] ?? []))
  return problems.length > 0 ? refuse(...problems) : ok(reply)
}

type PlanRequest = Extract<AskRequest, { kind: 'plan' }>

function checkedPlanReply({ fresh }: PlanRequest, reply: AskReply): Result<AskReply> {
  switch (reply.kind) {
    case 'execute':
      return ok(reply)
    case 'execute_fresh':
      return fresh ? ok(reply) : refuse(notFresh)
    case 'feedback':
      if (reply.text.trim() === '') return refuse(noFeedback)
      return reply.text.length > answerCharsMax ? refuse(tooLong) : ok(reply)
    default:
      return refuse(isAPlan)
  }
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
    return [tooLong]
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

const tooLong: Problem = { kind: 'too-long', text: `An answer may have ${answerCharsMax} characters.` }

const notAPlan: Problem = {
  kind: 'not-a-plan',
  text: 'This is no plan that could be carried out.',
  todo: 'Approve, deny or answer it.',
}

const isAPlan: Problem = {
  kind: 'is-a-plan',
  text: 'This is a plan: it is carried out, rejected, or answered with what is to be different.',
  todo: 'Approve it (here or in a fresh session), deny it, or answer it.',
}

const notFresh: Problem = {
  kind: 'not-fresh',
  text: 'A task works in this session and stays in it: no other session can carry out its plan.',
  todo: 'Approve it without a fresh session.',
}

const noFeedback: Problem = { kind: 'no-answer', text: 'Nothing is said that is to be different.', todo: 'Say it.' }

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
