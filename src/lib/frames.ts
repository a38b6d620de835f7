/** Messages on one stream of bytes: a byte for what each is, whom it is about, its length, and the payload. */

const headBytes = 9

export interface Frame {
  kind: number
  id: number
  payload: Buffer
}

/** `id`: 0 to 2³² − 1. */
export function frameOf(kind: number, id: number, payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + payload.length)
  frame.writeUInt8(kind, 0)
  frame.writeUInt32LE(id, 1)
  frame.writeUInt32LE(payload.length, 5)
  payload.copy(frame, headBytes)
  return frame
}

/** Takes the stream in pieces of any size. A payload is a copy: a view would keep all that has come with it. */
export class FrameReader {
  private pieces: Buffer[] = []
  private sizeBytes = 0
  /** Below this nothing is whole; until then pieces are not joined, so that a long frame costs linear time. */
  private wantedBytes = headBytes
  private readonly hear: (frame: Frame) => void

  constructor(hear: (frame: Frame) => void) {
    this.hear = hear
  }

  push(piece: Buffer): void {
    this.pieces.push(piece)
    this.sizeBytes += piece.length
    if (this.sizeBytes < this.wantedBytes) return
    let rest = this.pieces.length === 1 ? piece : Buffer.concat(this.pieces)
    try {
      for (;;) {
        this.wantedBytes = headBytes + (rest.length < headBytes ? 0 : rest.readUInt32LE(5))
        if (rest.length < this.wantedBytes || rest.length < headBytes) break
        const payload = Buffer.allocUnsafeSlow(this.wantedBytes - headBytes)
        rest.copy(payload, 0, headBytes, this.wantedBytes)
        const frame = { kind: rest.readUInt8(0), id: rest.readUInt32LE(1), payload }
        rest = rest.subarray(this.wantedBytes)
        this.hear(frame)
      }
    } finally {
      // Also when a frame could not be borne: it does not come again.
      this.pieces = rest.length > 0 ? [rest] : []
      this.sizeBytes = rest.length
    }
  }
}
