/** A runtime hosts sessions. The harness knows runtimes only through this port. */
import type { Problem, Result } from './problem.ts'
import type { Observation } from './session.ts'

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
  /** What may still be used; the runtime stops its turn when it is used up and the harness judges. */
  limits: { toolCalls: number | null; tokens: number | null }
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
  /** Parks what runs (as interrupted) and frees everything. */
  close(): Promise<void>
}
