/**
 * One HTTP request to an address that somebody else chose: deadline, bounded answer, no redirect, no proxy variable, no
 * kept connection. Trouble is an outcome, never a rejection.
 */
import { lookup } from 'node:dns'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { errnoOf } from './files.ts'

export interface OutboundRequest {
  url: URL
  method: 'GET' | 'POST'
  headers?: Readonly<Record<string, string>>
  body?: string
  timeoutMs: number
  /** More of the answer than this is not read. */
  bodyBytesMax: number
  signal?: AbortSignal
  /** Asked for the address that is really connected to, after the name was resolved. Absent: every address. */
  mayConnect?: (address: string) => boolean
}

export type Answer =
  | { kind: 'answer'; status: number; headers: Readonly<Record<string, string>>; body: Buffer; whole: boolean }
  | { kind: 'timeout' }
  | { kind: 'aborted' }
  /** `code` is the errno or `FORBIDDEN_ADDRESS`. */
  | { kind: 'failed'; code: string; text: string }

export function sendRequest(outbound: OutboundRequest): Promise<Answer> {
  const host = outbound.url.hostname.replace(/^\[|\]$/g, '')
  if (outbound.signal?.aborted) return Promise.resolve({ kind: 'aborted' })
  if (outbound.mayConnect && isIP(host) && !outbound.mayConnect(host)) return Promise.resolve(forbidden(host))
  return new Promise((resolve) => {
    const call = open(outbound)
    const finish = (answer: Answer) => {
      clearTimeout(limit)
      outbound.signal?.removeEventListener('abort', onAbort)
      resolve(answer)
      call.destroy()
    }
    const onAbort = () => finish({ kind: 'aborted' })
    const limit = setTimeout(() => finish({ kind: 'timeout' }), outbound.timeoutMs)
    outbound.signal?.addEventListener('abort', onAbort, { once: true })
    call.on('error', (error) => finish({ kind: 'failed', code: errnoOf(error), text: error.message }))
    call.on('response', (response) => collect(response, outbound.bodyBytesMax, finish))
    call.end(outbound.body)
  })
}

const forbidden = (address: string): Answer & { kind: 'failed' } => ({
  kind: 'failed',
  code: 'FORBIDDEN_ADDRESS',
  text: `The address ${address} is in a private network.`,
})

function open(outbound: OutboundRequest): ClientRequest {
  const send = outbound.url.protocol === 'https:' ? httpsRequest : httpRequest
  const body = outbound.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(outbound.body)) }
  return send(outbound.url, {
    method: outbound.method,
    headers: { ...outbound.headers, ...body },
    // A connection of its own: nothing is pooled, and the environment's proxies belong to the shared agent.
    agent: false,
    lookup: gatedLookup(outbound.mayConnect ?? (() => true)),
  })
}

/** Resolves once and connects to exactly what was judged, so that a second answer of the name server cannot differ. */
function gatedLookup(mayConnect: (address: string) => boolean): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '', 0)
      const refused = addresses.find(({ address }) => !mayConnect(address))
      const first = addresses[0]
      if (refused || !first) {
        const { code, text } = forbidden(refused?.address ?? host)
        return callback(Object.assign(new Error(text), { code }), '', 0)
      }
      if (options.all) return callback(null, addresses)
      return callback(null, first.address, first.family)
    })
  }
}

function collect(response: IncomingMessage, bodyBytesMax: number, finish: (answer: Answer) => void): void {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  const end = (whole: boolean) =>
    finish({
      kind: 'answer',
      status: response.statusCode ?? 0,
      headers: flatten(response),
      body: Buffer.concat(chunks).subarray(0, bodyBytesMax),
      whole,
    })
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    sizeBytes += chunk.length
    if (sizeBytes > bodyBytesMax) end(false)
  })
  response.on('end', () => end(true))
  response.on('error', (error) => finish({ kind: 'failed', code: errnoOf(error), text: error.message }))
}

const flatten = (response: IncomingMessage): Record<string, string> =>
  Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)]))
