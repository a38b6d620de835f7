/**
 * Prompts: each is planned in the book under a name of its own before it is sent, sent again once when no answer
 * begins, and never into somebody else's turn.
 */
import { ok, type Problem, type Result, refuse } from '../../core/problem.ts'
import type { PromptRecord, PromptRequest } from '../../core/runtime.ts'
import type { Live } from './follower.ts'
import { newMessageId } from './ids.ts'
import { beginCounts, type Known } from './known.ts'
import { isRunning, type Looker, type LookerOptions } from './looking.ts'
import { continueText } from './prompts.ts'
import { beginCount } from './tally.ts'

/** Starting a server and booting a folder's instance take seconds on a busy machine. */
export const openMs = 60_000
/** After this the first sign of an answer is overdue; seen up to 5 s on a cold instance. */
const receiptMs = 20_000
const overtakenMessages = 50

export class Prompter {
  private readonly options: LookerOptions & { looker: Looker; nudge(sessionId: string): void }

  private readonly looker: Looker

  constructor(options: LookerOptions & { looker: Looker; nudge(sessionId: string): void }) {
    this.options = options
    this.looker = options.looker
  }

  async prompt(request: PromptRequest): Promise<Result<void>> {
    const live = await this.options.follower.ready(openMs)
    if (!live.ok) return live
    const found = await this.looker.find(request.sessionId, live.value)
    if (!found.ok) return found
    const known = found.value
    if (!known) return refuse(missing(request.sessionId))
    const { state, turn } = await this.looker.lookAt(known, live.value)
    if (turn !== undefined && turn !== request.promptId) return refuse(busy(request.sessionId))
    const before = this.options.book.prompt(request.promptId)
    const isCurrent = 'promptId' in state && state.promptId === request.promptId
    if (before && (state.kind === 'starting' || isRunning(state) || (state.kind === 'idle' && isCurrent)))
      return ok(undefined)
    if (isRunning(state)) return refuse(busy(request.sessionId))
    const answered = known.turn?.answer != null && isCurrent
    // Never answered, and nothing came after it: sent again under its name. Else it gets a new one, as OpenCode sorts
    // by them.
    const last = known.turn?.user
    const isLast = !last || last.id === before?.messageId || last.at <= (before?.sentAt ?? 0)
    const keeps = before !== null && !answered && isLast
    const messageId = keeps ? before.messageId : newMessageId(this.options.clock.now())
    const text = before && answered ? continueText(request.text) : request.text
    return this.send({ ...request, text }, known, { live: live.value, messageId })
  }

  private async send(
    request: PromptRequest,
    known: Known,
    { live, messageId }: { live: Live; messageId: string },
  ): Promise<Result<void>> {
    const { book, clock } = this.options
    const { sessionId, promptId, text } = request
    const prompt: PromptRecord = { promptId, sessionId, messageId, sentAt: clock.now() }
    book.planPrompt(prompt)
    await beginCount(known, { board: this.options.board, book, dialect: live.dialect })
    beginCounts(known)
    known.error = null
    known.turn = null
    this.looker.aborted.delete(messageId)
    this.looker.lost.delete(sessionId)
    this.options.follower.directories.add(known.session.workspace)
    this.expect(request, prompt, 1)
    const { workspace: directory } = known.session
    const sent = await live.dialect.prompt({
      sessionId,
      directory,
      messageId,
      text,
      ...this.choiceOf(request),
    })
    // No answer does not mean that it did not arrive. Its name makes a second sending harmless: it is awaited.
    if (sent.ok || sent.problems[0]?.kind === 'opencode-down') return ok(undefined)
    this.looker.settleReceipt(sessionId)
    return sent
  }

  /** What the watch stores of a session is what its last prompt chose: of one without a prompt, nothing. */
  private choiceOf({ sessionId, agent, model }: PromptRequest) {
    const noted = this.options.book.session(sessionId)
    return { agent: agent ?? noted?.agent ?? null, model: model ?? noted?.model ?? null }
  }

  /** The message of a prompt that was sent a moment ago and whose turn has not begun, as far as anybody knows. */
  awaited({ session, turn }: Known): string | null {
    const last = this.options.book.promptsOf(session.id).at(-1)
    if (!last || last.sentAt === null || this.options.clock.now() - last.sentAt > receiptMs) return null
    return turn?.user?.id === last.messageId && turn.answer !== null ? null : last.messageId
  }

  /** Accepted says nothing about begun: an answer whose parent is ours must appear, else it is sent once more. */
  private expect(request: PromptRequest, prompt: PromptRecord, sent: number): void {
    this.looker.settleReceipt(prompt.sessionId)
    const timer = this.options.clock.after(receiptMs, () => void this.overdue(prompt.sessionId))
    this.looker.receipts.set(prompt.sessionId, { prompt, request, timer, sent })
  }

  private async overdue(sessionId: string): Promise<void> {
    const receipt = this.looker.receipts.get(sessionId)
    const live = this.options.follower.now
    const known = this.options.board.sessions.get(sessionId)
    if (!receipt) return
    const { request, prompt, sent } = receipt
    if (live && known && (await isOvertaken(prompt, live))) {
      this.looker.settleReceipt(sessionId)
      known.turn = null
      return this.options.nudge(sessionId)
    }
    if (live && known && sent === 1 && known.status.kind === 'idle' && known.error === null) {
      this.expect(request, prompt, 2)
      const { messageId } = prompt
      const { workspace: directory } = known.session
      await live.dialect.prompt({ sessionId, directory, messageId, text: request.text, ...this.choiceOf(request) })
      return
    }
    this.looker.settleReceipt(sessionId)
    if (known?.status.kind === 'idle' && known.error === null && live) this.looker.lost.set(sessionId, prompt.promptId)
    this.options.nudge(sessionId)
  }
}

/**
 * Somebody prompted at the same moment, and one answer was given to both: ours will get none, and sent again it would
 * be a turn without a question.
 */
async function isOvertaken({ sessionId, messageId }: PromptRecord, { dialect }: Live): Promise<boolean> {
  const read = await dialect.messages(sessionId, { before: null, limit: overtakenMessages })
  if (!read.ok) return false
  const { entries } = read.value
  const ours = entries.findIndex(({ message }) => message.id === messageId)
  const after = ours < 0 ? [] : entries.slice(ours + 1)
  return after.some(({ message }) => message.role === 'assistant' && message.parentId !== messageId)
}

export const missing = (sessionId: string): Problem => ({
  kind: 'session-missing',
  text: `OpenCode has no session ${sessionId}.`,
  todo: 'List them with `openloom sessions`.',
})

const busy = (sessionId: string): Problem => ({
  kind: 'session-busy',
  text: `The session ${sessionId} answers somebody else's prompt.`,
  todo: 'Wait until it is through, or take it over with `abort: true`.',
})
