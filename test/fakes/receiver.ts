/** A webhook receiver on loopback that answers as told and remembers what it heard. */
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Heard {
  path: string
  headers: IncomingHttpHeaders
  body: string
}

export type Behaviour = number | 'silent' | 'reset' | ((response: ServerResponse) => void)

export class Receiver {
  readonly heard: Heard[] = []
  /** What the next requests get, one each; afterwards `otherwise`. */
  readonly next: Behaviour[] = []
  otherwise: Behaviour = 200
  private server: Server | null = null
  private port = 0
  private waiters: (() => void)[] = []

  async open(): Promise<this> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        this.heard.push({ path: request.url ?? '', headers: request.headers, body: String(Buffer.concat(chunks)) })
        this.answer(response, this.next.shift() ?? this.otherwise)
        for (const wake of this.waiters.splice(0)) wake()
      })
    })
    this.server = server
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve))
    this.port = (server.address() as AddressInfo).port
    return this
  }

  private answer(response: ServerResponse, behaviour: Behaviour): void {
    if (typeof behaviour === 'function') behaviour(response)
    else if (typeof behaviour === 'number') response.writeHead(behaviour).end('answer')
    else if (behaviour === 'reset') {
      response.writeHead(200, { 'content-length': '100' }).write('half of')
      setImmediate(() => response.destroy())
    }
  }

  url(path = '/'): string {
    return `http://127.0.0.1:${this.port}${path}`
  }

  /** Resolves when `count` requests have come. The test's own timeout is the limit. */
  async hears(count: number): Promise<void> {
    while (this.heard.length < count) await new Promise<void>((resolve) => this.waiters.push(resolve))
  }

  /** Down; `open` brings it up again on the same port. */
  async close(): Promise<void> {
    const { server } = this
    this.server = null
    if (!server) return
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}
