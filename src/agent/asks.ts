/**
 * What runs ask of a person, each bound to one call as it was made: told outside, waited for, and answered through the
 * journal, so that an answer outlives the process. It answers nothing itself.
 */
import type { AskReply, AskRequest, PendingAsk } from '../core/ask.ts'
import type { Clock, Timer } from '../core/clock.ts'
import { ok, type Result, refuse } from '../core/problem.ts'
import type { AskPort } from '../core/runtime.ts'
import type { Journal, JournalEntry, ToolCall } from '../core/session.ts'
import { sha256 } from '../lib/digest.ts'
import { openCallsOf } from './history.ts'
import type { Asks, Run } from './run.ts'

type Listener = Parameters<AskPort['onAsk']>[0]

interface Waiting {
  run: Run
  call: ToolCall
  settle(reply: AskReply | null): void
}

type Answered = Extract<JournalEntry, { type: 'ask.answered' }>

const earlyMax = 1_000
/** An ask that could not be stored is told again. */
const againMs = 30_000

/** Other arguments under the same id are another ask. */
export const askIdOf = (sessionId: string, { id, name, argumentsText }: ToolCall): string =>
  `ask_${sha256(JSON.stringify([sessionId, id, name, argumentsText])).slice(0, 20)}`

const callOf = ({ name, argumentsText }: ToolCall): string => sha256(JSON.stringify([name, argumentsText]))

export function replyTo(entries: readonly JournalEntry[], askId: string): AskReply | null {
  const found = entries.findLast((entry) => entry.type === 'ask.answered' && entry.askId === askId)
  return found?.type === 'ask.answered' ? found.reply : null
}

export class AskBoard implements AskPort, Asks {
  private readonly journal: Journal
  private readonly clock: Clock
  private readonly listeners = new Set<Listener>()
  private readonly waiting = new Map<string, Waiting>()
  /** Given after a run had read its journal and before it asked: in the journal, and unknown to the run. */
  private readonly early = new Map<string, Answered>()

  constructor({ journal, clock }: { journal: Journal; clock: Clock }) {
    this.journal = journal
    this.clock = clock
  }

  onAsk(listener: Listener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** The reply, which is in the journal by then; null when the run was stopped. */
  async ask(run: Run, call: ToolCall, request: AskRequest): Promise<AskReply | null> {
    const id = askIdOf(run.session.id, call)
    const known = replyTo(run.transcript.entries, id)
    if (known) return known
    const early = this.early.get(id)
    if (early) {
      this.early.delete(id)
      run.transcript.entries.push(early)
      return early.reply
    }
    const { id: sessionId, workspace: scope } = run.session
    const pending: PendingAsk = { id, sessionId, scope, request, call: callOf(call) }
    let timer: Timer | null = null
    const tell = () => {
      timer = this.clock.after(againMs, tell)
      this.tell({ kind: 'ask', ask: pending })
    }
    return new Promise((resolve) => {
      const settle = (reply: AskReply | null) => {
        timer?.cancel()
        run.signal.removeEventListener('abort', onAbort)
        this.waiting.delete(id)
        resolve(reply)
      }
      const onAbort = () => settle(null)
      this.waiting.set(id, { run, call, settle })
      run.signal.addEventListener('abort', onAbort, { once: true })
      if (run.signal.aborted) onAbort()
      else tell()
      // Many an ask is answered by those who are told of it: then the run has not waited.
      if (!this.waiting.has(id)) return
      run.onState({ tool: call.name, retry: null, asks: { for: request.kind, text: textOf(request) } })
    })
  }

  async answer({ id, sessionId }: Pick<PendingAsk, 'id' | 'sessionId'>, reply: AskReply): Promise<Result<void>> {
    const live = this.waiting.get(id)
    if (live) {
      live.run.transcript.append({ type: 'ask.answered', askId: id, callId: live.call.id, tool: live.call.name, reply })
      live.settle(reply)
      return ok(undefined)
    }
    // Between two lives of the process: the run finds the answer when it is entered again.
    const entries = this.journal.session(sessionId) ? this.journal.entries(sessionId).map((row) => row.entry) : []
    const open = openCallsOf(entries).find(({ call }) => askIdOf(sessionId, call) === id)
    if (!open) return refuse({ kind: 'ask-gone', text: 'The session does not wait for this any more.' })
    if (replyTo(entries, id)) return ok(undefined)
    const { call } = open
    const entry: Answered = { type: 'ask.answered', askId: id, callId: call.id, tool: call.name, reply }
    this.journal.append(sessionId, entry)
    this.early.set(id, entry)
    const [oldest] = this.early.keys()
    if (this.early.size > earlyMax && oldest !== undefined) this.early.delete(oldest)
    return ok(undefined)
  }

  /** Nobody waits for what the open calls of a session asked: its turn is over. */
  forget(sessionId: string, entries: readonly JournalEntry[]): void {
    for (const { call } of openCallsOf(entries)) this.tell({ kind: 'ask.ended', askId: askIdOf(sessionId, call) })
  }

  private tell(fact: Parameters<Listener>[0]): void {
    for (const listener of [...this.listeners]) listener(fact)
  }
}

const textCharsMax = 500

function textOf(request: AskRequest): string {
  const text =
    request.kind === 'permission'
      ? `It wants to: ${request.permission} ${request.patterns.join(', ')}`
      : request.kind === 'plan'
        ? `Its plan, version ${request.version}: ${request.text}`
        : (request.questions[0]?.text ?? '')
  return text.length > textCharsMax ? `${text.slice(0, textCharsMax)}…` : text
}
