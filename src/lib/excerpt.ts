/** Long output made short without hiding either end: head and tail stay, the middle is counted. */
import { createHash } from 'node:crypto'

/** Shortens text to about `charsMax`, at line ends where one is near. */
export function excerptOf(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text
  const half = Math.floor((charsMax - 60) / 2)
  let head = text.slice(0, half)
  let tail = text.slice(-half)
  const headBreak = head.lastIndexOf('\n')
  if (headBreak > half * 0.7) head = head.slice(0, headBreak)
  const tailBreak = tail.indexOf('\n')
  if (tailBreak >= 0 && tailBreak < half * 0.3) tail = tail.slice(tailBreak + 1)
  return `${head}\n[… ${text.length - head.length - tail.length} characters left out …]\n${tail}`
}

/** Collects a stream of any length in bounded memory: first and last `bytesMax / 2` bytes, count and digest of all. */
export class HeadTail {
  private readonly half: number
  private head: Buffer[] = []
  private headBytes = 0
  private tail: Buffer[] = []
  private tailBytes = 0
  private readonly hash = createHash('sha256')
  private total = 0

  constructor(bytesMax: number) {
    this.half = Math.max(1, Math.floor(bytesMax / 2))
  }

  push(chunk: Buffer): void {
    this.total += chunk.length
    this.hash.update(chunk)
    const room = this.half - this.headBytes
    if (room > 0) {
      const part = chunk.subarray(0, room)
      this.head.push(part)
      this.headBytes += part.length
      chunk = chunk.subarray(part.length)
    }
    if (chunk.length === 0) return
    this.tail.push(chunk)
    this.tailBytes += chunk.length
    // Joined only when twice over, so that a flood of small chunks costs linear time.
    if (this.tailBytes > this.half * 2) {
      const joined = Buffer.concat(this.tail)
      this.tail = [Buffer.from(joined.subarray(joined.length - this.half))]
      this.tailBytes = this.half
    }
  }

  get sizeBytes(): number {
    return this.total
  }

  /** May be asked once, at the end. */
  sha256(): string {
    return this.hash.digest('hex')
  }

  text(): string {
    const head = Buffer.concat(this.head).toString('utf8')
    const joined = Buffer.concat(this.tail)
    const kept = joined.subarray(Math.max(0, joined.length - this.half))
    const left = this.total - this.headBytes - kept.length
    if (left <= 0) return head + kept.toString('utf8')
    return `${head}\n[… ${left} bytes left out …]\n${kept.toString('utf8')}`
  }
}
