/** Answers that many routes give: a submission, an invalid request, and their description for OpenAPI. */
import type { Context } from 'hono'
import type { DescribeRouteOptions } from 'hono-openapi'
import type { Problem } from '../../core/problem.ts'
import type { Submission } from '../../core/task.ts'
import { refusal } from '../context.ts'

/** The same for all that ask with one key: 201 and the task; a refused text is 422, another text under the key 409. */
export function submitted(c: Context, result: Submission): Response {
  switch (result.kind) {
    case 'accepted':
    case 'known':
      if (!result.task) return refusal(c, 422, refusedBefore)
      return c.json({ id: result.task.id, title: result.task.title, url: `/tasks/${result.task.id}` }, 201)
    case 'conflict':
      return refusal(c, 409, keyConflict)
    case 'obeyed':
      return c.json({ id: result.id, order: result.order, text: result.text })
    case 'refused':
      return refusal(c, 422, ...result.problems)
  }
}

const refusedBefore: Problem = {
  kind: 'refused-before',
  text: 'The same was sent before and refused.',
  todo: 'Correct it and send it again.',
}

const keyConflict: Problem = {
  kind: 'key-conflict',
  text: 'This Idempotency-Key was used for another request.',
  todo: 'Use a new key for a new task.',
}

interface Checked {
  success: boolean
  error?: readonly { message: string; path?: readonly (PropertyKey | { key: PropertyKey })[] | undefined }[]
}

/** The validator's own answer would echo what was sent. */
export function invalid(result: Checked, c: Context): Response | undefined {
  if (result.success) return undefined
  const problems = (result.error ?? []).slice(0, 20).map((issue): Problem => {
    const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
    return { kind: 'bad-request', text: path ? `${path}: ${issue.message}.` : `${issue.message}.` }
  })
  return refusal(c, 400, ...problems)
}

/** Summary and the problem answers that every route shares. */
export function answers(summary: string): DescribeRouteOptions {
  const problem = { description: 'Refused: application/problem+json (RFC 9457)' }
  return {
    summary,
    responses: { 200: { description: 'Done' }, 400: problem, 401: problem, 404: problem, 409: problem },
  }
}
