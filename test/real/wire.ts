/** A TCP proxy on loopback whose connections a test can cut, while what is behind it lives on. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export class Wire {
  private readonly sockets = new Set<Socket>()
  private readonly server: Server
  private isOpen = true

  constructor(port: number) {
    this.server = createServer((near) => {
      if (!this.isOpen) return near.destroy()
      const far = connect(port, '127.0.0.1')
      for (const socket of [near, far]) {
        this.sockets.add(socket)
        socket.once('close', () => this.sockets.delete(socket))
        socket.on('error', () => socket.destroy())
      }
      near.pipe(far).pipe(near)
    })
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  /** Cuts what is connected and lets nobody through. */
  cut(): void {
    this.isOpen = false
    for (const socket of this.sockets) socket.destroy()
  }

  heal(): void {
    this.isOpen = true
  }

  close(): void {
    this.cut()
    this.server.close()
  }
}
