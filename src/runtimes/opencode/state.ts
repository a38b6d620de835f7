/**
 * From what is known of a session to what it is doing. Pure: no request, no clock. Silence is never taken for an end.
 */
import type { PendingAsk } from '../../core/ask.ts'
import type { Problem } from '../../core/problem.ts'
import type { SessionState } from '../../core/session.ts'
import { type RemoteEntry, type RemoteError, type RemoteMessage, type RemoteStatus, refusedError } from './remote.ts'

/** The newest prompt in a session and how far its answer has come. */
export interface Turn {
  /** The message of whoever prompted; what the server itself put in (after a compaction) is none. */
  user: { id: string; at: number } | null
  /** The newest answer to it. */
  answer: RemoteMessage | null
  text: string
  /** False when older messages would have to be read to find the prompt. */
  whole: boolean
}

/** `entries` oldest first; `whole`: nothing is before them. */
export function turnOf(entries: readonly RemoteEntry[], whole: boolean): Turn {
  const isPrompt = (entry: RemoteEntry) =>
    entry.message.role === 'user' && !(entry.parts.length > 0 && entry.parts.every((part) => part.synthetic))
  const at = entries.findLastIndex(isPrompt)
  const user = entries[at]?.message
  const last = entries.findLast(
    ({ message }, index) => message.role === 'assistant' && (message.parentId === user?.id || index > at),
  )
  return {
    user: user ? { id: user.id, at: user.at } : null,
    answer: last?.message ?? null,
    text: last ? textOf(last) : '',
    whole: user !== undefined || whole,
  }
}

const textOf = ({ parts }: RemoteEntry): string =>
  parts
    .flatMap(({ what }) => (what.kind === 'text' ? [what.text] : []))
    .join('\n')
    .trim()

export interface Sight {
  /** Of the session and its subagents. */
  statuses: readonly RemoteStatus[]
  /** Of the same; only those whose session is busy: an aborted turn leaves ghosts. */
  asks: readonly PendingAsk[]
  /** Name of the tool that runs, of the innermost session. */
  tool: string | null
  turn: Turn
  /** Our name of the prompt of the turn; null: somebody else's. */
  promptId: string | null
  /** What an event told of the session since that prompt, and nothing else does (an unknown model). */
  error: RemoteError | null
  /** We ended this turn. */
  aborted: boolean
  /** Sent, and the time in which an answer must begin is not over. */
  expected: boolean
}

export function stateOf(sight: Sight): SessionState {
  const running = runningState(sight)
  if (running) return running
  const { turn, promptId, error } = sight
  const { answer } = turn
  if (turn.user === null) {
    if (error) return failed(promptId, error)
    return sight.expected ? { kind: 'starting' } : { kind: 'idle', promptId: null, complete: false, text: '' }
  }
  if (sight.aborted) return cutOff(promptId)
  if (answer === null) {
    if (error) return failed(promptId, error)
    // The window between a prompt and the first sign of its turn, when the status is "absent" as if all were over.
    return sight.expected ? { kind: 'starting' } : cutOff(promptId)
  }
  if (answer.error)
    return answer.error.name === 'MessageAbortedError' ? cutOff(promptId) : failed(promptId, answer.error)
  // Its server died: nobody will ever finish this message. Or why it ended was told, and is written a moment later.
  if (answer.endedAt === null) return error ? failed(promptId, error) : cutOff(promptId)
  const complete = answer.finish === 'stop' && turn.text !== ''
  return { kind: 'idle', promptId, complete, text: turn.text }
}

/** A turn of somebody else that broke off is nothing to re-enter for us: the session is free. */
function cutOff(promptId: string | null): SessionState {
  if (promptId === null) return { kind: 'idle', promptId: null, complete: false, text: '' }
  return { kind: 'interrupted', promptId }
}

/** Null when nothing runs. */
export function runningState({ statuses, asks, tool }: Pick<Sight, 'statuses' | 'asks' | 'tool'>): SessionState | null {
  const busy = statuses.some((status) => status.kind !== 'idle')
  if (!busy) return null
  const ask = asks[0]
  if (ask) return { kind: 'waiting', for: ask.request.kind, text: sentenceOf(ask) }
  const retry = statuses.find((status) => status.kind === 'retrying')
  if (retry) return retry
  return { kind: 'busy', tool }
}

function sentenceOf({ request }: PendingAsk): string {
  if (request.kind === 'permission') {
    return `It asks to use ${request.permission}: ${request.patterns.join(', ').slice(0, 300)}`
  }
  const asked = request.kind === 'question' ? request.questions.map(({ text }) => text).join(' / ') : request.text
  return `It asks: ${asked.slice(0, 300)}`
}

function failed(promptId: string | null, error: RemoteError): SessionState {
  // Somebody's word, and no trouble: as with any call that is refused, what it has done so far is judged.
  if (error.name === refusedError) return { kind: 'idle', promptId, complete: false, text: '' }
  const transient = isTransient(error)
  const text = `OpenCode's turn ended with ${error.name}: ${error.text || 'no reason given'}.`
  const problem: Problem = { kind: kindOf(error), text, ...(todoOf(error) ? { todo: todoOf(error) as string } : {}) }
  return { kind: 'failed', promptId, transient, problem }
}

function isTransient({ name, status, retryable }: RemoteError): boolean {
  if (name !== 'APIError') return false
  if (status === null) return retryable !== false
  return status === 408 || status === 429 || status >= 500
}

const kindOf = (error: RemoteError): string =>
  ({
    ProviderAuthError: 'model-auth',
    ContextOverflowError: 'context-overflow',
    ContentFilterError: 'content-filter',
    APIError: error.status === 401 || error.status === 403 ? 'model-auth' : 'model-error',
  })[error.name] ?? 'agent-error'

const todoOf = (error: RemoteError): string | undefined =>
  ({
    'model-auth': 'Log in to the provider in OpenCode (`opencode auth login`), then resume.',
    'context-overflow': 'Split the task, or compact the session in OpenCode, then resume.',
    'model-error': isTransient(error) ? undefined : 'Look at the model and provider in opencode.json, then resume.',
    'agent-error': 'Look at the model and agent of the task, and at the log of OpenCode, then resume.',
  })[kindOf(error)]
