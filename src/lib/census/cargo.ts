/** What cargo's libtest prints: its text is stable, its JSON is not. */
import { linesOf } from './json.ts'
import type { Mark, Tally } from './tally.ts'

const marks: Readonly<Record<string, Mark>> = { ok: 'passed', FAILED: 'failed', ignored: 'skipped' }

const lineCharsMax = 2_000

export const isCargo = (text: string): boolean => /^running \d+ tests?\r?$/m.test(text) && /^test result: /m.test(text)

export function readCargo(text: string, tally: Tally): void {
  for (const line of linesOf(text)) {
    if (!line.startsWith('test ') || line.length > lineCharsMax) continue
    const end = line.indexOf(' ... ')
    const mark = end < 0 ? undefined : marks[/^\w+/.exec(line.slice(end + 5))?.[0] ?? '']
    // The line of a test in a comment changes with every edit above it.
    if (mark) tally.add(mark, line.slice(5, end).replace(/ \(line \d+\)/, ''))
  }
}
