/** What the harness works with: handed over once by the daemon, the same for every task. */
import type { AnyChecker, CheckSpec, Proposer } from '../core/check.ts'
import type { Clock } from '../core/clock.ts'
import type { Result } from '../core/problem.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Checkout, CrashPolicy, ProjectChecks } from '../core/spec.ts'
import type { Source } from '../core/task.ts'
import type { Backoff } from '../lib/backoff.ts'
import type { Log } from '../lib/log.ts'
import type { Sandbox } from '../lib/sandbox/sandbox.ts'
import type { Keyring } from '../store/keyring.ts'
import type { Store } from '../store/open.ts'
import type { Checkouts } from './checkout.ts'
import type { Concurrency } from './places.ts'

export interface World {
  store: Store
  /** Signs receipts. */
  keyring: Pick<Keyring, 'signer'>
  runtimes: ReadonlyMap<string, Runtime>
  checkers: readonly AnyChecker[]
  /** The name of a check, or its one-line form. */
  describeCheck(spec: CheckSpec): string
  /** The one-line form of a check, judged. */
  parseCheck(line: string): Result<CheckSpec>
  /** Null: no model is configured. */
  proposer: Proposer | null
  clock: Clock
  /** Environment for what checks execute: already an allow-list. */
  env: Readonly<Record<string, string>>
  /** Owner of child processes of checks (lib/process.ts). */
  owner: string
  /** What commands of tasks and projects run in. */
  sandbox: Sandbox
  isolation: {
    /** Real path of the folder for worktrees. */
    dir: string
    /** Owner of git there: it is not ended when the next daemon starts, as it may be writing files. */
    owner: string
  }
  settings: {
    concurrency: Concurrency
    /** Attempts of a task that does not say. */
    attemptsMax: number
    /** Whether the checks of a task that does not say run before the work, and how long that may take. */
    mustFailFirst: boolean
    baseMs: number
    /** Further files that judge, and the clean checkout, of a task that does not say. */
    protect: string[] | false
    checkout: Checkout | false
    /** Of tasks that do not say. */
    projectChecks: ProjectChecks
    proposeChecks: boolean
    commitTrailer: boolean
    /** Whether the agent waits until the checks have looked at what it begins from. */
    waitForBase: boolean
    /** Of a task that does not say, where nobody knows what its last call did. */
    afterCrash: CrashPolicy
    /** Whether any command at all may be run as a check for tasks of this source. */
    runsCommands(source: Source): boolean
    /** Waits after trouble of a runtime. */
    backoff: Backoff
    /** Only tasks with a later id are worked; empty: all. */
    after: string
    /** Slow look at a task that does not say. */
    reconcileMs: number
  }
  checkouts: Checkouts
  log: Log
  /** A lasting condition that a person should know of; null text clears it. */
  alarm(code: string, text: string | null): void
}
