/**
 * What a command in the sandbox sees of this machine's files, and what of that it may change. It only looks, and trusts
 * nothing that a command may have written before: no link and no pointer of a workspace decides what is shown.
 */
import { accessSync, constants, lstatSync, readdirSync, readFileSync, type Stats } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { errnoOf, isInside } from '../files.ts'
import { realOf, secretPlaces } from '../secret-places.ts'
import type { Place } from './sandbox.ts'

/** `empty`: private to the command, and gone with it; `bare`: an empty folder; `shut`: a file that cannot be read. */
export type Access = 'read' | 'write' | 'empty' | 'bare' | 'shut'
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

/** Of a home: what version managers install, and nothing else. */
const installed = ['.nvm', '.pyenv', '.rbenv', '.rustup', '.volta', '.asdf', '.sdkman', '.bun/bin', '.deno/bin']
const everywhere = ['/opt', '/nix', '/snap', '/home/linuxbrew']

type Kind = 'folder' | 'file' | null

function kindOf(path: string): Kind {
  const stat = statOf(path)
  return stat?.isDirectory() ? 'folder' : stat?.isFile() ? 'file' : null
}

function statOf(path: string): Stats | null {
  try {
    return lstatSync(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP'].includes(errnoOf(error))) return null
    throw error
  }
}

/** What every command of this machine is shown. */
export function mountsOfMachine({ home, programs, alsoRead, alsoWrite }: Machine): Mounts {
  const mounts: Mounts = new Map([['/tmp', 'empty']])
  if (home !== '/') mounts.set(home, 'empty')
  const shown = [...everywhere, ...installed.map((name) => join(home, name)), ...programs.flatMap(installationIn(home))]
  // A folder above the home would show it whole.
  const fits = (path: string) => !isInside(path, home) && !path.startsWith('/usr')
  for (const path of shown.flatMap(realOf)) if (fits(path) && kindOf(path)) mounts.set(path, 'read')
  for (const path of alsoRead.flatMap(realOf)) mounts.set(path, 'read')
  for (const path of alsoWrite.flatMap(realOf)) mounts.set(path, 'write')
  return mounts
}

/** What programs need beside their `bin`, and what says that a folder is one of Go or of a Python environment. */
const beside = ['lib', 'lib32', 'lib64', 'libexec', 'share', 'include', 'jre', 'jmods', 'conf', 'pyvenv.cfg']
const besideGo = ['VERSION', 'go.env', 'pkg', 'src']

/**
 * `bin` stands for what was installed together with it, by the names that this has: the folder above may be anybody's,
 * and keys lie in it. Right below a home it stands for itself alone.
 */
const installationIn =
  (home: string) =>
  (folder: string): string[] => {
    const above = dirname(folder)
    const deep = relative(home, above).split('/').length >= 2 || !isInside(home, above)
    if (basename(folder) !== 'bin' || !deep || above === '/') return [folder]
    const isGo = kindOf(join(above, 'VERSION')) === 'file' && kindOf(join(folder, 'go')) === 'file'
    return [folder, ...[...beside, ...(isGo ? besideGo : [])].map((name) => join(above, name))]
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
  const bound = [...mounts].filter(([, access]) => ['read', 'write'].includes(access)).map(([path]) => path)
  for (const path of [...machine.hidden, ...secretPlaces(machine.home)]) {
    const kind = kindOf(path)
    // What lies deeper than that and was named stays: a worktree in the data folder, say.
    const isShown = bound.some((one) => isInside(one, path) && one !== path)
    if (kind !== null && isShown) mounts.set(path, kind === 'folder' ? 'empty' : 'shut')
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
  const inner = ['modules', 'worktrees'].flatMap((name) => foldersIn(join(common, name)))
  const repositories = [common, ...inner.filter(isRepository)]
  // Nothing can be mounted on a link, so that a command could put another in its place: then it changes nothing at all.
  const isLinked = repositories.some((one) => own.some((name) => statOf(join(one, name))?.isSymbolicLink()))
  mounts.set(common, writable && !isLinked ? 'write' : 'read')
  if (!writable || isLinked) return
  // A place that something is mounted on can be neither moved nor replaced.
  mounts.set(entry, entry === common ? 'write' : 'read')
  for (const folder of inner) mounts.set(folder, isListed(folder) ? 'write' : 'read')
  for (const one of repositories) shield(mounts, one)
}

const own = ['hooks', 'config', 'config.worktree', 'commondir', 'gitdir']

/**
 * A folder of hooks that is not there could be made; mounted, it is there and empty, and git knows that well. A linked
 * work tree has those of its repository.
 */
function shield(mounts: Mounts, repository: string): void {
  for (const name of own) if (kindOf(join(repository, name))) mounts.set(join(repository, name), 'read')
  const hasHooks = kindOf(join(repository, 'hooks')) !== null || kindOf(join(repository, 'commondir')) !== null
  if (!hasHooks) mounts.set(join(repository, 'hooks'), 'bare')
}

/** Of a submodule, or of a linked work tree. What a command cannot take away says so. */
const isRepository = (folder: string): boolean =>
  ['config', 'commondir', 'HEAD'].some((name) => kindOf(join(folder, name)) === 'file')

const innerMax = 200
const innerDeep = 8
/** Of git's own, in which no repository lies. */
const noRepositories = new Set(['objects', 'refs', 'logs', 'info', 'hooks', 'branches', 'lfs', 'rebase-merge'])

/** The folder and those in which repositories may lie: names of submodules are paths, and one may lie in another. */
function foldersIn(folder: string): string[] {
  const found = kindOf(folder) === 'folder' ? [folder] : []
  let level = found
  for (let deep = 0; deep < innerDeep && level.length > 0 && found.length < innerMax; deep++) {
    level = level.flatMap((one) => namesIn(one).map((name) => join(one, name)))
    found.push(...level)
  }
  return found.slice(0, innerMax)
}

/** None of a folder that a command has locked up: it is shown, and not to be changed. */
function namesIn(folder: string): string[] {
  if (!isListed(folder)) return []
  const entries = readdirSync(folder, { withFileTypes: true }).filter((one) => one.isDirectory())
  const names = entries.map(({ name }) => name)
  return isRepository(folder) ? names.filter((name) => !noRepositories.has(name)) : names
}

function isListed(folder: string): boolean {
  try {
    accessSync(folder, constants.R_OK | constants.X_OK)
    return true
  } catch (error) {
    if (['EACCES', 'ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return false
    throw error
  }
}
