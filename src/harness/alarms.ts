/** Lasting conditions that a person should know of: raised once, cleared once, each an event. */
import { reasonOf } from '../core/problem.ts'
import type { Log } from '../lib/log.ts'
import type { Store } from '../store/open.ts'

export interface Alarm {
  code: string
  text: string
  since: number
}

export class Alarms {
  private readonly store: Store
  private readonly log: Log
  private readonly raised = new Map<string, Alarm>()

  constructor(store: Store, log: Log) {
    this.store = store
    this.log = log
  }

  list(): Alarm[] {
    return [...this.raised.values()]
  }

  /** Null text clears. */
  set(code: string, text: string | null): void {
    const before = this.raised.get(code)
    if (text === null) {
      if (this.raised.delete(code)) this.note('alarm.cleared', { code, text: `Over: ${before?.text ?? code}` })
      return
    }
    if (before?.text === text) return
    this.raised.set(code, { code, text, since: before?.since ?? this.store.ledger.clock.now() })
    if (!before) this.note('alarm.raised', { code, text })
  }

  private note(type: 'alarm.raised' | 'alarm.cleared', data: Record<string, unknown>): void {
    try {
      this.store.ledger.note({ type, data })
    } catch (error) {
      // The alarm may be about the store itself; it is still listed, and logged here.
      this.log.error({ ...data, error: reasonOf(error) }, 'an alarm could not be stored')
    }
  }
}
