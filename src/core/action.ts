/** What the harness does next for one task. decide.ts says it, act.ts does it. */
import type { Reason } from './task.ts'

export type Action =
  | { kind: 'nothing' }
  /** Take a place and begin the first attempt. */
  | { kind: 'start' }
  /** Send, or re-enter, the prompt of the current attempt. */
  /** `abort`: whatever the session does before is stopped. */
  | { kind: 'prompt'; abort?: boolean }
  /** The agent works: note what was seen and look again on the next nudge. */
  | { kind: 'continue' }
  /** Stay until something changes; `retryAt` bounds the stay. */
  | { kind: 'wait'; reason: Reason; retryAt: number | null }
  | { kind: 'verify' }
  /** A person must act. `abort` ends the turn first. */
  | { kind: 'pause'; reason: Reason; abort: boolean }
