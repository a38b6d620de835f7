/** Task: a spec plus its life. Holds the one table of moves; it does not make them (store/ does, with the event). */
import type { CheckSpec } from './check.ts'
import type { Problem } from './problem.ts'
import { flattenChecks, type SkillFile, type SkillParameter, type SkillRef, type TaskSpec } from './spec.ts'
import type { CheckOrigin, Progress, Verdict } from './verdict.ts'

export const taskStatuses = [
  'queued',
  'starting',
  'running',
  'verifying',
  'waiting',
  'paused',
  'done',
  'failed',
  'cancelled',
  'archived',
] as const
export type TaskStatus = (typeof taskStatuses)[number]

/** Every move that may ever happen. Anything else is a bug and is thrown by the store. */
export const moves: Readonly<Record<TaskStatus, readonly TaskStatus[]>> = {
  queued: ['starting', 'paused', 'cancelled'],
  starting: ['running', 'verifying', 'waiting', 'paused', 'failed', 'cancelled'],
  running: ['verifying', 'waiting', 'paused', 'failed', 'cancelled'],
  verifying: ['done', 'running', 'waiting', 'paused', 'failed', 'cancelled'],
  waiting: ['starting', 'running', 'verifying', 'paused', 'failed', 'cancelled'],
  // A resumed task takes its place in the queue again: another one may work in its folder by now.
  paused: ['queued', 'cancelled'],
  done: ['queued', 'archived'],
  failed: ['queued', 'archived'],
  cancelled: ['queued', 'archived'],
  archived: [],
}

export const mayMove = (from: TaskStatus, to: TaskStatus): boolean => moves[from].includes(to)

/** Statuses in which the harness has something to do; the others wait for a person or are over. */
export const liveStatuses = ['queued', 'starting', 'running', 'verifying', 'waiting'] as const satisfies TaskStatus[]
/** Statuses that hold a place in the concurrency limits and the one-writer rule of a workspace. */
export const activeStatuses = ['starting', 'running', 'verifying', 'waiting'] as const satisfies TaskStatus[]
export const endedStatuses = ['done', 'failed', 'cancelled', 'archived'] as const satisfies TaskStatus[]

export const isEnded = (status: TaskStatus): boolean => (endedStatuses as readonly TaskStatus[]).includes(status)
export const isActive = (status: TaskStatus): boolean => (activeStatuses as readonly TaskStatus[]).includes(status)

/** A person has to answer; any other reason to wait passes by itself. */
export const needsPerson = (reason: Reason | null): boolean => reason?.code.startsWith('needs-') === true

/** Nothing goes on in it until a person has answered. */
export const isAsking = ({ status, reason }: { status: TaskStatus; reason: Reason | null }): boolean =>
  status === 'waiting' && needsPerson(reason)

/** Why a task is where it is: a stable word and a sentence. */
export interface Reason {
  code: string
  text: string
}

export const sources = ['inbox', 'api', 'webhook', 'spec', 'cli', 'sample'] as const
/** The way in. `sample` is the daemon's own demonstration. */
export type Source = (typeof sources)[number]

/** Where a task came from. Two arrivals with the same source and key are the same task. */
export interface Origin {
  source: Source
  /** Dedupe key: an Idempotency-Key, or name+inode+mtime+sha256 of an inbox file. */
  externalId: string
  /** Hex sha256 of what was asked; the same key with another body is a conflict. */
  bodySha256: string
}

export interface Task {
  id: string
  machine: string
  spec: TaskSpec
  title: string
  /** Real path. */
  workspace: string
  runtime: string
  status: TaskStatus
  reason: Reason | null
  /** Set while paused and after a resume: where the task was, so that its attempt goes on instead of a new one. */
  resumeTo: TaskStatus | null
  /** Number of the current attempt, from 1; 0 before the first. */
  attempt: number
  sessionId: string | null
  verdict: Verdict | null
  progress: Progress
  source: Source
  externalId: string
  createdAt: number
  updatedAt: number
  startedAt: number | null
  endedAt: number | null
  /** Sum of the time in starting, running and verifying, in ms, up to `updatedAt`. */
  activeMs: number
  toolCalls: number
  tokens: number
  /** Cost in millionths of the currency unit of the price table, or null while any part of it is unknown. */
  costMicros: number | null
  /** While waiting: not before this instant (epoch ms). */
  retryAt: number | null
  /** Failures of the runtime in a row; drives the backoff. */
  troubles: number
  /** Number of the prompt that the session should be answering; grows by one with each prompt that is planned. */
  promptNumber: number
  /** Text of that prompt when it is not the prompt of the attempt itself (a turn goes on after trouble). */
  promptText: string | null
  baseCommit: string | null
  baseline: Record<string, string | null>
  /** Checks that nobody wrote, frozen before the work began; null: not looked for yet. */
  added: AddedCheck[] | null
  /** Changes of protected files that a person accepted, each as the digest of the file as changed. */
  accepted: string[] | null
  isolation: Isolation | null
}

export interface AddedCheck {
  spec: CheckSpec
  origin: CheckOrigin
  /** The words that it stands for, or where it was found. */
  because: string
}

/** A check of a task, with the step and with the one who brought it: absent for the task itself. */
export interface TaskCheck {
  spec: CheckSpec
  step: number | null
  origin?: CheckOrigin
}

/** Every check that judges a task, in the order that the index of a record means: its own ones, then the added. */
export const checksOf = (task: Pick<Task, 'spec' | 'added'>): TaskCheck[] => [
  ...flattenChecks(task.spec),
  ...(task.added ?? []).map(({ spec, origin }) => ({ spec, step: null, origin })),
]
/** What becomes of a worktree. */
export type IsolationEnd = 'merge' | 'keep' | 'drop'

/** The own git worktree of a task. `workspace` of the task is then a path inside `path`. */
export interface Isolation {
  /** Real path of the workspace that the task was asked for. */
  origin: string
  /** Root of the worktree. */
  path: string
  branch: string
  /** The commit that the branch began from. */
  base: string
  /** `conflict`: what was to be done by itself was refused, and a person must say. */
  outcome: 'open' | 'merged' | 'kept' | 'dropped' | 'conflict'
}

/** The row of a list: what `GET /api/tasks` answers. */
export type TaskItem = Pick<
  Task,
  | 'id'
  | 'title'
  | 'status'
  | 'reason'
  | 'verdict'
  | 'attempt'
  | 'workspace'
  | 'runtime'
  | 'source'
  | 'progress'
  | 'createdAt'
  | 'updatedAt'
  | 'startedAt'
  | 'endedAt'
  | 'tokens'
  | 'costMicros'
> & {
  /** Checks behind the verdict that failed first and passed when they were tried again; absent: none. */
  flaky?: number
}

/** What a way in hands to the store; the spec has been judged by the policy of its source. */
export interface NewTask {
  spec: TaskSpec
  /** Real path. */
  workspace: string
  runtime: string
  origin: Origin
}

/** `known`: this source and key came before with the same body. `conflict`: with another one; nothing was written. */
export type Acceptance =
  | { kind: 'accepted'; task: Task }
  | { kind: 'known'; task: Task | null }
  | { kind: 'conflict'; task: Task | null }

/** What a way in answers to the one who knocked. */
export type Submission =
  | Acceptance
  /** It was no task but a word on what waits, and that was done. `id`: of the ask or session, as it was written. */
  | { kind: 'obeyed'; order: 'answer' | 'take-over'; id: string; text: string }
  | { kind: 'refused'; problems: Problem[] }

/** What a text would become if it were sent now; nothing was stored. */
export interface Preview {
  /** As it was read; null: it cannot be read as a task. */
  spec: TaskSpec | null
  checks: PreviewCheck[]
  /** With workspace, defaults and limits filled in; null: it would be refused, for the problems. */
  task: Omit<NewTask, 'origin'> | null
  problems: Problem[]
}

/** A check of the text, those of the steps first. */
export interface PreviewCheck {
  title: string
  step: number | null
  /** What stands for it in markdown; null: only YAML says all of it. */
  line: string | null
}

/** Names the current prompt of a task towards its runtime. */
export const promptIdOf = (task: Pick<Task, 'id' | 'promptNumber'>): string => `${task.id}.${task.promptNumber}`

export interface SkillItem extends SkillRef {
  path: string
  own: boolean
  title: string
  about: string
  parameters: SkillParameter[]
  problems: Problem[]
  /** Why it cannot be run now although it can be read; null: it can. */
  barred: Problem | null
}

export interface SkillList {
  items: SkillItem[]
  /** Where the user's own lie. */
  folder: string
}

export interface SkillDetail extends SkillFile {
  barred: Problem | null
  /** The newest first. */
  runs: TaskItem[]
}
