/**
 * The worktree that one piece of work has for itself, with a branch: opened from the last commit, sealed (all of it
 * committed), and removed only when nothing in it would be lost. It lies in a folder of ours, never in a person's tree.
 */
import { mkdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import { errnoOf, exists } from './files.ts'
import { commitOf, isAncestor, linkedTree, type Repository, wordsOf } from './repository.ts'
import { commitTree, listOf, noCommit, refused, snapshot, tipOf } from './rescue.ts'

export interface Worktree {
  /** Root of the worktree, a real path as long as it exists. */
  path: string
  /** Without `refs/heads/`. */
  branch: string
}

export interface Opened {
  /** The commit that the work begins from. */
  base: string
  /** Files of the person's own tree that are not committed, and therefore not in the worktree. */
  uncommitted: number
  /** The repository has submodules; they are not there either. */
  submodules: boolean
  /** Files that git LFS or another filter would have brought and that are what is stored instead. */
  filtered: boolean
}

const refOf = ({ branch }: Worktree): string => `refs/heads/${branch}`
export const scratchOf = ({ path }: Worktree): string => `${path}.index`

/**
 * Makes it, or makes it again: what lies at its place is half of one that was never worked in. A branch with commits of
 * its own is gone on with, any other begins at HEAD.
 */
export async function openWorktree(repository: Repository, worktree: Worktree): Promise<Result<Opened>> {
  const head = await commitOf(repository, 'HEAD')
  if (head === null) return refuse(noCommit(repository.top))
  const cleared = await clear(repository, worktree.path)
  if (cleared) return refuse(cleared)
  await mkdir(dirname(worktree.path), { recursive: true, mode: 0o700 })
  const found = await tipOf(repository, worktree.branch)
  if (!found.ok) return found
  const tip = found.value
  const begins = tip === null || (await isAncestor(repository, tip, head))
  const target = begins ? ['-B', worktree.branch, worktree.path, head] : [worktree.path, worktree.branch]
  const added = await repository.run(['worktree', 'add', '--quiet', ...target], {
    filters: 'none',
    told: true,
  })
  if (!added.ok) return refuse({ ...refused('make the worktree', added), kind: 'isolation-refused' })
  const base = begins ? head : await repository.ask(['merge-base', tip, head])
  if (base === null) return refuse({ ...refused('find where the branch began', added), kind: 'isolation-refused' })
  const changed = wordsOf(await repository.ask(['status', '--porcelain', '-z', '--no-renames', '--ignore-submodules']))
  const attributes = await readFile(join(worktree.path, '.gitattributes'), 'utf8').catch(() => '')
  return ok({
    base,
    uncommitted: changed.length,
    submodules: await exists(join(worktree.path, '.gitmodules')),
    filtered: /\bfilter=/.test(attributes),
  })
}

export interface Sealed {
  /** The commit that holds everything. */
  tip: string
  /** Whether this call had to commit something. */
  committed: boolean
}

/**
 * Commits what is not committed, whatever the agent did with branch, HEAD and index: the branch then holds exactly what
 * lies in the folder, and every commit that was made there. Without a folder: the branch as it is.
 */
export async function seal(repository: Repository, worktree: Worktree, message: string): Promise<Result<Sealed>> {
  const ref = refOf(worktree)
  const before = await commitOf(repository, ref)
  const tree = await linkedTree(repository, worktree.path)
  if (tree === null) {
    if (before === null || (await exists(worktree.path))) return refuse(strange(worktree))
    return ok({ tip: before, committed: false })
  }
  const head = (await commitOf(tree, 'HEAD')) ?? before
  if (head === null) return refuse(strange(worktree))
  const taken = await snapshot(tree, { scratch: scratchOf(worktree), from: 'head' })
  if (!taken.ok) return taken
  const tip = before ?? head
  const parents = (await isAncestor(tree, tip, head))
    ? [head]
    : (await isAncestor(tree, head, tip))
      ? [tip]
      : [tip, head]
  const [first = head, ...others] = parents
  const same = others.length === 0 && (await tree.ask(['rev-parse', `${first}^{tree}`])) === taken.value.tree
  const sealed = same ? first : await commitTree(tree, taken.value.tree, [message, ...parents])
  if (sealed === null) return refuse(refused('commit the work', { ok: false, text: '', exitCode: null }))
  if (sealed !== before) {
    // Of the person's branches only ours is ever moved, and only from where it was seen.
    const moved = await tree.run(['update-ref', ref, sealed, before ?? ''], { told: true })
    if (!moved.ok) return refuse(refused(`move ${worktree.branch}`, moved))
    await tree.run(['symbolic-ref', 'HEAD', ref])
    // The index of the worktree, which is ours: without this the commit would look undone there.
    await tree.run(['reset', '--quiet', '--mixed'])
  }
  return ok({ tip: sealed, committed: !same })
}

const ignoredFiles = ['--others', '--ignored', '--exclude-standard', '--directory', '--no-empty-directory']

/** What a commit does not hold: ignored files and repositories inside, as paths. */
export async function unsaved(repository: Repository, worktree: Worktree): Promise<Result<string[]>> {
  const tree = await linkedTree(repository, worktree.path)
  if (tree === null) return (await exists(worktree.path)) ? refuse(strange(worktree)) : ok([])
  const ignored = await listOf(tree, 'list ignored files', ['ls-files', '-z', ...ignoredFiles])
  if (!ignored.ok) return ignored
  const staged = await listOf(tree, 'list the files of the work', ['ls-files', '-z', '--stage'])
  if (!staged.ok) return staged
  const links = staged.value.flatMap((line) => /^160000 \S+ \d\t(.*)$/s.exec(line)?.[1] ?? [])
  const nested: string[] = []
  for (const link of links) if (await exists(join(tree.top, link, '.git'))) nested.push(`${link}/`)
  return ok([...ignored.value, ...nested])
}

/** The folder goes, links are not followed, and git forgets it; the branch stays. */
export async function clear(repository: Repository, path: string): Promise<Problem | null> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 2 })
    await rm(`${path}.index`, { force: true })
  } catch (error) {
    const text = `${path} cannot be removed (${errnoOf(error)}).`
    return { kind: 'worktree-stays', text, todo: 'Remove it by hand and give the command again.' }
  }
  // By name: `worktree prune` would also forget trees of the person on a disk that is not mounted.
  const listed = wordsOf(await repository.ask(['worktree', 'list', '--porcelain', '-z']))
  if (!listed.includes(`worktree ${path}`)) return null
  const gone = await repository.run(['worktree', 'remove', '--force', '--force', path], { told: true })
  return gone.ok ? null : refused('forget the worktree', gone)
}

/** Where a branch is checked out, apart from `except`; null: nowhere. */
export async function heldBy(repository: Repository, branch: string, except: string): Promise<Result<string | null>> {
  const lines = await listOf(repository, 'list the worktrees', ['worktree', 'list', '--porcelain', '-z'])
  if (!lines.ok) return lines
  let path = ''
  for (const line of lines.value) {
    if (line.startsWith('worktree ')) path = line.slice('worktree '.length)
    else if (line === `branch refs/heads/${branch}` && path !== except) return ok(path)
  }
  return ok(null)
}

/** Only while it is at `tip`. */
export async function deleteBranch(repository: Repository, worktree: Worktree, tip: string): Promise<Problem | null> {
  const found = await tipOf(repository, worktree.branch)
  if (!found.ok) return found.problems[0] ?? null
  if (found.value === null) return null
  const gone = await repository.run(['update-ref', '-d', refOf(worktree), tip], { told: true })
  return gone.ok ? null : refused(`delete the branch ${worktree.branch}`, gone)
}

export interface Size {
  files: number
  added: number
  removed: number
  /** Whether the folder is still there. */
  folder: boolean
}

/** How much the work is, compared with where it began; reads only. Null: there is neither folder nor branch. */
export async function sizeOf(repository: Repository, worktree: Worktree, base: string): Promise<Size | null> {
  const tree = await linkedTree(repository, worktree.path)
  const tip = await commitOf(repository, refOf(worktree))
  if (tree === null && tip === null) return null
  const common = ['diff', '--numstat', '-z', '--no-renames', '--no-ext-diff', '--no-textconv', '--ignore-submodules']
  const rows = wordsOf(await (tree ? tree.ask([...common, base]) : repository.ask([...common, base, tip ?? base])))
  const fresh = tree ? wordsOf(await tree.ask(['ls-files', '-z', '--others', '--exclude-standard'])) : []
  const size = { files: rows.length + fresh.length, added: 0, removed: 0, folder: tree !== null }
  for (const row of rows) {
    const [added, removed] = row.split('\t')
    size.added += Number(added) || 0
    size.removed += Number(removed) || 0
  }
  return size
}

/** Whether something lies at its place, be it no worktree any more. */
export const hasFolder = ({ path }: Worktree): Promise<boolean> => exists(path)

const strange = ({ path, branch }: Worktree): Problem => ({
  kind: 'worktree-strange',
  text: `${path} is not the worktree of ${branch} any more.`,
  todo: 'Look at it by hand; OpenLoom leaves it alone.',
})
