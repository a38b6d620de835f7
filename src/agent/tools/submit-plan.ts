/** Hands a plan to a person, who has it carried out, wants it different, or rejects it. It carries out nothing. */
import { z } from 'zod'
import type { PlanWord, Tool, ToolResult } from '../../core/tool.ts'
import { failure } from './text-file.ts'

const charsMax = 16_000
const schema = z.strictObject({
  plan: z.string().trim().min(1).max(charsMax).describe('The whole plan, as markdown.'),
})

const alone = 'Nobody is there to look at it. Answer with the plan itself, as your last words.'

export const submitPlan: Tool<typeof schema> = {
  name: 'submit_plan',
  description:
    'Hands in your plan to the person for whom you work: they have it carried out, say what is to be different, or ' +
    'reject it. Write it so that whoever reads nothing else can carry it out: the goal, the files, numbered steps, ' +
    'and how to see that it worked. Make this call alone, when you know enough.',
  schema,
  isAsk: true,
  // It changes nothing; and after a crash the same plan is found answered.
  isReadOnly: () => true,
  async run({ plan }, context) {
    const word = (await context.reviewPlan?.(plan)) ?? null
    if (context.signal.aborted) return failure('Stopped before anybody looked at the plan.')
    return word === null ? failure(alone) : resultOf(word)
  },
}

function resultOf(word: PlanWord): ToolResult {
  switch (word.kind) {
    case 'execute':
      return said('The person has accepted the plan. Carry it out now.', 'execute')
    case 'moved': {
      const trouble = word.trouble === null ? '' : ` It could not begin: ${word.trouble}`
      return said(`The plan is carried out by the session ${word.sessionId}.${trouble}`, 'execute_fresh')
    }
    case 'feedback':
      return said(`The person wants the plan to be different. Hand in the whole plan again:\n\n${word.text}`, word.kind)
    case 'reject':
      return { ...said(`The plan was rejected. ${word.message ?? ''}`.trim(), word.kind), ok: false }
  }
}

const said = (output: string, plan: string): ToolResult => ({ ok: true, output, facts: { plan } })
