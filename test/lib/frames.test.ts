import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type Frame, FrameReader, frameOf } from '../../src/lib/frames.ts'

const sent: Frame[] = [
  { kind: 1, id: 0, payload: Buffer.alloc(0) },
  { kind: 255, id: 2 ** 32 - 1, payload: Buffer.from('a\0b\nü') },
  { kind: 2, id: 7, payload: Buffer.alloc(200_000, 'x') },
  { kind: 3, id: 7, payload: Buffer.alloc(0) },
  { kind: 4, id: 8, payload: Buffer.from('the last') },
]
const stream = Buffer.concat(sent.map(({ kind, id, payload }) => frameOf(kind, id, payload)))

/** What is heard when the stream comes in pieces of these sizes, over and over. */
function heard(sizes: readonly number[]): Frame[] {
  const frames: Frame[] = []
  const reader = new FrameReader((frame) => frames.push(frame))
  for (let [at, n] = [0, 0]; at < stream.length; n++) {
    const size = sizes[n % sizes.length] ?? 1
    reader.push(stream.subarray(at, at + size))
    at += size
  }
  return frames
}

const brief = (frames: readonly Frame[]) =>
  frames.map(({ kind, id, payload }) => [kind, id, payload.length, createHash('sha256').update(payload).digest('hex')])

describe('frames', () => {
  it.each([[[stream.length]], [[1]], [[8, 1]], [[9]], [[10, 3]], [[65_536]], [[7, 199_999, 2]]])(
    'come out whole and in order from pieces of %j bytes',
    (sizes) => {
      expect(brief(heard(sizes))).toEqual(brief(sent))
    },
  )

  it('that are long cost time in proportion to their length, however small the pieces are', () => {
    const took = (bytes: number) => {
      const frame = frameOf(1, 1, Buffer.alloc(bytes))
      const reader = new FrameReader(() => undefined)
      const startedAt = performance.now()
      for (let at = 0; at < frame.length; at += 100) reader.push(frame.subarray(at, at + 100))
      return performance.now() - startedAt
    }
    took(1_000_000)
    // Joining what is there at each piece would copy 40 GB.
    expect(took(4_000_000)).toBeLessThan(3_000)
  })

  it('keep nothing else alive: who keeps a byte of one keeps a byte', () => {
    for (const { payload } of heard([65_536])) expect(payload.buffer.byteLength).toBe(payload.length)
  })

  it('come once, also when one of them could not be borne', () => {
    const ids: number[] = []
    const reader = new FrameReader(({ id }) => {
      ids.push(id)
      if (id === 2) throw new Error('not this one')
    })
    expect(() => reader.push(Buffer.concat([1, 2, 3].map((id) => frameOf(1, id, Buffer.from('x')))))).toThrow(
      'not this',
    )
    reader.push(frameOf(1, 4, Buffer.alloc(0)))
    expect(ids).toEqual([1, 2, 3, 4])
  })
})
