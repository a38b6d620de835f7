/** The view on all sessions of the server: facts, transcripts, diffs, answers, and what is wrong with it. */
import type { AskReply, PendingAsk } from '../../core/ask.ts'
import { ok, type Problem, type Result } from '../../core/problem.ts'
import type { SessionWatch } from '../../core/runtime.ts'
import type { FileDiff, SessionFact, TranscriptPage } from '../../core/session.ts'
import { oneByOneEach } from '../../lib/one-by-one.ts'
import type { Board } from './board.ts'
import type { Follower } from './follower.ts'
import { reachMs } from './looking.ts'
import { transcriptPart } from './remote.ts'
import type { ServerSource } from './source.ts'

export interface WatchOptions {
  follower: Follower
  board: Board
  source: ServerSource
  facts: Set<(fact: SessionFact) => void>
}

const diffPromptsMax = 20

export class OpenCodeWatch implements SessionWatch {
  private readonly options: WatchOptions
  private readonly inTurn = oneByOneEach()

  constructor(options: WatchOptions) {
    this.options = options
  }

  start(): void {
    this.options.follower.start()
  }

  onFact(listener: (fact: SessionFact) => void): () => void {
    this.options.facts.add(listener)
    return () => this.options.facts.delete(listener)
  }

  async transcript(sessionId: string, page: { before: string | null; limit: number }): Promise<Result<TranscriptPage>> {
    const live = await this.options.follower.ready(reachMs)
    if (!live.ok) return live
    const read = await live.value.dialect.messages(sessionId, page)
    if (!read.ok) return read
    const messages = read.value.entries.map(({ message, parts }) => ({
      id: message.id,
      role: message.role,
      at: message.at,
      endedAt: message.role === 'user' ? message.at : message.endedAt,
      model: message.usage ? `${message.usage.provider}/${message.usage.model}` : null,
      parts: parts.flatMap((part) => transcriptPart(part) ?? []),
      problem: message.error ? `${message.error.name}: ${message.error.text}` : null,
    }))
    return ok({ messages, next: read.value.next })
  }

  /** The server knows the changes of a prompt, not of a session: those of the last prompts, the newest of a file. */
  async diff(sessionId: string): Promise<Result<FileDiff[]>> {
    const live = await this.options.follower.ready(reachMs)
    if (!live.ok) return live
    const { dialect } = live.value
    const read = await dialect.messages(sessionId, { before: null, limit: 200 })
    if (!read.ok) return read
    const prompts = read.value.entries.filter((entry) => entry.message.role === 'user').slice(-diffPromptsMax)
    const found: FileDiff[] = []
    for (const { message } of prompts) {
      const diff = await dialect.diff(sessionId, message.id)
      if (!diff.ok) return diff
      found.push(...diff.value)
    }
    return ok(found)
  }

  /** One after the other in a session: a refusal there is one of all that it asks for at that moment. */
  answer(ask: Pick<PendingAsk, 'id' | 'sessionId' | 'scope'>, reply: AskReply): Promise<Result<void>> {
    return this.inTurn(ask.sessionId, () => this.say(ask, reply))
  }

  private async say(ask: Pick<PendingAsk, 'id' | 'sessionId' | 'scope'>, reply: AskReply): Promise<Result<void>> {
    const live = await this.options.follower.ready(reachMs)
    if (!live.ok) return live
    const known = this.options.board.sessions.get(ask.sessionId)?.asks.get(ask.id)
    const isQuestion = known ? known.request.kind === 'question' : ask.id.startsWith('que')
    const said = known ? withoutStopping(reply, known) : reply
    return live.value.dialect.answer(ask, said, isQuestion ? 'question' : 'permission')
  }

  async troubles(): Promise<Problem[]> {
    const { follower, source } = this.options
    const live = await follower.ready(reachMs)
    if (!live.ok) return source.canStart() && live.problems[0]?.kind === 'opencode-down' ? [] : live.problems
    const { connection, dialect, open } = live.value
    const problems: Problem[] = open && !source.isOwn ? [unguarded(connection.address.url)] : []
    const models = await dialect.models(null)
    if (!models.ok) return [...problems, ...models.problems]
    return models.value.length > 0 ? problems : [...problems, noModel]
  }

  async restart(reason: string): Promise<Result<void>> {
    const done = await this.options.source.restart(reason)
    if (done.ok) this.options.follower.reconnect(reason)
    return done
  }
}

/** A question that is dismissed ends the turn, also where the work is to go on: it hears why as its answer. */
function withoutStopping(reply: AskReply, { request }: Pick<PendingAsk, 'request'>): AskReply {
  if (reply.kind !== 'reject' || !reply.later || request.kind !== 'question') return reply
  return { kind: 'answers', answers: request.questions.map(() => [reply.message ?? '']) }
}

export const unguarded = (url: string): Problem => ({
  kind: 'opencode-open',
  text: `The OpenCode server at ${url} answers without a password: every program on this machine can use it.`,
  todo: 'Start it with OPENCODE_SERVER_PASSWORD set, and give the same to OPENLOOM_OPENCODE_PASSWORD.',
})

const noModel: Problem = {
  kind: 'opencode-no-model',
  text: 'OpenCode has no model that it could use.',
  todo: 'Log in to a provider with `opencode auth login`, or name one in opencode.json.',
}
