/** A check is one way to prove something from the file system or a command. It knows no task and no store. */
import type { z } from 'zod'
import type { Clock } from './clock.ts'
import type { ModelUsage } from './session.ts'
import type { Confinement } from './tool.ts'

/** What a task asks to be proven. `kind` picks the checker; the other fields are that checker's own, already parsed. */
export interface CheckSpec {
  kind: string
  /** Shown to people; defaults to the checker's one-line form. */
  name?: string | undefined
  [field: string]: unknown
}

/**
 * `pass` and `fail` are facts about the work. `error` means that the check could not look (missing tool, timeout of the
 * machine, unreadable file): it proves nothing and never counts as a pass.
 */
export type CheckOutcome = 'pass' | 'fail' | 'error'

export interface Evidence {
  /** One sentence for a person: what was found, against what was expected. */
  summary: string
  /** What was looked at: a path, a URL, a command line. */
  subject: string
  /** The relevant part, at most `excerptCharsMax` characters, head and tail kept. */
  excerpt?: string
  /** Hex sha256 of everything that was looked at (file bytes, whole output), not only of the excerpt. */
  sha256?: string
  exitCode?: number | null
  sizeBytes?: number
  /** Further facts, flat and JSON-safe. */
  facts?: Record<string, string | number | boolean | string[]>
}

export interface CheckResult {
  outcome: CheckOutcome
  evidence: Evidence
  /** What the command says it did, when it says so in a form that can be read. */
  census?: Census
  /** It was run more than once on the same files, and its results differ. */
  flaky?: { runs: number; failed: number }
}

export const censusNamesMax = 5_000

/** Tests (or, for `sarif`, findings as failures) that a command reported, counted and named. */
export interface Census {
  format: string
  passed: number
  failed: number
  skipped: number
  /** Sorted, without repetition; each list is cut at `censusNamesMax`. */
  names: { passed: string[]; failed: string[]; skipped: string[] }
  /** Whether the lists hold every name. */
  whole: boolean
}

export interface CheckContext {
  /** Real path of the workspace; relative paths of a check start here and must stay inside. */
  workspace: string
  /** Epoch ms of the start of the task: `file_changed` and `git_diff` compare with this. */
  taskStartedAt: number
  /** Commit of the workspace when the task started, when it is a git repository. */
  baseCommit: string | null
  /** Digests of files at the start of the task, by relative path; recorded for the paths that `baseline` named. */
  baseline: Readonly<Record<string, string | null>>
  /** What the same check said before the work began; null: not known, or this is that look. */
  before: CheckResult | null
  /** Full environment for child processes: already scrubbed by the caller. */
  env: Readonly<Record<string, string>>
  /** Owner of every child process (lib/process.ts). */
  owner: string
  /** What a task or a project brings is started through this. */
  confinement: Confinement
  clock: Clock
  signal: AbortSignal
}

/** What a model is told when it is to propose checks. */
export interface ProposalRequest {
  goal: string
  acceptance: readonly string[]
  files: readonly string[]
  /** The one-line forms that it may use. */
  forms: readonly string[]
  /** Null: the default. */
  model: string | null
}

export interface Proposals {
  /** `line` is the position of the acceptance line, `check` text that nobody has judged. */
  answers: { line: number; check: string }[]
  usage: ModelUsage | null
}

/** Never rejects: trouble is no answer. */
export interface Proposer {
  propose(request: ProposalRequest, signal: AbortSignal): Promise<Proposals>
}

export const excerptCharsMax = 4_000

/**
 * One file in `checks/`. `run` never throws for what it finds: a missing file is a `fail`, an
 * unreadable one an `error`. It ends soon after `context.signal` aborts and leaves no process behind.
 */
export interface Checker<K extends string = string, S extends z.ZodType = z.ZodType> {
  kind: K
  /**
   * Strict zod object with `kind: z.literal(K)` and an optional `name`. The default of every field is in the schema.
   */
  schema: S
  /** Words that open the one-line form in markdown, e.g. `['run', 'command']` for `- run: npm test`. */
  words: readonly string[]
  /** Parses the text behind the word into the fields of the schema, or says what is wrong. Pure. */
  parseLine(text: string): Record<string, unknown> | string
  /** The one-line form again, for people. */
  describe(spec: z.output<S>): string
  /** Whether it executes something that the task brought; sources may be forbidden to do so. */
  runsCommand: boolean
  /**
   * It only says that nothing got worse: green before the work by nature, which makes it neither vacuous nor a proof.
   */
  guards?: boolean
  /**
   * It judges against the files as its look before the work saw them. That look is made for every task, after those of
   * the other checks, and is not held to their time.
   */
  compares?: boolean
  /** Relative paths whose digests at the start of the task this check will want in `context.baseline`. */
  baseline?(spec: z.output<S>): string[]
  run(spec: z.output<S>, context: CheckContext): Promise<CheckResult>
}

/** A checker with its own types closed over, as callers see it. */
export interface AnyChecker {
  kind: string
  schema: z.ZodType
  words: readonly string[]
  parseLine(text: string): Record<string, unknown> | string
  describe(spec: CheckSpec): string
  runsCommand: boolean
  guards: boolean
  compares: boolean
  baseline(spec: CheckSpec): string[]
  run(spec: CheckSpec, context: CheckContext): Promise<CheckResult>
}
