/** What the daemon answers, or why it refuses: values both. */
import type { ProblemBody } from '../../src/server/api.ts'

export interface Refusal {
  /** HTTP status, or 0 when the daemon did not answer. */
  status: number
  title: string
  detail: string
  todo: string | null
  /** Each with its line, where it is about one. */
  problems: ProblemBody['problems']
}

/** Why, and what to do next; what was refused is known to whoever asked. */
export const whyOf = ({ status, title, detail, todo }: Refusal): string =>
  [status === 0 || detail === '' ? `${title}.` : detail, todo].filter(Boolean).join(' ')

export type Answer<T> = { ok: true; value: T } | { ok: false; refusal: Refusal }

export function refusalOf(status: number, text: string): Refusal {
  const fallback = {
    status,
    title: `The daemon answered ${status}`,
    detail: text.slice(0, 300),
    todo: null,
    problems: [],
  }
  try {
    const body = JSON.parse(text) as Partial<ProblemBody>
    const problems = body.problems ?? []
    // The daemon's detail has the texts with what to do; here that stands apart.
    const told = problems.length > 0 ? problems.map((problem) => problem.text).join('\n') : (body.detail ?? '')
    const todo = [...new Set(problems.flatMap((problem) => problem.todo ?? []))].join('\n') || null
    return { status, title: body.title ?? fallback.title, detail: told, todo, problems }
  } catch (error) {
    if (error instanceof SyntaxError) return fallback
    throw error
  }
}
