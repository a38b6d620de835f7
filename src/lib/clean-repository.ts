/**
 * The git repository of a clean checkout: its own configuration, index and references, so that git answers there as in
 * the work tree it was made from. Objects are read from that repository and never written to it.
 */
import { copyFile, mkdir, realpath, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ignoreMissing } from './files.ts'
import { argumentParts, askGit, type GitRequest } from './git.ts'
import type { Result } from './result.ts'

const referencesBytesMax = 16 * 1024 * 1024

/** Thrown with the reason, in a few words, why there is no clean checkout. */
export class NoCleanTree extends Error {}

interface Origin {
  objects: string
  shallow: string
  /** Full name of the branch; empty: detached. */
  branch: string
  references: string
}

export class CleanRepository {
  private readonly path: string
  /** Commit for which the repository was made; undefined: there is none yet. */
  private head: string | null | undefined

  constructor(path: string) {
    this.path = path
  }

  /** Nobody's settings but those of this repository count in it. */
  request(git: GitRequest): GitRequest {
    return { ...git, cwd: this.path, env: { ...git.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' } }
  }

  /** Throws NoCleanTree. Made anew whenever the commit is another one. */
  async update(result: Result, git: GitRequest): Promise<void> {
    if (this.head !== undefined && this.head === result.headCommit) return
    this.head = undefined
    const origin = await originOf({ ...git, cwd: result.root })
    const folder = join(this.path, '.git')
    const own = this.request(git)
    await rm(folder, { recursive: true, force: true })
    const made = await askGit(own, ['init', '--quiet', '--template=', `--object-format=${result.format}`])
    if (made === null) throw new NoCleanTree('git could not make a repository for it')
    await mkdir(join(folder, 'objects', 'info'), { recursive: true })
    await writeFile(join(folder, 'objects', 'info', 'alternates'), `${await realpath(origin.objects)}\n`)
    await copyFile(origin.shallow, join(folder, 'shallow')).catch(ignoreMissing)
    await writeFile(join(folder, 'packed-refs'), packed(origin.references))
    if (result.headCommit !== null) {
      const head = origin.branch === '' ? result.headCommit : `ref: ${origin.branch}`
      await writeFile(join(folder, 'HEAD'), `${head}\n`)
      const read = await askGit(own, ['read-tree', result.headCommit])
      if (read === null) throw new NoCleanTree('git could not read the commit')
    }
    this.head = result.headCommit
  }

  /** Begins anew at the next update. */
  forget(): void {
    this.head = undefined
  }

  /** Writes files as they are committed, line ends and all, with no program that the other repository names. */
  async checkOut({ commit, paths }: { commit: string; paths: readonly string[] }, git: GitRequest): Promise<void> {
    const request = this.request(git)
    // Not the index that commands see there: it is of another commit, or would be told that the files are new.
    const index = join(this.path, '.git', 'openloom-index')
    const own = { ...request, env: { ...request.env, GIT_INDEX_FILE: index } }
    try {
      if ((await askGit(own, ['read-tree', commit])) === null) throw new NoCleanTree('git could not read the commit')
      for (const part of argumentParts(paths)) {
        const done = await askGit(own, ['checkout-index', '--force', '--', ...part])
        if (done === null) throw new NoCleanTree('git could not write the committed files')
      }
    } finally {
      await rm(index, { force: true })
    }
  }
}

async function originOf(git: GitRequest): Promise<Origin> {
  const [places, branch, references] = await Promise.all([
    askGit(git, ['rev-parse', '--git-path', 'objects', '--git-path', 'shallow']),
    askGit(git, ['symbolic-ref', '--quiet', 'HEAD']),
    askGit(git, ['for-each-ref', '--format=%(objectname) %(refname)'], referencesBytesMax),
  ])
  const [objects, shallow] = places?.trimEnd().split('\n') ?? []
  if (objects === undefined || shallow === undefined || references === null) {
    throw new NoCleanTree('git did not answer')
  }
  const [objectsPath, shallowPath] = [resolve(git.cwd, objects), resolve(git.cwd, shallow)]
  return { objects: objectsPath, shallow: shallowPath, branch: branch?.trim() ?? '', references }
}

const packed = (references: string): string =>
  references
    .split('\n')
    .filter((line) => /^[0-9a-f]{40,64} refs\/\S+$/.test(line))
    .map((line) => `${line}\n`)
    .join('')
