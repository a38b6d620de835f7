/**
 * A small client of an OpenCode server, the real one and the fake alike: calls with a deadline, and the event stream as
 * a list one can wait on. It judges nothing.
 */

export interface OpenCodeAddress {
  url: string
  username: string
  password: string | null
}

/** One line of `/global/event`. */
export interface WireEvent {
  directory?: string
  project?: string
  payload: { id?: string; type: string; properties: Record<string, unknown> }
}

export interface SeenEvent extends WireEvent {
  /** Epoch ms when it arrived. */
  at: number
}

export interface CallOptions {
  body?: unknown
  directory?: string
  timeoutMs?: number
}

export interface Reply {
  status: number
  contentType: string
  text: string
  /** Null for what is no JSON. */
  json: unknown
}

export class OpenCodeClient {
  readonly address: OpenCodeAddress

  constructor(address: OpenCodeAddress) {
    this.address = address
  }

  get headers(): Record<string, string> {
    const { username, password } = this.address
    if (password === null) return {}
    return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }
  }

  /** `call('POST /session', { body })`. */
  async call(request: string, { body, directory, timeoutMs = 30_000 }: CallOptions = {}): Promise<Reply> {
    const [method = 'GET', path = '/'] = request.split(' ')
    const url = new URL(path, this.address.url)
    if (directory !== undefined) url.searchParams.set('directory', directory)
    const response = await fetch(url, {
      method,
      headers: { ...this.headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = await response.text()
    const contentType = response.headers.get('content-type') ?? ''
    return { status: response.status, contentType, text, json: contentType.includes('json') ? JSON.parse(text) : null }
  }

  /** The body of a call that must succeed. */
  async get<T>(request: string, options: CallOptions = {}): Promise<T> {
    const reply = await this.call(request, options)
    if (reply.status >= 300) throw new Error(`${request}: ${reply.status} ${reply.text.slice(0, 300)}`)
    return reply.json as T
  }

  async follow(path = '/global/event'): Promise<EventLog> {
    const stop = new AbortController()
    const response = await fetch(new URL(path, this.address.url), { headers: this.headers, signal: stop.signal })
    if (!response.ok || !response.body) throw new Error(`${path}: ${response.status}`)
    return new EventLog(response.body, stop)
  }
}

/** What came over one stream, in order. */
export class EventLog {
  readonly events: SeenEvent[] = []
  /** Resolves when the stream has ended, by either side. */
  readonly ended: Promise<void>
  private isOver = false
  private readonly stop: AbortController
  private waiters: (() => void)[] = []

  constructor(body: ReadableStream<Uint8Array>, stop: AbortController) {
    this.stop = stop
    this.ended = this.read(body)
  }

  private async read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder()
    let rest = ''
    try {
      for await (const chunk of body) {
        const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n')
        rest = blocks.pop() ?? ''
        for (const block of blocks) this.take(block)
        this.wake()
      }
    } catch {
      // The stream was cut, by this client or by the server: the end of the log either way.
    }
    this.isOver = true
    this.wake()
  }

  private take(block: string): void {
    const at = Date.now()
    for (const line of block.split('\n')) {
      if (line.startsWith('data:')) this.events.push({ at, ...(JSON.parse(line.slice(5)) as WireEvent) })
    }
  }

  private wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter()
  }

  /** Waits for an event at or after position `from`. */
  async sees(
    what: string,
    wanted: (event: SeenEvent) => boolean,
    { from = 0, limitMs = 30_000 } = {},
  ): Promise<SeenEvent> {
    const deadline = performance.now() + limitMs
    for (let next = from; ; ) {
      const found = this.events.slice(next).find(wanted)
      if (found) return found
      next = this.events.length
      const leftMs = deadline - performance.now()
      if (this.isOver || leftMs <= 0) throw new Error(`not seen${this.isOver ? ', the stream is over' : ''}: ${what}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.waiters.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  /** The event of this type of this session. */
  type(type: string, sessionId?: string, options: { from?: number; limitMs?: number } = {}): Promise<SeenEvent> {
    const fits = ({ payload }: SeenEvent) =>
      payload.type === type && (sessionId === undefined || payload.properties['sessionID'] === sessionId)
    return this.sees(`${type} ${sessionId ?? ''}`, fits, options)
  }

  async close(): Promise<void> {
    this.stop.abort()
    await this.ended
  }
}
