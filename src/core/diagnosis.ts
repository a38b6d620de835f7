/** Why a busy session makes no progress: what was seen of its processes, and the name of the cause. No I/O here. */
import type { SessionState } from './session.ts'

export const causes = [
  /** A person must act. */
  'permission',
  'question',
  /** The model's provider refuses or is silent. */
  'retrying',
  'model-silent',
  /** The runtime itself. */
  'server-dead',
  /** The tool's processes. */
  'input',
  'held-pipe',
  'serving',
  'network',
  'lock',
  'spinning',
  'sleeping',
  'zombie',
  /** It prints or works: slow, not hung. */
  'working',
  /** Nothing that was seen tells. */
  'unknown',
] as const
export type Cause = (typeof causes)[number]

/** The tool call that a session, or a subagent of it, is in. */
export interface ToolActivity {
  /** Of the session in the tree that made the call. */
  sessionId: string
  callId: string
  name: string
  /** The shell line, for a tool that runs one. */
  command: string | null
  cwd: string | null
  /** Epoch ms. */
  startedAt: number
  outputBytes: number
  /** Its last characters, at most 2,000. */
  outputTail: string
  lastOutputAt: number | null
}

/** What a runtime knows of a session that is busy: where a diagnosis starts. */
export interface Activity {
  state: SessionState
  tool: ToolActivity | null
  /** Epoch ms of the last sign of life of the session tree; null: none was seen. */
  lastProgressAt: number | null
  /** What came last from the model in the turn: nothing yet, text that streams, or a finished step. */
  model: 'none' | 'streaming' | 'between'
  /** Owner mark in the environment of its processes (lib/process.ts); null: they are found by their command line. */
  owner: string | null
  /** The process that the tools are children of; null: on another machine, or it was not found. */
  hostPid: number | null
  /** False: it is known to be dead. Null: could not look. */
  hostAlive: boolean | null
}

export interface SeenProcess {
  pid: number
  ppid: number
  group: number
  /** Epoch ms. */
  startedAt: number
  /** One letter as in ps: R S D T Z …; `?` where it could not be read. */
  state: string
  /** Share of one core during the interval of the look: 0 to the number of cores. Null: not measured. */
  cpuShare: number | null
  /** Kernel function it waits in; empty when unknown or none. */
  waitChannel: string
  /** Arguments, joined by blanks, at most 500 characters. Hostile text. */
  command: string
  cwd: string
  stdin: 'terminal' | 'pipe' | 'null' | 'file' | 'socket' | 'closed' | 'unknown'
  /** e.g. `listens 127.0.0.1:3000`, `connecting 10.0.0.1:443`, `connected 127.0.0.1:5432`. */
  sockets: string[]
  /** Keeps open a pipe that the tool reads to its end. */
  holdsPipe: boolean
}

export interface Diagnosis {
  cause: Cause
  /** One sentence for a person: what it waits for, since when. */
  text: string
  /** What to do about it; null: wait. */
  todo: string | null
  /** Of the processes, the one to blame: its descendants and it are what `kill-child` ends. */
  guilty: SeenProcess | null
  /** The tool's processes, parents first, at most 50. */
  processes: SeenProcess[]
  /** Epoch ms. */
  at: number
}

/** What may be done about a hang, by task. */
export const hangPolicies = ['alert', 'kill-child', 'take-over'] as const
export type HangPolicy = (typeof hangPolicies)[number]
