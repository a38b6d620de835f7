/** Reads a part of a file, with bounded memory however large it is: numbered text, cells of notebooks, pictures. */
import type { FileHandle } from 'node:fs/promises'
import { z } from 'zod'
import type { Tool, ToolContext, ToolResult } from '../../core/tool.ts'
import { sha256 } from '../../lib/digest.ts'
import { errnoOf, openReal, readSmall } from '../../lib/files.ts'
import { parseNotebook, showNotebook } from './notebook.ts'
import { showPicture } from './picture.ts'
import { editBytesMax, failure, filePath, ledAway, locate, type Place } from './text-file.ts'

const schema = z.strictObject({
  file_path: filePath,
  offset: z.number().int().min(0).default(0).describe('Lines to pass over, from 0.'),
  limit: z.number().int().min(1).max(10_000).default(2000).describe('Lines to read.'),
})
type Input = z.output<typeof schema>

const outputBytesMax = 100_000
const lineCharsMax = 2_000
const sniffBytes = 8_192
const pieceBytes = 1024 * 1024
/** Some gigabytes, on a usual disk. */
const passingMsMax = 10_000

export const read: Tool<typeof schema> = {
  name: 'read',
  description:
    'Reads a text file with line numbers (not part of the text). For long files use offset and limit. A notebook is ' +
    'shown by cells, which offset and limit count then; a picture as far as you see pictures. A file must be read ' +
    'before it can be changed.',
  schema,
  isReadOnly: () => true,
  subjects: ({ file_path }) => [{ kind: 'read', text: file_path }],
  async run(input, context) {
    const place = await locate(context, input.file_path, true)
    if (typeof place === 'string') return failure(place)
    try {
      const { bytes, size } = await readSmall(place.real, editBytesMax)
      if (bytes) return await showPart({ pieces: asPieces(bytes), small: bytes, size }, place, { input, context })
      const file = await openReal(place.real)
      try {
        const pieces = readPieces(file, context.signal)
        return await showPart({ pieces, small: null, size }, place, { input, context })
      } finally {
        await file.close()
      }
    } catch (error) {
      return failure(unreadable(place, errnoOf(error)))
    }
  },
}

interface Content {
  pieces: AsyncIterable<Buffer>
  /** All of it, where that is not too much. */
  small: Buffer | null
  size: number
}

function unreadable(place: Place, code: string): string {
  if (code === 'ENOENT') return `${place.shown} does not exist.`
  if (code === 'ENOTREG' || code === 'EISDIR') return `${place.shown} is not a regular file; list a folder with glob.`
  if (code === 'EMOVED' || code === 'ELOOP') return ledAway(place)
  return `${place.shown} cannot be read (${code}).`
}

async function showPart(
  { pieces, small, size }: Content,
  place: Place,
  { input, context }: { input: Input; context: ToolContext },
): Promise<ToolResult> {
  const { clock } = context
  const until = clock.now() + passingMsMax
  const part = await takeLines(pieces, input, () => clock.now() > until)
  if (part === 'binary') return binary(context, place, { small, size })
  if ('gaveUpAt' in part) return failure(tooFar(place, input.offset, part))
  const digest = small ? sha256(small) : null
  if (digest) context.seen.set(place.real, digest)
  const facts = { path: place.real, sizeBytes: size, ...(digest ? { sha256: digest } : {}) }
  const notebook = small && place.real.endsWith('.ipynb') ? parseNotebook(small.toString('utf8')) : null
  if (notebook) return { ok: true, output: showNotebook(notebook, input.offset, input.limit), facts }
  if (part.lines.length === 0) {
    const why = size === 0 ? '(the file is empty)' : `(there are only ${part.passed} lines)`
    return { ok: input.offset === 0 || size === 0, output: why, facts }
  }
  const numbered = part.lines.map((line, index) => `${String(input.offset + index + 1).padStart(6)}\t${line}`)
  const next = input.offset + part.lines.length
  const more = part.more ? `\n(more lines follow; go on with offset ${next})` : ''
  return { ok: true, output: numbered.join('\n') + more, facts }
}

const tooFar = ({ shown }: Place, offset: number, { passed, gaveUpAt }: GaveUp): string =>
  `Line ${offset + 1} of ${shown} was not reached within ${passingMsMax / 1000} seconds: ${gaveUpAt} bytes were ` +
  `passed over, with ${passed} lines. Use a smaller offset, or grep for what you look for.`

async function binary(
  context: ToolContext,
  place: Place,
  { small, size }: { small: Buffer | null; size: number },
): Promise<ToolResult> {
  const shown = small ? await showPicture(context, place, small) : null
  return shown ?? failure(`${place.shown} is a binary file of ${size} bytes; it cannot be read as text.`)
}

async function* asPieces(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

/** Reads the next piece while the last one is looked at. A piece is valid until the one after the next is asked for. */
async function* readPieces(file: FileHandle, signal: AbortSignal): AsyncGenerator<Buffer> {
  const buffers = [Buffer.alloc(pieceBytes), Buffer.alloc(pieceBytes)] as const
  let position = 0
  const readAt = (into: Buffer, at: number) => settled(file.read(into, 0, pieceBytes, at))
  let pending = readAt(buffers[0], 0)
  for (let turn = 0; ; turn++) {
    const outcome = await pending
    if (!outcome.ok) throw outcome.error
    const { bytesRead, buffer } = outcome.value
    if (bytesRead === 0) return
    signal.throwIfAborted()
    position += bytesRead
    pending = readAt(turn % 2 === 0 ? buffers[1] : buffers[0], position)
    yield buffer.subarray(0, bytesRead)
  }
}

type Outcome<T> = { ok: true; value: T } | { ok: false; error: unknown }

/** A failure is told when the piece is wanted; when the reader stops before, it concerns nobody. */
const settled = <T>(work: Promise<T>): Promise<Outcome<T>> =>
  work.then(
    (value) => ({ ok: true, value }),
    (error: unknown) => ({ ok: false, error }),
  )

interface Part {
  lines: string[]
  /** Lines before the part. */
  passed: number
  more: boolean
}

/** It would have taken too long to come to the part. */
interface GaveUp {
  passed: number
  gaveUpAt: number
}

async function takeLines(
  pieces: AsyncIterable<Buffer>,
  { offset, limit }: Pick<Input, 'offset' | 'limit'>,
  isLate: () => boolean,
): Promise<Part | GaveUp | 'binary'> {
  let [passed, passedBytes] = [0, 0]
  let taken: Buffer[] | null = offset === 0 ? [] : null
  let takenBytes = 0
  let newlines = 0
  let first = true
  let lastByte = 10
  let whole = true
  for await (const piece of pieces) {
    if (first && piece.subarray(0, sniffBytes).includes(0)) return 'binary'
    first = false
    lastByte = piece.at(-1) ?? lastByte
    let rest = piece
    if (taken === null) {
      const found = passLines(piece, offset - passed)
      passed += found.passed
      passedBytes += piece.length
      if (found.at === null && isLate()) return { passed, gaveUpAt: passedBytes }
      if (found.at === null) continue
      rest = piece.subarray(found.at)
      taken = []
    }
    // The buffer is used again for the piece after the next.
    taken.push(Buffer.from(rest.subarray(0, outputBytesMax + lineCharsMax * 4 - takenBytes)))
    takenBytes += rest.length
    newlines += countNewlines(rest)
    whole = newlines <= limit && takenBytes <= outputBytesMax + lineCharsMax * 4
    if (!whole) break
  }
  if (taken === null) return { lines: [], passed: passed + (lastByte === 10 ? 0 : 1), more: false }
  const part = cutLines(Buffer.concat(taken).toString('utf8'), limit)
  return { lines: part.lines, passed, more: part.more || !whole }
}

function cutLines(text: string, limit: number): { lines: string[]; more: boolean } {
  const all = text.split('\n')
  if (all.at(-1) === '') all.pop()
  const lines: string[] = []
  let bytes = 0
  for (const raw of all.slice(0, limit)) {
    const line = raw.replace(/\r$/, '').replace(/^\ufeff/, '')
    const shown = line.length > lineCharsMax ? `${line.slice(0, lineCharsMax)} [… line of ${line.length}+ cut]` : line
    bytes += Buffer.byteLength(shown) + 8
    if (bytes > outputBytesMax && lines.length > 0) break
    lines.push(shown)
  }
  return { lines, more: lines.length < all.length }
}

/** Position behind the n-th newline, or null with the number of newlines that the piece has. */
function passLines(piece: Buffer, wanted: number): { passed: number; at: number | null } {
  const count = countNewlines(piece)
  if (count < wanted) return { passed: count, at: null }
  let at = 0
  for (let line = 0; line < wanted; line++) at = piece.indexOf(10, at) + 1
  return { passed: wanted, at }
}

/** Four bytes at a time: a gigabyte in a third of a second. */
export function countNewlines(bytes: Buffer): number {
  let count = 0
  const aligned = bytes.byteOffset % 4 === 0 ? Math.floor(bytes.length / 4) : 0
  const words = new Uint32Array(bytes.buffer, aligned ? bytes.byteOffset : 0, aligned)
  for (let i = 0; i < aligned; i++) {
    const x = (words[i] as number) ^ 0x0a0a0a0a
    // The high bit of each byte of `hit` is set where the byte of x is zero.
    const hit = ~(((x & 0x7f7f7f7f) + 0x7f7f7f7f) | x | 0x7f7f7f7f)
    if (hit !== 0) count += (hit >>> 31) + ((hit >>> 23) & 1) + ((hit >>> 15) & 1) + ((hit >>> 7) & 1)
  }
  for (let i = aligned * 4; i < bytes.length; i++) if (bytes[i] === 10) count += 1
  return count
}
