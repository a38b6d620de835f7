/** The body of a reply cut into its pieces, whatever the protocol says in them. Bounded. */
import { createParser } from 'eventsource-parser'
import type { Dispatcher } from 'undici'

export class FloodError extends Error {}

interface Cutter {
  feed(text: string): string[]
  /** What is left when the body ends. */
  rest(): string[]
}

function eventCutter(): Cutter {
  const found: string[] = []
  const parser = createParser({ onEvent: (event) => found.push(event.data) })
  return {
    feed(text) {
      parser.feed(text)
      return found.splice(0)
    },
    rest() {
      // Servers leave out the empty line behind their last event.
      parser.feed('\n\n')
      return found.splice(0)
    },
  }
}

function lineCutter(): Cutter {
  // Put together once the line is whole: it may come in thousands of parts.
  let open: string[] = []
  const whole = (line: string) => line.trim() !== ''
  return {
    feed(text) {
      const end = text.lastIndexOf('\n')
      if (end < 0) {
        open.push(text)
        return []
      }
      const lines = [...open, text.slice(0, end)].join('').split('\n')
      open = [text.slice(end + 1)]
      return lines.filter(whole)
    },
    rest: () => [open.join('')].filter(whole),
  }
}

export interface Reading {
  framing: 'events' | 'lines'
  bytesMax: number
  onBytes(): void
  /** Whether the protocol has said that nothing follows. */
  isOver(): boolean
}

/** The data of each server-sent event, or each line; of a JSON answer, the whole of it. */
export async function* piecesOf(
  response: Dispatcher.ResponseData,
  { framing, bytesMax, onBytes, isOver }: Reading,
): AsyncGenerator<string> {
  if (framing === 'events' && String(response.headers['content-type']).includes('application/json')) {
    yield await readText(response.body, bytesMax)
    return
  }
  const { body } = response
  const cutter = framing === 'events' ? eventCutter() : lineCutter()
  const decoder = new TextDecoder()
  let size = 0
  try {
    for await (const bytes of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      onBytes()
      size += bytes.length
      if (size > bytesMax) throw new FloodError()
      yield* cutter.feed(decoder.decode(bytes, { stream: true }))
    }
    yield* cutter.rest()
  } finally {
    // Said to be over, but the server may still hold the connection: it is drained for the next request, not waited
    // for.
    if (isOver()) body.resume()
    else body.destroy()
  }
}

export async function readText(body: AsyncIterable<Buffer>, bytesMax: number): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body) {
    parts.push(part)
    size += part.length
    if (size >= bytesMax) break
  }
  return Buffer.concat(parts).subarray(0, bytesMax).toString('utf8')
}
