/** `openloom flakes`: checks that are tried again, how often their results differed, and who answers for one. */
import type { FlakeList } from '../server/api.ts'
import { requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { configOf, type Shell } from './program.ts'
import { cut, print, printJson, safe, table } from './terminal.ts'

type Flake = FlakeList['items'][number]

export async function listFlakes(options: { json?: boolean }, shell: Shell): Promise<number> {
  const client = requireDaemon(configOf(shell), shell.env)
  const page = await client.get<FlakeList>('/api/flakes')
  if (options.json) printJson(page)
  else if (page.items.length === 0) print('No check was tried again yet: say `retries:` in a command check.')
  else print(table([['id', 'flaky', 'looks', 'rate', 'check', 'folder', ''], ...page.items.map(rowOf)]))
  return exit.ok
}

const rowOf = (flake: Flake): string[] => [
  flake.id,
  String(flake.flaky),
  String(flake.looks),
  `${Math.round(flake.rate * 100)} %`,
  cut(flake.title, 50),
  cut(flake.workspace, 50),
  quarantineOf(flake),
]

const quarantineOf = ({ quarantine }: Flake): string =>
  quarantine ? `quarantine until ${dayOf(quarantine.until)}, ${cut(quarantine.owner, 40)}` : ''

const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ')

export interface QuarantineOptions {
  owner: string
  days: number
  why?: string
  json?: boolean
}

export async function quarantineFlake(id: string, options: QuarantineOptions, shell: Shell): Promise<number> {
  const client = requireDaemon(configOf(shell), shell.env)
  const { owner, days, why = '' } = options
  const { flake } = await client.post<{ flake: Flake }>(pathOf(id), { owner, days, why })
  return tell(flake, options)
}

export async function releaseFlake(id: string, options: { json?: boolean }, shell: Shell): Promise<number> {
  const client = requireDaemon(configOf(shell), shell.env)
  const { flake } = await client.delete<{ flake: Flake }>(pathOf(id))
  return tell(flake, options)
}

function tell(flake: Flake, { json }: { json?: boolean }): number {
  if (json) printJson(flake)
  else print(`${flake.id}  ${safe(flake.title)}  ${quarantineOf(flake) || 'counts like any other'}`)
  return exit.ok
}

const pathOf = (id: string): string => `/api/flakes/${encodeURIComponent(id)}/quarantine`
