/**
 * A server of our own: `opencode serve` in its own process group, behind a password that only its environment holds.
 * Ends all that it started, also what a killed predecessor left. When to start it again is not decided here.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import { ok, type Problem, type Result, reasonOf, refuse } from '../../core/problem.ts'
import { Secrets } from '../../lib/log.ts'
import { childEnvironment, killTree, ownedProcesses, ownerVariable } from '../../lib/process.ts'
import { descendantsOf, endProcesses, readProcesses } from '../../lib/processes.ts'
import { findBinary } from './binary.ts'
import { redact } from './connection.ts'
import { LeftBehind } from './left-behind.ts'

export interface ManagedOptions {
  /** Name or path of the program. */
  command: string
  /** Arguments before `serve`, for a program that another one runs. */
  argv?: readonly string[]
  dataDir: string
  /** The daemon's own environment; the server sees an allow-list of it. */
  env: Readonly<Record<string, string | undefined>>
  /** Further names that it may see, e.g. of a key. */
  envNames?: readonly string[]
  /** Mark of its processes (lib/process.ts). */
  owner: string
  clock: Clock
  log(text: string): void
  /** Above it an idle server is renewed. */
  memoryMaxBytes?: number
  bannerMs?: number
}

export interface ManagedAddress {
  url: string
  username: string
  password: string
  pid: number
}

const username = 'opencode'
/** Where its own settings, keys and sessions lie, besides HOME. */
const homes = ['XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME']
const settings = ['OPENCODE_CONFIG', 'OPENCODE_CONFIG_DIR', 'OPENCODE_CONFIG_CONTENT']
const defaults = { bannerMs: 60_000, memoryMaxBytes: 1_536 * 1024 * 1024 }
/** As version 1 and version 2 say it. */
const banner = /\bserver listening on\b/
const linesKept = 20
const lineCharsMax = 300

/** One life of the server. */
interface Running {
  /** Below that of the daemon, and nobody else's: what is ended by it is only ever of this life. */
  owner: string
  address: ManagedAddress
  /** Resolves when it and all that it started have ended. */
  over: Promise<void>
}

export class Managed {
  private readonly options: ManagedOptions & typeof defaults
  private readonly left: LeftBehind
  private readonly exits = new Set<() => void>()
  private running: Running | null = null
  private starting: Promise<Result<ManagedAddress>> | null = null
  private cancel = new AbortController()

  constructor(options: ManagedOptions) {
    this.options = { ...defaults, ...options }
    this.left = new LeftBehind(options.dataDir)
  }

  get pid(): number | null {
    return this.running?.address.pid ?? null
  }

  /** Called whenever a server that listened has ended, wanted or not; its processes are gone by then. */
  onExit(listener: () => void): void {
    this.exits.add(listener)
  }

  /** Starts it when it does not run. Whoever asks meanwhile gets the same start. */
  ensure(): Promise<Result<ManagedAddress>> {
    if (this.running) return Promise.resolve(ok(this.running.address))
    this.starting ??= this.start().finally(() => {
      this.starting = null
    })
    return this.starting
  }

  /** Ends what daemons left behind that were killed; how many processes that were. What a living one runs stays. */
  async sweep(): Promise<number> {
    let count = 0
    for (const { file, server, owner } of await this.left.abandoned()) {
      if (server) count += (await endProcesses([server])).ended.length
      // A note is only a file: no mark but one of ours is believed.
      if (owner.startsWith(this.options.owner)) {
        count += ownedProcesses(owner).length
        await killTree(undefined, owner)
      }
      await this.left.clear(file)
    }
    if (count > 0) this.options.log(`ended ${count} processes of OpenCode that a killed daemon had left`)
    return count
  }

  private async start(): Promise<Result<ManagedAddress>> {
    const { command, env } = this.options
    const binary = findBinary(command, env['PATH'])
    if (!binary) return refuse(missingBinary(command))
    const cancel = new AbortController()
    this.cancel = cancel
    await this.sweep()
    const port = await freePort()
    const owner = `${this.options.owner}/opencode-${process.pid}-${randomBytes(4).toString('hex')}`
    await this.left.write({ server: null, port, owner })
    const started = await this.launch(binary, { port, owner, signal: cancel.signal })
    if (!started.ok) await this.left.clear()
    else await this.left.write({ server: started.value.address.pid, port, owner })
    return started.ok ? ok(started.value.address) : started
  }

  private async launch(
    binary: string,
    { port, owner, signal }: { port: number; owner: string; signal: AbortSignal },
  ): Promise<Result<Running>> {
    const { argv = [], dataDir } = this.options
    const password = randomBytes(24).toString('base64url')
    const args = [...argv, 'serve', '--hostname', '127.0.0.1', '--port', String(port)]
    const env = { ...this.environment(), OPENCODE_SERVER_PASSWORD: password, [ownerVariable]: owner }
    const child = spawn(binary, args, { cwd: dataDir, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    const failure = await this.listens(child, this.secretsOf(password), signal)
    const { pid } = child
    if (failure || pid === undefined) {
      await endTree(pid, owner)
      return refuse(failure ?? notStarted('it has no process'))
    }
    const address = { url: `http://127.0.0.1:${port}`, username, password, pid }
    const running: Running = { owner, address, over: Promise.resolve() }
    this.running = running
    running.over = exited.then(() => this.ended(running))
    return ok(running)
  }

  private environment(): Record<string, string> {
    const { env, envNames = [] } = this.options
    return {
      ...childEnvironment(env, [...homes, ...settings, ...envNames]),
      OPENCODE_SERVER_USERNAME: username,
      OPENCODE_DISABLE_AUTOUPDATE: '1',
      // With a plugin and no registry its first answer would otherwise come after a minute of tries.
      npm_config_fetch_retries: '0',
    }
  }

  /** What must not get out with the server's last words. */
  private secretsOf(password: string): Secrets {
    const { env, envNames = [] } = this.options
    const secrets = new Secrets()
    for (const value of [password, `${username}:${password}`, ...envNames.map((name) => env[name])]) secrets.add(value)
    return secrets
  }

  /** Resolves when it says that it listens, with null, or with why it does not. Its output is drained for good. */
  private listens(child: ChildProcess, secrets: Secrets, signal: AbortSignal): Promise<Problem | null> {
    const { clock, bannerMs } = this.options
    const words = new LastWords()
    return new Promise((resolve) => {
      const said = () => redact(secrets.hide(words.text()))
      const settle = (problem: Problem | null) => {
        limit.cancel()
        signal.removeEventListener('abort', onAbort)
        resolve(problem)
      }
      const onAbort = () => settle(notStarted('it was stopped meanwhile'))
      const limit = clock.after(bannerMs, () => {
        settle(notStarted(`it did not say within ${bannerMs / 1_000} s that it listens`, said()))
      })
      signal.addEventListener('abort', onAbort, { once: true })
      if (signal.aborted) onAbort()
      for (const stream of [child.stdout, child.stderr]) {
        let cut = ''
        stream?.on('data', (chunk: Buffer) => {
          const text = chunk.toString('utf8')
          words.push(text)
          // A banner may be cut in two, or stand before more than the last words hold.
          if (banner.test(cut + text)) settle(null)
          cut = text.slice(-lineCharsMax)
        })
      }
      child.once('error', (error) => settle(notStarted(reasonOf(error))))
      child.once('close', (code, killed) => settle(notStarted(`it ended at once (${code ?? killed})`, said())))
    })
  }

  /** What its tools started outlives it, and nobody would ever ask for their results. */
  private async ended({ address, owner }: Running): Promise<void> {
    this.running = null
    await endTree(address.pid, owner)
    if (!this.starting) await this.left.clear()
    for (const listener of this.exits) listener()
  }

  /** Ends it with everything that it started; also one that is about to start. */
  async stop(): Promise<void> {
    this.cancel.abort()
    await this.starting
    const { running } = this
    if (!running) return
    await endTree(running.address.pid, running.owner)
    await running.over
  }

  async restart(reason: string): Promise<Result<void>> {
    this.options.log(`OpenCode is started anew: ${reason}`)
    await this.stop()
    const started = await this.ensure()
    return started.ok ? ok(undefined) : started
  }

  /** Resident memory in bytes; null when it does not run or cannot be read. */
  async rss(): Promise<number | null> {
    const row = this.pid === null ? undefined : (await readProcesses())?.get(this.pid)
    return row ? row.memoryKb * 1024 : null
  }

  /** Starts an idle server anew that stands above its memory ceiling. */
  async recycle(idle: boolean): Promise<void> {
    const bytes = idle ? await this.rss() : null
    if (bytes === null || bytes <= this.options.memoryMaxBytes) return
    const restarted = await this.restart(`it holds ${Math.round(bytes / 1024 / 1024)} MB and is idle`)
    if (!restarted.ok) this.options.log(restarted.problems.map(({ text }) => text).join(' '))
  }
}

/** The server first, so that it starts nothing new for what ends below it. */
async function endTree(pid: number | undefined, owner: string): Promise<void> {
  const below = pid === undefined ? [] : await descendantsOf(pid)
  await killTree(pid, owner)
  await endProcesses(below)
}

export const openManaged = (options: ManagedOptions): Managed => new Managed(options)

/** The end of an output, line by line, bounded. */
class LastWords {
  private lines: string[] = ['']

  push(chunk: string): void {
    const [first = '', ...rest] = chunk.split('\n')
    const lines = [...this.lines.slice(0, -1), `${this.lines.at(-1) ?? ''}${first}`, ...rest]
    this.lines = lines.slice(-linesKept).map((line) => line.slice(0, lineCharsMax))
  }

  text(): string {
    return this.lines.filter((line) => line.trim() !== '').join('\n')
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const missingBinary = (command: string): Problem => ({
  kind: 'opencode-not-installed',
  text: `There is no program \`${command}\` on the PATH.`,
  todo: 'Install it with `npm install -g opencode-ai`, or give its path as the command of the runtime.',
})

const notStarted = (why: string, said = ''): Problem => ({
  kind: 'opencode-not-started',
  text: `OpenCode did not start: ${why}.${said ? ` Its last words: ${said}` : ''}`,
  todo: 'Run `opencode serve` by hand to see what is wrong.',
})
