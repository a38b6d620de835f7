/** One execution of the loop: what it is given, and its memory of the journal. It decides nothing. */
import type { AskReply, AskRequest } from '../core/ask.ts'
import type { Clock } from '../core/clock.ts'
import type { Problem, Result } from '../core/problem.ts'
import type { PromptRequest } from '../core/runtime.ts'
import {
  type Journal,
  type JournalEntry,
  type SessionRecord,
  type SessionUsage,
  type ToolCall,
  withoutUndone,
} from '../core/session.ts'
import type { AnyTool, Confinement } from '../core/tool.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { ModelDebug } from './debug-log.ts'
import type { Format } from './format.ts'
import { usageOf, withUsage } from './history.ts'
import type { GuideFolders } from './instructions.ts'
import type { ModelChoices } from './model-choice.ts'
import type { Policy } from './permission/engine.ts'
import type { Profile } from './profiles.ts'
import type { ModelSource } from './providers/source.ts'
import { History } from './shown.ts'
import type { RoomSettings } from './window.ts'
import type { Wishes } from './wishes.ts'

/** Reason of an abort that leaves the run open: the next host re-enters it. Any other abort cancels. */
export const parked = new Error('parked')

/** What somebody who looks at a live run sees. */
export interface LiveState {
  tool: string | null
  retry: { attempt: number; nextAt: number; problem: Problem } | null
  /** It waits for a person; what it asks. */
  asks?: { for: AskRequest['kind']; text: string }
}

/** The way to a person. Null: the run is stopped. What was said is in the journal before it is given back. */
export interface Asks {
  ask(run: Run, call: ToolCall, request: AskRequest): Promise<AskReply | null>
}

export interface Run extends GuideFolders {
  id: string
  session: SessionRecord
  promptId: string
  /** The turn was begun before, by this process or one that is gone. */
  resumed: boolean
  source: ModelSource
  model: string
  temperature: number | null
  /** What else may be asked, for other purposes. */
  choices: ModelChoices
  room: RoomSettings
  profile: Profile
  tools: readonly AnyTool[]
  policy: Policy
  /** Null: nobody is there to be asked, so that an ask ends the run. */
  asks: Asks | null
  /** Begins a session of its own with this prompt; again: nothing happens. Absent: there are no others. */
  beginFresh?(fresh: { sessionId: string; promptId: string; text: string }): Promise<Result<void>>
  /** Whether a person has said "always" to this; absent: whoever is asked looks that up. */
  granted?(request: AskRequest): boolean
  limits: PromptRequest['limits']
  transcript: Transcript
  clock: Clock
  /** For child processes: an allow-list. */
  env: Readonly<Record<string, string>>
  platform: string
  owner: string
  confinement: Confinement
  /** Of files that are written; null: none. */
  format: Format | null
  outputDir: string
  /** Places that no tool reads or changes. */
  hidden: readonly string[]
  debug?: ModelDebug
  /** Keeps what files were; absent: nobody will want them back. */
  checkpoint?: Checkpoint
  signal: AbortSignal
  wishes: Wishes
  onState(state: LiveState): void
  onDelta(kind: 'text' | 'reasoning' | 'tool', text: string): void
}

/** What making room needs of a run, so that it can also be asked for between two runs. */
export type Roomy = Pick<Run, 'id' | 'source' | 'model' | 'choices' | 'room' | 'transcript' | 'signal' | 'debug'>

/**
 * Every row goes to the journal and is remembered: the history is not read again at each step. Rows that only the next
 * rows make use of may be held, and are then one transaction with these.
 */
export class Transcript {
  /** Without the turns that a person took back. */
  readonly entries: JournalEntry[]
  readonly history: History
  /** Ids of all calls there ever were: in a session an id is one call. */
  readonly callIds = new Set<string>()
  /** Of all turns, those taken back too. */
  usage: SessionUsage
  lastAt: number | null
  private readonly journal: Journal
  private readonly sessionId: string
  private held: JournalEntry[] = []

  constructor(journal: Journal, sessionId: string) {
    this.journal = journal
    this.sessionId = sessionId
    const stored = journal.entries(sessionId)
    for (const { entry } of stored) this.noteIds(entry)
    this.entries = withoutUndone(stored, (row) => row.entry).map((row) => row.entry)
    this.history = new History(this.entries)
    this.usage = usageOf(stored.map((row) => row.entry))
    this.lastAt = stored.at(-1)?.at ?? null
  }

  append(...entries: JournalEntry[]): void {
    const rows = [...this.held, ...entries]
    this.lastAt = this.journal.append(this.sessionId, ...rows).at(-1)?.at ?? this.lastAt
    this.held = []
    for (const entry of entries) this.remember(entry)
  }

  /** Remembers now, stores with the next rows: for what nothing was done about yet, so that a crash may forget it. */
  hold(...entries: JournalEntry[]): void {
    this.held.push(...entries)
    for (const entry of entries) this.remember(entry)
  }

  /** Stores what is held. Before anybody waits, and before somebody else looks. */
  flush(): void {
    if (this.held.length > 0) this.append()
  }

  private remember(entry: JournalEntry): void {
    this.entries.push(entry)
    this.history.add(entry)
    this.noteIds(entry)
    this.usage = withUsage(this.usage, entry)
  }

  /** What was noted of a call before it; null: it did not begin. */
  startOf(callId: string): Extract<JournalEntry, { type: 'tool.started' }> | null {
    const begun = this.entries.findLast((entry) => entry.type === 'tool.started' && entry.callId === callId)
    return begun?.type === 'tool.started' ? begun : null
  }

  private noteIds(entry: JournalEntry): void {
    if (entry.type === 'assistant') for (const call of entry.calls) this.callIds.add(call.id)
  }
}
