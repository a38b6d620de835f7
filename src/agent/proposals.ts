/**
 * Asks the model which checks would show that acceptance lines hold. One call, no tools; what comes back is text that
 * nobody has judged yet, and an answer in another form is no answer.
 */
import type { ProposalRequest, Proposals, Proposer } from '../core/check.ts'
import type { ModelMessage } from '../core/provider.ts'
import { askText } from './ask-text.ts'
import { chooseModel, type ModelChoices } from './model-choice.ts'

const answerCharsMax = 20_000
const outputTokensMax = 2_000

const system = `You turn acceptance lines into checks that a program runs on the files of a project after the work.
For each numbered line answer with exactly one line: its number, a period, and one check in one of the given forms, or
the word none. Answer none unless the check fails now, must pass for every correct piece of work, and follows from the
words of the line alone. Do not guess names of files or texts that the line does not give. Write nothing else.`

export function openProposer(choices: ModelChoices): Proposer | null {
  if (choices.sources.length === 0) return null
  return {
    async propose(request, signal) {
      const chosen = await chooseModel(choices, { model: request.model, purpose: 'proposals' }, signal)
      if (!chosen.ok) return { answers: [], usage: null }
      const messages: ModelMessage[] = [
        { role: 'system', text: system },
        { role: 'user', text: questionOf(request) },
      ]
      const asked = { ...chosen.value, messages, outputTokensMax, charsMax: answerCharsMax }
      const { text, usage, problem } = await askText(asked, signal)
      if (problem) return { answers: [], usage }
      return { answers: answersOf(text, request.acceptance.length), usage }
    },
  }
}

function questionOf({ goal, acceptance, files, forms }: ProposalRequest): string {
  const lines = (list: readonly string[]) => list.map((line) => line.replaceAll(/\s+/g, ' '))
  return [
    `Propose checks.\n\nThe goal:\n${goal}`,
    `Acceptance lines:\n${lines(acceptance)
      .map((line, index) => `${index + 1}. ${line}`)
      .join('\n')}`,
    `Files of the project:\n${lines(files).join('\n') || '(none)'}`,
    `Forms of a check:\n${forms.join('\n')}`,
  ].join('\n\n')
}

/** `3. contains: README.md "Retry"`; the first answer to a line counts, and `none` is none. */
function answersOf(text: string, count: number): Proposals['answers'] {
  const found = new Map<number, string>()
  for (const row of text.split('\n')) {
    const [, number, check = ''] = /^\s*(?:[-*]\s+)?(\d{1,3})[.:)]\s+(\S.*)$/.exec(row) ?? []
    const line = Number(number) - 1
    if (number === undefined || line < 0 || line >= count || found.has(line)) continue
    found.set(line, check.trim())
  }
  return [...found].filter(([, check]) => !/^`?none\b/i.test(check)).map(([line, check]) => ({ line, check }))
}
