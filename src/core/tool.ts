/** A tool is one thing the agent may do. Failure is a result that the model reads, never an exception. */
import type { z } from 'zod'
import type { AskReply, Question } from './ask.ts'
import type { Clock } from './clock.ts'

export type Argv = readonly [string, ...string[]]

/** How the commands of one place are started: as they are, or in a sandbox that lets them reach that place alone. */
export interface Confinement {
  readonly kind: 'bwrap' | 'none'
  /** `cwd`: where it is started; a folder that it is not shown is its failure. */
  wrap(argv: Argv, cwd: string): Argv
}

export interface ToolContext {
  /** Real path; every path of a tool must resolve, symlinks included, to something inside. */
  workspace: string
  /** Folder outside the workspace for whole outputs that were too long for the model. */
  outputDir: string
  /** The full environment for child processes: already an allow-list. */
  env: Readonly<Record<string, string>>
  /** Owner of every child process (lib/process.ts); whatever still carries it when the run ends is ended with it. */
  owner: string
  /** What runs a command of the agent starts it through this. */
  confinement: Confinement
  clock: Clock
  /** Aborted on cancel: the tool ends its process tree and returns within a second. */
  signal: AbortSignal
  /** Digests of files as this session last read or wrote them, by real path. */
  seen: Map<string, string>
  /** Says something at once to whoever watches (output as it comes). */
  live(text: string): void
  /** `root`: a person let this workspace's agent reach paths outside of it. Absent: scoped. */
  access?: 'scoped' | 'root'
  /** Places that no tool reads or changes, wherever the workspace lies. Absent: there are none. */
  hidden?: readonly string[]
  /** What a search leaves out, because the rules keep it from this call: paths from the workspace. Of one call only. */
  hides?(path: string): boolean
  /** What formats this file; null: nothing does. */
  format?(file: string): Promise<Formatter | null>
  /** Whether the model that asks sees pictures. */
  seesImages?: boolean
  /** Has a person answer, however long that takes; null: nobody is there, or the run is stopped. Of one call only. */
  askPerson?(questions: Question[]): Promise<AskReply | null>
  /** Has a person look at a plan; null: nobody is there, or the run is stopped. Of one call only. */
  reviewPlan?(text: string): Promise<PlanWord | null>
  /** When this session began. */
  began?: number
  /** What this session's calls came to, oldest first. */
  ended?(): readonly EndedCall[]
  /** Whether the rules let this very call touch that as well, unasked. Absent: there are no rules. */
  permits?(subject: Subject): Promise<boolean>
}

/** `pipe`: gives back a text that is not written yet; `file`: changes the file that is. A fault is why it could not. */
export type Formatter =
  | { kind: 'pipe'; name: string; run(text: string): Promise<{ text: string } | { fault: string }> }
  | { kind: 'file'; name: string; run(): Promise<{ fault: string } | null> }

/** What becomes of a plan. `moved`: a session of its own carries it out; `trouble`: why it could not begin. */
export type PlanWord =
  | { kind: 'execute' }
  | { kind: 'moved'; sessionId: string; trouble: string | null }
  | { kind: 'reject'; message: string | null }
  | { kind: 'feedback'; text: string }

/** A call that has its result. */
export interface EndedCall {
  id: string
  name: string
  /** The beginning of its arguments. */
  summary: string
  ok: boolean
  facts: Readonly<Record<string, unknown>>
}

/** One thing that a call is about, for the rules. Paths as the call names them; the judge finds out where they are. */
export interface Subject {
  kind: 'read' | 'write' | 'command' | 'address' | 'other'
  text: string
}

export interface ToolResult {
  ok: boolean
  /** What the model reads, within the budget of the tool. */
  output: string
  /** For the journal and the dashboard: flat facts such as exitCode, path, diff, file of the whole output. */
  facts?: Record<string, unknown>
  /** What it started goes on in the background. */
  goesOn?: true
}

export interface Tool<S extends z.ZodType = z.ZodType> {
  name: string
  description: string
  schema: S
  /** True when this very call cannot change anything; such calls run in parallel and may be repeated after a crash. */
  isReadOnly(input: z.output<S>): boolean
  /** False: whatever its calls change, it is nothing in the workspace. */
  changesFiles?: false
  /** It is itself a word to a person: nothing runs beside it, and no rule has a person asked before it. */
  isAsk?: true
  /** What rules compare; absent: the call itself, as a whole. */
  subjects?(input: z.output<S>): Subject[]
  run(input: z.output<S>, context: ToolContext): Promise<ToolResult>
}

export interface AnyTool {
  name: string
  description: string
  schema: z.ZodType
  /** A person took it with the project that brings it: it runs while that is trusted. */
  ofProject?: true
  isReadOnly(input: unknown): boolean
  changesFiles?: false
  isAsk?: true
  subjects?(input: unknown): Subject[]
  run(input: unknown, context: ToolContext): Promise<ToolResult>
}
