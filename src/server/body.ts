/**
 * A bound for what a request may bring, said by its length or counted while it comes. Hono's own bodyLimit() cannot
 * copy the requests of the Node server: it answered 500 to every chunked one.
 */
import type { Context, MiddlewareHandler } from 'hono'
import { refusal } from './context.ts'

export function limitBody(sizeBytesMaxOf: (path: string) => number): MiddlewareHandler {
  const tooLarge = (c: Context) =>
    refusal(c, 413, { kind: 'too-large', text: `A request may have ${sizeBytesMaxOf(c.req.path)} bytes.` })
  return async (c, next) => {
    const { raw } = c.req
    const sizeBytesMax = sizeBytesMaxOf(c.req.path)
    // A request without either header has no body.
    if (!raw.headers.has('transfer-encoding') || !raw.body) {
      return Number(raw.headers.get('content-length') ?? 0) > sizeBytesMax ? tooLarge(c) : next()
    }
    const body = await readBounded(raw.body, sizeBytesMax)
    if (body === null) return tooLarge(c)
    const { url, method, headers, signal } = raw
    c.req.raw = new Request(url, { method, headers, signal, body })
    return next()
  }
}

/** Null: there was more. */
async function readBounded(
  stream: ReadableStream<Uint8Array>,
  sizeBytesMax: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const reader = stream.getReader()
  const parts: Uint8Array[] = []
  let sizeBytes = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(parts)
    sizeBytes += value.length
    if (sizeBytes > sizeBytesMax) return null
    parts.push(value)
  }
}
