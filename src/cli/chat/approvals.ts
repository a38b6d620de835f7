/**
 * What the agent asks of the person at the terminal, shown whole and safe, and what the person says. It decides
 * nothing.
 */
import {
  type AskReply,
  type AskRequest,
  checkedReply,
  isKeepable,
  type PendingAsk,
  type Question,
  replyFrom,
} from '../../core/ask.ts'
import { cut, paint, printProblems, safe, wholeOf } from '../terminal.ts'

export interface Asking {
  line(text: string): void
  /** Null: nobody answers any more. */
  read(prompt: string): Promise<string | null>
}

type Permission = Extract<AskRequest, { kind: 'permission' }>

const shownMax = 20
const charsMax = 2_000

/** Null: the asking was ended before anybody answered. */
export async function ask({ request, scope }: PendingAsk, asking: Asking): Promise<AskReply | null> {
  if (request.kind === 'plan') return plan(request, asking)
  return request.kind === 'question' ? questions(request.questions, asking) : permission(request, scope, asking)
}

/** Any other words are what is to be different: nothing of it is carried out by a slip. */
async function plan(request: Extract<AskRequest, { kind: 'plan' }>, asking: Asking): Promise<AskReply | null> {
  const { version, text, fresh } = request
  asking.line(`${paint('yellow', 'The agent has a plan')} (version ${version}):`)
  for (const line of safe(text).split('\n')) asking.line(`    ${line}`)
  const elsewhere = fresh ? ' [f]resh session,' : ''
  const words = `  [e]xecute,${elsewhere} [r]eject (and why), or say what is to be different › `
  for (;;) {
    const said = await asking.read(words)
    if (said === null) return null
    const reply = checkedReply(request, planReplyOf(said))
    if (reply.ok) return reply.value
    printProblems(reply.problems)
  }
}

function planReplyOf(said: string): AskReply {
  const text = said.trim()
  const [word = '', ...rest] = text.split(/\s+/)
  const answer = word.toLowerCase()
  if (['r', 'reject'].includes(answer)) return { kind: 'reject', message: rest.join(' ') || null }
  if (['e', 'execute', 'y', 'yes'].includes(answer) && rest.length === 0) return { kind: 'execute' }
  if (['f', 'fresh'].includes(answer) && rest.length === 0) return { kind: 'execute_fresh' }
  return { kind: 'feedback', text }
}

async function permission(request: Permission, scope: string, asking: Asking): Promise<AskReply | null> {
  asking.line(`${paint('yellow', 'The agent asks:')} ${paint('bold', safe(request.permission))}`)
  const canKeep = isKeepable(request)
  const shown = canKeep ? request.patterns : request.patterns.slice(0, shownMax).map(shortened)
  for (const pattern of shown) asking.line(wholeOf(pattern))
  const more = request.patterns.length - shown.length
  if (more > 0) asking.line(`    … and ${more} more`)
  const detail = request.patterns.includes(request.detail) ? '' : request.detail
  for (const line of bounded(detail).split('\n').filter(Boolean).slice(0, shownMax)) {
    asking.line(paint('dim', `    | ${line}`))
  }
  const always = canKeep ? ` [a]lways exactly this in ${cut(scope, 40)},` : ''
  for (;;) {
    const said = await asking.read(`  [o]nce,${always} [d]eny (and why) › `)
    if (said === null) return null
    const reply = replyOf(said, canKeep)
    if (reply) return reply
    asking.line(paint('dim', `  Say o${canKeep ? ', a' : ''} or d; a reason may stand behind d.`))
  }
}

const shortened = (text: string): string => (text.length > charsMax ? `${text.slice(0, charsMax)}…` : text)
const bounded = (text: string): string => safe(shortened(text))

/** Only whole words count: a slip must not allow anything. */
function replyOf(said: string, canKeep: boolean): AskReply | null {
  const [word = '', ...rest] = said.trim().split(/\s+/)
  const message = rest.join(' ')
  const answer = word.toLowerCase()
  if (['d', 'deny', 'n', 'no'].includes(answer)) return { kind: 'reject', message: message || null }
  if (message !== '') return null
  if (['o', 'once', 'y', 'yes'].includes(answer)) return { kind: 'once' }
  return canKeep && ['a', 'always'].includes(answer) ? { kind: 'always' } : null
}

async function questions(asked: readonly Question[], asking: Asking): Promise<AskReply | null> {
  const request: AskRequest = { kind: 'question', questions: [...asked] }
  for (;;) {
    const texts: string[] = []
    for (const question of asked) {
      const said = await answerTo(question, asking)
      if (said === null) return null
      texts.push(said)
    }
    const reply = replyFrom(request, { kind: 'answers', texts })
    if (reply.ok) return reply.value
    printProblems(reply.problems)
  }
}

async function answerTo({ text, options, multiple }: Question, asking: Asking): Promise<string | null> {
  asking.line(`${paint('yellow', 'The agent asks:')} ${bounded(text)}`)
  for (const [index, { label, description }] of options.entries()) {
    asking.line(`    ${index + 1}. ${cut(label, 100)}  ${paint('dim', cut(description, 100))}`)
  }
  const how = options.length === 0 ? '' : multiple ? ' (numbers with commas, or your own words)' : ' (a number, or …)'
  const said = await asking.read(`  answer${how} › `)
  if (said === null) return null
  const labels = said.split(',').map((part) => options[Number(part.trim()) - 1]?.label)
  return labels.length > 0 && labels.every((label) => label !== undefined) ? labels.join(',') : said
}
