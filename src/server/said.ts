/** What a person says of a folder, over HTTP or at the command line. It judges nothing. */
import type { Workspace } from '../core/session.ts'
import { folderAt } from '../lib/files.ts'
import { digestOf, readProjectSettings } from '../lib/project/settings.ts'
import { readToolFiles } from '../lib/project/tools.ts'
import type { Store } from '../store/open.ts'
import type { WorkspaceSaid } from './api.ts'

export const noFolder = { kind: 'no-folder', text: 'There is no such folder.', todo: 'Name one that is there.' }

/** With the word the project's settings and tools are taken as they are now. Null: there is no such folder. */
export async function sayTrust(
  { workspaces }: Pick<Store, 'workspaces'>,
  { path: written, trust, access }: Pick<Workspace, 'path' | 'trust' | 'access'>,
): Promise<WorkspaceSaid | null> {
  const path = await folderAt(written)
  if (path === null) return null
  const settings = trust === 'untrusted' ? null : await readProjectSettings(path)
  const own = trust === 'trusted' ? await readToolFiles(path) : null
  const workspace = workspaces.say({ path, trust, access, settingsSha256: digestOf(settings, own) })
  return { workspace, permissions: settings?.permissions ?? null, tools: own?.files.map(({ name }) => name) ?? [] }
}
