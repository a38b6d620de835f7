/** New files that a shell could take for a program of the machine that the checks start. It runs none. */
import { delimiter, isAbsolute, join } from 'node:path'
import { NoCleanTree } from '../lib/clean-repository.ts'
import { isInside } from '../lib/files.ts'
import { askGit, type GitRequest } from '../lib/git.ts'
import type { Result } from '../lib/result.ts'
import { lookAt } from '../lib/tree.ts'
import type { Protection } from './protect.ts'

const listBytesMax = 4 * 1024 * 1024

interface Place {
  /** Top of the work tree. */
  root: string
  git: GitRequest
}

export async function shadowingPrograms(
  ground: Place,
  base: { commit: string | null; untracked: Readonly<Record<string, string>> },
  rules: Protection,
  { entries }: Result,
): Promise<string[]> {
  const found = entries
    .filter(({ path, mode }) => (mode === '100755' || mode === '120000') && rules.isProgram(path))
    .filter(({ path }) => !(path in base.untracked) && isOnMachine(path.split('/').at(-1) ?? '', ground))
    .map(({ path }) => path)
  if (found.length === 0 || base.commit === null) return found
  const git = { ...ground.git, cwd: ground.root }
  const args = ['ls-tree', '-r', '-z', '--name-only', '--full-tree', base.commit, '--', ...found]
  const listed = await askGit(git, args, listBytesMax)
  if (listed === null) throw new NoCleanTree('git did not list the programs of the commit before the work')
  const known = new Set(listed.split('\0'))
  return found.filter((path) => !known.has(path))
}

/** A program that only the project has is nobody's place to take. */
export function isOnMachine(name: string, { git, root }: Place): boolean {
  const folders = (git.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => isAbsolute(folder) && !isInside(root, folder))
  return folders.some((folder) => lookAt(join(folder, name)) !== null)
}
