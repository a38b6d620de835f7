/** `openloom verify`: looks again, now, at a task or a session. Exit code 0 only when it is verified. */
import { type CheckRecord, flakyIn, type Verdict, verdictText } from '../core/verdict.ts'
import { requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { configOf, type Shell } from './program.ts'
import { checkLine } from './show.ts'
import { print, printJson } from './terminal.ts'

export async function verify(id: string, options: { json?: boolean }, shell: Shell): Promise<number> {
  const client = requireDaemon(configOf(shell), shell.env)
  const path = `/api/tasks/${encodeURIComponent(id)}/verify`
  return tell(await client.post<Found>(path, {}), options)
}

/** `openloom verify session`: judges what a session did that nobody gave a task. */
export async function verifySession(id: string, options: { json?: boolean }, shell: Shell): Promise<number> {
  const client = requireDaemon(configOf(shell), shell.env)
  const path = `/api/sessions/${encodeURIComponent(id)}/verify`
  const found = await client.post<Found & { baseCommit: string }>(path, {})
  if (!options.json) print(`Against commit ${found.baseCommit.slice(0, 12)}, on which its folder stood when it began:`)
  return tell(found, options)
}

interface Found {
  verdict: Verdict
  checks: CheckRecord[]
}

function tell(found: Found, options: { json?: boolean }): number {
  if (options.json) printJson(found)
  else {
    for (const check of found.checks) print(checkLine(check))
    print(verdictText(found.verdict, flakyIn(found.checks)))
  }
  if (found.verdict === 'verified') return exit.ok
  return /^(unverified|verified )/.test(found.verdict) ? exit.unverified : exit.failed
}
