/**
 * A second daemon of the same installed program for what must not be done to the running one: killing it, losing its
 * notifications. It has its own data directory, port and inbox, and a scripted model on loopback.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type LoadedConfig, loadConfig } from '../../config.ts'
import { pause, systemClock } from '../../core/clock.ts'
import { ProblemError } from '../../core/problem.ts'
import { killTree } from '../../lib/process.ts'
import { ownerOf } from '../../parts.ts'
import type { ScriptInput } from '../../sample/script.ts'
import { startScriptedModel } from '../../sample/scripted-model.ts'
import { type Client, findDaemon } from '../client.ts'
import { Ended, untried } from './finding.ts'
import type { Stage } from './stage.ts'

const startMs = 20_000
const politeMs = 10_000

export interface RehearsalOptions {
  name: string
  script: ScriptInput
  sinks?: unknown[]
}

interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

export class Rehearsal {
  readonly data: string
  readonly work: string
  private readonly stage: Stage
  private readonly loaded: LoadedConfig
  private readonly env: Record<string, string>
  private child: ChildProcess | null = null
  private exited: Promise<Exit> = Promise.resolve({ code: null, signal: null })

  private constructor(stage: Stage, { loaded, env }: { loaded: LoadedConfig; env: Record<string, string> }) {
    this.stage = stage
    this.loaded = loaded
    this.env = env
    this.data = loaded.config.data_dir
    this.work = join(loaded.cwd, 'work')
  }

  static async open(stage: Stage, { name, script, sinks = [] }: RehearsalOptions): Promise<Rehearsal> {
    const folder = join(stage.folder, name)
    const [work, file] = [join(folder, 'work'), join(folder, 'settings.yaml')]
    await mkdir(work, { recursive: true })
    const model = await startScriptedModel({ script, clock: systemClock })
    stage.onClose(() => model.close())
    const provider = { kind: 'openai', name: 'scripted', base_url: model.url, model: 'scripted-model' }
    const settings = {
      data_dir: join(folder, 'data'),
      server: { port: 0 },
      inbox: { dir: join(folder, 'inbox') },
      workspace_roots: [work],
      models: { providers: [provider] },
      runtimes: [{ kind: 'builtin' }],
      notify: { sinks },
      drain_seconds: 1,
      log_level: 'silent',
      sample: 'off',
    }
    // JSON is YAML.
    await writeFile(file, JSON.stringify(settings))
    const env = { ...stage.env, OPENLOOM_CONFIG: file }
    const loaded = loadConfig({ cwd: folder, env })
    if (!loaded.ok) throw new ProblemError(...loaded.problems)
    const rehearsal = new Rehearsal(stage, { loaded: loaded.value, env })
    stage.onClose(() => rehearsal.close())
    return rehearsal
  }

  /** Null: it died before it listened. `failpoint`: where it kills itself (lib/failpoint.ts). */
  async start(failpoint?: string): Promise<Client | null> {
    const [program] = process.argv.slice(1, 2)
    if (!program) throw new Ended(untried('The program does not know its own file.'))
    const env = { ...this.env, ...(failpoint ? { OPENLOOM_FAILPOINT: failpoint } : {}) }
    const argv = [...process.execArgv, program, 'serve', '--quiet']
    const child = spawn(process.execPath, argv, { cwd: this.loaded.cwd, env, stdio: 'ignore' })
    this.child = child
    this.exited = new Promise((resolve) => {
      child.once('error', () => resolve({ code: -1, signal: null }))
      child.once('exit', (code, signal) => resolve({ code, signal }))
    })
    const found = await this.stage.until(async () => {
      if (!this.isRunning) return 'over'
      const client = findDaemon(this.loaded, this.env)
      return client && (await client.get('/api/state').catch(() => null)) ? client : null
    }, startMs)
    if (found === null) throw new Ended(untried(`A second daemon did not start within ${startMs / 1_000} s.`))
    return found === 'over' ? null : found
  }

  get isRunning(): boolean {
    return this.child !== null && this.child.exitCode === null && this.child.signalCode === null
  }

  /** How it ended, or null when it still runs at the limit. */
  async ended(limitMs: number): Promise<Exit | null> {
    const over = new AbortController()
    const limit = pause(systemClock, limitMs, over.signal).then(() => null)
    const exit = await Promise.race([this.exited, limit])
    over.abort()
    return exit
  }

  async stop(): Promise<void> {
    if (!this.isRunning) return
    this.child?.kill('SIGTERM')
    if (await this.ended(politeMs)) return
    this.child?.kill('SIGKILL')
    await this.exited
  }

  private async close(): Promise<void> {
    await this.stop()
    for (const role of ['agent', 'check']) await killTree(undefined, `${ownerOf(this.data)}-${role}`)
  }
}
