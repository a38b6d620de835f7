/**
 * Where the fire drill plays: a throw-away folder below the data directory and tasks of the running daemon. It removes
 * what it made, also after an interruption; what the log and the chain of receipts say of it stays.
 */
import { mkdir, mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { drillDirOf, type LoadedConfig } from '../../config.ts'
import { pause, systemClock } from '../../core/clock.ts'
import { reasonOf } from '../../core/problem.ts'
import { drillRuntime } from '../../core/runtime.ts'
import { isEnded } from '../../core/task.ts'
import { askGit } from '../../lib/git.ts'
import { childEnvironment } from '../../lib/process.ts'
import type { DrillPart } from '../../sample/drill.ts'
import type { TaskDetail } from '../../server/api.ts'
import type { Client } from '../client.ts'
import type { Shell } from '../program.ts'
import { Ended, missed, untried } from './finding.ts'

const taskMs = 60_000
const pollMs = 100
const who = ['-c', 'user.name=drill', '-c', 'user.email=drill@localhost', '-c', 'commit.gpgsign=false']

export interface StageOptions {
  client: Client
  loaded: LoadedConfig
  shell: Shell
  signal: AbortSignal
}

export interface DrillTask {
  part: DrillPart
  workspace: string
  checks: unknown[]
  more?: Record<string, unknown>
  limitMs?: number
}

export class Stage {
  readonly client: Client
  readonly shell: Shell
  readonly folder: string
  readonly env: Record<string, string>
  private readonly signal: AbortSignal
  private readonly tasks: string[] = []
  private readonly closers: (() => Promise<void>)[] = []

  private constructor({ client, shell, signal }: StageOptions, folder: string) {
    this.client = client
    this.shell = shell
    this.signal = signal
    this.folder = folder
    this.env = childEnvironment(shell.env)
  }

  static async open(options: StageOptions): Promise<Stage> {
    const top = drillDirOf(options.loaded.config)
    await mkdir(top, { recursive: true, mode: 0o700 })
    return new Stage(options, await mkdtemp(join(top, `${process.pid}-`)))
  }

  /** What is to be done at the end, the last first. */
  onClose(closer: () => Promise<void>): void {
    this.closers.push(closer)
  }

  /** A folder of its own with a `work` in it, which is a repository with these files committed. */
  async repository(name: string, files: Readonly<Record<string, string>>): Promise<string> {
    const workspace = join(this.folder, name, 'work')
    await mkdir(workspace, { recursive: true })
    for (const [path, text] of Object.entries(files)) await writeFile(join(workspace, path), text)
    const git = { cwd: workspace, env: this.env, owner: `loom-drill-${process.pid}` }
    for (const args of [
      ['init', '-q', '--template='],
      ['add', '--all'],
      [...who, 'commit', '-q', '--allow-empty', '-m', 'The drill'],
    ]) {
      if ((await askGit(git, args)) === null) throw new Ended(untried('git cannot make a repository here.'))
    }
    return workspace
  }

  /** Gives the daemon a task of the drill and waits for its end. */
  async play({ part, workspace, checks, more = {}, limitMs = taskMs }: DrillTask): Promise<TaskDetail> {
    const body = {
      title: `Fire drill: ${part}`,
      goal: 'This task belongs to `openloom drill`; a script plays the agent.',
      workspace,
      runtime: drillRuntime,
      model: part,
      checks,
      limits: { attempts: 1, minutes: 2 },
      project_checks: 'never',
      propose_checks: false,
      isolation: 'none',
      ...more,
    }
    const { id } = await this.client.post<{ id: string }>('/api/tasks', body, { 'x-openloom-source': 'cli' })
    this.tasks.push(id)
    const look = () => this.client.get<TaskDetail>(`/api/tasks/${id}`)
    const ended = await this.until(async () => {
      const detail = await look()
      return isEnded(detail.task.status) || detail.task.status === 'paused' ? detail : null
    }, limitMs)
    if (ended) return ended
    const { status, reason } = (await look()).task
    const text = `The task is still ${status} after ${limitMs / 1_000} s. ${reason?.text ?? ''}`.trim()
    throw new Ended(status === 'queued' ? untried(text) : missed(text))
  }

  /** What `look` finds, or null at the limit. Throws when the drill is interrupted. */
  async until<T>(look: () => Promise<T | null>, limitMs: number): Promise<T | null> {
    const deadline = systemClock.monotonic() + limitMs
    for (;;) {
      this.signal.throwIfAborted()
      const found = await look()
      if (found !== null) return found
      if (systemClock.monotonic() > deadline) return null
      await pause(systemClock, pollMs, this.signal)
    }
  }

  /** What could not be removed, for a person. */
  async close(): Promise<string[]> {
    const left: string[] = []
    const attempt = async (what: string, work: () => Promise<unknown>) => {
      try {
        await work()
      } catch (error) {
        left.push(`${what}: ${reasonOf(error)}`)
      }
    }
    // Before its processes are ended: a task that goes on starts more of them.
    for (const id of this.tasks) await attempt(`task ${id}`, () => this.putAway(id))
    for (const closer of this.closers.reverse()) await attempt('a process or server of the drill', closer)
    const remove = () => rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    await attempt(`the folder ${this.folder}`, remove)
    // Another drill may have its folder beside this one.
    await rmdir(dirname(this.folder)).catch(() => undefined)
    return left
  }

  private async putAway(id: string): Promise<void> {
    const { task } = await this.client.get<TaskDetail>(`/api/tasks/${id}`)
    if (!isEnded(task.status)) await this.client.post(`/api/tasks/${id}/cancel`, {})
    await this.client.post(`/api/tasks/${id}/archive`, {})
  }
}
