/**
 * Notices that the machine slept: time passed for the machine that did not pass for its programs. The log says it of
 * each task that was at work, so that nobody takes a closed lid for a slow agent. It wakes nothing up.
 */
import type { Clock, Timer } from '../core/clock.ts'
import { reasonOf } from '../core/problem.ts'
import { activeStatuses } from '../core/task.ts'
import type { Log } from '../lib/log.ts'
import { uptimeMs } from '../lib/uptime.ts'
import type { Store } from '../store/open.ts'

const everyMs = 10_000
/** Less than this is the two clocks read one after the other, or a pause of a virtual machine. */
const sleptMsMin = 5_000

export interface SleepWorld {
  clock: Clock
  store: Store
  log: Log
}

export class SleepWatch {
  private readonly world: SleepWorld
  private readonly uptimeMs: () => number
  private ahead: number
  private timer: Timer | null = null

  constructor(world: SleepWorld, uptime = uptimeMs) {
    this.world = world
    this.uptimeMs = uptime
    this.ahead = this.read()
  }

  start(): void {
    this.timer = this.world.clock.after(everyMs, () => {
      this.look()
      this.start()
    })
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = null
  }

  /** What the machine counts more than its programs, in ms. */
  private read(): number {
    return this.uptimeMs() - this.world.clock.monotonic()
  }

  private look(): void {
    const now = this.read()
    const sleptMs = Math.round(now - this.ahead)
    this.ahead = now
    if (sleptMs < sleptMsMin) return
    const { store, log } = this.world
    try {
      store.ledger.transact(() => {
        const at = store.tasks.withStatus(activeStatuses).map(({ id, sessionId }) => ({ taskId: id, sessionId }))
        for (const who of at.length > 0 ? at : [{}]) {
          store.ledger.emit({ type: 'machine.slept', ...who, data: { sleptMs } })
        }
      })
    } catch (error) {
      log.error({ sleptMs, error: reasonOf(error) }, 'the sleep of the machine could not be stored')
    }
  }
}
