/**
 * What of this machine is no agent's to see, wherever its workspace lies: the daemon's own data, and the keys and
 * logins of a home. What lies in there and was named as the workspace is seen all the same: a worktree in the data.
 */
import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, isInside } from './files.ts'

const folders = [
  ...['.ssh', '.gnupg', '.aws', '.azure', '.kube', '.docker', '.password-store', '.config/gcloud', '.config/gh'],
  ...['.local/share/keyrings', '.mozilla', '.config/op'],
]
const files = [
  ...[
    '.netrc',
    '.git-credentials',
    '.config/git/credentials',
    '.npmrc',
    '.yarnrc.yml',
    '.pypirc',
    '.pgpass',
    '.my.cnf',
  ],
  ...['.cargo/credentials', '.cargo/credentials.toml', '.gem/credentials', '.m2/settings.xml', '.vault-token'],
]

/** Of a home; each as it is named, and where it really lies. */
export function secretPlaces(home: string): string[] {
  return withReal([...folders, ...files].map((name) => join(home, name)))
}

/** With the daemon's own. */
export const hiddenPlaces = (home: string, dataDir: string): string[] => [...withReal([dataDir]), ...secretPlaces(home)]

const withReal = (paths: readonly string[]): string[] => [...new Set(paths.flatMap((path) => [path, ...realOf(path)]))]

export function realOf(path: string): string[] {
  try {
    return [realpathSync(path)]
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP'].includes(errnoOf(error))) return []
    throw error
  }
}

/** `path` is a real one. */
export const isHidden = (places: readonly string[], workspace: string, path: string): boolean =>
  places.some((place) => isInside(place, path) && !(isInside(place, workspace) && isInside(workspace, path)))
