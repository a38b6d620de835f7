/** The beginning and the end of what is too long to be taken in at a look, and how much lies between. Pure. */
import type { DiffLine } from './diff.ts'

/** A part of a line; the last of a line brings the end of that line, where another one follows. */
export interface Piece {
  kind: DiffLine['kind']
  text: string
}

export interface Cut {
  head: Piece[]
  tail: Piece[]
  /** What lies between; nothing where all of it stands in the head. */
  charsLeft: number
}

/** A line that fills more than a few rows is as long as several. */
const pieceChars = 80
const wholeMax = 40
const endsMax = 10

export function cutOf(pieces: readonly Piece[]): Cut {
  if (pieces.length <= wholeMax) return { head: [...pieces], tail: [], charsLeft: 0 }
  const between = pieces.slice(endsMax, -endsMax)
  const charsLeft = between.reduce((sum, { text }) => sum + text.length, 0)
  return { head: pieces.slice(0, endsMax), tail: pieces.slice(-endsMax), charsLeft }
}

export function piecesOf(lines: readonly DiffLine[]): Piece[] {
  return lines.flatMap(({ kind, text }, n) => {
    const chars = [...text, ...(n < lines.length - 1 ? ['\n'] : [])]
    const count = Math.ceil(chars.length / pieceChars)
    return Array.from({ length: count }, (_, part) => {
      return { kind, text: chars.slice(part * pieceChars, (part + 1) * pieceChars).join('') }
    })
  })
}
