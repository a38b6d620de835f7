/** A runtime hosts sessions. The harness knows runtimes only through this port. */
import type { AskReply, PendingAsk } from './ask.ts'
import type { Activity } from './diagnosis.ts'
import type { Problem, Result } from './problem.ts'
import type { FileDiff, JournalEntry, Observation, SessionFact, SessionRecord, TranscriptPage } from './session.ts'

/**
 * The runtime of the fire drill (`openloom drill`): it plays fixed scripts, in folders that the drill made, and
 * takes no other work.
 */
export const drillRuntime = 'drill'

/** What a runtime can and cannot do; the UI hides what is missing. */
export interface RuntimeAbilities {
  /** Sessions survive a restart of their host and can be re-entered. */
  resume: boolean
  /** Reports sessions that it did not start. */
  watch: boolean
  usage: boolean
  permissions: boolean
}

export type Availability =
  | { kind: 'ready'; detail: string }
  /**
   * Cannot work now; `transient` when waiting may help (server down), false when a person must act (no key, no model).
   */
  | { kind: 'unavailable'; transient: boolean; problem: Problem }

export interface SessionRequest {
  taskId: string
  title: string
  /** Real path. */
  workspace: string
  agent: string | null
  model: string | null
  /** Existing session to attach to. */
  session: string | null
}

export interface PromptRequest {
  sessionId: string
  /** Chosen by the harness, one per attempt. A prompt with an id that the session already has is not sent again:
   * a finished one is a no-op, an interrupted one is re-entered. */
  promptId: string
  text: string
  /** What the task asks for; absent: as the session is. */
  agent?: string | null
  model?: string | null
  /** The only tools of this turn; absent: all of the profile. No such task comes to a runtime that cannot. */
  tools?: readonly string[]
  /** What may still be used; the runtime stops its turn when it is used up and the harness judges. */
  limits: { toolCalls: number | null; tokens: number | null }
}

type ContextSource = 'system' | 'instructions' | 'memory' | 'plan' | 'tools' | 'messages' | 'results' | 'summary'

/** Tokens of the next request to the model. */
export interface ContextUse {
  /** What fits into one. */
  windowTokens: number
  usedTokens: number
  /** Whether a server has counted, so that only what came since is an estimate. */
  counted: boolean
  /** Where they come from. */
  sources: Record<ContextSource, number>
}

/** What the runtime wants to have said at once, not stored: text and reasoning as they stream. */
export interface LiveDelta {
  sessionId: string
  kind: 'text' | 'reasoning' | 'tool'
  text: string
}

/**
 * None of these throws for trouble of the agent or its server: that is an Observation or a Result. Every call returns
 * within its own deadline. A rejected promise is a bug.
 */
export interface Runtime {
  readonly name: string
  readonly abilities: RuntimeAbilities
  /** Roles that its sessions can have, the usual first; absent: they are its own affair. */
  readonly profiles?: readonly { name: string }[]
  /** What its own sessions ask; absent: it asks nothing, or its watch tells. */
  readonly asks?: AskPort
  /** Null for a runtime that knows only its own sessions. */
  readonly watch: SessionWatch | null
  available(): Promise<Availability>
  /** Creates the session of a task, or finds the one it already made for this task (idempotent by taskId). */
  open(request: SessionRequest): Promise<Result<{ sessionId: string }>>
  /** Accepts a prompt and returns at once; the turn goes on by itself. */
  prompt(request: PromptRequest): Promise<Result<void>>
  look(sessionId: string): Promise<Observation>
  /** Ends the current turn and its processes; resolves when none is left. No turn: a no-op. */
  abort(sessionId: string): Promise<void>
  /** Calls back when a look would show something new. A nudge only. Returns the way to stop it. */
  onChange(listener: (sessionId: string) => void): () => void
  onDelta(listener: (delta: LiveDelta) => void): () => void
  /**
   * Says something into the turn that runs, before its next model call; the same key again is the same message. Absent:
   * a turn hears nothing before its end.
   */
  steer?(sessionId: string, text: string, key?: string): Promise<Result<void>>
  /** Stops a turn after the call in flight and leaves it open, also over a restart. */
  pause?(sessionId: string): Promise<Result<void>>
  /** Lets it go on. The prompt that is to be sent again for that; null: nothing has to be done. */
  resume?(sessionId: string): Promise<Result<{ promptId: string | null }>>
  /** Makes room in the history now, or before the next model call of a turn that runs. */
  compact?(sessionId: string): Promise<Result<{ done: boolean }>>
  /** How full the context of a session is. */
  context?(sessionId: string): Promise<Result<ContextUse>>
  /** What a session is at now, as the start of a diagnosis; null when there is no such session. */
  activity(sessionId: string): Promise<Activity | null>
  /** Parks what runs (as interrupted) and frees everything. */
  close(): Promise<void>
}

/** Asks come out of a runtime, answers get in. Asks repeat; who keeps them compares. Listeners never throw. */
export interface AskPort {
  onAsk(listener: (fact: Extract<SessionFact, { kind: 'ask' | 'ask.ended' }>) => void): () => void
  answer(ask: Pick<PendingAsk, 'id' | 'sessionId' | 'scope'>, reply: AskReply): Promise<Result<void>>
}

/** A prompt of ours and the message it is in its runtime. */
export interface PromptRecord {
  promptId: string
  sessionId: string
  messageId: string
  /** Epoch ms of the first sending; null: planned only. */
  sentAt: number | null
}

/** What a runtime of sessions that live elsewhere must remember. Synchronous: what returned survives kill -9. */
export interface SessionBook {
  session(id: string): SessionRecord | null
  /** The newest session that was made for this task. */
  sessionOfTask(taskId: string): SessionRecord | null
  /** Notes the session that was made for a task; again: nothing happens. */
  bindSession(session: SessionRecord): void
  prompt(promptId: string): PromptRecord | null
  /** Our name of the prompt that this message is; null: not ours. */
  promptOfMessage(messageId: string): string | null
  /** Oldest first. */
  promptsOf(sessionId: string): PromptRecord[]
  /** Before it is sent; a prompt that was planned before gets the new message. */
  planPrompt(prompt: PromptRecord): void
}

/** What a runtime tells of all its sessions, those that others started included. Same rule: trouble is a Result. */
export interface SessionWatch {
  /** Begins to look and goes on by itself: a server that is down is tried again. Facts come only after this. */
  start(): void
  /**
   * Tells facts as they are noticed, the whole present state anew after each gap. Facts repeat; who keeps them
   * compares.
   * Listeners must return at once and never throw.
   */
  onFact(listener: (fact: SessionFact) => void): () => void
  transcript(sessionId: string, page: { before: string | null; limit: number }): Promise<Result<TranscriptPage>>
  diff(sessionId: string): Promise<Result<FileDiff[]>>
  answer(ask: Pick<PendingAsk, 'id' | 'sessionId' | 'scope'>, reply: AskReply): Promise<Result<void>>
  /** One line each about what is wrong, for `openloom doctor`; empty when all is well. */
  troubles(): Promise<Problem[]>
  /** Starts the server anew where it is ours; a refusal says why not. */
  restart(reason: string): Promise<Result<void>>
}

type Row<T extends JournalEntry['type']> = Extract<JournalEntry, { type: T }>

/** What the agent is told of a shell line that the person typed. */
export const typedText = (line: string, output: string): string =>
  `The person ran this in the workspace: ${line}\nIts outcome:\n${output}`

/** The last line that has begun and of whose end nothing is noted: it runs still, or its program was killed. */
export function cutLineOf(entries: readonly JournalEntry[]): Row<'typing'> | null {
  const at = entries.findLastIndex(({ type }) => type === 'typing')
  const begun = entries[at]
  if (begun?.type !== 'typing') return null
  const isOver = entries.slice(at).some((entry) => entry.type === 'note' && entry.runId === begun.runId)
  return isOver ? null : begun
}

export const unknownEnd =
  'Not known: OpenLoom was ended in the middle of it. Look at what it did before you run it again.'

/** What is noted of one whose program was killed. */
export const cutLineNote = ({ runId, line }: Row<'typing'>): Row<'note'> => ({
  ...{ type: 'note', runId, text: typedText(line, unknownEnd) },
  ran: { line, ok: false },
})
