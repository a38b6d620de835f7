/** What a look at a session of our own agent says: of a live run, or from its rows alone. Pure. */
import { lastTurnOf } from '../agent/history.ts'
import { isTransient } from '../agent/providers/index.ts'
import type { LiveState } from '../agent/run.ts'
import { type JournalEntry, type SessionState, withoutUndone } from '../core/session.ts'

export function liveState({ tool, retry, asks }: LiveState): SessionState {
  if (asks) return { kind: 'waiting', ...asks }
  if (!retry) return { kind: 'busy', tool }
  return { kind: 'retrying', attempt: retry.attempt, nextAt: retry.nextAt, text: retry.problem.text }
}

/** The state of a session that nothing runs in, from its rows alone. */
export function restingState(all: readonly JournalEntry[]): SessionState {
  const turn = lastTurnOf(withoutUndone(all, (entry) => entry))
  if (!turn) return { kind: 'idle', promptId: null, complete: false, text: '' }
  const { promptId, ended, complete, text } = turn
  switch (ended?.reason) {
    case undefined:
    case 'cancelled':
      return { kind: 'interrupted', promptId }
    case 'provider_error':
    case 'needs_permission': {
      const problem = ended?.problem ?? { kind: 'run-failed', text: 'The run failed.' }
      return { kind: 'failed', promptId, transient: isTransient(problem), problem }
    }
    default:
      return { kind: 'idle', promptId, complete, text }
  }
}
