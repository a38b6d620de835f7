/** `openloom accept`: a person's word that a change of what judges the work is right. Shows it first. */

import type { TaskDetail } from '../server/api.ts'
import { requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { configOf, type Shell } from './program.ts'
import { print, safe } from './terminal.ts'

export async function accept(id: string, options: { yes?: boolean }, shell: Shell): Promise<number> {
  const client = requireDaemon(configOf(shell), shell.env)
  const path = `/api/tasks/${encodeURIComponent(id)}`
  const { attempts } = await client.get<TaskDetail>(path)
  const found = attempts.at(-1)?.checks.find((check) => check.tampered)
  if (!found) {
    print(`Nothing of ${id} is to be accepted: its last attempt changed nothing that judges it.`)
    return exit.failed
  }
  print(safe(found.evidence.summary))
  if (found.evidence.excerpt) print(safe(found.evidence.excerpt))
  if (!options.yes) {
    print(`\nNothing was accepted. If this change is right: openloom accept ${id} --yes`)
    return exit.failed
  }
  await client.post(`${path}/accept`, { changes: found.evidence.facts?.changes })
  print('Accepted. The checks run again.')
  return exit.ok
}
