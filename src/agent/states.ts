/** What a session is at, for whoever looks: of a run that goes on, or from the rows alone. Pure. */
import { type JournalEntry, type SessionState, withoutUndone } from '../core/session.ts'
import { excerptOf } from '../lib/excerpt.ts'
import { lastTurnOf, openCallsOf } from './history.ts'
import { isTransient } from './providers/trouble.ts'
import type { LiveState } from './run.ts'
import { unfinishedOf } from './unfinished.ts'

export function liveState({ tool, retry, asks }: LiveState): SessionState {
  if (asks) return { kind: 'waiting', ...asks }
  if (!retry) return { kind: 'busy', tool }
  return { kind: 'retrying', attempt: retry.attempt, nextAt: retry.nextAt, text: retry.problem.text }
}

/** The state of a session that nothing runs in. */
export function restingState(all: readonly JournalEntry[]): SessionState {
  const entries = withoutUndone(all, (entry) => entry)
  const turn = lastTurnOf(entries)
  if (!turn) return { kind: 'idle', promptId: null, complete: false, text: '' }
  const { promptId, ended, paused, complete, text, finish } = turn
  if (paused) return { kind: 'waiting', for: 'resume', text: 'A person has paused it.' }
  const reason = ended?.reason
  switch (reason) {
    case undefined:
    case 'cancelled':
      return { kind: 'interrupted', promptId, ...lostIn(entries) }
    case 'provider_error':
    case 'needs_permission':
    case 'needs_input': {
      const problem = ended?.problem ?? { kind: 'run-failed', text: 'The run failed.' }
      return { kind: 'failed', promptId, transient: isTransient(problem), problem }
    }
    default:
      if (complete) return { kind: 'idle', promptId, complete, text }
      return { kind: 'idle', promptId, complete, text, unfinished: unfinishedOf(reason, finish) }
  }
}

const shownChars = 200

/** The first call that had begun to change something when its process was killed. */
function lostIn(entries: readonly JournalEntry[]): { lost: string } | null {
  const changing = new Set(
    entries.flatMap((entry) => (entry.type === 'tool.started' && !entry.readOnly ? [entry.callId] : [])),
  )
  const lost = openCallsOf(entries).find(({ call, started }) => started && changing.has(call.id))?.call
  return lost ? { lost: excerptOf(`${lost.name} ${lost.argumentsText}`, shownChars) } : null
}
