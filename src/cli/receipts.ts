/** `openloom receipts [task]`: the receipts of verdicts; `--export` writes them with the keys that check them. */
import { resolve } from 'node:path'
import type { Envelope } from '../lib/dsse.ts'
import { writeAtomic } from '../lib/files.ts'
import type { ReceiptPage, TaskDetail } from '../server/api.ts'
import { type Client, requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { configOf, type Shell } from './program.ts'
import { bundleKind } from './receipt-bundle.ts'
import { print, printJson, safe, table } from './terminal.ts'

export interface ReceiptsOptions {
  export?: string
  json?: boolean
}

type Item = ReceiptPage['items'][number]

export async function receipts(id: string | undefined, options: ReceiptsOptions, shell: Shell): Promise<number> {
  const client = requireDaemon(configOf(shell), shell.env)
  const task = id ? (await client.get<TaskDetail>(`/api/tasks/${encodeURIComponent(id)}`)).task.id : null
  const { items, keys } = await readAll(client, task)
  if (options.export !== undefined) {
    const envelopes: Envelope[] = items.map((item) => item.envelope)
    const path = resolve(shell.cwd, options.export)
    await writeAtomic(path, `${JSON.stringify({ kind: bundleKind, task, keys, envelopes }, null, 1)}\n`)
    if (options.json) printJson({ file: path, receipts: items.length })
    else print(`${items.length} receipts written to ${safe(path)}; check them with openloom verify receipt.`)
    return exit.ok
  }
  const rows = items.map(({ envelope: _, ...item }) => item)
  if (options.json) printJson(rows)
  else if (rows.length === 0) print('There are no receipts yet: each verdict makes one.')
  else {
    const shown = rows.map(({ seq, taskId, attempt, at, digest }) => [
      String(seq),
      taskId,
      `attempt ${attempt}`,
      new Date(at).toISOString(),
      digest.slice(0, 16),
    ])
    print(table(shown))
  }
  return exit.ok
}

async function readAll(client: Client, task: string | null): Promise<Pick<ReceiptPage, 'items' | 'keys'>> {
  const items: Item[] = []
  for (let after = 0; ; ) {
    const search = new URLSearchParams({ after: String(after), limit: '500', ...(task ? { task } : {}) })
    const page = await client.get<ReceiptPage>(`/api/receipts?${search}`)
    items.push(...page.items)
    if (page.next === null) return { items, keys: page.keys }
    after = page.next
  }
}
