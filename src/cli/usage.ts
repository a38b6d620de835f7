/** `openloom usage`: tokens and cost of a period, by model, task, session, folder or day. */
import type { UsageSum } from '../core/session.ts'
import type { UsageReport } from '../server/api.ts'
import { requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { configOf, type Shell } from './program.ts'
import { cut, print, printJson, table } from './terminal.ts'

export interface UsageOptions {
  by?: string
  since?: string
  until?: string
  json?: boolean
}

export async function usage(options: UsageOptions, shell: Shell): Promise<number> {
  const client = requireDaemon(configOf(shell), shell.env)
  const query = new URLSearchParams({ by: options.by ?? 'model' })
  if (options.since) query.set('since', options.since)
  if (options.until) query.set('until', options.until)
  const report = await client.get<UsageReport>(`/api/usage?${query}`)
  if (options.json) {
    printJson(report)
    return exit.ok
  }
  if (report.items.length === 0) {
    print('Nothing was used.')
    return exit.ok
  }
  const head = [report.by, 'input', 'output', 'reasoning', 'cache read', 'cache write', 'cost', '']
  const rows = report.items.map((item) => [
    cut(item.key ?? 'no task', 60),
    ...figures(item.total ?? item),
    item.label ? cut(item.label, 50) : '',
  ])
  print(table([head, ...rows, ['all', ...figures(report.whole)]]))
  return exit.ok
}

const figures = (sum: UsageSum): string[] => [
  ...[sum.input, sum.output, sum.reasoning, sum.cacheRead, sum.cacheWrite].map(String),
  costOf(sum),
]

/** A cost that is known only in part says so. */
function costOf({ costMicros, atLeast }: UsageSum): string {
  if (costMicros === null) return 'unknown'
  return `${atLeast ? 'at least ' : ''}${(costMicros / 1_000_000).toFixed(4)}`
}

export const usageLine = (sum: UsageSum): string =>
  `${sum.input} in, ${sum.output} out, ${sum.reasoning} reasoning, ${sum.cacheRead} cache read, ` +
  `${sum.cacheWrite} cache write; cost ${costOf(sum)}`
