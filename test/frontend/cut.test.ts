/** A long text that a person answers for: its beginning, its end, and how much lies between. */
import { describe, expect, it } from 'vitest'
import { cutOf, piecesOf } from '../../frontend/src/model/cut.ts'
import { patchLines, plainLines } from '../../frontend/src/model/diff.ts'

const text = (pieces: readonly { text: string }[]) => pieces.map((piece) => piece.text).join('')
const cut = (all: string) => cutOf(piecesOf(plainLines(all)))

describe('a text that is shown before it is allowed', () => {
  it.each(['npm test', '', 'a\nb\n', Array(40).fill('x').join('\n')])('that is short stands there whole', (all) => {
    expect(cut(all)).toMatchObject({ tail: [], charsLeft: 0 })
    expect(text(cut(all).head)).toBe(all)
  })

  it.each([
    ['of many lines', Array.from({ length: 500 }, (_, n) => `line ${n}`).join('\n')],
    ['of one long line', 'x'.repeat(90_000)],
    ['of signs outside of the first plane', '🧵'.repeat(9_000)],
    ['of empty lines', '\n'.repeat(5_000)],
  ])('that is long, %s, has its beginning and its end, and nothing is uncounted', (_, all) => {
    const { head, tail, charsLeft } = cut(all)
    expect(all.startsWith(text(head))).toBe(true)
    expect(all.endsWith(text(tail))).toBe(true)
    expect(text(head).length + charsLeft + text(tail).length).toBe(all.length)
    expect(charsLeft).toBeGreaterThan(0)
    expect(text(piecesOf(plainLines(all)))).toBe(all)
  })

  it('that is a patch keeps what became of its lines, also behind the cut', () => {
    const patch = ['--- a/x', '+++ b/x', '@@ -1 +1 @@', ...Array(90).fill('+new'), '-old'].join('\n')
    const { head, tail } = cutOf(piecesOf(patchLines(patch)))
    expect(head.slice(0, 4).map(({ kind }) => kind)).toEqual(['place', 'place', 'place', 'added'])
    expect(tail.at(-1)).toEqual({ kind: 'removed', text: '-old' })
  })
})
