/**
 * The worktree of a task that asks for one: opened before its work, committed at its verdict, then merged, kept or
 * dropped by a person or by what the task says for a verified end. It never falls back to the person's own tree.
 */
import { existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import { type Isolation, type IsolationEnd, isEnded, type Task } from '../core/task.ts'
import { failpoint } from '../lib/failpoint.ts'
import { ignoreMissing, isInside } from '../lib/files.ts'
import { mergeBranch } from '../lib/merge-branch.ts'
import { oneByOneEach } from '../lib/one-by-one.ts'
import { linkedTree, openRepository, type Repository } from '../lib/repository.ts'
import { keepRescue, tipOf } from '../lib/rescue.ts'
import * as worktrees from '../lib/worktree.ts'
import type { TaskPatch } from '../store/tasks.ts'
import type { World } from './world.ts'

export const isolationEnds = ['merge', 'keep', 'drop'] as const satisfies readonly IsolationEnd[]

const repositoryOf = (task: Task, world: World): Promise<Result<Repository>> => {
  const { env, isolation } = world
  return openRepository({ cwd: task.isolation?.origin ?? task.workspace, env, owner: `${isolation.owner}/${task.id}` })
}

/** In a repository: git would refuse the second for the lock of the first. */
const inTurn = oneByOneEach()

const messageOf = ({ id, title }: Task): string => `${title.replace(/\s+/g, ' ').trim()}\n\nOpenLoom-Task: ${id}`

/** The task with its worktree, made or found again; the task as it is when it asks for none. */
export async function enterIsolation(task: Task, world: World): Promise<Result<{ task: Task; fresh: boolean }>> {
  if (task.spec.isolation !== 'worktree') return ok({ task, fresh: false })
  const opened = await repositoryOf(task, world)
  if (!opened.ok) return opened
  const repository = opened.value
  return inTurn(repository.commonDir, async () => {
    const worktree = { path: join(world.isolation.dir, task.id), branch: `openloom/${task.id}` }
    const known = task.isolation
    if (known && (await linkedTree(repository, worktree.path))) {
      const isolation = { ...known, outcome: 'open' as const }
      return ok({ task: world.store.tasks.patch(task.id, { isolation }), fresh: false })
    }
    // An agent worked in what lies there, whatever it is now.
    if (known && (await worktrees.hasFolder(worktree))) return refuse(strange(worktree.path))
    return open(task, { repository, worktree }, world)
  })
}

async function open(
  task: Task,
  { repository, worktree }: { repository: Repository; worktree: worktrees.Worktree },
  world: World,
): Promise<Result<{ task: Task; fresh: boolean }>> {
  const made = await worktrees.openWorktree(repository, worktree)
  if (!made.ok) return made
  failpoint('isolation.added')
  const origin = task.isolation?.origin ?? task.workspace
  const workspace = join(worktree.path, relative(repository.top, origin))
  const isFolder = await stat(workspace).then(
    (found) => found.isDirectory(),
    (error: unknown) => {
      ignoreMissing(error)
      return false
    },
  )
  if (!isFolder) return refuse(notCommitted(origin))
  const { base, ...notes } = made.value
  const isolation: Isolation = { origin, ...worktree, base, outcome: 'open' }
  const { ledger, tasks } = world.store
  const placed = ledger.transact(() => {
    const patched = tasks.patch(task.id, { isolation, workspace } satisfies TaskPatch)
    tasks.tell(task.id, 'isolation.opened', { ...worktree, base, ...notes, text: openedWords(worktree.branch, notes) })
    return patched
  })
  failpoint('isolation.opened')
  return ok({ task: placed, fresh: true })
}

function openedWords(branch: string, notes: Omit<worktrees.Opened, 'base'>): string {
  const { uncommitted, submodules, filtered } = notes
  return [
    `Works on the branch ${branch} in a worktree of its own.`,
    ...(uncommitted > 0 ? [`${uncommitted} uncommitted file(s) of the workspace are not in it.`] : []),
    ...(submodules ? ['Submodules are not initialised in it.'] : []),
    ...(filtered ? ['Files behind a git filter (LFS, say) are in it as they are stored.'] : []),
  ].join(' ')
}

/** Before a verdict that ends the task is stored: the branch then holds what was judged. Never stands in the way. */
export async function sealWork(task: Task, world: World): Promise<void> {
  if (task.isolation?.outcome !== 'open') return
  const opened = await repositoryOf(task, world)
  const sealed = opened.ok ? await worktrees.seal(opened.value, task.isolation, messageOf(task)) : opened
  if (!sealed.ok) tellConflict(task, sealed.problems, world)
  failpoint('isolation.sealed')
}

/** What the task says for a verified end; anything but a plain "verified" waits for a person. */
export async function settleIsolation(id: string, world: World): Promise<void> {
  const task = world.store.tasks.get(id)
  const end = task?.spec.when_verified
  if (task?.status !== 'done' || task.isolation?.outcome !== 'open') return
  if (task.verdict !== 'verified' || !end || end === 'wait') return
  const ended = await endIsolation(task, { end, ignored: false }, world)
  if (!ended.ok) tellConflict(task, ended.problems, world)
}

function tellConflict(task: Task, problems: readonly Problem[], world: World): void {
  if (!task.isolation) return
  const text = problems.map((problem) => [problem.text, problem.todo].filter(Boolean).join(' ')).join('\n')
  const { branch } = task.isolation
  const { ledger, tasks } = world.store
  ledger.transact(() => {
    tasks.patch(task.id, { isolation: { ...task.isolation, outcome: 'conflict' } as Isolation })
    tasks.tell(task.id, 'isolation.conflicted', { branch, text })
  })
}

export interface Ending {
  end: IsolationEnd
  /** Also when ignored files go with the folder. */
  ignored: boolean
}

export interface Ended {
  task: Task
  /** What was done, and how to undo it. */
  text: string
}

const mayEnd: Record<Isolation['outcome'], readonly IsolationEnd[]> = {
  open: isolationEnds,
  conflict: isolationEnds,
  kept: ['merge', 'drop'],
  // Again: to finish what was cut off, or to let the folder go that ignored files held.
  merged: ['merge'],
  dropped: [],
}

/** Merge, keep or drop. Every step can be done again: after a crash the same command finishes it. */
export async function endIsolation(task: Task, ending: Ending, world: World): Promise<Result<Ended>> {
  const { isolation } = task
  if (!isolation) return refuse(notIsolated(task.id))
  if (!isEnded(task.status)) return refuse(notEnded(task))
  if (!mayEnd[isolation.outcome].includes(ending.end)) return refuse(wrongOutcome(task.id, isolation.outcome, ending))
  const opened = await repositoryOf(task, world)
  if (!opened.ok) return opened
  const repository = opened.value
  return inTurn(repository.commonDir, async () => {
    const scene = { task, isolation, repository, ending, world }
    if (ending.end === 'merge') return merge(scene)
    return ending.end === 'keep' ? keep(scene) : drop(scene)
  })
}

interface Scene {
  task: Task
  isolation: Isolation
  repository: Repository
  ending: Ending
  world: World
}

async function merge(scene: Scene): Promise<Result<Ended>> {
  const { task, isolation, repository, ending, world } = scene
  const writer = world.store.tasks.places().find(({ workspace, isolated }) => {
    return !isolated && (isInside(workspace, repository.top) || isInside(repository.top, workspace))
  })
  if (writer) return refuse(agentAtWork(writer.id, repository.top))
  const { branch, path } = isolation
  const tip = await tipOf(repository, branch)
  if (!tip.ok) return tip
  if (isolation.outcome === 'merged' && tip.value === null) return ok({ task, text: `${branch} was merged before.` })
  const sealed = await worktrees.seal(repository, isolation, messageOf(task))
  if (!sealed.ok) return sealed
  const merged = await mergeBranch(repository, {
    branch,
    message: `Merge ${branch}: ${messageOf(task)}`,
    rescue: { name: task.id, at: world.clock.now() },
    scratch: join(world.isolation.dir, `${task.id}.merge`),
  })
  if (!merged.ok) return merged
  failpoint('isolation.merged')
  const { into, commit, rescue, files } = merged.value
  const saved = rescue ? ` What was there before is ${rescue.ref}.` : ''
  const said = `Merged ${branch} into ${into}: ${files} file(s), commit ${commit.slice(0, 12)}.${saved}`
  const data = { into, commit, rescue: rescue?.ref ?? null }
  const left = await worktrees.unsaved(repository, isolation)
  if (!left.ok) return left
  if (left.value.length > 0 && !ending.ignored) {
    const free = `\`openloom merge ${task.id} --ignored\` lets it go.`
    const text = `${said} ${path} stays: ${unsavedWords(left.value)}. ${free}`
    return ok({ task: finish(scene, 'merged', { ...data, text }), text })
  }
  const problem = await worktrees.clear(repository, path)
  if (problem) return refuse(problem)
  failpoint('isolation.cleared')
  const done = finish(scene, 'merged', { ...data, text: said })
  const stays = await worktrees.deleteBranch(repository, isolation, sealed.value.tip)
  return stays ? refuse(stays) : ok({ task: done, text: said })
}

async function keep(scene: Scene): Promise<Result<Ended>> {
  const { task, isolation, repository, ending } = scene
  const sealed = await worktrees.seal(repository, isolation, messageOf(task))
  if (!sealed.ok) return sealed
  const left = await worktrees.unsaved(repository, isolation)
  if (!left.ok) return left
  if (left.value.length > 0 && !ending.ignored) return refuse(wouldLose(scene, left.value))
  const problem = await worktrees.clear(repository, isolation.path)
  if (problem) return refuse(problem)
  failpoint('isolation.removed')
  const text = `The branch ${isolation.branch} stays; its folder is gone.`
  return ok({ task: finish(scene, 'kept', { text }), text })
}

async function drop(scene: Scene): Promise<Result<Ended>> {
  const { task, isolation, repository, ending, world } = scene
  const { branch, path } = isolation
  const holder = await worktrees.heldBy(repository, branch, path)
  if (!holder.ok) return holder
  if (holder.value !== null) return refuse(checkedOut(branch, holder.value))
  const before = await lastRescue(repository, task.id)
  const tip = await tipOf(repository, branch)
  if (!tip.ok) return tip
  const isGone = tip.value === null && !(await worktrees.hasFolder(isolation))
  if (isGone && before) return dropped(scene, before)
  const sealed = await worktrees.seal(repository, isolation, messageOf(task))
  if (!sealed.ok) return sealed
  const left = await worktrees.unsaved(repository, isolation)
  if (!left.ok) return left
  if (left.value.length > 0 && !ending.ignored) return refuse(wouldLose(scene, left.value))
  const rescue = await keepRescue(repository, sealed.value.tip, { name: task.id, at: world.clock.now() })
  if (!rescue.ok) return rescue
  failpoint('isolation.saved')
  const problem =
    (await worktrees.clear(repository, path)) ?? (await worktrees.deleteBranch(repository, isolation, sealed.value.tip))
  return problem ? refuse(problem) : dropped(scene, rescue.value.ref)
}

function dropped(scene: Scene, ref: string): Result<Ended> {
  const text = `Dropped ${scene.isolation.branch}. To have it back: git branch ${scene.isolation.branch} ${ref}`
  return ok({ task: finish(scene, 'dropped', { rescue: ref, text }), text })
}

const eventOf = { merged: 'isolation.merged', kept: 'isolation.kept', dropped: 'isolation.dropped' } as const

function finish({ task, isolation, world }: Scene, outcome: keyof typeof eventOf, data: Record<string, unknown>): Task {
  const { ledger, tasks } = world.store
  return ledger.transact(() => {
    const patched = tasks.patch(task.id, { isolation: { ...isolation, outcome } })
    if (isolation.outcome !== outcome) tasks.tell(task.id, eventOf[outcome], { branch: isolation.branch, ...data })
    return patched
  })
}

const lastRescue = async (repository: Repository, id: string): Promise<string | null> => {
  const args = ['for-each-ref', '--sort=-refname', '--count=1', '--format=%(refname)', `refs/openloom/rescue/${id}/`]
  return (await repository.ask(args)) || null
}

export interface IsolationLook extends worktrees.Size {
  /** Ignored files and repositories inside that would go with the folder; the first few of them. */
  unsaved: string[]
  /** Null: git could not say. */
  unsavedCount: number | null
}

/** How much there is to merge or to lose; null: nothing is there any more. */
export async function lookAtIsolation(task: Task, world: World): Promise<IsolationLook | null> {
  if (!task.isolation) return null
  const opened = await repositoryOf(task, world)
  if (!opened.ok) return null
  const size = await worktrees.sizeOf(opened.value, task.isolation, task.isolation.base)
  if (!size) return null
  const left = await worktrees.unsaved(opened.value, task.isolation)
  const known = left.ok ? left.value : null
  return { ...size, unsaved: known?.slice(0, 5) ?? [], unsavedCount: known?.length ?? null }
}

/** Its worktree is not there any more; what it did is in the branch, or where it was merged to. */
export const isFolderGone = ({ isolation }: Task): boolean => isolation !== null && !existsSync(isolation.path)

const waitingMax = 100

/** Ended tasks whose worktree is still there, by the folders: the table of all tasks is too long to be read often. */
export async function waitingWorktrees({ store, isolation }: Pick<World, 'store' | 'isolation'>): Promise<Task[]> {
  const names = await readdir(isolation.dir).catch((error: unknown) => {
    ignoreMissing(error)
    return []
  })
  const tasks = names.sort().map((name) => store.tasks.get(name))
  const waiting = tasks.filter((task) => task !== null && task.isolation !== null && isEnded(task.status))
  return waiting.slice(0, waitingMax) as Task[]
}

const unsavedWords = (left: readonly string[]): string =>
  `${left.slice(0, 5).join(', ')}${left.length > 5 ? ` and ${left.length - 5} more` : ''} in it is in no commit`

const wouldLose = ({ task, isolation, ending }: Scene, left: readonly string[]): Problem => ({
  kind: 'worktree-unsaved',
  text: `${isolation.path} stays: ${unsavedWords(left)}.`,
  todo: `Take out what is needed, then \`openloom ${ending.end} ${task.id} --ignored\`.`,
})

const strange = (path: string): Problem => ({
  kind: 'worktree-strange',
  text: `${path} is not the worktree of this task any more.`,
  todo: 'Look at it by hand and move it away, then resume the task.',
})

const notCommitted = (origin: string): Problem => ({
  kind: 'isolation-no-folder',
  text: `${origin} is in no commit, so the worktree does not have it.`,
  todo: 'Commit it and resume the task, or give it again without `isolation: worktree`.',
})

export const folderGone = ({ isolation }: Task): Problem => ({
  kind: 'worktree-gone',
  text: `The worktree of the task is gone (${isolation?.outcome ?? 'open'}), so there is nothing to check.`,
  todo: 'Check out its branch, or verify its receipt with `openloom verify receipt`.',
})

const notIsolated = (id: string): Problem => ({
  kind: 'not-isolated',
  text: `Task ${id} has no worktree of its own.`,
  todo: 'Only a task with `isolation: worktree` has one, once it has started.',
})

const notEnded = ({ id, status }: Task): Problem => ({
  kind: 'wrong-state',
  text: `Task ${id} is ${status}; its worktree is still its workplace.`,
  todo: 'Wait until it has ended, or cancel it.',
})

const wrongOutcome = (id: string, outcome: Isolation['outcome'], { end }: Ending): Problem => ({
  kind: 'wrong-state',
  text: `The worktree of task ${id} was ${outcome}; there is nothing to ${end}.`,
})

const agentAtWork = (id: string, top: string): Problem => ({
  kind: 'workspace-busy',
  text: `Task ${id} works in ${top}; two would write there at once.`,
  todo: 'Merge again when it is through.',
})

const checkedOut = (branch: string, path: string): Problem => ({
  kind: 'worktree-held',
  text: `The branch ${branch} is checked out in ${path}.`,
  todo: 'Check out another branch there, and drop it again.',
})
