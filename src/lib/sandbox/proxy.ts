/**
 * The only way to the network from a sandbox: an HTTP proxy that connects to public addresses alone. It resolves names
 * itself, connects to the very address that it judged, and says why when it refuses. It reads nothing that passes.
 */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Result } from '../../core/problem.ts'
import { type PublicAddress, publicAddressOf } from '../public-address.ts'
import { fits } from '../wildcard.ts'

export interface ProxyOptions {
  /** Globs over host names; empty: every public one. */
  allowHosts: readonly string[]
  /** Hears of each refusal. */
  onRefused(refused: { owner: string; host: string; why: string }): void
  resolve?(host: string): Promise<Result<PublicAddress>>
  connectionsMax?: number
  bytesMax?: number
}

const connectMs = 30_000
const idleMs = 300_000
const defaults = { connectionsMax: 256, bytesMax: 8 * 1024 ** 3 }
/** Of one connection between a client and its proxy alone. */
const hopHeaders = ['connection', 'keep-alive', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'upgrade']

interface Target {
  host: string
  port: number
}

export function createGuardedProxy(options: ProxyOptions): Server {
  const server = createServer((incoming, answer) => void forward(incoming, answer, options))
  server.maxConnections = options.connectionsMax ?? defaults.connectionsMax
  server.on('connection', (socket: Socket) => bound(socket, options))
  server.on('connect', (incoming, client, head) => void tunnel({ incoming, client, head }, options))
  server.on('clientError', (_error, socket) => void socket.destroy())
  return server
}

/** Neither a silent connection nor an endless one is kept. */
function bound(socket: Socket, { bytesMax = defaults.bytesMax }: ProxyOptions): void {
  socket.on('error', () => socket.destroy())
  socket.setTimeout(idleMs, () => socket.destroy())
  let sizeBytes = 0
  socket.on('data', (chunk: Buffer) => {
    sizeBytes += chunk.length
    if (sizeBytes > bytesMax) socket.destroy()
  })
}

/** The address to connect to, or why it is refused. */
async function judge(
  { host }: Target,
  incoming: IncomingMessage,
  options: ProxyOptions,
): Promise<PublicAddress | string> {
  const name = host.toLowerCase().replace(/\.$/, '')
  const { allowHosts } = options
  const listed = allowHosts.length === 0 || allowHosts.some((glob) => fits(glob.toLowerCase(), name))
  const found = listed ? await (options.resolve ?? publicAddressOf)(host) : null
  if (found?.ok) return found.value
  const why = found ? (found.problems[0]?.text ?? '') : `${host} is not in sandbox.allow_hosts.`
  options.onRefused({ owner: ownerOf(incoming), host, why })
  return why
}

/** The name that stands for a password in the address of the proxy. */
function ownerOf({ headers }: IncomingMessage): string {
  const encoded = /^Basic (\S+)$/i.exec(headers['proxy-authorization'] ?? '')?.[1] ?? ''
  const name = Buffer.from(encoded, 'base64').toString('utf8').split(':')[0] ?? ''
  return /^[\w.-]{1,80}$/.test(name) ? name : 'unknown'
}

const refusal = (why: string): string => `The sandbox of OpenLoom refuses this connection. ${why}\n`

interface Tunnel {
  incoming: IncomingMessage
  client: Duplex
  head: Buffer
}

async function tunnel({ incoming, client, head }: Tunnel, options: ProxyOptions): Promise<void> {
  client.on('error', () => client.destroy())
  const target = targetOf(incoming.url ?? '')
  const found = target ? await judge(target, incoming, options) : 'The address cannot be read.'
  if (!target || typeof found === 'string') {
    const text = refusal(typeof found === 'string' ? found : '')
    const lines = ['HTTP/1.1 403 Forbidden', 'content-type: text/plain', `content-length: ${Buffer.byteLength(text)}`]
    return void client.end(`${[...lines, 'connection: close'].join('\r\n')}\r\n\r\n${text}`)
  }
  const upstream = connect({ host: found.address, port: target.port, timeout: connectMs })
  let begun = false
  upstream.on('error', () => (begun ? client.destroy() : client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')))
  upstream.once('connect', () => {
    begun = true
    bound(upstream, options)
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    if (head.length > 0) upstream.write(head)
    upstream.pipe(client)
    client.pipe(upstream)
  })
  upstream.once('timeout', () => upstream.destroy(new Error('timeout')))
  client.once('close', () => upstream.destroy())
  upstream.once('close', () => client.end())
}

function targetOf(authority: string): Target | null {
  const match = /^(\[[\da-fA-F:.]+\]|[^:/\s]+):(\d{1,5})$/.exec(authority)
  const port = Number(match?.[2])
  return match?.[1] && port > 0 && port < 65_536 ? { host: match[1], port } : null
}

/** Plain HTTP, which is asked for with the whole address. */
async function forward(incoming: IncomingMessage, answer: ServerResponse, options: ProxyOptions): Promise<void> {
  const url = URL.canParse(incoming.url ?? '') ? new URL(incoming.url ?? '') : null
  if (url?.protocol !== 'http:') return void answer.writeHead(400).end('This is a proxy for commands in a sandbox.\n')
  const target = { host: url.hostname, port: Number(url.port || 80) }
  const found = await judge(target, incoming, options)
  if (typeof found === 'string') {
    return void answer.writeHead(403, { 'content-type': 'text/plain' }).end(refusal(found))
  }
  const headers = { ...incoming.headers, host: url.host }
  for (const name of hopHeaders) delete headers[name as keyof typeof headers]
  const outgoing = request({
    host: found.address,
    port: target.port,
    method: incoming.method,
    path: `${url.pathname}${url.search}`,
    headers,
    agent: false,
    timeout: connectMs,
  })
  outgoing.on('response', (response) => {
    answer.writeHead(response.statusCode ?? 502, response.headers)
    response.on('error', () => answer.destroy())
    response.pipe(answer)
  })
  outgoing.on('timeout', () => outgoing.destroy(new Error('timeout')))
  outgoing.on('error', () => (answer.headersSent ? answer.destroy() : answer.writeHead(502).end()))
  answer.on('close', () => outgoing.destroy())
  incoming.pipe(outgoing)
}
