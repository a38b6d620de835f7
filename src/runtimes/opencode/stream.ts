/**
 * The one event stream of a server, followed through its breaks: it says when it is open, what comes, and when it is
 * cut. Silence longer than three heartbeats is a cut. It understands no event.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { StringDecoder } from 'node:string_decoder'
import type { Clock, Timer } from '../../core/clock.ts'
import type { Connection } from './connection.ts'

const openMs = 10_000
/** The server's heart beats every 10 s. */
const silenceMs = 31_000
const frameCharsMax = 16 * 1024 * 1024

export interface StreamListener {
  /** The server listens to nobody before this: what happened until then must be asked for. */
  opened(): void
  frame(text: string): void
  /** Once a stream, also when it never opened; nothing comes after it. */
  cut(why: string): void
}

/** Follows until it is cut; the caller opens the next one. */
export class EventStream {
  private readonly clock: Clock
  private readonly listener: StreamListener
  private readonly call: ClientRequest
  private readonly decoder = new StringDecoder('utf8')
  /** The beginning of an event whose end has not come. */
  private waiting: string[] = []
  private waitingChars = 0
  private timer: Timer
  private aliveAt: number
  private over = false

  constructor(connection: Connection, path: string, { clock, listener }: { clock: Clock; listener: StreamListener }) {
    this.clock = clock
    this.listener = listener
    const url = connection.urlOf(path)
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest
    this.aliveAt = clock.monotonic()
    this.timer = clock.after(openMs, () => this.end(`it was not opened within ${openMs / 1_000} s`))
    // A connection of its own, never the environment's proxy.
    this.call = send(url, { agent: false, headers: { ...connection.headers, accept: 'text/event-stream' } })
    this.call.on('error', (error) => this.end(error.message))
    this.call.on('response', (response) => this.read(response))
    this.call.end()
  }

  close(): void {
    this.over = true
    this.timer.cancel()
    this.call.destroy()
  }

  private read(response: IncomingMessage): void {
    const type = response.headers['content-type'] ?? ''
    if (response.statusCode !== 200 || !type.includes('event-stream')) {
      response.resume()
      return this.end(`the server answered ${response.statusCode} (${type || 'no type'})`)
    }
    if (this.over) return
    this.watchSilence()
    response.on('data', (chunk: Buffer) => this.take(this.decoder.write(chunk)))
    response.on('end', () => this.end('the server closed it'))
    response.on('error', () => this.end('the connection broke off'))
    this.listener.opened()
  }

  /** One timer however much comes: it looks when the last sign was, and goes to sleep for the rest. */
  private watchSilence(): void {
    this.timer.cancel()
    const quietFor = this.clock.monotonic() - this.aliveAt
    if (quietFor >= silenceMs) return this.end(`nothing came for ${Math.round(quietFor / 1_000)} s`)
    this.timer = this.clock.after(silenceMs - quietFor, () => this.watchSilence())
  }

  private take(text: string): void {
    if (this.over) return
    this.aliveAt = this.clock.monotonic()
    // What waits holds no end; only its last character may be the first half of one. It is joined when the end is
    // there,
    // not at every piece: an event of many megabytes comes in hundreds.
    const last = this.waiting.at(-1)?.at(-1) ?? ''
    let end = `${last}${text}`.indexOf('\n\n')
    if (end < 0) return this.keep(text)
    end += this.waitingChars - last.length
    const whole = this.waiting.join('') + text
    this.drop()
    let from = 0
    for (; end >= 0 && !this.over; end = whole.indexOf('\n\n', from)) {
      const frame = dataOf(whole.slice(from, end))
      from = end + 2
      if (frame !== '') this.listener.frame(frame)
    }
    this.keep(whole.slice(from))
  }

  private keep(text: string): void {
    if (text === '') return
    this.waiting.push(text)
    this.waitingChars += text.length
    if (this.waitingChars <= frameCharsMax) return
    this.drop()
    this.end('one event is larger than can be read')
  }

  private drop(): void {
    this.waiting = []
    this.waitingChars = 0
  }

  private end(why: string): void {
    if (this.over) return
    this.close()
    this.listener.cut(why)
  }
}

const dataOf = (block: string): string => {
  if (block.startsWith('data: ') && !block.includes('\n')) return block.slice(6)
  const lines = block.split('\n').filter((line) => line.startsWith('data:'))
  return lines.map((line) => line.slice(line[5] === ' ' ? 6 : 5)).join('\n')
}
