/** `openloom logins`: browsers that are signed in, and the end of one that is lost. */

import type { LoginList, LoginsEnded } from '../server/routes/logins.ts'
import { requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { configOf, type Shell, UsageError } from './program.ts'
import { print, printJson, table } from './terminal.ts'

export async function listLogins(options: { json?: boolean }, shell: Shell): Promise<number> {
  const client = requireDaemon(configOf(shell), shell.env)
  const page = await client.get<LoginList>('/api/logins')
  if (options.json) printJson(page)
  else if (page.items.length === 0) print('No browser is signed in.')
  else {
    const rows = page.items.map(({ id, createdAt, expiresAt }) => [id, instant(createdAt), instant(expiresAt)])
    print(table([['id', 'signed in', 'until'], ...rows]))
  }
  return exit.ok
}

export async function endLogins(
  id: string | undefined,
  options: { all?: boolean; json?: boolean },
  shell: Shell,
): Promise<number> {
  if ((id === undefined) !== Boolean(options.all)) throw new UsageError(oneOrAll)
  const client = requireDaemon(configOf(shell), shell.env)
  const ended = await client.delete<LoginsEnded>(`/api/logins${id === undefined ? '' : `/${encodeURIComponent(id)}`}`)
  if (options.json) printJson(ended)
  else print(`Signed out: ${ended.ended}.`)
  return exit.ok
}

const instant = (at: number): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ')

const oneOrAll = {
  kind: 'usage',
  text: 'It is not said which browser is signed out.',
  todo: 'Give one id of `openloom logins`, or --all.',
}
