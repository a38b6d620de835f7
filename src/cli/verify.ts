/** `openloom verify`: runs the checks of a task again, now. Exit code 0 only when every one passes. */
import { type CheckRecord, flakyIn, type Verdict, verdictText } from '../core/verdict.ts'
import { requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { configOf, type Shell } from './program.ts'
import { checkLine } from './show.ts'
import { print, printJson } from './terminal.ts'

export async function verify(id: string, options: { json?: boolean }, shell: Shell): Promise<number> {
  const client = requireDaemon(configOf(shell), shell.env)
  const path = `/api/tasks/${encodeURIComponent(id)}/verify`
  const found = await client.post<{ verdict: Verdict; checks: CheckRecord[] }>(path, {})
  if (options.json) printJson(found)
  else {
    for (const check of found.checks) print(checkLine(check))
    print(verdictText(found.verdict, flakyIn(found.checks)))
  }
  if (found.verdict === 'verified') return exit.ok
  return /^(unverified|verified )/.test(found.verdict) ? exit.unverified : exit.failed
}
