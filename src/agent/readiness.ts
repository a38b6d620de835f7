/** Whether a model answers, asked no more often than somebody could tell the difference. It starts nothing. */
import type { Clock } from '../core/clock.ts'
import type { Problem, Result } from '../core/problem.ts'
import type { Availability } from '../core/runtime.ts'
import type { Choice } from './model-choice.ts'
import { isTransient } from './providers/trouble.ts'

const readyForMs = 15_000
const unreadyForMs = 2_000
const listless = ['model-not-found', 'model-list-strange', 'model-request-refused']

export interface Asking {
  clock: Clock
  /** What the answer hangs on: of another one nothing is known yet. */
  first(): object | undefined
  choose(signal: AbortSignal): Promise<Result<Choice>>
  within<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>
}

export class Readiness {
  private readonly asking: Asking
  private known: { until: number; first: object | undefined; availability: Promise<Availability> } | null = null

  constructor(asking: Asking) {
    this.asking = asking
  }

  available(): Promise<Availability> {
    const now = this.asking.clock.monotonic()
    const first = this.asking.first()
    if (this.known && now < this.known.until && this.known.first === first) return this.known.availability
    const asked = { until: now + readyForMs, first, availability: this.ask() }
    this.known = asked
    void asked.availability.then((availability) => {
      if (availability.kind !== 'ready') asked.until = now + unreadyForMs
    })
    return asked.availability
  }

  private ask(): Promise<Availability> {
    return this.asking.within(async (signal) => {
      const chosen = await this.asking.choose(signal)
      if (!chosen.ok) return unavailable(chosen.problems[0] ?? { kind: 'no-model', text: 'No model is configured.' })
      const { source, model, why } = chosen.value
      const detail = `${model} at ${source.provider.name}, ${why}`
      const listed = await source.provider.models(signal)
      // Not every server lists its models; that it answers is enough.
      const answers = 'ids' in listed || listless.includes(listed.problem.kind)
      return answers ? { kind: 'ready', detail } : unavailable(listed.problem)
    })
  }
}

const unavailable = (problem: Problem): Availability => ({
  kind: 'unavailable',
  transient: isTransient(problem),
  problem,
})
