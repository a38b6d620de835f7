/**
 * Looks at one session: what the events told, and one reading of what they cannot tell (whose turn it was, how it
 * ended). Out comes an observation; "could not look" is one of its own.
 */
import { type Clock, pause, type Timer } from '../../core/clock.ts'
import { ok, type Problem, type Result } from '../../core/problem.ts'
import type { PromptRecord, PromptRequest, SessionBook } from '../../core/runtime.ts'
import type { Observation, SessionState } from '../../core/session.ts'
import type { Board } from './board.ts'
import type { Follower, Live } from './follower.ts'
import type { Known } from './known.ts'
import type { RemoteEntry } from './remote.ts'
import { runningState, type Sight, stateOf, type Turn } from './state.ts'
import { beginCount, usageOf } from './tally.ts'

/** A connection that comes back within this time was never away. */
export const reachMs = 4_000
/** The status says idle 10 to 50 ms before the last message is written. */
const settleMs = 120
/** On a machine that is busy itself; who has been idle for longer has written all it ever will. */
const endMs = 2_000
const readMessages = 6
const unreadMs = 10_000
const readMessagesMax = 200
const pagesMax = 10

/** A prompt that was sent and has no answer yet. */
export interface Receipt {
  prompt: PromptRecord
  request: PromptRequest
  timer: Timer
  /** How often it was sent. */
  sent: number
}

export interface LookerOptions {
  board: Board
  follower: Follower
  book: SessionBook
  clock: Clock
}

export class Looker {
  readonly receipts = new Map<string, Receipt>()
  /** By session: the prompt that was sent twice and never answered. */
  readonly lost = new Map<string, string>()
  /** Messages whose turn we ended. */
  readonly aborted = new Set<string>()
  private readonly options: LookerOptions

  constructor(options: LookerOptions) {
    this.options = options
  }

  async look(sessionId: string): Promise<Observation> {
    const live = await this.options.follower.ready(reachMs)
    if (!live.ok) return this.unseen(sessionId, live.problems)
    const found = await this.find(sessionId, live.value)
    if (!found.ok) return this.unseen(sessionId, found.problems)
    if (found.value) return this.lookAt(found.value, live.value)
    const usage = { toolCalls: 0, tokens: 0, costMicros: null }
    const at = this.options.clock.now()
    return { state: { kind: 'absent' }, at, channel: 'session', lastActivityAt: null, usage }
  }

  /** A running turn as the events tell it, without a request; null where more must be known. */
  glance(known: Known): Pick<Observation, 'state'> | null {
    const { board, follower, clock } = this.options
    const tree = board.treeOf(known.session.id)
    const running = tree.filter((one) => one.status.kind !== 'idle')
    // What began before we listened, and has no tool that we saw, is read once.
    const isUnread = known.turn === null && tree.every((one) => one.tool === null)
    const isOld = clock.monotonic() - known.statusAt > unreadMs
    if (!follower.now || running.length === 0 || (isUnread && isOld)) return null
    const state = runningState(sightOf(tree))
    return state && { state }
  }

  private unseen(sessionId: string, problems: readonly Problem[]): Observation {
    const known = this.options.board.sessions.get(sessionId)
    const { book, clock } = this.options
    const promptId = book.promptsOf(sessionId).at(-1)?.promptId ?? null
    const usage = known
      ? usageOf(known, promptId, { board: this.options.board, book })
      : { toolCalls: 0, tokens: 0, costMicros: null }
    const text = problems[0]?.text ?? 'OpenCode cannot be reached.'
    const lastActivityAt = known?.progressAt ?? null
    return { state: { kind: 'unreachable', text }, at: clock.now(), channel: 'none', lastActivityAt, usage }
  }

  /** From what the events told; what they cannot tell (whose turn it was, and how it ended) is read once. */
  async lookAt(known: Known, live: Live): Promise<Observation> {
    const { book, clock } = this.options
    const { id } = known.session
    await beginCount(known, { board: this.options.board, book, dialect: live.dialect })
    const trouble = (await this.readTurn(known, live)) ?? (await this.confirmEnd(known, live))
    if (trouble) return this.unseen(id, trouble)
    const tree = this.options.board.treeOf(id)
    const turn = known.turn ?? { user: null, answer: null, text: '', whole: true }
    const promptId = turn.user ? book.promptOfMessage(turn.user.id) : null
    const receipt = this.receipts.get(id)
    if (receipt && turn.answer !== null && turn.user?.id === receipt.prompt.messageId) this.settleReceipt(id)
    const awaited = this.receipts.get(id)
    const running = tree.filter((one) => one.status.kind !== 'idle')
    const state = this.judged(id, {
      ...sightOf(tree),
      turn: awaited && turn.user?.id !== awaited.prompt.messageId ? { ...turn, user: null } : turn,
      promptId: awaited ? awaited.prompt.promptId : promptId,
      error: known.error,
      aborted: turn.user !== null && this.aborted.has(turn.user.id),
      expected: awaited !== undefined,
    })
    const lastActivityAt = Math.max(...tree.map((one) => one.progressAt ?? 0)) || null
    const usage = usageOf(known, promptId, { board: this.options.board, book })
    const answering = running.length > 0 && awaited === undefined ? { turn: promptId } : {}
    return { state, at: clock.now(), channel: 'events', lastActivityAt, usage, ...answering }
  }

  private judged(sessionId: string, sight: Parameters<typeof stateOf>[0]): SessionState {
    const state = stateOf(sight)
    const promptId = this.lost.get(sessionId)
    if (promptId === undefined || isRunning(state) || state.kind === 'starting') return state
    return { kind: 'failed', promptId, transient: true, problem: unanswered }
  }

  async readTurn(known: Known, { dialect }: Live): Promise<readonly Problem[] | null> {
    if (known.turn) return null
    const age = this.options.clock.monotonic() - known.statusAt
    if (known.status.kind === 'idle' && age < settleMs) await pause(this.options.clock, settleMs - age)
    let entries: RemoteEntry[] = []
    let before: string | null = null
    for (let page = 0; page < pagesMax; page++) {
      const limit = page === 0 ? readMessages : readMessagesMax
      const read: Awaited<ReturnType<Live['dialect']['messages']>> = await dialect.messages(known.session.id, {
        before,
        limit,
      })
      if (!read.ok) return read.problems
      entries = [...read.value.entries, ...entries]
      before = read.value.next
      this.options.board.putEntries(known, entries, before === null)
      if (known.turn === null || this.isWhole(known.turn) || before === null) break
    }
    return null
  }

  /** The prompt of a long turn is far back; an answer that names one of ours spares the way there. */
  private isWhole(turn: Turn): boolean {
    if (turn.whole) return true
    const id = turn.answer?.parentId ?? null
    const promptId = id === null ? null : this.options.book.promptOfMessage(id)
    if (id === null || promptId === null) return false
    turn.user = { id, at: this.options.book.prompt(promptId)?.sentAt ?? 0 }
    turn.whole = true
    return true
  }

  /**
   * An answer without an end in a session that is idle: either its server died, or the event that says "busy" is still
   * on its way, or a busy server has not written the end yet. It is asked again before anything is concluded.
   */
  private async confirmEnd(known: Known, live: Live): Promise<readonly Problem[] | null> {
    const { clock, follower } = this.options
    for (let waitMs = settleMs; hasOpenEnd(known); waitMs *= 2) {
      const confirmed = await follower.lookAt(live.dialect, known.session.workspace)
      if (!confirmed.ok) return confirmed.problems
      known.turn = null
      const trouble = await this.readTurn(known, live)
      if (trouble || !hasOpenEnd(known) || clock.monotonic() - known.statusAt > endMs) return trouble
      await pause(clock, waitMs)
      // What came meanwhile may have made the turn unknown again.
      const late = await this.readTurn(known, live)
      if (late) return late
    }
    return null
  }

  /** The session as the board has it, asked for when it does not; null: there is none. */
  async find(sessionId: string, live: Live | null = this.options.follower.now): Promise<Result<Known | null>> {
    const known = this.options.board.sessions.get(sessionId)
    if (known || !live) return ok(known ?? null)
    const found = await live.dialect.session(sessionId)
    if (!found.ok) return found
    if (!found.value) return ok(null)
    this.options.board.putSession(found.value)
    await this.options.follower.lookAt(live.dialect, found.value.workspace)
    return ok(this.options.board.sessions.get(sessionId) ?? null)
  }

  settleReceipt(sessionId: string): void {
    this.receipts.get(sessionId)?.timer.cancel()
    this.receipts.delete(sessionId)
  }
}

function hasOpenEnd({ status, turn, error }: Known): boolean {
  const answer = turn?.answer
  return status.kind === 'idle' && error === null && answer != null && answer.endedAt === null && !answer.error
}

/** What the events tell of a session and its subagents. Asks only of those that run: an aborted turn leaves ghosts. */
const sightOf = (tree: readonly Known[]): Pick<Sight, 'statuses' | 'asks' | 'tool'> => ({
  statuses: tree.map((one) => one.status),
  asks: tree.flatMap((one) => (one.status.kind === 'idle' ? [] : [...one.asks.values()])),
  tool: tree.findLast((one) => one.tool !== null)?.tool?.name ?? null,
})

export const isRunning = (state: SessionState): boolean =>
  state.kind === 'busy' || state.kind === 'waiting' || state.kind === 'retrying'

const unanswered: Problem = {
  kind: 'prompt-lost',
  text: 'OpenCode accepted the prompt twice and began no answer.',
  todo: 'Look at the log of OpenCode; restart it if this goes on.',
}
