/**
 * Brings a branch into the branch that a person has checked out, without touching what they have not committed: files
 * in the way mean that nothing at all is changed. It resolves no conflict, and repeating it finishes what was cut off.
 */
import { lstat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import { failpoint } from './failpoint.ts'
import { exists, ignoreMissing } from './files.ts'
import { commitOf, isAncestor, type Repository, wordsOf } from './repository.ts'
import { commitTree, listOf, type Rescue, refused, rescueState, snapshot, tipOf } from './rescue.ts'
import { heldBy } from './worktree.ts'

export interface MergeRequest {
  branch: string
  /** Of the merge commit, if there must be one. */
  message: string
  /** Names the rescue reference. */
  rescue: { name: string; at: number }
  /** A file of ours for the copy of the index. */
  scratch: string
}

export interface Merged {
  into: string
  commit: string
  /** Null: it was in already. */
  rescue: Rescue | null
  files: number
}

export async function mergeBranch(repository: Repository, request: MergeRequest): Promise<Result<Merged>> {
  const place = await placeOf(repository, request.branch)
  if (!place.ok) return place
  const { into, ours } = place.value
  const tip = await tipOf(repository, request.branch)
  if (!tip.ok) return tip
  const theirs = tip.value
  if (theirs === null) return refuse(noBranch(request.branch))
  if (await isAncestor(repository, theirs, ours)) return ok({ into, commit: ours, rescue: null, files: 0 })
  const target = await targetOf(repository, request, { ours, theirs })
  if (!target.ok) return target
  const found = await changesOf(repository, ours, target.value)
  if (!found.ok) return found
  const touched = found.value
  const filtered = await filteredFiles(repository, [...touched.keys()])
  if (filtered.length > 0) return refuse(throughFilters(filtered, request.branch))
  const seen = await snapshot(repository, { scratch: request.scratch, from: 'index' })
  if (!seen.ok) return seen
  const { tree, staged } = seen.value
  if (staged === null) return refuse(unmerged)
  const [lying, inIndex] = [await changesOf(repository, ours, tree), await changesOf(repository, ours, staged)]
  if (!lying.ok) return lying
  if (!inIndex.ok) return inIndex
  const look = { lying: lying.value, staged: inIndex.value }
  const blocked = await inTheWay(repository, touched, look)
  if (blocked.length > 0) return refuse(filesInTheWay(blocked))
  const rescue = await rescueState(repository, seen.value, request.rescue)
  if (!rescue.ok) return rescue
  failpoint('isolation.rescued')
  const written = await write(repository, { ours, target: target.value, touched, look })
  if (written) return refuse(written)
  failpoint('isolation.written')
  const reason = `openloom: merge ${request.branch}`
  const moved = await repository.run(['update-ref', '-m', reason, `refs/heads/${into}`, target.value, ours], {
    told: true,
  })
  if (!moved.ok) return refuse(refused(`move ${into}`, moved))
  return ok({ into, commit: target.value, rescue: rescue.value, files: touched.size })
}

/** The branch and commit to merge into; refused wherever a person is in the middle of something. */
async function placeOf(repository: Repository, branch: string): Promise<Result<{ into: string; ours: string }>> {
  const head = await repository.ask(['symbolic-ref', '--quiet', 'HEAD'])
  const into = head?.replace(/^refs\/heads\//, '')
  const ours = await commitOf(repository, 'HEAD')
  if (into === undefined || ours === null) return refuse(detached(branch))
  if (into === branch) return refuse(alreadyHere(branch))
  for (const [name, what] of Object.entries(inProgress)) {
    if (await exists(join(repository.gitDir, name))) return refuse(busy(what))
  }
  if (await exists(join(repository.gitDir, 'index.lock'))) return refuse(locked(repository.gitDir))
  const holder = await heldBy(repository, into, repository.top)
  if (!holder.ok) return holder
  return holder.value === null ? ok({ into, ours }) : refuse(alsoThere(into, holder.value))
}

async function targetOf(
  repository: Repository,
  { branch, message }: MergeRequest,
  { ours, theirs }: { ours: string; theirs: string },
): Promise<Result<string>> {
  if (await isAncestor(repository, ours, theirs)) return ok(theirs)
  const merging = ['merge-tree', '--write-tree', '-z', '--name-only', '--no-messages', ours, theirs]
  const merged = await repository.run(merging)
  const [tree, ...conflicts] = wordsOf(merged.text)
  if (merged.exitCode === 1) return refuse(conflict([...new Set(conflicts)], branch))
  if (!merged.ok || !tree) return refuse(tooOld(branch))
  const commit = await commitTree(repository, tree, [message, ours, theirs])
  return commit === null ? refuse(refused('write the merge', { ...merged, text: '' })) : ok(commit)
}

/** `mode id` before and after; null: not there. */
interface Change {
  from: string | null
  to: string | null
}
type Changes = ReadonlyMap<string, Change>

async function changesOf(repository: Repository, from: string, to: string): Promise<Result<Changes>> {
  const found = await listOf(repository, 'compare', ['diff-tree', '-r', '-z', '--no-renames', '--raw', from, to])
  if (!found.ok) return found
  const words = found.value
  const changes = new Map<string, Change>()
  const entry = (mode: string, id: string) => (/^0+$/.test(mode) ? null : `${mode} ${id}`)
  for (let i = 0; i + 1 < words.length; i += 2) {
    const [, oldMode = '', newMode = '', oldId = '', newId = ''] =
      /^:(\d+) (\d+) (\w+) (\w+)/.exec(words[i] ?? '') ?? []
    changes.set(words[i + 1] ?? '', { from: entry(oldMode, oldId), to: entry(newMode, newId) })
  }
  return ok(changes)
}

interface Look {
  /** What lies there and what is staged, as changes of HEAD. */
  lying: Changes
  staged: Changes
}

/** Files that hold neither what was committed nor what is to come: only the person knows what they are. */
async function inTheWay({ top }: Repository, touched: Changes, { lying, staged }: Look): Promise<string[]> {
  const blocked: string[] = []
  for (const [path, change] of touched) {
    const states = [lying, staged].map((changes) => (changes.has(path) ? changes.get(path)?.to : change.from))
    const known = states.every((state) => state === change.from || state === change.to)
    // Nothing of it is tracked, so that git itself would write over it when it is ignored.
    const hidden = change.from === null && !lying.has(path) && (await isCovered(top, path))
    if (!known || hidden) blocked.push(path)
  }
  return blocked
}

/** Something lies there already, or a parent is no folder. */
async function isCovered(top: string, path: string): Promise<boolean> {
  if (await exists(join(top, path))) return true
  for (let up = dirname(path); up !== '.'; up = dirname(up)) {
    const folder = join(top, up)
    if (await exists(folder)) return !(await lstat(folder)).isDirectory()
  }
  return false
}

interface Write {
  ours: string
  target: string
  touched: Changes
  look: Look
}

/** Files and index, by git, which takes the lock and looks again at each file; undone when it does not come through. */
async function write(repository: Repository, { ours, target, touched, look }: Write): Promise<Problem | null> {
  const there = [...touched].filter(([path, change]) => {
    const staged = look.staged.get(path)?.to
    return look.lying.has(path) && look.lying.get(path)?.to === change.to && staged !== change.to
  })
  for (const part of parts(there)) {
    const added = part.flatMap(([path, { to }]) => (to ? ['--cacheinfo', `${to.replace(' ', ',')},${path}`] : []))
    const gone = part.flatMap(([path, { to }]) => (to ? [] : [path]))
    for (const args of [
      ['--add', ...added],
      ['--force-remove', '--', ...gone],
    ]) {
      const healed = await repository.run(['update-index', ...args], { told: true })
      if (!healed.ok) return refused('bring the index up to date', healed)
    }
  }
  await repository.run(['update-index', '-q', '--refresh'])
  const read = await repository.run(['read-tree', '-m', '-u', ours, target], { told: true })
  if (read.ok) return null
  const problem = refused('write the files', read)
  // Git looks at every file before it writes the first: then there is nothing to undo.
  const wroteNothing = /would be (overwritten|removed) by merge|not uptodate\. Cannot merge|index\.lock'/.test(
    read.text,
  )
  const undone = wroteNothing || (await undo(repository, touched, look))
  return undone ? problem : { ...problem, todo: 'Some files were written already: `git status` shows them.' }
}

/** Only files that held what was committed, or that were not there, as was seen before. */
async function undo(repository: Repository, touched: Changes, { lying }: Look): Promise<boolean> {
  const kept = [...touched].filter(([path, { from }]) => from !== null && !lying.has(path))
  const fresh = [...touched].filter(([path, { from }]) => from === null && !lying.has(path))
  let whole = true
  // First, because it makes room on a full disk.
  for (const [path] of fresh) await unlink(join(repository.top, path)).catch(ignoreMissing)
  for (const part of parts(kept)) {
    const paths = part.map(([path]) => path)
    const back = await repository.run(['checkout-index', '--force', '--quiet', '--', ...paths])
    whole = back.ok && whole
  }
  return whole
}

const partSize = 500
const parts = <T>(list: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(list.length / partSize) }, (_, i) => list.slice(i * partSize, (i + 1) * partSize))

/** Files that a filter of the repository itself would have to write: that is not run, and without it they are wrong. */
async function filteredFiles(repository: Repository, paths: readonly string[]): Promise<string[]> {
  if (repository.ownFilters.size === 0) return []
  const found: string[] = []
  for (const part of parts(paths)) {
    const words = wordsOf(await repository.ask(['check-attr', '-z', 'filter', '--', ...part]))
    for (let i = 0; i + 2 < words.length; i += 3) {
      if (repository.ownFilters.has(words[i + 2] ?? '')) found.push(words[i] ?? '')
    }
  }
  return found
}

const inProgress: Record<string, string> = {
  MERGE_HEAD: 'a merge',
  'rebase-merge': 'a rebase',
  'rebase-apply': 'a rebase',
  CHERRY_PICK_HEAD: 'a cherry-pick',
  REVERT_HEAD: 'a revert',
}

const list = (paths: readonly string[]): string =>
  `${paths.slice(0, 10).join(', ')}${paths.length > 10 ? ` and ${paths.length - 10} more` : ''}`

const byHand = (branch: string): string => `\`git merge ${branch}\` there, by hand`

const noBranch = (branch: string): Problem => ({
  kind: 'no-branch',
  text: `There is no branch ${branch} any more.`,
  todo: 'If it was dropped, `git for-each-ref refs/openloom/rescue` lists what was saved.',
})

const detached = (branch: string): Problem => ({
  kind: 'merge-detached',
  text: 'No branch is checked out in the repository, so there is nothing to merge into.',
  todo: `Check out a branch and merge again, or do ${byHand(branch)}.`,
})

const alreadyHere = (branch: string): Problem => ({
  kind: 'merge-itself',
  text: `The branch ${branch} itself is checked out in the repository.`,
  todo: 'Check out the branch that it is to go into, and merge again.',
})

const busy = (what: string): Problem => ({
  kind: 'merge-busy',
  text: `In the repository ${what} is under way.`,
  todo: 'Finish or abort it, and merge again.',
})

const locked = (gitDir: string): Problem => ({
  kind: 'merge-locked',
  text: `Another git is at work in the repository: ${join(gitDir, 'index.lock')} exists.`,
  todo: 'Merge again when it is through; if no git runs there, remove that file.',
})

const alsoThere = (branch: string, path: string): Problem => ({
  kind: 'merge-held',
  text: `The branch ${branch} is also checked out in ${path}.`,
  todo: 'Check out another branch in one of them, and merge again.',
})

const unmerged: Problem = {
  kind: 'merge-busy',
  text: 'The index of the repository holds files that are not merged.',
  todo: 'Resolve them, and merge again.',
}

const conflict = (paths: readonly string[], branch: string): Problem => ({
  kind: 'merge-conflict',
  text: `Both sides changed ${paths.length} file(s): ${list(paths)}. Nothing was changed.`,
  todo: `Do ${byHand(branch)} and resolve it; the branch stays.`,
})

const filesInTheWay = (paths: readonly string[]): Problem => ({
  kind: 'merge-in-the-way',
  text: `${paths.length} file(s) that the merge would write are not committed: ${list(paths)}. Nothing was changed.`,
  todo: 'Commit, stash or move them, and merge again.',
})

const throughFilters = (paths: readonly string[], branch: string): Problem => ({
  kind: 'merge-filtered',
  text: `${paths.length} file(s) go through a filter of the repository's own configuration: ${list(paths)}.`,
  todo: `OpenLoom runs no such filter. Do ${byHand(branch)}.`,
})

const tooOld = (branch: string): Problem => ({
  kind: 'merge-unable',
  text: 'git could not merge without a work tree; it takes version 2.38 or newer.',
  todo: `Do ${byHand(branch)}.`,
})
