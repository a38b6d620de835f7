/** `openloom deliveries`: notifications that were given up, and `--replay` to try them again. */
import { requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { configOf, type Shell } from './program.ts'
import { cut, print, printJson, table } from './terminal.ts'

interface Dead {
  sink: string
  seq: number
  attempts: number
  problem: string
  updatedAt: number
}

export async function deliveries(options: { replay?: boolean; json?: boolean }, shell: Shell): Promise<number> {
  const client = requireDaemon(configOf(shell), shell.env)
  const { items } = await client.get<{ items: Dead[] }>('/api/deliveries')
  if (options.replay) for (const { sink, seq } of items) await client.post('/api/deliveries/replay', { sink, seq })
  if (options.json) printJson({ items, replayed: options.replay ? items.length : 0 })
  else if (items.length === 0) print('Nothing was given up.')
  else {
    const rows = items.map((item) => [item.sink, String(item.seq), `${item.attempts} tries`, cut(item.problem, 90)])
    print(table([['sink', 'event', '', 'why'], ...rows]))
    if (options.replay) print(`${items.length} are being tried again.`)
  }
  return exit.ok
}
