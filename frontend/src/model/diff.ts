/** The lines of diffs and what each of them is. Pure; the text stays text. */

export type DiffLine = { kind: 'added' | 'removed' | 'place' | 'name' | 'same'; text: string }

/** The lines of a unified diff, without its file header; what is beyond `linesMax` is left out and counted. */
export function diffLines(patch: string, linesMax: number): { lines: DiffLine[]; left: number } {
  const all = patch.split('\n')
  const start = all.findIndex((line) => line.startsWith('@@'))
  const body = (start > 0 ? all.slice(start) : all).filter((line, n, list) => line !== '' || n < list.length - 1)
  return { lines: body.slice(0, linesMax).map(lineOf), left: Math.max(0, body.length - linesMax) }
}

const tabChars = 8

/** How many characters the widest line takes. */
export function widthOf(lines: readonly DiffLine[]): number {
  let widest = 0
  for (const { text } of lines) {
    const tabs = text.includes('\t') ? text.split('\t').length - 1 : 0
    widest = Math.max(widest, text.length + tabs * (tabChars - 1))
  }
  return widest
}

function lineOf(text: string): DiffLine {
  if (text.startsWith('@@')) return { kind: 'place', text }
  if (text.startsWith('+')) return { kind: 'added', text }
  return { kind: text.startsWith('-') ? 'removed' : 'same', text }
}

/** Every line of a patch, nothing left out: what stands above the first hunk only says where. */
export function patchLines(patch: string): DiffLine[] {
  const all = patch.split('\n')
  const start = all.findIndex((line) => line.startsWith('@@'))
  return all.map((text, n) => (n < start ? { kind: 'place', text } : lineOf(text)))
}

/** The lines of what is no patch. */
export const plainLines = (text: string): DiffLine[] => text.split('\n').map((line) => ({ kind: 'same', text: line }))

/** Of several files, each under a line that says what became of it. What git writes above a hunk is left out. */
export function changeLines(text: string): DiffLine[] {
  const found: DiffLine[] = []
  let above = false
  for (const line of text.split('\n')) {
    const isName = /^(changed|deleted|added): /.test(line)
    if (isName || line.startsWith('@@')) above = isName
    if (isName) found.push({ kind: 'name', text: line })
    else if (!above) found.push(lineOf(line))
  }
  return found
}
