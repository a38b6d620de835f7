/**
 * What lies in a work tree, as a commit that a reference keeps: written before anything of it could be lost. The index
 * is only copied; no file, index, stash or branch of the person is touched.
 */
import { copyFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import { excerptOf } from './excerpt.ts'
import { ignoreMissing } from './files.ts'
import { askGit } from './git.ts'
import { commitOf, type GitAnswer, type Repository, wordsOf } from './repository.ts'

export interface Snapshot {
  /** Everything that is tracked or new and not ignored, as it lies there. */
  tree: string
  /** As it is staged; null where nothing can be made of the index. */
  staged: string | null
}

/**
 * `scratch`: a file that is ours, for the copy of the index. `head` trusts nothing that the index says, as an agent may
 * have told it not to look at a file; `index` is quick and reads only what seems changed.
 */
export async function snapshot(
  repository: Repository,
  { scratch, from }: { scratch: string; from: 'head' | 'index' },
): Promise<Result<Snapshot>> {
  for (const path of [scratch, `${scratch}.lock`]) await rm(path, { force: true })
  const env = { GIT_INDEX_FILE: scratch }
  const run = (args: string[]) => repository.run(args, { env, told: true, filters: 'store' })
  try {
    let staged: string | null = null
    if (from === 'index') {
      await copyFile(join(repository.gitDir, 'index'), scratch).catch(ignoreMissing)
      // Also looks at files that were said to be unchanged; what it lists is no failure.
      await run(['update-index', '-q', '--really-refresh'])
      staged = await repository.ask(['write-tree'], { env })
    } else {
      const read = await run(['read-tree', 'HEAD'])
      if (!read.ok) return refuse(refused('read what was committed', read))
    }
    const added = await run(['add', '--all'])
    if (!added.ok) return refuse(refused('take in what lies in the work tree', added))
    const tree = await repository.ask(['write-tree'], { env })
    return tree === null ? refuse(refused('write down what lies in the work tree', added)) : ok({ tree, staged })
  } finally {
    await rm(scratch, { force: true })
  }
}

export interface Rescue {
  /** The reference, under `refs/openloom/rescue/`. */
  ref: string
  commit: string
}

/** Keeps a commit for good: nothing of ours ever removes such a reference. */
export async function keepRescue(
  repository: Repository,
  commit: string,
  { name, at }: { name: string; at: number },
): Promise<Result<Rescue>> {
  const ref = `refs/openloom/rescue/${name}/${new Date(at).toISOString().replace(/[-:.]/g, '')}`
  const written = await repository.run(['update-ref', ref, commit], { told: true })
  return written.ok ? ok({ ref, commit }) : refuse(refused('write the rescue reference', written))
}

/** HEAD, what is staged and what lies there, in one commit; HEAD itself where there is nothing more. */
export async function rescueState(
  repository: Repository,
  { tree, staged }: Snapshot,
  keep: { name: string; at: number },
): Promise<Result<Rescue>> {
  const head = await commitOf(repository, 'HEAD')
  const headTree = await repository.ask(['rev-parse', '--verify', '--quiet', 'HEAD^{tree}'])
  if (head === null || headTree === null) return refuse(noCommit(repository.top))
  if (tree === headTree && (staged ?? headTree) === headTree) return keepRescue(repository, head, keep)
  const index = staged === null ? null : await commitTree(repository, staged, ['What was staged.', head])
  const parents = [head, ...(index ? [index] : [])]
  const commit = await commitTree(repository, tree, [`What lay in the work tree before ${keep.name}.`, ...parents])
  if (commit === null) return refuse(refused('write the rescue commit', { ok: false, text: '', exitCode: null }))
  return keepRescue(repository, commit, keep)
}

/** A commit of a tree by plumbing: no hook, no signature, nobody's index. Null: git refused (a full disk, say). */
export async function commitTree(
  repository: Repository,
  tree: string,
  [message, ...parents]: readonly [string, ...string[]],
): Promise<string | null> {
  const args = ['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent]), '-m', message]
  return repository.ask(args, { env: await identity(repository) })
}

/** Whom commits are by: the person, from where no repository can say so, else the program. */
async function identity({ request }: Repository): Promise<Record<string, string>> {
  const of = async (key: string) => (await askGit(request, ['config', '--global', '--get', key]))?.trim()
  const [ownName, ownEmail] = [await of('user.name'), await of('user.email')]
  const [name, email] = ownName && ownEmail ? [ownName, ownEmail] : ['OpenLoom', 'openloom@localhost']
  return { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email }
}

const wordsMax = 600

/** What git said when it would not; nothing was changed by then. */
export function refused(what: string, answer: GitAnswer): Problem {
  const why = excerptOf(answer.text.trim(), wordsMax)
  return {
    kind: 'git-refused',
    text: `git could not ${what}${why ? `: ${why}` : '.'}`,
    todo: 'Look at disk space and at the repository; the same command can be given again.',
  }
}

export const noCommit = (top: string): Problem => ({
  kind: 'isolation-no-commit',
  text: `${top} has no commit yet, so there is nothing a worktree could begin from.`,
  todo: 'Make a first commit there and resume the task, or give it again without `isolation: worktree`.',
})

/** NUL-separated words that git answers with. An answer that did not come is none, and not an empty one. */
export async function listOf(repository: Repository, what: string, args: readonly string[]): Promise<Result<string[]>> {
  const answer = await repository.run(args)
  return answer.ok ? ok(wordsOf(answer.text)) : refuse(refused(what, answer))
}

/** The commit that a branch is at; null: there is no such branch. */
export async function tipOf(repository: Repository, branch: string): Promise<Result<string | null>> {
  const name = `refs/heads/${branch}^{commit}`
  const answer = await repository.run(['rev-parse', '--verify', '--quiet', '--end-of-options', name])
  if (answer.ok) return ok(answer.text.trim())
  return answer.exitCode === 1 ? ok(null) : refuse(refused(`look at the branch ${branch}`, answer))
}
