/** Puts the application on a port. The only place that knows the address; says plainly why it cannot listen. */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import type { Problem } from '../core/problem.ts'
import { errnoOf } from '../lib/files.ts'

export interface Listening {
  port: number
  close(): Promise<void>
}

interface Address {
  host: string
  port: number
}

type Fetch = (request: Request) => Response | Promise<Response>

export function listen(fetch: Fetch, { host, port }: Address): Promise<Listening | Problem> {
  return new Promise((resolve) => {
    const server = serve({ fetch, hostname: host, port, overrideGlobalObjects: false }) as Server
    server.requestTimeout = 30_000
    server.headersTimeout = 10_000
    server.once('listening', () => {
      const address = server.address() as AddressInfo
      resolve({ port: address.port, close: () => closed(server) })
    })
    server.once('error', (error) => resolve(cannotListen(error, { host, port })))
  })
}

/** Open streams would keep the server alive for ever: they are cut, and resume by their last event id. */
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

function cannotListen(error: Error, { host, port }: Address): Problem {
  const code = errnoOf(error)
  const why =
    code === 'EADDRINUSE' ? 'another program uses it' : code === 'EACCES' ? 'it needs more rights' : error.message
  return {
    kind: 'cannot-listen',
    text: `OpenLoom cannot listen on ${host}:${port}: ${why}.`,
    todo: 'Stop the other program, or choose a port with --port or OPENLOOM_UI_PORT (0 takes a free one).',
  }
}

/** Addresses that only this machine reaches. */
export const isLoopback = (host: string): boolean => /^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(host)

/** Values of the Host header that are ours, with port. */
export function hostNames(server: { host: string; allowed_hosts: readonly string[] }, port: number): string[] {
  const names = ['127.0.0.1', 'localhost', '[::1]', ...(isLoopback(server.host) ? [server.host] : [])]
  return [
    ...names.map((name) => `${name}:${port}`),
    ...server.allowed_hosts.flatMap((name) => [name, `${name}:${port}`]),
  ]
}

export const notLoopback = (host: string) => ({
  kind: 'not-loopback',
  text: `The address ${host} can be reached from other machines.`,
  todo: 'Say --allow-remote (or server.allow_remote: true) if that is meant, and put TLS in front.',
})
