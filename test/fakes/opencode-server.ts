/**
 * The real OpenCode server in a throw-away home: scrubbed environment, a scripted model on loopback as its only
 * provider, every look-up outside turned off. Ends the server and all that its tools started.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/core/clock.ts'
import { killTree, ownedProcesses, ownerVariable } from '../../src/lib/process.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { type ScriptedModel, startScriptedModel } from '../../src/sample/scripted-model.ts'
import { type OpenCodeAddress, OpenCodeClient } from './opencode-client.ts'

export interface OpenCodeServerOptions {
  /** Titles are answered beside it. */
  script: ScriptInput
  /** `permission` of opencode.json, e.g. `{ bash: 'ask' }`. */
  permission?: Record<string, unknown>
  /** Null: the server runs without one. Absent: a random one. */
  password?: string | null
  port?: number
  /** Further settings of opencode.json. */
  config?: Record<string, unknown>
  env?: Record<string, string>
}

const bannerMs = 60_000
const script = new URL('../../scripts/opencode.mjs', import.meta.url).pathname

/** Path of the installed binary; `npm run test:real` and the suite's set-up install it. */
export function openCodeBinary(): string {
  const known = process.env['OPENLOOM_REAL_OPENCODE']
  return known || execFileSync(process.execPath, [script], { encoding: 'utf8' }).trim()
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** opencode.json for a scripted model at this address; nothing in it reaches further than loopback. */
export function offlineConfig(modelUrl: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  const model = {
    name: 'scripted-model',
    tool_call: true,
    limit: { context: 128_000, output: 8_000 },
    cost: { input: 1, output: 2, cache_read: 0.1 },
  }
  const options = { baseURL: modelUrl, apiKey: 'no-key' }
  return {
    $schema: 'https://opencode.ai/config.json',
    provider: {
      scripted: { npm: '@ai-sdk/openai-compatible', options, models: { 'scripted-model': model, missing: model } },
    },
    model: 'scripted/scripted-model',
    small_model: 'scripted/scripted-model',
    enabled_providers: ['scripted'],
    share: 'disabled',
    autoupdate: false,
    ...more,
  }
}

/** What the server may know of this machine: where programs are, and homes that are thrown away. */
export function offlineEnvironment(home: string): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    LANG: 'C.UTF-8',
    HOME: home,
    TMPDIR: join(home, 'tmp'),
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_DATA_HOME: join(home, 'data'),
    XDG_STATE_HOME: join(home, 'state'),
    XDG_CACHE_HOME: join(home, 'cache'),
    OPENCODE_DISABLE_AUTOUPDATE: '1',
    OPENCODE_DISABLE_MODELS_FETCH: '1',
    OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
    OPENCODE_DISABLE_SHARE: '1',
    OPENCODE_DISABLE_CLAUDE_CODE: '1',
    // Nothing listens there: an installation of plugins is refused at once instead of reaching a registry.
    npm_config_registry: 'http://127.0.0.1:9/',
    npm_config_fetch_retries: '0',
  }
}

/** Makes the homes that `offlineEnvironment` names, with this configuration as the user's own. */
export function writeHome(home: string, config: Record<string, unknown>): void {
  for (const name of ['tmp', 'config/opencode', 'data', 'state', 'cache']) {
    mkdirSync(join(home, name), { recursive: true })
  }
  writeFileSync(join(home, 'config/opencode/opencode.json'), JSON.stringify(config, null, 2))
}

export class OpenCodeServer {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'loom-opencode-')))
  readonly home = join(this.folder, 'home')
  /** The folder that the server is started in. */
  readonly work = join(this.folder, 'app')
  /** Another folder, with a project of its own. */
  readonly elsewhere = join(this.folder, 'elsewhere')
  readonly owner = `test-opencode-${randomBytes(6).toString('hex')}`
  readonly username = 'opencode'
  readonly password: string | null
  port = 0
  /** All that the server printed, both streams. */
  output = ''
  private readonly options: OpenCodeServerOptions
  private model: ScriptedModel | null = null
  private child: ChildProcess | null = null
  private readonly onExit = () => this.child?.pid && process.kill(-this.child.pid, 'SIGKILL')

  constructor(options: OpenCodeServerOptions) {
    this.options = options
    this.password = options.password === undefined ? randomBytes(18).toString('base64url') : options.password
  }

  /** The model and the home, for a server that somebody else starts. */
  async openHome(): Promise<this> {
    const { script, permission, config } = this.options
    this.model = await startScriptedModel({ script: withTitles(script), clock: systemClock })
    writeHome(this.home, offlineConfig(this.model.url, { ...(permission ? { permission } : {}), ...config }))
    for (const folder of [this.work, this.elsewhere]) makeProject(folder)
    return this
  }

  async open(): Promise<this> {
    await this.openHome()
    this.port = this.options.port ?? (await freePort())
    try {
      await this.start()
    } catch (error) {
      await this.close()
      throw error
    }
    return this
  }

  /** Starts the server (again, on the same port and data); resolves when it said that it listens. */
  async start(): Promise<void> {
    const child = spawn(openCodeBinary(), ['serve', '--hostname', '127.0.0.1', '--port', String(this.port)], {
      cwd: this.work,
      env: {
        ...offlineEnvironment(this.home),
        ...(this.password === null ? {} : { OPENCODE_SERVER_PASSWORD: this.password }),
        ...this.options.env,
        [ownerVariable]: this.owner,
      },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child = child
    process.once('exit', this.onExit)
    this.output = ''
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`OpenCode ${why}:\n${this.output.slice(-2_000)}`))
      const limit = setTimeout(() => fail(`said nothing within ${bannerMs} ms`), bannerMs)
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on('data', (chunk: Buffer) => {
          this.output += String(chunk)
          if (!this.output.includes('server listening on')) return
          clearTimeout(limit)
          resolve()
        })
      }
      child.once('error', (error) => fail(error.message))
      child.once('exit', (code, signal) => {
        clearTimeout(limit)
        process.off('exit', this.onExit)
        fail(`ended (${code ?? signal})`)
      })
    })
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get pid(): number {
    return this.child?.pid ?? 0
  }

  get address(): OpenCodeAddress {
    return { url: this.url, username: this.username, password: this.password }
  }

  get client(): OpenCodeClient {
    return new OpenCodeClient(this.address)
  }

  /** What the model was asked. */
  get requests() {
    return this.model?.requests ?? []
  }

  /** Where the model is reached, for a configuration of one's own. */
  get modelUrl(): string {
    return this.model?.url ?? ''
  }

  /** Pids of the server and of all that it started, detached or not. */
  get processes(): number[] {
    return ownedProcesses(this.owner)
  }

  /** Ends the server alone; what its tools started may live on. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { child } = this
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await exited
  }

  async close(): Promise<void> {
    await this.kill()
    await killTree(this.child?.pid, this.owner)
    await this.model?.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** OpenCode asks its model for a title beside the first turn of each session. */
export function withTitles(script: ScriptInput): ScriptInput {
  const given = Array.isArray(script) ? { replies: script } : script
  const titles = {
    match: '^Generate a title for this conversation',
    replies: [{ text: 'A title' }],
    at_end: 'repeat' as const,
  }
  return { ...given, conversations: [titles, ...(given.conversations ?? [])] }
}

/** Every folder is a repository with one commit: only then OpenCode takes it as a project of its own. */
export function makeProject(folder: string): void {
  if (existsSync(join(folder, '.git'))) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'README.md'), '# Example\n')
  const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org', '-c', 'commit.gpgsign=false']
  const git = (...args: string[]) => execFileSync('git', [...identity, ...args], { cwd: folder, stdio: 'ignore' })
  git('init', '-q', '-b', 'main')
  git('add', '.')
  git('commit', '-q', '-m', 'start')
}
