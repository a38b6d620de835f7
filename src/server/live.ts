/**
 * `GET /api/live`: the event log as it grows, over SSE. Reads the log, so a reconnect with `Last-Event-ID` has
 * no gap; of what was let go of meanwhile it says so. What is said and is no event yet comes whole, then word by word.
 */
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { LiveFrame } from './api.ts'
import type { ServerWorld, Variables } from './context.ts'
import type { Saying } from './speech.ts'

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

export function live(c: Context<Variables>, world: ServerWorld): Response {
  const given = Number(c.req.header('last-event-id') ?? c.req.query('after') ?? Number.NaN)
  let cursor = Number.isSafeInteger(given) && given >= 0 ? given : world.store.ledger.head()
  const login = c.get('login')
  c.header('x-accel-buffering', 'no')
  return streamSSE(c, async (stream) => {
    const news = new News(world, login)
    const { bell, words } = news
    stream.onAbort(() => news.end())
    const send = (event: string, data: unknown) => stream.writeSSE({ event, data: JSON.stringify(data) })
    let caughtUp = false
    const tell = async (seq: number) => {
      if (!caughtUp) return
      for (const word of words.before(seq)) await send('delta', word)
    }
    try {
      await stream.writeSSE({ event: 'hello', data: String(cursor) })
      const next = world.store.events.first()
      if (cursor + 1 < next) await send('gap', { after: cursor, next } satisfies LiveGap)
      while (!bell.closed) {
        const events = world.store.events.after(cursor, batchMax)
        const isTold: boolean = caughtUp || events.length === batchMax
        const saying: Saying[] | null = isTold ? null : world.speech.now((id) => taskOf(id, world))
        // What was said so far is in it.
        if (saying) words.clear()
        for (const event of events) {
          await tell(event.seq - 1)
          await stream.writeSSE({ event: 'event', id: String(event.seq), data: JSON.stringify(event) })
          cursor = event.seq
        }
        if (saying) await send('saying', saying)
        caughtUp ||= saying !== null
        await tell(cursor)
        const ids = news.takeChanged()
        if (ids !== undefined) await send('sessions', { ids })
        if (events.length === batchMax || bell.rung) continue
        const beat = world.clock.after(heartbeatMs, () => bell.ring(true))
        await bell.wait()
        beat.cancel()
        if (bell.takeBeat()) await stream.write(': beat\n\n')
      }
    } finally {
      news.end()
    }
  })
}

type Word = Extract<LiveFrame, { event: 'delta' }>['data']

/** What happens while one reader is there. */
class News {
  readonly bell = new Bell()
  readonly words = new Words()
  private readonly changed = new Set<string>()
  private readonly stops: (() => void)[]
  private heard: number

  constructor(world: ServerWorld, login: string | null) {
    this.heard = world.store.ledger.head()
    this.stops = [
      world.store.ledger.onEvent(({ seq }) => {
        this.heard = seq
        this.bell.ring()
      }),
      world.onDelta((delta) => {
        const { sessionId } = delta
        this.words.add(this.heard, { taskId: taskOf(sessionId, world), since: world.speech.since(sessionId), ...delta })
        this.bell.ring()
      }),
      world.keeper.onChange((ids) => {
        for (const id of ids) if (this.changed.size <= namedMax) this.changed.add(id)
        this.bell.ring()
      }),
      world.auth.onEnd((digest) => {
        if (digest === login) this.end()
      }),
    ]
  }

  /** Null: too many to name; undefined: none. */
  takeChanged(): string[] | null | undefined {
    if (this.changed.size === 0) return undefined
    const ids = this.changed.size > namedMax ? null : [...this.changed]
    this.changed.clear()
    return ids
  }

  end(): void {
    for (const stop of this.stops.splice(0)) stop()
    this.bell.close()
  }
}

/** Words on their way, each behind the last event before it: neither overtakes the other. */
class Words {
  private readonly queue: { after: number; word: Word }[] = []

  /** A viewer that cannot follow loses words in passing, never events; the whole text comes with message.finished. */
  add(after: number, word: Word): void {
    if (this.queue.length < wordsMax) this.queue.push({ after, word })
  }

  /** Those that came before the event behind this one. */
  *before(seq: number): Generator<Word> {
    for (let first = this.queue[0]; first && first.after <= seq; first = this.queue[0]) {
      this.queue.shift()
      yield first.word
    }
  }

  clear(): void {
    this.queue.length = 0
  }
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
