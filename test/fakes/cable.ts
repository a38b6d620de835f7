/** A TCP proxy on loopback that can be cut and mended: a network between two programs. It reads nothing. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export class Cable {
  private server: Server | null = null
  private readonly sockets = new Set<Socket>()
  private target = 0
  private port = 0

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Everything that comes goes to this port. */
  async open(target: number): Promise<this> {
    this.target = target
    await this.mend()
    return this
  }

  /** All connections break, and nobody listens any more. */
  cut(): void {
    this.server?.close()
    this.server = null
    for (const socket of this.sockets) socket.destroy()
  }

  /** On the same port as before. */
  async mend(): Promise<void> {
    const server = createServer((incoming) => this.join(incoming))
    this.server = server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.port, '127.0.0.1', resolve)
    })
    this.port = (server.address() as AddressInfo).port
  }

  private join(incoming: Socket): void {
    const outgoing = connect(this.target, '127.0.0.1')
    for (const [one, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      this.sockets.add(one)
      // A broken end breaks the other one; there is nothing more to it.
      one.on('error', () => other.destroy())
      one.on('close', () => {
        this.sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  }

  async close(): Promise<void> {
    const { server } = this
    if (!server) return
    const closed = new Promise((resolve) => server.once('close', resolve))
    this.cut()
    await closed
  }
}
