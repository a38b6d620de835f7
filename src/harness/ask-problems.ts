/** What a person is told when an answer to an ask does not go through. Pure. */
import { type Ask, isKeepable } from '../core/ask.ts'
import type { Problem } from '../core/problem.ts'
import { authorityWord, replyWord } from './ask-words.ts'

export function unkeepable({ request }: Ask): Problem[] {
  if (request.kind !== 'permission' || isKeepable(request)) return []
  const todo = 'Allow it once.'
  if (request.patterns.length === 0) {
    return [{ kind: 'nothing-to-keep', text: 'It names nothing that could be allowed for good.', todo }]
  }
  if (request.personOnly) {
    return [{ kind: 'person-only', text: 'The folder is not trusted: a person is asked each time.', todo }]
  }
  return [{ kind: 'too-long', text: 'It is too long to be allowed for good.', todo }]
}

export const unknownAsk = (id: string): Problem => ({
  kind: 'unknown-ask',
  text: `Nothing is asked under the id ${id.slice(0, 120)}.`,
  todo: 'List what is open with `openloom asks`.',
})

export const ambiguous = (ids: readonly string[]): Problem => ({
  kind: 'ambiguous-id',
  text: `Several begin so: ${ids.join(', ')}.`,
  todo: 'Give more of the id.',
})

export const alreadyAnswered = ({ reply, by }: Ask): Problem => ({
  kind: 'already-answered',
  text: `It was ${reply ? replyWord(reply) : 'answered'} already, by ${authorityWord(by)}.`,
})

export const gone: Problem = {
  kind: 'ask-gone',
  text: 'The session does not wait for this any more: it was answered elsewhere, or its turn is over.',
}

export const stopping: Problem = {
  kind: 'stopping',
  text: 'The daemon is stopping; the answer is kept and sent at its start.',
}

export const noRuntime = (name: string): Problem => ({
  kind: 'no-runtime',
  text: `The runtime ${name} takes no answers: it is not configured any more.`,
})
