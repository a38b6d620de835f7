/**
 * The clean checkouts of the tasks at work, one each, and the notes of what judged before. They live in the data
 * folder; a checkout goes when its task ends, the notes when it is archived.
 */
import { mkdir, readdir, readlink, realpath, rm } from 'node:fs/promises'
import { isAbsolute, join, relative } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { reasonOf } from '../core/problem.ts'
import type { Checkout } from '../core/spec.ts'
import { isActive, type Task } from '../core/task.ts'
import { BlobIds } from '../lib/blob-ids.ts'
import { NoCleanTree } from '../lib/clean-repository.ts'
import { Dependencies } from '../lib/dependencies.ts'
import { excerptOf } from '../lib/excerpt.ts'
import { errnoOf, isInside, realPathInside } from '../lib/files.ts'
import { answerOfGit, askGit, type GitRequest, hasRepository } from '../lib/git.ts'
import type { Log } from '../lib/log.ts'
import { runCommand } from '../lib/process.ts'
import { type Result, type ResultEntry, resultOf } from '../lib/result.ts'
import { gitOf } from '../lib/sandbox/mounts.ts'
import type { Sandbox, Shown } from '../lib/sandbox/sandbox.ts'
import { lookAt } from '../lib/tree.ts'
import type { Store } from '../store/open.ts'
import type { Base, Ground } from './pinned.ts'
import { Rooms } from './rooms.ts'

const setupMs = 600_000
const warmMs = 300_000
const listBytesMax = 16 * 1024 * 1024
const includedMax = 10_000
const outputBytesMax = 64 * 1024
/** No task has such an id. */
const treesName = 'trees'

export interface Opened {
  /** The folder that stands for the workspace. */
  workspace: string
  /** Folders of installed packages that are only linked. */
  linked: string[]
  /** Where what is only linked lies: commands in the checkout are shown that, too. */
  shown: Shown
}

export interface CheckoutOptions {
  clock: Clock
  /** Parent of the folders of the tasks, and of those of the checkouts. */
  folder: string
  env: Readonly<Record<string, string>>
  owner: string
  /** For set-up lines. */
  sandbox: Sandbox
  log: Log
}

export class Checkouts {
  /** What is known of the contents of files, for whoever looks at the same folders. */
  readonly ids = new BlobIds()
  private readonly options: CheckoutOptions
  private readonly rooms: Rooms
  private readonly besides = new Map<string, Promise<void>>()
  private readonly stopping = new AbortController()

  constructor(options: CheckoutOptions) {
    this.options = options
    this.rooms = new Rooms({ ...options, folder: join(options.folder, treesName) })
  }

  folderOf(taskId: string): string {
    return join(this.options.folder, taskId)
  }

  /** Where the work is, and whose files it holds. Throws NoCleanTree where git is there and does not answer. */
  async ground({ id, workspace }: Pick<Task, 'id' | 'workspace'>, signal?: AbortSignal): Promise<Ground> {
    const { env, owner } = this.options
    const git: GitRequest = { cwd: workspace, env, owner: `${owner}/${id}/tree`, ...(signal ? { signal } : {}) }
    const folder = this.folderOf(id)
    if (!(await hasRepository(workspace))) return { root: workspace, git, isGit: false, folder }
    const top = (await askGit(git, ['rev-parse', '--show-toplevel']))?.replace(/\n$/, '')
    if (!top) throw new NoCleanTree('git does not take the workspace for a work tree of this user')
    const root = await realpath(top)
    if (!isInside(root, workspace)) throw new NoCleanTree('git takes another folder for the work tree')
    return { root, git: { ...git, cwd: root }, isGit: true, folder }
  }

  async result(ground: Ground, base: Base | null, { isolation }: Pick<Task, 'isolation'>): Promise<Result | string> {
    // What is left uncommitted in a worktree of ours is committed with the rest when the task is done.
    const baseCommit = isolation ? null : (base?.commit ?? null)
    // Without a commit nothing was tracked, and everything that lies there is the beginning of the project.
    const untrackedBefore = new Map(base?.commit ? Object.entries(base.untracked) : [])
    const found = await resultOf({ ...ground.git, ids: this.ids, baseCommit, untrackedBefore })
    return typeof found === 'string' ? found : withoutWayOut(found, ground, base?.commit ?? null)
  }

  /** Makes the checkout hold the result, and ready. Throws NoCleanTree. */
  async open(
    task: Pick<Task, 'id' | 'workspace' | 'isolation'>,
    ground: Ground,
    result: Result,
    how: Checkout,
  ): Promise<Opened> {
    const room = this.rooms.take(task.id, task.isolation?.origin ?? ground.root)
    return room.alone(async () => {
      const { root, git } = ground
      room.dependencies ??= new Dependencies(root, room.tree.path)
      const linked = how.setup === undefined ? room.dependencies.find(result.entries) : []
      const entries = [...result.entries, ...(await included(ground, result, how))]
      await onDisk(async () => {
        await mkdir(join(this.options.folder, treesName), { recursive: true, mode: 0o700 })
        await room.tree.update({ ...result, entries }, git, new Set([...linked, ...how.keep]))
        await room.dependencies?.link(linked)
      })
      const workspace = join(room.tree.path, relative(root, task.workspace))
      if (lookAt(workspace)?.kind !== 'folder') throw new NoCleanTree('the workspace is no part of the result')
      const shown = await this.shownOf(root, linked)
      if (how.setup !== undefined) await this.setUp(task, how.setup, { workspace, shown, signal: git.signal })
      return { workspace, linked, shown }
    })
  }

  /** Does beside the agent's work what would otherwise take its time when the work is judged. Never fails. */
  warm(task: Task, how: Checkout): void {
    if (this.besides.has(task.id)) return
    const signal = AbortSignal.any([this.stopping.signal, AbortSignal.timeout(warmMs)])
    const work = async () => {
      const ground = await this.ground(task, signal)
      if (!ground.isGit) return
      const result = await this.result(ground, null, task)
      if (typeof result !== 'string') await this.open(task, ground, result, { ...how, setup: undefined })
    }
    // The agent writes meanwhile: what could not be copied is copied when it is needed.
    work().catch((error: unknown) =>
      this.options.log.debug({ task: task.id, why: reasonOf(error) }, 'a clean checkout was not made ahead'),
    )
  }

  /** Goes on beside the agent's work. One a task; ends with the daemon. */
  alongside(taskId: string, work: (signal: AbortSignal) => Promise<void>): void {
    const told = work(this.stopping.signal).catch((error: unknown) =>
      this.options.log.warn({ task: taskId, why: reasonOf(error) }, 'a look beside the work broke'),
    )
    this.besides.set(taskId, told)
    void told.then(() => this.besides.delete(taskId))
  }

  /** When nothing goes on beside the work of a task. */
  async settled(taskId: string): Promise<void> {
    await this.besides.get(taskId)
  }

  /** Nothing is under way afterwards. */
  async stop(): Promise<void> {
    this.stopping.abort()
    await Promise.all([...this.besides.values(), this.rooms.quiet()])
  }

  /** Objects are read where they lie; packages may keep caches among them, as they do in the work tree. */
  private async shownOf(root: string, linked: readonly string[]): Promise<Shown> {
    const git = gitOf(root, '/')
    const real = await Promise.all(linked.map((path) => realPathInside(root, path)))
    return {
      alsoRead: git ? [join(git.common, 'objects')] : [],
      // A link that leads out of the work tree may be a command's work.
      alsoWrite: real.filter((path) => path !== null),
    }
  }

  private async setUp(
    task: Pick<Task, 'id'>,
    line: string,
    { workspace, shown, signal }: Pick<Opened, 'workspace' | 'shown'> & { signal: AbortSignal | undefined },
  ): Promise<void> {
    const { env, owner, sandbox } = this.options
    const outcome = await runCommand({
      argv: sandbox
        .confine({ workspace, writable: true, owner: task.id, ...shown })
        .wrap(['bash', '-c', line], workspace),
      cwd: workspace,
      env,
      owner: `${owner}/${task.id}/setup`,
      timeoutMs: setupMs,
      outputBytesMax,
      ...(signal ? { signal } : {}),
    })
    if (outcome.ended === 'exit' && outcome.exitCode === 0) return
    const how = outcome.ended === 'exit' ? `ended with ${outcome.exitCode ?? outcome.killedBy}` : outcome.ended
    throw new NoCleanTree(`its set-up (${line}) ${how}:\n${excerptOf(outcome.output, 2_000)}`)
  }

  /** Clears what a killed process left, and from now on what is left when a task ends. */
  start({ tasks, ledger }: Pick<Store, 'tasks' | 'ledger'>): void {
    const told = (work: Promise<void>) =>
      void work.catch((error: unknown) => this.options.log.warn({ why: reasonOf(error) }, 'a checkout was left behind'))
    told(this.sweep((id) => tasks.get(id)))
    ledger.onEvent(({ type, taskId }) => {
      if (taskId && (type === 'task.done' || type === 'task.failed' || type === 'task.cancelled'))
        told(this.close(taskId))
      if (taskId && type === 'task.archived') told(this.forget(taskId))
    })
  }

  /** The task has ended: its notes stay, so that it can be verified again. */
  async close(taskId: string): Promise<void> {
    await this.settled(taskId)
    await this.rooms.give(taskId)
  }

  async forget(taskId: string): Promise<void> {
    await this.close(taskId)
    await rm(this.folderOf(taskId), { recursive: true, force: true })
  }

  /** What a killed process left: checkouts of nobody at work, notes of nobody known. */
  private async sweep(taskOf: (id: string) => Task | null): Promise<void> {
    await mkdir(this.options.folder, { recursive: true, mode: 0o700 })
    await this.rooms.sweep()
    for (const id of await readdir(this.options.folder)) {
      if (id === treesName) continue
      const task = taskOf(id)
      if (!task || task.status === 'archived') await this.forget(id)
      else if (!isActive(task.status)) await this.close(id)
    }
  }
}

/** A disk that is full or broken is a reason, not a fault of the program. */
async function onDisk(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (error instanceof NoCleanTree || !(error instanceof Error) || !('code' in error)) throw error
    throw new NoCleanTree(`it cannot be written (${errnoOf(error)})`)
  }
}

/** A link that the work made to a place of this machine is no part of what another person gets. */
async function withoutWayOut(result: Result, { git }: Ground, commit: string | null): Promise<Result> {
  const links = result.entries.filter(({ mode, from }) => mode === '120000' && from === undefined)
  const out: ResultEntry[] = []
  for (const link of links) if (isAbsolute(await targetOf(join(result.root, link.path)))) out.push(link)
  if (out.length === 0) return result
  const asked = ['ls-tree', '-z', '--full-tree', commit ?? 'HEAD', '--', ...out.map(({ path }) => path)]
  // Refused: there is no commit yet.
  const before = (await answerOfGit({ ...git, cwd: result.root }, asked, listBytesMax)) ?? ''
  const gone = new Set(out.filter(({ path, id }) => !before.includes(`${id}\t${path}\0`)).map(({ path }) => path))
  const entries = result.entries.filter(({ path }) => !gone.has(path))
  return { ...result, entries, left: [...result.left, ...gone] }
}

/** Empty: it is none any more. */
const targetOf = (path: string): Promise<string> =>
  readlink(path).catch((error: unknown) => {
    if (['ENOENT', 'EINVAL'].includes(errnoOf(error))) return ''
    throw error
  })

/** Files that git does not know and that were declared to belong there. */
async function included(ground: Ground, result: Result, how: Checkout): Promise<ResultEntry[]> {
  const { git, root } = ground
  const declared = lookAt(`${root}/.worktreeinclude`)?.kind === 'file' ? ['--exclude-from=.worktreeinclude'] : []
  const patterns = [...how.include.map((glob) => `--exclude=${glob}`), ...declared]
  if (patterns.length === 0) return []
  const listed = await askGit(git, ['ls-files', '--others', '--ignored', '-z', ...patterns], listBytesMax)
  const paths = listed?.split('\0').filter((path) => path !== '')
  if (!paths || paths.length > includedMax) {
    throw new NoCleanTree(`the files to include cannot be listed, or are over ${includedMax}`)
  }
  const known = new Set(result.entries.map((entry) => entry.path))
  return paths.flatMap((path) => {
    const stat = known.has(path) ? null : lookAt(`${root}/${path}`)
    if (stat?.kind !== 'file') return []
    return [{ path, mode: stat.executable ? '100755' : '100644', id: stat.mark, mark: stat.mark } as const]
  })
}
