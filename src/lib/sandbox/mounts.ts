/**
 * What a command in the sandbox sees of this machine's files, and what of that it may change. It only looks, and trusts
 * nothing that a command may have written before: no link and no pointer of a workspace decides what is shown.
 */
import { lstatSync, readFileSync, realpathSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { errnoOf, isInside } from '../files.ts'
import type { Place } from './sandbox.ts'

/** `empty`: private to the command, and gone with it. */
export type Access = 'read' | 'write' | 'empty'
export type Mounts = Map<string, Access>

export interface Machine {
  home: string
  /** As in PATH. */
  programs: readonly string[]
  alsoRead: readonly string[]
  alsoWrite: readonly string[]
  /** Never shown, wherever it lies: the daemon's own. */
  hidden: readonly string[]
}

/** Of a home: keys and logins, which are not shown even to who works in the whole of it. */
const secret = ['.ssh', '.gnupg', '.aws', '.azure', '.kube', '.docker', '.password-store', '.config/gcloud']
/** Of a home: what version managers install, and nothing else. */
const installed = ['.nvm', '.pyenv', '.rbenv', '.rustup', '.volta', '.asdf', '.sdkman', '.bun/bin', '.deno/bin']
const everywhere = ['/opt', '/nix', '/snap', '/home/linuxbrew']

type Kind = 'folder' | 'file' | null

function kindOf(path: string): Kind {
  try {
    const stat = lstatSync(path)
    return stat.isDirectory() ? 'folder' : stat.isFile() ? 'file' : null
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP'].includes(errnoOf(error))) return null
    throw error
  }
}

const realOf = (path: string): string[] => {
  try {
    return [realpathSync(path)]
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP'].includes(errnoOf(error))) return []
    throw error
  }
}

/** What every command of this machine is shown. */
export function mountsOfMachine({ home, programs, alsoRead, alsoWrite }: Machine): Mounts {
  const mounts: Mounts = new Map([['/tmp', 'empty']])
  if (home !== '/') mounts.set(home, 'empty')
  const shown = [...everywhere, ...installed.map((name) => join(home, name)), ...programs.map(prefixIn(home))]
  // A folder above the home would show it whole.
  const fits = (path: string) => !isInside(path, home) && !path.startsWith('/usr')
  for (const path of shown.flatMap(realOf)) if (fits(path) && kindOf(path) === 'folder') mounts.set(path, 'read')
  for (const path of alsoRead.flatMap(realOf)) mounts.set(path, 'read')
  for (const path of alsoWrite.flatMap(realOf)) mounts.set(path, 'write')
  return mounts
}

/**
 * `bin` stands for what was installed together; right below a home it stands for itself, as logins may lie beside it.
 */
const prefixIn =
  (home: string) =>
  (folder: string): string => {
    const above = dirname(folder)
    const deep = relative(home, above).split('/').length >= 2 || !isInside(home, above)
    return basename(folder) === 'bin' && deep && above !== '/' ? above : folder
  }

export function mountsOf(place: Place, machine: Machine, shown: Mounts): Mounts {
  const { workspace, writable } = place
  // What of it lies in the workspace is the workspace's: a project's own programs stand in PATH, too.
  const mounts: Mounts = new Map([...shown].filter(([path]) => path === '/tmp' || !isInside(workspace, path)))
  for (const path of place.alsoRead ?? []) if (kindOf(path)) mounts.set(path, 'read')
  for (const path of place.alsoWrite ?? []) if (kindOf(path)) mounts.set(path, writable ? 'write' : 'read')
  if (!writable) for (const [path, access] of mounts) if (access === 'write') mounts.set(path, 'read')
  const git = gitOf(workspace, machine.home)
  if (git && git.root !== workspace) mounts.set(git.root, 'read')
  mounts.set(workspace, writable ? 'write' : 'read')
  if (git) addGit(mounts, git, writable)
  const bound = [...mounts].filter(([, access]) => access !== 'empty').map(([path]) => path)
  for (const path of [...machine.hidden, ...secret.map((name) => join(machine.home, name))]) {
    // What lies deeper than that and was named stays: a worktree in the data folder, say.
    if (kindOf(path) === 'folder' && bound.some((one) => isInside(one, path) && one !== path)) mounts.set(path, 'empty')
  }
  return mounts
}

export interface GitPlaces {
  /** Of the work tree. */
  root: string
  /** `.git` of the work tree: a folder, or the file of a linked one. */
  entry: string
  /** The folder that holds objects, references, configuration. */
  common: string
}

/** A work tree that the folder is, or lies in; null: none that could be trusted. */
export function gitOf(folder: string, home: string): GitPlaces | null {
  for (let root = folder; ; root = dirname(root)) {
    const entry = join(root, '.git')
    const kind = kindOf(entry)
    // A home that is a repository is still a home: only who works in the whole of it sees it.
    if (kind !== null && root !== folder && isInside(root, home)) return null
    if (kind === 'folder') return { root, entry, common: entry }
    if (kind === 'file') return linkedGit(root, entry)
    if (dirname(root) === root) return null
  }
}

const pointerBytesMax = 4_096

/**
 * The file may be a command's work and name any folder: only one that git itself tied to this work tree names it back.
 */
function linkedGit(root: string, entry: string): GitPlaces | null {
  const named = /^gitdir: (.+)\n?$/.exec(textOf(entry))?.[1]
  if (named === undefined) return null
  const own = resolve(root, named)
  const [common, back] = [dirname(dirname(own)), textOf(join(own, 'gitdir')).trim()]
  const tied = basename(dirname(own)) === 'worktrees' && resolve(own, back) === entry
  return tied && realOf(own)[0] === own && kindOf(join(common, 'objects')) === 'folder' ? { root, entry, common } : null
}

function textOf(path: string): string {
  try {
    return lstatSync(path).size > pointerBytesMax ? '' : readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EISDIR'].includes(errnoOf(error))) return ''
    throw error
  }
}

/** What runs when a person uses git later, hooks and configuration, is not a command's to change. */
function addGit(mounts: Mounts, { entry, common }: GitPlaces, writable: boolean): void {
  mounts.set(common, writable ? 'write' : 'read')
  if (!writable) return
  // A place that something is mounted on can be neither moved nor replaced.
  mounts.set(entry, entry === common ? 'write' : 'read')
  for (const name of ['hooks', 'config', 'config.worktree']) {
    if (kindOf(join(common, name))) mounts.set(join(common, name), 'read')
  }
}
