/**
 * What a server of OpenCode says, freed of its dialect. These words are all that the board and the state know; a new
 * dialect is one more file that speaks them.
 */
import type { AskReply, PendingAsk } from '../../core/ask.ts'
import type { Result } from '../../core/problem.ts'
import type { FileDiff, ModelUsage, TranscriptPart, WatchedSession } from '../../core/session.ts'

export type RemoteStatus =
  | { kind: 'idle' }
  | { kind: 'busy' }
  | { kind: 'retrying'; attempt: number; nextAt: number; text: string }

/** A turn that ended because it was not allowed to go on. */
export const refusedError = 'PermissionRefused'

export interface RemoteError {
  /** Its class on the server, e.g. `APIError`; or `refusedError`. */
  name: string
  /** For a person; redacted and bounded. */
  text: string
  status: number | null
  retryable: boolean | null
}

export interface RemoteMessage {
  id: string
  sessionId: string
  role: 'user' | 'assistant'
  /** Of an assistant message: the user message that it answers. */
  parentId: string | null
  at: number
  endedAt: number | null
  finish: string | null
  error: RemoteError | null
  /** Null for a user message. */
  usage: ModelUsage | null
}

export interface RemoteTool {
  callId: string
  name: string
  state: 'pending' | 'running' | 'completed' | 'error'
  /** Of a shell tool. */
  command: string | null
  cwd: string | null
  input: string
  /** As far as it is known while the tool runs. */
  output: string
  startedAt: number | null
  childId: string | null
}

export interface RemotePart {
  messageId: string
  sessionId: string
  /** Put there by the server itself (after a compaction, say), not by whoever prompts. */
  synthetic: boolean
  what: { kind: 'text' | 'reasoning'; text: string } | { kind: 'tool'; tool: RemoteTool } | { kind: 'other' }
}

export interface RemoteEntry {
  message: RemoteMessage
  parts: RemotePart[]
}

/** The message that asks, if any: once it is finished nobody waits, though the server may go on listing the ask. */
export type RemoteAsk = PendingAsk & { messageId: string | null; callId: string | null }

export type RemoteEvent =
  /** The stream lives. */
  | { kind: 'beat' }
  | { kind: 'session'; session: WatchedSession }
  | { kind: 'deleted'; sessionId: string }
  | { kind: 'status'; sessionId: string; directory: string; status: RemoteStatus }
  | { kind: 'error'; sessionId: string | null; error: RemoteError }
  | { kind: 'message'; message: RemoteMessage }
  | { kind: 'part'; part: RemotePart }
  | { kind: 'delta'; sessionId: string; field: 'text' | 'reasoning'; text: string }
  | { kind: 'ask'; ask: RemoteAsk }
  | { kind: 'ask.ended'; askId: string; sessionId: string }
  /** All that this directory's instance knew of statuses and asks is gone. */
  | { kind: 'disposed'; directory: string }

export interface NewSession {
  directory: string
  title: string
  taskId: string
}

export interface RemotePrompt {
  sessionId: string
  directory: string
  messageId: string
  text: string
  agent: string | null
  /** `provider/model`. */
  model: string | null
}

/** How one kind of server is spoken to. Every call ends within its own deadline; nothing rejects. */
export interface Dialect {
  readonly name: string
  readonly eventsPath: string
  /** Of one frame of the stream; null for what nobody needs. `deltas`: whether somebody wants text as it streams. */
  parse(frame: string, deltas: boolean): RemoteEvent | null
  /** All projects, newest first; `cursor` is opaque. */
  sessions(cursor: string | null): Promise<Result<{ sessions: WatchedSession[]; next: string | null }>>
  /** Null: the server has no such session. */
  session(id: string): Promise<Result<WatchedSession | null>>
  create(request: NewSession): Promise<Result<WatchedSession>>
  prompt(request: RemotePrompt): Promise<Result<void>>
  abort(session: Pick<WatchedSession, 'id' | 'workspace'>): Promise<Result<void>>
  /** Of one directory; a session that is not in it is idle. */
  statuses(directory: string): Promise<Result<Map<string, RemoteStatus>>>
  asks(directory: string): Promise<Result<RemoteAsk[]>>
  answer(ask: Pick<PendingAsk, 'id' | 'scope'>, reply: AskReply, kind: 'permission' | 'question'): Promise<Result<void>>
  /** Oldest first. */
  messages(
    sessionId: string,
    page: { before: string | null; limit: number },
  ): Promise<Result<{ entries: RemoteEntry[]; next: string | null }>>
  diff(sessionId: string, messageId: string): Promise<Result<FileDiff[]>>
  /** `provider/model` of everything that can be used from this directory. */
  models(directory: string | null): Promise<Result<string[]>>
}

export const transcriptPart = (part: RemotePart): TranscriptPart | null => {
  const { what } = part
  if (what.kind === 'other') return null
  if (what.kind !== 'tool') return { kind: what.kind, text: cut(what.text) }
  const { callId, name, state, input, output, childId } = what.tool
  return { kind: 'tool', callId, name, input: cut(input), output: cut(output), state, childId }
}

const textCharsMax = 20_000
const cut = (text: string): string =>
  text.length <= textCharsMax
    ? text
    : `${text.slice(0, textCharsMax)}\n[… ${text.length - textCharsMax} more characters]`
