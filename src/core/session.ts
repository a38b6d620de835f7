/** A session is a conversation in a runtime. Here: what one look at it says, and the journal our own agent writes. */
import type { AskReply, PendingAsk } from './ask.ts'
import type { Problem } from './problem.ts'
import type { Confinement } from './tool.ts'

/** All that one look saw. `unreachable` means "could not look" and is never turned into idle or done. */
export type SessionState =
  | { kind: 'absent' }
  | { kind: 'unreachable'; text: string }
  | { kind: 'starting' }
  | { kind: 'busy'; tool: string | null }
  /** `resume`: a person has paused it. */
  | { kind: 'waiting'; for: 'permission' | 'question' | 'plan' | 'resume'; text: string }
  | { kind: 'retrying'; attempt: number; nextAt: number; text: string }
  /** The turn that answers `promptId` is over. Says nothing about the work. `complete` is false for an empty, cut off
   * or step-limited answer (`unfinished`: why): still idle, but the next prompt should say so. */
  | { kind: 'idle'; promptId: string | null; complete: boolean; text: string; unfinished?: Problem }
  /** The turn ended by trouble. `transient` trouble is retried with backoff; the rest pauses the task for a person. */
  | { kind: 'failed'; promptId: string | null; transient: boolean; problem: Problem }
  /** The turn was cut by a crash of its host and can be re-entered by prompting again with the same `promptId`. */
  /** `lost`: a call in flight that may have changed something; nobody knows what it did. */
  | { kind: 'interrupted'; promptId: string; lost?: string }

export interface SessionUsage {
  toolCalls: number
  tokens: number
  costMicros: number | null
}

export interface Observation {
  state: SessionState
  at: number
  /** Which channel said so, e.g. `journal`, `events`, `status`. */
  channel: string
  lastActivityAt: number | null
  usage: SessionUsage
  /**
   * While a turn runs: the prompt of ours that it answers, null for somebody else's. Absent: always the last of ours.
   */
  turn?: string | null
}

/**
 * One row of the journal of a session of our own agent; written before it is acted on, in order, never changed.
 * The history a model gets is a pure function of these rows.
 */
export type JournalEntry =
  | { type: 'prompt'; promptId: string; text: string }
  | {
      type: 'run.started'
      runId: string
      promptId: string
      resumed: boolean
      model: string
      provider: string
      /** What its commands run in; absent in rows that are older than sandboxes. */
      sandbox?: Confinement['kind']
    }
  | {
      type: 'assistant'
      runId: string
      text: string
      reasoning: string
      calls: ToolCall[]
      finish: string
      thinking?: Thinking[]
    }
  /** `readOnly`: this very call changes nothing, so that it may be run again after a crash. */
  | {
      type: 'tool.started'
      runId: string
      callId: string
      readOnly: boolean
      /** What the files that it names were before it; absent: it names none. */
      files?: FileMoment[]
      /** The files of the workspace were looked at before it. */
      looked?: true
    }
  | {
      type: 'tool.ended'
      runId: string
      callId: string
      ok: boolean
      output: string
      facts: Record<string, unknown>
      /** What the same files were after it. */
      files?: FileMoment[]
    }
  /** What became different in the workspace while a call ran, or what it left in the background. */
  | {
      type: 'changed'
      runId: string
      callId: string
      files: FileChange[]
      /** Why it is not known, or not all of it. */
      uncovered?: string
    }
  /** A call that was refused: by which rules or cap, and for what. */
  | { type: 'call.denied'; runId: string; callId: string; tool: string; by: string; text: string }
  /** What a person, a rule or a deadline said to this very call; there before the call goes on. */
  | { type: 'ask.answered'; askId: string; callId: string; tool: string; reply: AskReply }
  /** A plan that was handed in; those of a session are numbered. */
  | { type: 'plan'; runId: string; callId: string; version: number; text: string }
  /** A person lets this plan be carried out: here under that profile, or by a session of its own. */
  | {
      type: 'plan.taken'
      runId: string
      callId: string
      to: { profile: string } | { sessionId: string; promptId: string }
    }
  /** A message that the loop itself put before the model (nudge, recovery note). */
  | {
      type: 'note'
      runId: string
      text: string
      /** Files of the workspace that it says have changed. */
      changed?: string[]
      /** It tells of a shell line that the person typed. */
      ran?: { line: string; ok: boolean }
    }
  /** A line of the person begins that may change something; `looked` as above. Its note ends it. */
  | { type: 'typing'; runId: string; line: string; looked?: true }
  /**
   * What instruction files say now: for the whole session (folder is empty), or for files below a folder; and what is
   * remembered of the repository.
   */
  | { type: 'instructions'; runId: string; folder: string; text: string; paths: string[]; memory?: string }
  /** A message of a person into a turn that runs; the model gets it where it is `steered`. */
  | { type: 'steer'; messageId: string; text: string }
  | { type: 'steered'; runId: string; messageIds: string[] }
  /** A person holds the turn, and lets it go on. */
  | { type: 'paused' }
  | { type: 'resumed' }
  | { type: 'usage'; runId: string; usage: ModelUsage }
  /** Results that are shown in part from here on, to save room; their own rows stay whole. */
  | { type: 'elided'; runId: string; results: { callId: string; keptChars: number }[] }
  /** From here on `text` stands for all that was shown before the last `kept` rows that say something. */
  | { type: 'compacted'; runId: string; kept: number; text: string; by: 'model' | 'plain' }
  /** A person took the turn of this prompt back, and all after it. The rows stay. */
  | { type: 'undone'; promptId: string }
  /** A person brought files back to what they were. */
  | { type: 'restored'; files: FileChange[] }
  | { type: 'run.ended'; runId: string; reason: EndReason; text: string; problem: Problem | null }

/**
 * A file at one moment: its bytes by their digest; null: there was none; `unknown`: nobody could tell, or it is large.
 * Of links and folders the mode says so; the bytes of a link are where it leads.
 */
export type FileState = { sha256: string; mode: number } | null | 'unknown'

export const isSameState = (a: FileState, b: FileState): boolean =>
  a === b || (isKeptState(a) && isKeptState(b) && a.sha256 === b.sha256 && a.mode === b.mode)

export const isKeptState = (state: FileState): state is Exclude<FileState, null | 'unknown'> =>
  state !== null && state !== 'unknown'

export interface FileMoment {
  /** Real path. */
  path: string
  state: FileState
}

export interface FileChange {
  path: string
  before: FileState
  after: FileState
}

/** What a server wants back unchanged with its reply, e.g. signed thinking. Only the kind of provider reads it. */
export interface Thinking {
  /** Kind of the provider that made it; others never see it. */
  provider: string
  /** JSON of that provider's wire. */
  data: string
}

export interface ToolCall {
  id: string
  name: string
  /** Exactly what the model sent; parsed anew wherever it is needed. */
  argumentsText: string
}

/** Token counts of one model call as the API reported them. `input` excludes cached tokens. */
/** All figures 0: the server did not say what it used. */
export interface ModelUsage {
  model: string
  provider: string
  input: number
  output: number
  reasoning: number
  cacheRead: number
  cacheWrite: number
  /** Millionths of the price table's currency unit; null when the price is unknown. */
  costMicros: number | null
}

export const endReasons = [
  'completed',
  'max_steps',
  'cancelled',
  'provider_error',
  'doom_loop',
  'empty',
  'budget',
  'needs_permission',
  /** It asked a question where nobody is asked. */
  'needs_input',
  /** By the word of a person on a plan: rejected, or carried out elsewhere. */
  'plan',
] as const
export type EndReason = (typeof endReasons)[number]

/** A session as its runtime last told of it; ours or one that we only watch. */
export interface WatchedSession {
  id: string
  /** The session that started it as a subagent. */
  parentId: string | null
  title: string
  /** Folder it works in, as the runtime says. */
  workspace: string
  /** Task that it carries the mark of. */
  taskId: string | null
  agent: string | null
  model: string | null
  createdAt: number
  updatedAt: number
  /** Sums of the session alone, without its subagents. */
  total: UsageCount | null
}

export type UsageCount = Pick<ModelUsage, 'input' | 'output' | 'reasoning' | 'cacheRead' | 'cacheWrite' | 'costMicros'>

/** Figures of many messages together: `costMicros` is what is known of the cost, null when nothing of it is. */
export interface UsageSum extends UsageCount {
  /** A part has no known price: the cost is at least this. */
  atLeast: boolean
}

export interface SessionUsageSums {
  /** Of the session alone. */
  own: UsageSum
  /** With its subagents, and theirs. */
  total: UsageSum
}

/** One thing that a runtime noticed. */
export type SessionFact =
  | { kind: 'session'; session: WatchedSession }
  | { kind: 'vanished'; sessionId: string }
  /**
   * The runtime can be asked (null) and has told all it knows, or why not; and what is dangerous about it. Once a
   * change.
   */
  | { kind: 'link'; problem: Problem | null; warning: Problem | null }
  /** Busy, idle, …: the kind of its state; `unreachable` when its server cannot be asked. */
  | { kind: 'state'; sessionId: string; state: SessionState['kind']; at: number }
  /** Figures of one message so far; they grow. `at`: epoch ms when the message was made. */
  | { kind: 'usage'; sessionId: string; messageId: string; at: number; usage: ModelUsage }
  | { kind: 'ask'; ask: PendingAsk }
  | { kind: 'ask.ended'; askId: string }

export interface TranscriptMessage {
  id: string
  role: 'user' | 'assistant'
  at: number
  /** Null: not finished. */
  endedAt: number | null
  model: string | null
  parts: TranscriptPart[]
  /** Why the message broke off. */
  problem: string | null
}

/** Texts are hostile and bounded: at most 20,000 characters each, a cut is marked. */
export type TranscriptPart =
  | { kind: 'text' | 'reasoning'; text: string }
  | {
      kind: 'tool'
      callId: string
      name: string
      input: string
      output: string
      state: 'pending' | 'running' | 'completed' | 'error'
      /** Session of the subagent that this call runs, or that carries out its plan. */
      childId: string | null
    }

/** Oldest first; `next` is the `before` of the page with older ones. */
export interface TranscriptPage {
  messages: TranscriptMessage[]
  next: string | null
}

export interface FileDiff {
  path: string
  status: 'added' | 'changed' | 'deleted'
  additions: number
  deletions: number
  /** Unified diff, at most 1,000,000 characters; of a watched session 200,000. */
  patch: string
}

export interface StoredEntry {
  seq: number
  at: number
  entry: JournalEntry
}

/** What a conversation still consists of: without the turns that a person took back. */
export function withoutUndone<T>(rows: readonly T[], entryOf: (row: T) => JournalEntry): T[] {
  const kept: T[] = []
  for (const row of rows) {
    const entry = entryOf(row)
    if (entry.type !== 'undone') {
      kept.push(row)
      continue
    }
    const isItsPrompt = (one: T): boolean => {
      const before = entryOf(one)
      return before.type === 'prompt' && before.promptId === entry.promptId
    }
    const start = kept.findIndex(isItsPrompt)
    if (start >= 0) kept.length = start
  }
  return kept
}

export interface SessionRecord {
  id: string
  runtime: string
  title: string
  workspace: string
  taskId: string | null
  /** Profile (role) the session was opened with; null is the runtime's default. */
  agent: string | null
  model: string | null
  createdAt: number
}

export const trusts = ['trusted', 'read-only', 'untrusted'] as const
export const accesses = ['scoped', 'root'] as const

/** What a person said about a folder in which agents work. */
export interface Workspace {
  /** Real path. */
  path: string
  trust: (typeof trusts)[number]
  access: (typeof accesses)[number]
  /** Of the project's own settings that were accepted; null: none. */
  settingsSha256: string | null
  at: number
}

/** Durable memory of our own agent. Synchronous: when `append` returns, its rows survive kill -9, all or none. */
export interface Journal {
  createSession(session: SessionRecord): void
  session(id: string): SessionRecord | null
  /** The newest session that was made for this task. */
  sessionOfTask(taskId: string): SessionRecord | null
  append(sessionId: string, ...entries: JournalEntry[]): StoredEntry[]
  entries(sessionId: string): StoredEntry[]
  /** Which profile a session goes on under. */
  setProfile(sessionId: string, profile: string): void
}

/** Why a file that is there does not count, or counts for less. */
export type NotCounted = 'beside' | 'unreadable' | 'no-room' | 'untrusted'

export interface GuideFile {
  path: string
  kind: 'instructions' | 'memory'
  /** Of the person, of the project, or brought in by another file. */
  from: 'user' | 'project' | 'import'
  /** It may be written here, by its path. */
  editable: boolean
  /** Null: it is not there yet. */
  sizeBytes: number | null
  /** Null: it counts, whole. `untrusted`: it is shown as data, not as instructions. */
  why: NotCounted | null
  /** Characters of it that a model is shown. */
  shownChars: number
}

export interface MemoryView {
  /** Real path of the folder that was asked about. */
  workspace: string
  /** The folder by which it is remembered: of all worktrees of a repository the same. */
  repository: string
  trusted: boolean
  /** In the order in which a model reads them. */
  files: GuideFile[]
}

export interface GuideText {
  path: string
  text: string
  /** Null: there is no such file yet. */
  sha256: string | null
}
