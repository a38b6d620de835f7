/** What is known of one session, and what it has used. Data and small steps on it; whose it is knows the board. */
import type { ModelUsage, SessionState, WatchedSession } from '../../core/session.ts'
import type { RemoteAsk, RemoteError, RemoteStatus, RemoteTool } from './remote.ts'
import type { Turn } from './state.ts'

export interface Known {
  session: WatchedSession
  status: RemoteStatus
  /** Monotonic ms of the last change of the status. */
  statusAt: number
  /** Null: it must be asked for. An idle session is asked anew after each turn. */
  turn: Turn | null
  tool: (RemoteTool & { sessionId: string; lastOutputAt: number | null }) | null
  model: 'none' | 'streaming' | 'between'
  error: RemoteError | null
  /** Epoch ms; null: nothing was seen yet. */
  progressAt: number | null
  asks: Map<string, RemoteAsk>
  children: Set<string>
  /** By message: what it cost. Null where nobody counts. */
  counts: Map<string, Count> | null
  /** When each prompt came, by the server's clock; with `counts`. */
  prompts: Map<string, number> | null
  told: SessionState['kind'] | null
}

export interface Count {
  /** By the server's clock. */
  at: number
  tokens: number
  costMicros: number | null
  calls: Set<string>
}

export const idle: RemoteStatus = { kind: 'idle' }

export const fresh = (session: WatchedSession): Known => ({
  session,
  status: idle,
  statusAt: Number.NEGATIVE_INFINITY,
  turn: null,
  tool: null,
  model: 'between',
  error: null,
  progressAt: null,
  asks: new Map(),
  children: new Set(),
  counts: null,
  prompts: null,
  told: null,
})

export function beginCounts(known: Known): void {
  known.counts ??= new Map()
  known.prompts ??= new Map()
}

export const tokensOf = (usage: ModelUsage): number =>
  usage.input + usage.output + usage.reasoning + usage.cacheRead + usage.cacheWrite

export function countCall({ counts, progressAt }: Known, messageId: string, callId: string): void {
  if (!counts) return
  const at = progressAt ?? 0
  const count = counts.get(messageId) ?? { at, tokens: 0, costMicros: 0, calls: new Set<string>() }
  counts.set(messageId, count)
  count.calls.add(callId)
}
