/**
 * `GET /api/live`: the event log as it grows, over SSE. Reads the log, so a reconnect with `Last-Event-ID` has
 * no gap; of what was let go of meanwhile it says so. What is said and is no event yet comes whole, then word by word.
 */
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { LiveDelta } from '../core/runtime.ts'
import type { ServerWorld, Variables } from './context.ts'
import type { Saying, Speech } from './speech.ts'

const batchMax = 500
const wordsMax = 500
const heartbeatMs = 15_000
const namedMax = 200

/** Of `event: gap`, the first frame where events after the one asked for were let go of: all is to be read anew. */
interface LiveGap {
  after: number
  /** Seq of the oldest event there is. */
  next: number
}

/** A word, and the last event before it: neither overtakes the other on its way. */
interface Word {
  after: number
  delta: LiveDelta
}

export function live(c: Context<Variables>, world: ServerWorld, speech: Speech): Response {
  const given = Number(c.req.header('last-event-id') ?? c.req.query('after') ?? Number.NaN)
  let cursor = Number.isSafeInteger(given) && given >= 0 ? given : world.store.ledger.head()
  const login = c.get('login')
  c.header('x-accel-buffering', 'no')
  return streamSSE(c, async (stream) => {
    const bell = new Bell()
    const words: Word[] = []
    let heard = world.store.ledger.head()
    let caughtUp = false
    const changed = new Set<string>()
    const stops = [
      world.store.ledger.onEvent(({ seq }) => {
        heard = seq
        bell.ring()
      }),
      world.onDelta((delta) => {
        // A viewer that cannot follow loses words in passing, never events; the whole text comes with message.finished.
        if (words.length < wordsMax) words.push({ after: heard, delta })
        bell.ring()
      }),
      world.keeper.onChange((ids) => {
        for (const id of ids) if (changed.size <= namedMax) changed.add(id)
        bell.ring()
      }),
      world.auth.onEnd((digest) => {
        if (digest === login) end()
      }),
    ]
    const end = () => {
      for (const stop of stops.splice(0)) stop()
      bell.close()
    }
    stream.onAbort(end)
    /** The words that came before the event after this one. */
    const tell = async (seq: number) => {
      while (caughtUp && words[0] && words[0].after <= seq) {
        const { delta } = words.shift() as Word
        const data = { taskId: taskOf(delta.sessionId, world), ...delta }
        await stream.writeSSE({ event: 'delta', data: JSON.stringify(data) })
      }
    }
    try {
      await stream.writeSSE({ event: 'hello', data: String(cursor) })
      const first = world.store.events.first()
      if (cursor + 1 < first) {
        const gap: LiveGap = { after: cursor, next: first }
        await stream.writeSSE({ event: 'gap', data: JSON.stringify(gap) })
      }
      while (!bell.closed) {
        const events = world.store.events.after(cursor, batchMax)
        const isTold: boolean = caughtUp || events.length === batchMax
        const saying: Saying[] | null = isTold ? null : speech.now((id) => taskOf(id, world))
        // What was said so far is in it.
        if (saying) words.length = 0
        for (const event of events) {
          await tell(event.seq - 1)
          await stream.writeSSE({ event: 'event', id: String(event.seq), data: JSON.stringify(event) })
          cursor = event.seq
        }
        if (saying) await stream.writeSSE({ event: 'saying', data: JSON.stringify(saying) })
        caughtUp ||= saying !== null
        await tell(cursor)
        if (changed.size > 0) {
          const ids = changed.size > namedMax ? null : [...changed]
          changed.clear()
          await stream.writeSSE({ event: 'sessions', data: JSON.stringify({ ids }) })
        }
        if (events.length === batchMax || bell.rung) continue
        const beat = world.clock.after(heartbeatMs, () => bell.ring(true))
        await bell.wait()
        beat.cancel()
        if (bell.takeBeat()) await stream.write(': beat\n\n')
      }
    } finally {
      end()
    }
  })
}

const taskOf = (sessionId: string, { store }: ServerWorld): string | null =>
  store.sessions.session(sessionId)?.taskId ?? null

/** Rung any number of times, heard once. */
class Bell {
  closed = false
  private waiting: (() => void) | null = null
  private asked = false
  private beat = false

  /** True when it was rung since the last question; asking clears it. */
  get rung(): boolean {
    const { asked } = this
    this.asked = false
    return asked
  }

  ring(beat = false): void {
    this.asked = !beat || this.asked
    this.beat ||= beat
    this.waiting?.()
  }

  takeBeat(): boolean {
    const { beat } = this
    this.beat = false
    return beat
  }

  close(): void {
    this.closed = true
    this.waiting?.()
  }

  wait(): Promise<void> {
    if (this.closed || this.asked) return Promise.resolve()
    return new Promise((resolve) => {
      this.waiting = () => {
        this.waiting = null
        resolve()
      }
    })
  }
}
