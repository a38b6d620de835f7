/** `npm run bench`: medians on this machine, beside our bars and what the Python original needed for the same. */
import { cpus } from 'node:os'
import { agents } from './agents.ts'
import { dashboard } from './dashboard.ts'
import { falseCompletion } from './false-completion/report.ts'
import { longRun } from './long.ts'
import { largeStore, mainPath, manyFiles, type Row, startAndIdle } from './measures.ts'
import { crowd, openCode } from './opencode.ts'
import { sandboxed } from './sandbox.ts'
import { search } from './search.ts'
import { firstWord } from './stream.ts'
import { verdicts } from './verdicts.ts'

const quick = process.argv.includes('--quick')

const tenThousand = { files: 10_000, barMs: 300, workSeconds: 3, rounds: 9 }
const hundredThousand = { files: 100_000, barMs: 2_000, workSeconds: 25, rounds: 3 }

const groups: [string, () => Promise<Row[]>][] = [
  ['Main path', mainPath],
  ['Sandbox', sandboxed],
  ['Agents side by side', agents],
  ['A long run', longRun],
  ['First word', firstWord],
  ['Search', search],
  ['Dashboard', () => dashboard(quick ? 15 : 60)],
  ['Start and idle', () => startAndIdle(quick ? 5 : 30)],
  ['A large store', () => largeStore(10_000, 500_000)],
  ['A flood', () => manyFiles(quick ? 200 : 1_000)],
  ['OpenCode, the real server', () => openCode(quick ? 15 : 60)],
  ['OpenCode, a crowd', () => crowd(quick ? 4 : 15)],
  ['Verdicts', () => verdicts(quick ? [tenThousand] : [tenThousand, hundredThousand])],
  ['False completion', () => falseCompletion((text) => process.stdout.write(text))],
]
const at = process.argv.indexOf('--only')
const only = at < 0 ? '' : (process.argv[at + 1] ?? '')

const figure = (value: number, unit: string) => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ${unit}`.trim()

function lineOf({ name, value, unit, bar, original, note }: Row): string {
  const hasBar = Number.isFinite(bar)
  const mark = hasBar ? (value <= bar ? 'ok  ' : 'OVER') : '    '
  const times = original === null || value === 0 ? '' : ` (${(original / value).toFixed(1)}×)`
  const than = original === null ? '' : `   original ${figure(original, unit)}${times}`
  const left = `  ${mark}  ${name.padEnd(64)} ${figure(value, unit).padStart(10)}`
  return `${left}${hasBar ? `   bar ${figure(bar, unit)}` : ''}${than}${note ? `   ${note}` : ''}`
}

process.stdout.write(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}\n`)
for (const [title, measure] of groups) {
  if (!title.includes(only)) continue
  process.stdout.write(`\n${title}\n`)
  for (const row of await measure()) {
    process.stdout.write(`${lineOf(row)}\n`)
    if (row.target && !(row.value <= row.bar)) process.exitCode = 1
  }
}
