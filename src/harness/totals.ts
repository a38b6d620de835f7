/**
 * Compares what sessions say they used in all with what was counted message by message, once they are quiet, and has
 * the store add what nobody saw. While a turn is under way it keeps its hands off: nothing may be counted twice.
 */
import type { Timer } from '../core/clock.ts'
import type { SessionState, UsageCount, WatchedSession } from '../core/session.ts'
import type { KnownSession } from '../store/watched.ts'
import type { World } from './world.ts'

/** Figures of the last message of a turn come about when the session says that it is idle. */
const settleMs = 5_000
/** A session whose state nobody told counts as quiet when it was not touched for so long. */
const untouchedMs = 60_000
const knownMax = 50_000
/** A first look brings a thousand of them; the daemon has other things to do meanwhile. */
const portion = 200
const underWay: readonly (SessionState['kind'] | null)[] = ['starting', 'busy', 'waiting', 'retrying', 'unreachable']

export class Totals {
  private readonly world: Pick<World, 'store' | 'clock'>
  private readonly guard: (work: () => void) => void
  private readonly waiting = new Map<string, WatchedSession>()
  /** The total that was compared last, as one number. */
  private readonly compared = new Map<string, number>()
  private timer: Timer | null = null

  constructor(world: Pick<World, 'store' | 'clock'>, guard: (work: () => void) => void) {
    this.world = world
    this.guard = guard
  }

  note(session: WatchedSession): void {
    const { id, total } = session
    if (!total || this.compared.get(id) === weightOf(total)) return
    this.waiting.set(id, session)
    this.look()
  }

  /** A session may have become quiet. */
  look(): void {
    if (this.waiting.size === 0) return
    this.timer ??= this.world.clock.after(settleMs, () => {
      this.timer = null
      this.guard(() => this.compare())
    })
  }

  close(): void {
    this.timer?.cancel()
  }

  private compare(): void {
    const { store, clock } = this.world
    const now = clock.now()
    let later = false
    let compared = 0
    store.ledger.transact(() => {
      for (const session of this.waiting.values()) {
        const known = store.watched.get(session.id)
        if (known && !isQuiet(known, now)) {
          later ||= !underWay.includes(known.state)
          continue
        }
        if (compared++ >= portion) {
          later = true
          break
        }
        if (known) this.correct(session, known)
        this.waiting.delete(session.id)
      }
    }, false)
    if (later) this.look()
  }

  private correct({ id, total, model, updatedAt }: WatchedSession, known: KnownSession): void {
    if (!total) return
    const { usage, watched } = this.world.store
    const taskId = watched.taskAt(watched.rootOf(known), updatedAt)
    usage.correct({ sessionId: id, taskId, model, updatedAt, total })
    if (this.compared.size >= knownMax) this.compared.clear()
    this.compared.set(id, weightOf(total))
  }
}

function isQuiet({ state, stateAt, updatedAt }: KnownSession, now: number): boolean {
  if (state === null) return now - (updatedAt ?? 0) > untouchedMs
  return !underWay.includes(state) && now - (stateAt ?? 0) >= settleMs
}

const weightOf = ({ input, output, reasoning, cacheRead, cacheWrite, costMicros }: UsageCount): number =>
  input + output + reasoning + cacheRead + cacheWrite + (costMicros ?? 0)
