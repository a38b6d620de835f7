/** `openloom trust`: how far a folder is trusted, said by a person. */
import { resolve } from 'node:path'
import { ProblemError } from '../core/problem.ts'
import type { WorkspaceList, WorkspaceSaid } from '../server/api.ts'
import { noFolder, sayTrust } from '../server/said.ts'
import { findDaemon } from './client.ts'
import { exit } from './exit.ts'
import { withStore } from './own-store.ts'
import { configOf, type Shell } from './program.ts'
import { cut, paint, print, printJson, safe, table } from './terminal.ts'

export interface TrustOptions {
  readOnly?: boolean
  untrusted?: boolean
  root?: boolean
  json?: boolean
}

export async function trust(folder: string | undefined, options: TrustOptions, shell: Shell): Promise<number> {
  const loaded = configOf(shell)
  const wish = {
    path: resolve(shell.cwd, folder ?? '.'),
    trust: options.untrusted ? 'untrusted' : options.readOnly ? 'read-only' : 'trusted',
    access: options.root ? 'root' : 'scoped',
  } as const
  // `run` and `chat` need no daemon, and what they tell a person to say needs none either.
  const client = findDaemon(loaded, shell.env)
  const said = client
    ? await client.put<WorkspaceSaid>('/api/workspaces', wish)
    : await withStore(loaded, (store) => sayTrust(store, wish))
  if (!said) throw new ProblemError(noFolder)
  if (options.json) {
    printJson(said)
    return exit.ok
  }
  const { workspace, permissions, tools } = said
  print(`${safe(workspace.path)}  ${paint('bold', workspace.trust)}, ${workspace.access}`)
  const rules = Array.isArray(permissions) ? permissions : []
  if (rules.length > 0) print('Its own rules hold from now on, as far as they are stricter than yours:')
  for (const rule of rules.slice(0, 50)) print(`  ${cut(JSON.stringify(rule), 200)}`)
  if (tools.length > 0) print(`Its own tools are offered from now on: ${tools.map(safe).join(', ')}`)
  return exit.ok
}

export async function listTrust(options: { json?: boolean }, shell: Shell): Promise<number> {
  const loaded = configOf(shell)
  const client = findDaemon(loaded, shell.env)
  const page = client
    ? await client.get<WorkspaceList>('/api/workspaces')
    : await withStore(loaded, ({ workspaces }) => ({ items: workspaces.list() }))
  if (options.json) printJson(page)
  else if (page.items.length === 0) print('Nothing was said about any folder.')
  else {
    const rows = page.items.map(({ path, trust, access }) => [trust, access, safe(path)])
    print(table([['trust', 'access', 'folder'], ...rows]))
  }
  return exit.ok
}
