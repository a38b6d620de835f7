/** Where the server is: at the configured address, or run by us. Decides which, and ends what it started. */
import { systemClock } from '../../core/clock.ts'
import { ok, type Problem, type Result, refuse } from '../../core/problem.ts'
import { listenerOf, readProcesses } from '../../lib/processes.ts'
import { Connection, type ServerAddress } from './connection.ts'
import { findDialect } from './dialect.ts'

/** A server of our own (managed.ts); the tests have a smaller one. */
export interface OwnServer {
  /** Starts it when it does not run. */
  ensure(): Promise<Result<{ url: string; username: string; password: string; pid: number }>>
  restart(reason: string): Promise<Result<void>>
  /** Ends it, when it stands above its memory ceiling and nothing runs in it. */
  recycle(idle: boolean): Promise<void>
  readonly pid: number | null
  onExit(listener: () => void): void
  stop(): Promise<void>
}

/** To find it all open files of our user are looked through; a thousand sessions may ask at once. */
const listenerMs = 5_000

export type ManagedMode = 'auto' | 'always' | 'never'

export interface SourceOptions {
  address: ServerAddress
  mode: ManagedMode
  /** Null: there is no binary on the PATH. */
  own: OwnServer | null
  /** Name of the command, for people. */
  command: string
}

export class ServerSource {
  private readonly options: SourceOptions
  private runsOwn = false
  /**
   * Somebody runs a server there: when it goes away it is waited for. A second one on its database would not see it.
   */
  private isSomebodys = false
  private seenPid: number | null = null
  private listener: { at: number; pid: Promise<number | null> } | null = null

  constructor(options: SourceOptions) {
    this.options = options
  }

  /** A server that answers is used as it is; only when there is none and somebody wants one is one started. */
  async address(wanted: boolean): Promise<Result<ServerAddress>> {
    const { address, mode, own } = this.options
    if (mode === 'never') return ok(address)
    if (mode === 'always' || this.runsOwn) return this.startOwn()
    const found = await findDialect(new Connection(address))
    const isDown = !found.ok && found.problems[0]?.kind === 'opencode-down'
    this.isSomebodys ||= !isDown
    return isDown && wanted && own && !this.isSomebodys ? this.startOwn() : ok(address)
  }

  private async startOwn(): Promise<Result<ServerAddress>> {
    const { own, command } = this.options
    if (!own) return refuse(noBinary(command))
    const running = await own.ensure()
    if (!running.ok) return running
    this.runsOwn = true
    this.seenPid = running.value.pid
    const { url, username, password } = running.value
    return ok({ url, username, password })
  }

  /** A sentence when a server would be started on demand, else null. */
  canStart(): string | null {
    const { mode, own, command } = this.options
    const mayStart = mode === 'always' || (mode === 'auto' && (this.runsOwn || !this.isSomebodys))
    return mayStart && own ? `\`${command} serve\` is started when it is needed` : null
  }

  get isOwn(): boolean {
    return this.runsOwn
  }

  /** The server's process, when it runs on this machine. */
  async hostPid(): Promise<number | null> {
    if (this.runsOwn) return this.options.own?.pid ?? null
    const url = new URL(this.options.address.url)
    if (!['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)) return null
    const now = systemClock.monotonic()
    if (this.listener && now - this.listener.at < listenerMs) return this.listener.pid
    const pid = listenerOf(Number(url.port || (url.protocol === 'https:' ? 443 : 80)))
    this.listener = { at: now, pid }
    const found = await pid
    if (found !== null) this.seenPid = found
    return found
  }

  /** `alive` false: the process that we knew is gone; null: could not look. */
  async host(): Promise<{ hostPid: number | null; alive: boolean | null }> {
    const hostPid = await this.hostPid()
    if (hostPid !== null) return { hostPid, alive: true }
    if (this.seenPid === null) return { hostPid: null, alive: null }
    const table = await readProcesses()
    return { hostPid: null, alive: table ? table.has(this.seenPid) : null }
  }

  async restart(reason: string): Promise<Result<void>> {
    const { own } = this.options
    return this.runsOwn && own ? own.restart(reason) : refuse(notOurs)
  }

  async tidy(idle: boolean): Promise<void> {
    if (this.runsOwn) await this.options.own?.recycle(idle)
  }

  onExit(listener: () => void): void {
    this.options.own?.onExit(listener)
  }

  async close(): Promise<void> {
    await this.options.own?.stop()
  }
}

const noBinary = (command: string): Problem => ({
  kind: 'opencode-not-installed',
  text: `OpenLoom is to run OpenCode, but there is no \`${command}\` on the PATH.`,
  todo: 'Install it with `npm install -g opencode-ai`, or set `managed: never` and OPENLOOM_OPENCODE_URL.',
})

const notOurs: Problem = {
  kind: 'server-not-ours',
  text: 'The OpenCode server was started by somebody else, so OpenLoom does not restart it.',
  todo: 'Restart it by hand, or let OpenLoom run it (managed: always).',
}
