/**
 * The network of the sandbox: a namespace with a loopback of its own, which all its commands share, and on it one port
 * behind which the proxy of this process listens. No program stands between the two: the socket is opened there and
 * handed over.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Server } from 'node:net'
import { createGuardedProxy, type ProxyOptions } from './proxy.ts'

export interface SandboxNetwork {
  /** A process in the namespace; null: it is gone. */
  pid(): number | null
  port: number
  close(): Promise<void>
}

const openMs = 10_000
/** Runs inside, once: sends the listening socket here and ends. What holds the namespace then is a `cat`. */
const sender = `
  const server = require('node:net').createServer()
  server.listen(0, '127.0.0.1', () => {
    const message = { port: server.address().port, pid: process.ppid }
    process.send(message, server, {}, () => process.exit(0))
  })`
/** It ends with the pipe on its stdin: with this process, however that ends. */
const holder = '"$@" </dev/null; exec cat >/dev/null'

interface Sent {
  port: number
  pid: number
}

export async function openNetwork(bwrap: string, options: ProxyOptions): Promise<SandboxNetwork | string> {
  const outside = ['--unshare-user', '--unshare-net', '--die-with-parent', '--dev-bind', '/', '/', '--']
  const inside = ['sh', '-c', holder, 'sh', process.execPath, '-e', sender]
  const child = spawn(bwrap, [...outside, ...inside], {
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
    stdio: ['pipe', 'ignore', 'ignore', 'ipc'],
    detached: true,
  })
  const opened = await opening(child)
  if (typeof opened === 'string') {
    child.kill('SIGKILL')
    return opened
  }
  const { server, port, pid } = opened
  let alive = true
  child.once('exit', () => {
    alive = false
  })
  const proxy = createGuardedProxy(options)
  server.on('connection', (socket) => proxy.emit('connection', socket))
  child.unref()
  return {
    port,
    pid: () => (alive ? pid : null),
    async close() {
      proxy.closeAllConnections()
      server.close()
      if (!alive) return
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
      child.ref()
      child.kill('SIGKILL')
      await ended
    },
  }
}

function opening(child: ChildProcess): Promise<(Sent & { server: Server }) | string> {
  return new Promise((resolve) => {
    const limit = setTimeout(() => resolve(`it did not begin within ${openMs} ms`), openMs)
    child.stdin?.on('error', () => child.kill('SIGKILL'))
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code) => resolve(`it ended with ${code}`))
    child.once('message', (message, server) => {
      clearTimeout(limit)
      resolve({ ...(message as Sent), server: server as Server })
    })
  })
}
