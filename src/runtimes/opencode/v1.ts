/** The dialect of OpenCode 1.x: `/session`, `/permission`, `/global/event`. It keeps nothing. */
import { z } from 'zod'
import type { AskReply, PendingAsk } from '../../core/ask.ts'
import { ok, type Problem, type Result, refuse } from '../../core/problem.ts'
import type { WatchedSession } from '../../core/session.ts'
import { type Connection, type ServerRequest, strange } from './connection.ts'
import type { Dialect, NewSession, RemoteAsk, RemotePrompt, RemoteStatus } from './remote.ts'
import {
  diffOf,
  diffShape,
  entryOf,
  entryShape,
  parseFrame,
  permissionOf,
  permissionShape,
  questionOf,
  questionShape,
  sessionOf,
  sessionShape,
  statusOf,
  statusShape,
} from './wire-v1.ts'

const sessionsPerPage = 200
/** A cold directory boots its instance first: seconds on a busy machine. */
const coldMs = 30_000
const providersShape = z.object({
  providers: z.array(z.object({ id: z.string(), models: z.record(z.string(), z.unknown()) })),
})

export class DialectV1 implements Dialect {
  readonly name = 'v1'
  readonly eventsPath = '/global/event'
  readonly parse = parseFrame
  private readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
  }

  async sessions(cursor: string | null) {
    const query = { limit: sessionsPerPage, cursor }
    const answer = await this.connection.ask({ method: 'GET', path: '/experimental/session', query, timeoutMs: coldMs })
    if (!answer.ok) return answer
    const list = z.array(z.unknown()).safeParse(answer.value.value)
    if (!list.success) return refuse(strange(this.connection.address.url, '/experimental/session'))
    const sessions = list.data.flatMap((one) => {
      const parsed = sessionShape.safeParse(one)
      return parsed.success ? [sessionOf(parsed.data)] : []
    })
    const next = answer.value.headers['x-next-cursor'] ?? null
    return ok({ sessions, next })
  }

  async session(id: string): Promise<Result<WatchedSession | null>> {
    // Anything else is answered with 500.
    if (!/^ses_\w+$/.test(id)) return ok(null)
    const found = await this.read({ method: 'GET', path: `/session/${id}` }, sessionShape)
    if (found.ok) return ok(sessionOf(found.value))
    return isMissing(found.problems) ? ok(null) : found
  }

  async create({ directory, title, taskId }: NewSession): Promise<Result<WatchedSession>> {
    const body = { title, metadata: { openloom: { task: taskId } } }
    const request = { method: 'POST', path: '/session', query: { directory }, body, timeoutMs: coldMs } as const
    const made = await this.read(request, sessionShape)
    return made.ok ? ok(sessionOf(made.value)) : made
  }

  async prompt({ sessionId, directory, messageId, text, agent, model }: RemotePrompt): Promise<Result<void>> {
    const slash = model?.indexOf('/') ?? -1
    const named = model && slash > 0 ? { providerID: model.slice(0, slash), modelID: model.slice(slash + 1) } : null
    const body = {
      messageID: messageId,
      ...(agent ? { agent } : {}),
      ...(named ? { model: named } : {}),
      // With a name of its own the part is replaced, not doubled, when the prompt is sent again.
      parts: [{ id: messageId.replace(/^msg/, 'prt'), type: 'text', text }],
    }
    const path = `/session/${sessionId}/prompt_async`
    const sent = await this.connection.get({ method: 'POST', path, query: { directory }, body, timeoutMs: coldMs })
    return sent.ok ? ok(undefined) : sent
  }

  async abort({ id, workspace }: Pick<WatchedSession, 'id' | 'workspace'>): Promise<Result<void>> {
    const query = { directory: workspace }
    const done = await this.connection.get({ method: 'POST', path: `/session/${id}/abort`, query })
    return done.ok ? ok(undefined) : done
  }

  async statuses(directory: string): Promise<Result<Map<string, RemoteStatus>>> {
    const request = { method: 'GET', path: '/session/status', query: { directory }, timeoutMs: coldMs } as const
    const found = await this.read(request, z.record(z.string(), statusShape))
    if (!found.ok) return found
    return ok(new Map(Object.entries(found.value).map(([id, status]) => [id, statusOf(status)])))
  }

  async asks(directory: string): Promise<Result<RemoteAsk[]>> {
    const query = { directory }
    const [permissions, questions] = await Promise.all([
      this.read({ method: 'GET', path: '/permission', query, timeoutMs: coldMs }, listOf(permissionShape)),
      this.read({ method: 'GET', path: '/question', query, timeoutMs: coldMs }, listOf(questionShape)),
    ])
    if (!permissions.ok) return permissions
    if (!questions.ok) return questions
    return ok([
      ...permissions.value.map((one) => permissionOf(one, directory)),
      ...questions.value.map((one) => questionOf(one, directory)),
    ])
  }

  async answer(
    ask: Pick<PendingAsk, 'id' | 'scope'>,
    reply: AskReply,
    kind: 'permission' | 'question',
  ): Promise<Result<void>> {
    const sent = await this.connection.get({
      method: 'POST',
      query: { directory: ask.scope },
      ...replyTo(ask.id, reply, kind),
    })
    return sent.ok ? ok(undefined) : sent
  }

  async messages(sessionId: string, { before, limit }: { before: string | null; limit: number }) {
    const query = { limit, before }
    const path = `/session/${sessionId}/message`
    const answer = await this.connection.ask({ method: 'GET', path, query })
    if (!answer.ok) return answer
    const list = listOf(entryShape).safeParse(answer.value.value)
    if (!list.success) return refuse(strange(this.connection.address.url, path))
    return ok({ entries: list.data.map(entryOf), next: answer.value.headers['x-next-cursor'] ?? null })
  }

  async diff(sessionId: string, messageId: string) {
    const request = { method: 'GET', path: `/session/${sessionId}/diff`, query: { messageID: messageId } } as const
    const found = await this.read(request, z.array(diffShape))
    return found.ok ? ok(found.value.map(diffOf)) : found
  }

  async models(directory: string | null): Promise<Result<string[]>> {
    const request = { method: 'GET', path: '/config/providers', query: { directory }, timeoutMs: coldMs } as const
    const found = await this.read(request, providersShape)
    if (!found.ok) return found
    return ok(found.value.providers.flatMap(({ id, models }) => Object.keys(models).map((model) => `${id}/${model}`)))
  }

  private async read<T>(request: ServerRequest, shape: z.ZodType<T>): Promise<Result<T>> {
    const answer = await this.connection.get(request)
    if (!answer.ok) return answer
    const parsed = shape.safeParse(answer.value)
    return parsed.success ? ok(parsed.data) : refuse(strange(this.connection.address.url, request.path))
  }
}

/** One entry that does not fit must not hide the others. */
const listOf = <T>(shape: z.ZodType<T>): z.ZodType<T[]> =>
  z.array(z.unknown()).transform((list) =>
    list.flatMap((one) => {
      const parsed = shape.safeParse(one)
      return parsed.success ? [parsed.data] : []
    }),
  )

const isMissing = (problems: readonly Problem[]): boolean => problems[0]?.kind === 'opencode-missing'

/** "Always" of the server covers more than a person was shown, so that it is never said: our own rules do that. */
function replyTo(id: string, reply: AskReply, kind: 'permission' | 'question'): Pick<ServerRequest, 'path' | 'body'> {
  switch (reply.kind) {
    case 'answers':
      return { path: `/question/${id}/reply`, body: { answers: reply.answers } }
    case 'reject': {
      if (kind === 'question') return { path: `/question/${id}/reject`, body: {} }
      const message = reply.message ? { message: reply.message } : {}
      return { path: `/permission/${id}/reply`, body: { reply: 'reject', ...message } }
    }
    case 'once':
    case 'always':
      return { path: `/permission/${id}/reply`, body: { reply: 'once' } }
    default:
      throw new Error(`OpenCode asks for no plan, and gets no ${reply.kind}`)
  }
}
