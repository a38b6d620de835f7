/**
 * Asks a person. Where nobody waits for the answer, or nobody is there, it says so at once: the run is not held up. The
 * run of a task that asks nobody ends with the question.
 */
import { z } from 'zod'
import type { AskReply, Question } from '../../core/ask.ts'
import type { Tool, ToolResult } from '../../core/tool.ts'
import { listOf } from './edit.ts'
import { failure } from './text-file.ts'

const choice = z.strictObject({ label: z.string().min(1).max(200), description: z.string().max(500).default('') })
const questionSchema = z.strictObject({
  question: z.string().min(1).max(2_000),
  header: z.string().max(40).default('').describe('A word or two that stand above it.'),
  // A plain text is a label: some models write no more.
  choices: z
    .array(z.preprocess((given) => (typeof given === 'string' ? { label: given } : given), choice))
    .max(10)
    .refine((all) => all.length !== 1, 'two choices or more, or none for an answer in own words')
    .default([]),
  multiple: z.boolean().default(false).describe('More than one choice may be taken.'),
})
const schema = z.strictObject({ questions: z.preprocess(listOf, z.array(questionSchema).min(1).max(10)) })

const decide = 'Decide yourself, and name in your report what you assumed.'

export const askUser: Tool<typeof schema> = {
  name: 'ask_user',
  description:
    'Asks the person for whom you work, with choices or for an answer in own words. Only for what you cannot find ' +
    'out and where a wrong guess would cost much; ask all at once.',
  schema,
  isAsk: true,
  // It changes nothing; and after a crash the same question is found answered.
  isReadOnly: () => true,
  async run({ questions }, context) {
    const asked = questions.map(({ question, header, choices, multiple }): Question => {
      return { header, text: question, options: choices, multiple }
    })
    const reply = (await context.askPerson?.(asked)) ?? null
    if (context.signal.aborted) return failure('Stopped before anybody answered.')
    return reply === null ? failure(`Nobody is there to answer. ${decide}`) : resultOf(asked, reply)
  },
}

function resultOf(asked: readonly Question[], reply: AskReply): ToolResult {
  if (reply.kind === 'reject' && reply.later) return failure(reply.message ?? 'Not answered yet.')
  if (reply.kind === 'reject') {
    const output = `Not answered. ${reply.message ?? ''} ${decide}`.replace(/\s+/g, ' ')
    return failure(output, reply.nobody ? { unanswered: asked.map(({ text }) => text).join('\n') } : {})
  }
  if (reply.kind !== 'answers') return failure(`Not answered. ${decide}`)
  const lines = asked.map(({ text }, n) => `Q: ${text}\nA: ${(reply.answers[n] ?? []).join(', ') || '(none)'}`)
  return { ok: true, output: lines.join('\n\n'), facts: { answers: reply.answers } }
}
