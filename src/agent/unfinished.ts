/** Why a turn ended without a whole answer, in words of a person. Pure. */
import type { Problem } from '../core/problem.ts'
import type { EndReason } from '../core/session.ts'

const goOn = 'Say in the same session that it shall go on'

const byFinish: Readonly<Record<string, Problem>> = {
  length: {
    kind: 'answer-cut-off',
    text: 'The answer was cut off at the output limit of the model.',
    todo: `${goOn}, or ask for less at once.`,
  },
  filter: {
    kind: 'answer-filtered',
    text: 'The provider held the answer, or its end, back (content filter).',
    todo: 'Say it differently, or take another model.',
  },
}

const byReason: Readonly<Partial<Record<EndReason, Problem>>> = {
  max_steps: {
    kind: 'steps-used-up',
    text: 'The turn ended at the limit of its steps (calls of the model).',
    todo: `${goOn}, or raise the limit: steps_max in the settings, --max-steps of run.`,
  },
  doom_loop: {
    kind: 'going-in-circles',
    text: 'The agent was stopped because it made the same call with the same outcome again and again.',
    todo: 'Say what it shall do differently.',
  },
  empty: {
    kind: 'answer-empty',
    text: 'The model answered nothing, three times in a row.',
    todo: 'Say it differently, or take another model.',
  },
  budget: {
    kind: 'limits-used-up',
    text: 'The turn ended because the tool calls or tokens that it may use were used up.',
    todo: `${goOn}, or raise the limits of the task.`,
  },
}

const brokenOff: Problem = {
  kind: 'answer-broken-off',
  text: 'The answer broke off, and the model did not say why.',
  todo: `${goOn}.`,
}

/** `finish`: why the model said that its last message ended. An empty answer was mostly cut off, or held back. */
export const unfinishedOf = (reason: EndReason, finish: string): Problem => {
  const cut = reason === 'completed' || reason === 'empty' ? byFinish[finish] : undefined
  return cut ?? byReason[reason] ?? brokenOff
}
