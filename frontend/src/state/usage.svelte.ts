/** What was used in a period, what in the one before, by day and by one group. Read again when runs end. */
import type { LiveFrame, UsageReport } from '../../../src/server/api.ts'
import type { Refusal } from '../answer.ts'
import type { UsageQuery } from '../asked.ts'
import type { Group, Period } from '../model/periods.ts'
import { stretchBefore } from '../model/usage.ts'
import { clock } from './clock.svelte.ts'
import { api } from './door.svelte.ts'
import { Reader } from './reader.ts'

const pauseMs = 5_000
const itemsMax = 1_000

export class Usage {
  report = $state.raw<UsageReport | null>(null)
  before = $state.raw<UsageReport['whole'] | null>(null)
  days = $state.raw<UsageReport | null>(null)
  refusal = $state<Refusal | null>(null)
  busy = $state(false)
  #period: Period = 'month'
  #group: Group = 'model'
  #question = 0
  readonly #reader = new Reader(() => this.#read(), pauseMs)

  async load(period: Period, group: Group): Promise<void> {
    this.#period = period
    this.#group = group
    await this.#read()
  }

  apply(frames: readonly LiveFrame[]): void {
    if (frames.some((frame) => frame.event === 'event' && ['usage.recorded', 'run.ended'].includes(frame.data.type))) {
      void this.#reader.run()
    }
  }

  async #read(): Promise<void> {
    const question = ++this.#question
    this.busy = true
    const [period, group] = [this.#period, this.#group]
    const within: UsageQuery = period === 'total' ? {} : { since: period }
    const [report, days] = await Promise.all([
      api.usage({ ...within, by: group, limit: itemsMax }),
      // A day alone makes no chart: the last thirty stand behind it.
      api.usage({ ...(period === 'total' ? {} : { since: '30d' }), by: 'day', limit: itemsMax }),
    ])
    const stretch = report.ok ? stretchBefore(period, report.value.since, clock.now) : null
    const before = stretch ? await api.usage({ ...stretch, by: 'day', limit: 1 }) : null
    if (question !== this.#question) return
    this.busy = false
    this.refusal = !report.ok ? report.refusal : days.ok ? null : days.refusal
    if (!report.ok || !days.ok) return
    this.report = report.value
    this.days = days.value
    this.before = before?.ok ? before.value.whole : null
  }
}
