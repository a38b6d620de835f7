/** TAP 12 to 14: subtests by indentation, directives, a plan that was not kept, a bail-out. */
import { linesOf } from './json.ts'
import { clipped, joined, type Mark, type Tally } from './tally.ts'

const lineCharsMax = 2_000
const depthMax = 20
const indent = 4

const point = /^(not )?ok\b(?: +(\d{1,9}))?(?: +- | +|$)(.*)$/
const plan = /^1\.\.(\d{1,9})(?:\s*#\s*skip\S*\s*(.*))?\s*$/i
const directive = /(?:^|\s)#\s*(?:skip|todo)/i

export const isTap = (text: string): boolean =>
  /^(?:TAP version 1[234]\r?$|1\.\.0\s*#\s*skip)/im.test(text) ||
  (/^1\.\.\d+/m.test(text) && /^(?:not )?ok\b/m.test(text))

interface Found {
  mark: Mark
  name: string
}

/** Tests that were read and whose parent comes after them, by depth. */
type Pending = Found[][]

export function readTap(text: string, tally: Tally): void {
  const pending: Pending = []
  let [planned, seen] = [0, 0]
  let noteIndent = -1
  for (const whole of linesOf(text)) {
    if (whole.length > lineCharsMax) continue
    const line = whole.trimStart()
    const spaces = whole.length - line.length
    // A block of YAML may hold anything, lines that look like tests too.
    if (noteIndent >= 0) {
      if (line === '...' && spaces === noteIndent) noteIndent = -1
      continue
    }
    if (line === '---' && spaces > 0) noteIndent = spaces
    else if (spaces === 0 && line.startsWith('Bail out!')) tally.add('failed', line)
    const depth = spaces / indent
    if (!Number.isInteger(depth) || depth > depthMax) continue
    const wanted = plan.exec(line)
    if (wanted && depth === 0) {
      planned += Number(wanted[1])
      if (wanted[2] !== undefined) tally.add('skipped', joined(['all tests', wanted[2]]))
    }
    const found = pointOf(line)
    if (!found) continue
    if (depth === 0) seen++
    adopt(pending, depth, found)
  }
  // Children whose parent never came.
  for (const { mark, name } of pending.flat()) tally.add(mark, name)
  if (planned > seen) tally.add('failed', 'planned and never ran', planned - seen)
}

function pointOf(line: string): Found | null {
  const match = point.exec(line)
  if (!match) return null
  const words = match[3] ?? ''
  const end = words.search(directive)
  const name = (end < 0 ? words : words.slice(0, end)).trim() || `test ${match[2] ?? ''}`.trim()
  return { name, mark: end >= 0 ? 'skipped' : match[1] ? 'failed' : 'passed' }
}

/** A test with subtests is the sum of them, and counts itself only when it failed for a reason of its own. */
function adopt(pending: Pending, depth: number, parent: Found): void {
  const children = pending.splice(depth + 1).flat()
  while (pending.length <= depth) pending.push([])
  const own = pending[depth] ?? []
  for (const { mark, name } of children) {
    // What is skipped as a whole, or expected to fail, proves nothing in its parts either.
    own.push({ mark: parent.mark === 'skipped' ? 'skipped' : mark, name: clipped(joined([parent.name, name])) })
  }
  const unexplained = parent.mark === 'failed' && children.every(({ mark }) => mark !== 'failed')
  if (children.length === 0 || unexplained) own.push(parent)
}
