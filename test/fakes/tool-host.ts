/**
 * A stand-in for a runtime's server: a program that runs shell lines as its children and waits for the end of their
 * output, as the bash tool of a coding agent does. All that it starts is ended with it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Activity, ToolActivity } from '../../src/core/diagnosis.ts'
import { childEnvironment, killTree, ownerVariable } from '../../src/lib/process.ts'

const program = `
const { spawn } = require('node:child_process')
process.on('message', ({ id, command, cwd, stdin, shell }) => {
  const env = { ...process.env, STAND_IN_PID: String(process.pid) }
  delete env.NODE_CHANNEL_FD
  const child = spawn(shell, ['-c', command], { cwd, env, detached: true, stdio: [stdin, 'pipe', 'pipe'] })
  const tell = (kind, more) => process.send({ id, kind, ...more })
  child.stdout.on('data', (chunk) => tell('output', { text: String(chunk) }))
  child.stderr.on('data', (chunk) => tell('output', { text: String(chunk) }))
  child.on('exit', (code, signal) => tell('exit', { code, signal }))
  child.on('close', (code, signal) => tell('close', { code, signal }))
  tell('started', { pid: child.pid })
})
process.send({ kind: 'ready' })
`

interface Told {
  id?: string
  kind: 'ready' | 'started' | 'output' | 'exit' | 'close'
  pid?: number
  text?: string
  code?: number | null
  signal?: string | null
}

export interface RunningTool {
  id: string
  pid: number
  command: string
  output: string
  lastOutputAt: number | null
  startedAt: number
  /** The shell has ended. */
  exited: boolean
  /** The tool call has returned: all its output is there. */
  closed: Promise<{ code: number | null; signal: string | null }>
  isClosed: boolean
  activity(more?: Partial<Activity>, tool?: Partial<ToolActivity>): Activity
}

export class ToolHost {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'loom-host-')))
  readonly owner = `test-${process.pid}-${this.folder.slice(-6)}`
  readonly ready: Promise<void>
  private readonly child: ChildProcess
  private readonly told = new Set<(message: Told) => void>()
  private count = 0

  constructor() {
    const env = { ...childEnvironment(process.env), [ownerVariable]: this.owner }
    this.child = spawn(process.execPath, ['-e', program], {
      cwd: this.folder,
      env,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      detached: true,
    })
    this.child.on('message', (message: Told) => {
      for (const hear of this.told) hear(message)
    })
    this.ready = new Promise((resolve) => {
      const hear = (message: Told) => {
        if (message.kind !== 'ready') return
        this.told.delete(hear)
        resolve()
      }
      this.told.add(hear)
    })
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** Resolves when the shell runs. */
  async run(command: string, more: { stdin?: 'ignore' | 'pipe'; shell?: string; cwd?: string } = {}) {
    await this.ready
    const id = `call${this.count++}`
    const cwd = more.cwd ?? this.folder
    const startedAt = Date.now()
    let finish: (end: { code: number | null; signal: string | null }) => void = () => undefined
    const closed = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
      finish = resolve
    })
    const tool: RunningTool = {
      ...{ id, pid: 0, command, startedAt, output: '', lastOutputAt: null, exited: false, closed, isClosed: false },
      activity: (activity = {}, part = {}) => ({
        state: { kind: 'busy', tool: 'bash' },
        tool: { ...this.toolActivity(tool, cwd), ...part },
        lastProgressAt: startedAt,
        model: 'between',
        owner: null,
        hostPid: this.pid,
        hostAlive: true,
        ...activity,
      }),
    }
    const started = new Promise<void>((resolve) => {
      this.told.add(({ id: about, kind, pid = 0, text = '', code = null, signal = null }) => {
        if (about !== id) return
        if (kind === 'started') {
          tool.pid = pid
          resolve()
        } else if (kind === 'output') {
          tool.output += text
          tool.lastOutputAt = Date.now()
        } else if (kind === 'exit') tool.exited = true
        else if (kind === 'close') {
          tool.isClosed = true
          finish({ code, signal })
        }
      })
    })
    this.child.send({ id, command, cwd, stdin: more.stdin ?? 'ignore', shell: more.shell ?? 'bash' })
    await started
    return tool
  }

  private toolActivity(tool: RunningTool, cwd: string): ToolActivity {
    const { id: callId, command, startedAt, output, lastOutputAt } = tool
    const told = { outputBytes: output.length, outputTail: output.slice(-2_000), lastOutputAt }
    return { sessionId: 'ses_root', callId, name: 'bash', command, cwd, startedAt, ...told }
  }

  async close(): Promise<void> {
    await killTree(this.pid, this.owner)
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Ended with the test. */
export async function startHost(): Promise<ToolHost> {
  const host = new ToolHost()
  onTestFinished(() => host.close())
  await host.ready
  return host
}
