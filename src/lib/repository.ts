/**
 * A git repository of a person, opened once: where its parts lie, and git asked there with everything switched off that
 * its own configuration would execute. Its `.git` is not asked again: an agent may have pointed it somewhere else.
 */
import { randomUUID } from 'node:crypto'
import { lstat, readdir, readFile, realpath } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import { exists, ignoreMissing, isInside } from './files.ts'
import { askGit, type GitRequest, gitArgv, gitEnvironment, hasRepository, ledAway } from './git.ts'
import * as filters from './git-filters.ts'
import { runCommand } from './process.ts'

export interface GitAnswer {
  ok: boolean
  /** Stdout; with `told` also what it says on stderr. */
  text: string
  exitCode: number | null
}

export interface GitOptions {
  env?: Readonly<Record<string, string>>
  /** Keep stderr, for the reason of a refusal. */
  told?: boolean
  /** `read` (default): nothing is filtered. `store`: what needs a filter is refused. `none`: no filter of anybody. */
  filters?: 'read' | 'store' | 'none'
}

export interface Repository {
  /** Real path of the work tree. */
  top: string
  /** Of this work tree: index, HEAD. */
  gitDir: string
  /** Of all work trees: objects, branches. */
  commonDir: string
  run(args: readonly string[], options?: GitOptions): Promise<GitAnswer>
  /** Stdout without the last line end, or null when git refused. */
  ask(args: readonly string[], options?: GitOptions): Promise<string | null>
  /** Names of filters that only the repository itself defines. */
  ownFilters: ReadonlySet<string>
  /** Filters and drivers that this repository names, for another work tree of it. */
  keys: readonly filters.ConfigKey[]
  request: GitRequest
}

const timeoutMs = 600_000
const outputBytesMax = 32 * 1024 * 1024

/** The repository around a folder; refused where there is none to work with, with what to do. */
export async function openRepository(request: GitRequest): Promise<Result<Repository>> {
  const { cwd } = request
  if (!(await hasRepository(cwd))) return refuse(noRepository(cwd))
  const away = await ledAway(cwd)
  if (away !== null) return refuse(misled(away))
  if ((await askGit(request, ['version'])) === null) return refuse(noGit)
  const bare = await askGit(request, ['rev-parse', '--is-bare-repository'])
  if (bare?.trim() === 'true') return refuse(bareRepository(cwd))
  const parts = ['--show-toplevel', '--absolute-git-dir', '--git-common-dir']
  // One at a time: a path may hold a line end.
  const answers = await Promise.all(parts.map((part) => askGit(request, ['rev-parse', part])))
  const [top, gitDir, common] = answers.map((answer) => answer?.replace(/\n$/, '') ?? null)
  if (!top || !gitDir || !common) return refuse(notReadable(cwd))
  const [realTop, realCwd] = [await realpath(top), await realpath(cwd)]
  if (!isInside(realTop, realCwd)) return refuse(notReadable(cwd))
  const commonDir = isAbsolute(common) ? common : resolve(cwd, common)
  const listed = await askGit(request, ['config', '--list', '--show-scope', '--name-only', '-z'], outputBytesMax)
  if (listed === null) return refuse(notReadable(cwd))
  const keys = filters.configKeys(listed)
  const stubborn = filters.unreachableKey(keys)
  if (stubborn !== null) return refuse(unreachable(stubborn))
  const place = { top: realTop, gitDir: await realpath(gitDir), commonDir: await realpath(commonDir) }
  return ok(repositoryAt(place, keys, request))
}

/** Another work tree of the same repository, by what the repository says of it; null when it is not one (any more). */
export async function linkedTree(repository: Repository, path: string): Promise<Repository | null> {
  // What is there and cannot be looked at is not taken for gone.
  if (!(await exists(path)) || !(await lstat(path)).isDirectory() || (await realpath(path)) !== path) return null
  const gitDir = await adminFolder(repository, path)
  if (gitDir === null) return null
  const { commonDir, keys, request } = repository
  return repositoryAt({ top: path, gitDir, commonDir }, keys, request)
}

async function adminFolder({ commonDir }: Repository, path: string): Promise<string | null> {
  const folder = join(commonDir, 'worktrees')
  const names = await readdir(folder).catch((error: unknown) => {
    ignoreMissing(error)
    return []
  })
  for (const name of names) {
    const target = await readFile(join(folder, name, 'gitdir'), 'utf8').catch(ignoreMissing)
    const named = target && resolve(folder, name, target.replace(/\n$/, ''))
    if (named === join(path, '.git')) return join(folder, name)
  }
  return null
}

function repositoryAt(
  place: Pick<Repository, 'top' | 'gitDir' | 'commonDir'>,
  keys: readonly filters.ConfigKey[],
  request: GitRequest,
): Repository {
  const own = keys.filter(filters.isOwnScope)
  const drivers = filters.driversRefused(own)
  const settings = {
    read: [...filters.filtersEmptied(own), ...drivers],
    store: [...filters.filtersRefused(own), ...drivers],
    // Relative paths would be noted in the configuration of the person.
    none: [...filters.filtersEmptied(keys), ...drivers, 'worktree.useRelativePaths=false'],
  }
  const env = { GIT_DIR: place.gitDir, GIT_WORK_TREE: place.top, GIT_NO_REPLACE_OBJECTS: '1' }
  const run = async (args: readonly string[], options: GitOptions = {}): Promise<GitAnswer> => {
    const away = await ledAway(place.top)
    if (away !== null) return { ok: false, text: `git is not asked: ${away}`, exitCode: null }
    const outcome = await runCommand({
      argv: gitArgv(args, settings[options.filters ?? 'read']),
      cwd: place.top,
      env: { ...request.env, ...gitEnvironment, ...env, ...options.env },
      owner: `${request.owner}/git-${randomUUID()}`,
      timeoutMs,
      outputBytesMax: 2 * outputBytesMax,
      stdoutOnly: !options.told,
      ...(request.signal ? { signal: request.signal } : {}),
    })
    const whole = outcome.ended === 'exit' && outcome.exitCode === 0 && outcome.sizeBytes <= outputBytesMax
    return { ok: whole, text: outcome.error ?? outcome.output, exitCode: outcome.exitCode }
  }
  return {
    ...place,
    keys,
    request,
    ownFilters: new Set(own.flatMap(({ key }) => /^filter\.(.*)\.[a-z]+$/s.exec(key)?.[1] ?? [])),
    run,
    async ask(args, options) {
      const answer = await run(args, options)
      return answer.ok ? answer.text.replace(/\n$/, '') : null
    },
  }
}

/** The words of a NUL-separated answer. */
export const wordsOf = (answer: string | null): string[] => answer?.split('\0').filter((word) => word !== '') ?? []

export const commitOf = (repository: Repository, name: string): Promise<string | null> =>
  repository.ask(['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`])

export const isAncestor = async (repository: Repository, older: string, newer: string): Promise<boolean> =>
  (await repository.run(['merge-base', '--is-ancestor', older, newer])).ok

const noRepository = (cwd: string): Problem => ({
  kind: 'isolation-no-git',
  text: `${cwd} is not in a git repository, so the task cannot have a worktree of its own.`,
  todo: 'Run `git init` and commit there and resume the task, or give it again without `isolation: worktree`.',
})

const noGit: Problem = {
  kind: 'isolation-no-git',
  text: 'git cannot be run, so the task cannot have a worktree of its own.',
  todo: 'Install git, then resume the task.',
}

const bareRepository = (cwd: string): Problem => ({
  kind: 'isolation-bare',
  text: `${cwd} is a bare repository: there is no work tree to begin from and to merge into.`,
  todo: 'Clone it and give the task again with that folder.',
})

const notReadable = (cwd: string): Problem => ({
  kind: 'isolation-unreadable',
  text: `git does not take ${cwd} for a work tree of this user.`,
  todo: `Look at what \`git -C ${cwd} status\` says.`,
})

const misled = (why: string): Problem => ({
  kind: 'isolation-unreadable',
  text: `git is not asked here: ${why}.`,
  todo: 'Then look at what else was changed in that .git, and resume.',
})

const unreachable = (key: string): Problem => ({
  kind: 'isolation-hostile',
  text: `The repository's configuration defines ${key}, which cannot be switched off and is not to be run.`,
  todo: 'Remove that setting.',
})
