/**
 * The harness with everything that watches for hangs, on a runtime that is driven by hand and a real store in a file,
 * so that a test can kill the daemon and start the next one.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished, vi } from 'vitest'
import { parseCheckLine } from '../../src/checks/index.ts'
import type { Clock, Timer } from '../../src/core/clock.ts'
import type { Activity, Diagnosis, ToolActivity } from '../../src/core/diagnosis.ts'
import type { LoomEvent } from '../../src/core/event.ts'
import type { TaskSpec } from '../../src/core/spec.ts'
import type { Task, TaskStatus } from '../../src/core/task.ts'
import { Commands } from '../../src/harness/commands.ts'
import { type StallOptions, type StallSettings, Stalls } from '../../src/harness/stalls.ts'
import { Supervisor } from '../../src/harness/supervisor.ts'
import type { World } from '../../src/harness/world.ts'
import { openLog, Secrets } from '../../src/lib/log.ts'
import { noSandbox } from '../../src/lib/sandbox/sandbox.ts'
import { openStore, type Store } from '../../src/store/open.ts'
import { handCheckouts } from './checkouts.ts'
import { HandClock } from './clock.ts'
import { handKeyring } from './keyring.ts'
import { HandRuntime } from './runtime.ts'
import { specFrom, taskFrom } from './tasks.ts'

const idle = {
  concurrency: { tasks: 9, runtimes: {} },
  after: '',
  attemptsMax: 3,
  mustFailFirst: false,
  projectChecks: 'never' as const,
  proposeChecks: false,
  commitTrailer: false,
  waitForBase: true,
  afterCrash: 'continue' as const,
  runsCommands: () => true,
  baseMs: 60_000,
  protect: [],
  checkout: false as const,
  reconcileMs: 3_600_000,
}
const backoff = { firstMs: 1_000, factor: 2, maxMs: 60_000 }

export const diagnosisFrom = (part: Partial<Diagnosis> = {}): Diagnosis => ({
  ...{ cause: 'sleeping', text: '`sleep 600` sleeps.', todo: 'End it.', guilty: null, processes: [], at: 0 },
  ...part,
})

const lookMs = 15_000

/** Knows whether the next look is planned: then the one before it is over, with all its files. */
class LookClock extends HandClock {
  looksPlanned = 0

  override after(delayMs: number, fn: () => void): Timer {
    if (delayMs !== lookMs) return super.after(delayMs, fn)
    let planned = true
    const over = () => {
      if (planned) this.looksPlanned--
      planned = false
    }
    this.looksPlanned++
    const timer = super.after(delayMs, () => {
      over()
      fn()
    })
    return {
      cancel: () => {
        over()
        timer.cancel()
      },
    }
  }
}

export interface StallWorldOptions {
  settings?: Partial<StallSettings>
  diagnose?: StallOptions['diagnose'] | null
  /** By default one that is moved by hand. */
  clock?: Clock
}

export class StallWorld {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'loom-stalls-')))
  readonly hand = new LookClock()
  readonly clock: Clock
  runtime: HandRuntime
  store: Store
  supervisor: Supervisor
  commands: Commands
  stalls: Stalls
  diagnosis = diagnosisFrom()
  diagnoses = 0
  private readonly options: StallWorldOptions
  private made = 0

  constructor(options: StallWorldOptions = {}) {
    this.options = options
    this.clock = options.clock ?? this.hand
    this.runtime = this.newRuntime()
    this.store = openStore({ path: join(this.folder, 'loom.db'), clock: this.clock })
    const parts = this.daemon()
    this.supervisor = parts.supervisor
    this.commands = parts.commands
    this.stalls = parts.stalls
    onTestFinished(async () => {
      await Promise.all([this.stalls.stop(), this.supervisor.drain()])
      this.store.close()
      rmSync(this.folder, { recursive: true, force: true })
    })
  }

  private newRuntime(): HandRuntime {
    const runtime = new HandRuntime()
    runtime.now = () => this.clock.now()
    return runtime
  }

  private daemon() {
    const world: World = {
      store: this.store,
      keyring: handKeyring(),
      runtimes: new Map([['hand', this.runtime]]),
      checkers: [],
      describeCheck: () => '',
      parseCheck: parseCheckLine,
      proposer: null,
      clock: this.clock,
      env: {},
      owner: `test-${process.pid}`,
      sandbox: noSandbox('a test'),
      isolation: { dir: '/nowhere/worktrees', owner: `test-${process.pid}` },
      settings: { ...idle, backoff },
      checkouts: handCheckouts(this.folder),
      log: openLog('silent', new Secrets()),
      alarm: () => undefined,
    }
    const supervisor = new Supervisor(world)
    const settings: StallSettings = { everyMs: lookMs, checks: 4, afterMs: null, onHang: 'alert' }
    const judge = async () => {
      this.diagnoses++
      return this.diagnosis
    }
    const { diagnose = judge } = this.options
    const stalls = new Stalls(world, supervisor, {
      settings: { ...settings, ...this.options.settings },
      ...(diagnose ? { diagnose } : {}),
    })
    supervisor.start()
    stalls.start()
    return { supervisor, stalls, commands: new Commands(world, supervisor) }
  }

  /** As after kill -9: nothing is said good-bye to, and the next daemon finds store and runtime as they are. */
  async restart(downMs: number): Promise<void> {
    await Promise.all([this.stalls.stop(), this.supervisor.drain()])
    this.store.close()
    await this.hand.advance(downMs)
    this.store = openStore({ path: join(this.folder, 'loom.db'), clock: this.clock })
    Object.assign(this, this.daemon())
  }

  /** A task whose session answers its prompt; gives the task. */
  async task(spec: Partial<TaskSpec> = {}): Promise<Task> {
    const workspace = join(this.folder, `w${this.made}`)
    mkdirSync(workspace, { recursive: true })
    const wanted = taskFrom({ externalId: `k${this.made++}` }, { workspace, spec: specFrom(spec) })
    const { task } = this.store.tasks.accept(wanted)
    this.supervisor.fillPlaces()
    return this.reaches(task?.id ?? '', 'running')
  }

  get(id: string): Task {
    const task = this.store.tasks.get(id)
    if (!task) throw new Error(`no task ${id}`)
    return task
  }

  async reaches(id: string, status: TaskStatus): Promise<Task> {
    await vi.waitFor(() => {
      if (this.get(id).status !== status) throw new Error(`${id} is ${this.get(id).status}`)
    })
    return this.get(id)
  }

  /** What every session is at from now on. */
  hangs(part: Partial<ToolActivity> = {}, activity: Partial<Activity> = {}): void {
    const call = { sessionId: 's1', callId: 'c1', name: 'bash', command: 'sleep 600', cwd: null }
    const output = { outputBytes: 0, outputTail: '', lastOutputAt: null }
    this.runtime.activityNow = {
      state: { kind: 'busy', tool: 'bash' },
      tool: { ...call, startedAt: this.clock.now(), ...output, ...part },
      lastProgressAt: this.clock.now(),
      model: 'between',
      ...{ owner: null, hostPid: null, hostAlive: null },
      ...activity,
    }
  }

  /** Lets looks go by, each to its end. */
  async looks(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      await this.hand.advance(lookMs)
      await this.settled()
    }
  }

  /** Until the next look is planned, or for a moment where nothing is busy any more. */
  private async settled(): Promise<void> {
    for (let n = 0; n < 400 && (n < 2 || this.hand.looksPlanned === 0); n++) {
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  events(type?: LoomEvent['type']): LoomEvent[] {
    return this.store.events.after(0, 1_000).filter((event) => type === undefined || event.type === type)
  }

  /** Moves the clock in small steps until it is so: for what waits on both the clock and real work. */
  async until(isSo: () => boolean, stepMs = 100): Promise<void> {
    for (let n = 0; n < 2_000; n++) {
      if (isSo()) return
      await this.hand.advance(stepMs)
      await this.settled()
    }
    throw new Error('it did not come')
  }
}
