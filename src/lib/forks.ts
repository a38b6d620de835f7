/** Has commands started by a small process beside this one, where there is one; see `fork-server.ts` for why. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { channelFd, fromServer, protocol, toServer } from './fork-frames.ts'
import { type Frame, FrameReader, frameOf } from './frames.ts'
import { type Exit, type Launch, type Launched, type Listener, launchBesideBy, launchHere } from './launch.ts'
import { packageRoot } from './paths.ts'
import { signalQuietly } from './process.ts'

export interface ForkLimits {
  /** Without a command for so long the server ends, ms: begun again it costs as much as some ten commands. */
  idleMs: number
  /** Who is asked and says nothing for so long is of no use any more, ms. */
  silentMs: number
  /** After an end that nobody wanted, this process starts its commands itself for so long, ms. */
  restMs: number
}

const usual: ForkLimits = { idleMs: 5 * 60_000, silentMs: 15_000, restMs: 10_000 }
/** In so many parts: time in which this process stands still itself is one of them, however long it is. */
const silences = 3
const endMs = 1_000
const lost: Exit = { exitCode: null, killedBy: null, fault: 'lost', error: 'the process that had started it has ended' }

/** Without these some installations of Node do not start. Commands are told their own, and can read this. */
function loading(): Record<string, string> {
  const names = ['LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH']
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])))
}

interface Command {
  listener: Listener
  pid: number | null
  started(pid: number | null): void
  isOver: boolean
}

const program = join(packageRoot, 'dist', 'fork-server.js')

/**
 * From now on commands of this process are started so. Only the build has the program; what runs from its sources
 * starts its commands itself.
 */
export function openForks(): { stop(): Promise<void> } {
  const isBuilt = fileURLToPath(import.meta.url).startsWith(join(packageRoot, 'dist'))
  if (!isBuilt || !existsSync(program)) return { stop: async () => undefined }
  const forks = new Forks(program)
  launchBesideBy(forks.launch)
  return {
    stop() {
      launchBesideBy(launchHere)
      return forks.stop()
    },
  }
}

export class Forks {
  private readonly program: string
  private readonly limits: ForkLimits
  private life: Life | null = null
  private restUntil = 0
  private idle: NodeJS.Timeout | undefined
  private isFirst = true
  private isOpen = true

  /** `program`: the built `fork-server.ts`. */
  constructor(program: string, limits: Partial<ForkLimits> = {}) {
    this.program = program
    this.limits = { ...usual, ...limits }
  }

  /** Until the server can be asked, and where there is none, the command is started here. */
  readonly launch: Launch = (request, listener) => {
    if (!this.isOpen) return launchHere(request, listener)
    // Many a process starts one command in its life.
    if (!this.isFirst) this.life ??= this.begin()
    this.isFirst = false
    if (!this.life?.isReady) return launchHere(request, listener)
    clearTimeout(this.idle)
    return this.life.launch(request, listener)
  }

  /** Pid of the server; null while there is none. */
  get pid(): number | null {
    return this.life?.pid ?? null
  }

  async stop(): Promise<void> {
    this.isOpen = false
    clearTimeout(this.idle)
    await this.life?.stop()
  }

  private begin(): Life | null {
    if (performance.now() < this.restUntil) return null
    try {
      return new Life(this.program, this.limits.silentMs, {
        rests: () => this.restLater(),
        ended: (wanted) => this.ended(wanted),
      })
    } catch {
      // No memory for one, say: whoever starts a command next is told what is the matter.
      this.ended(false)
      return null
    }
  }

  private ended(wanted: boolean): void {
    this.life = null
    clearTimeout(this.idle)
    if (!wanted) this.restUntil = performance.now() + this.limits.restMs
  }

  private restLater(): void {
    clearTimeout(this.idle)
    this.idle = setTimeout(() => void this.life?.stop(), this.limits.idleMs).unref()
  }
}

interface Told {
  /** It can be asked, and has nothing to do. */
  rests(): void
  ended(wanted: boolean): void
}

/** One server from its start to its end. */
class Life {
  isReady = false
  private readonly child: ChildProcess
  private readonly channel: Socket | null
  private readonly commands = new Map<number, Command>()
  private readonly told: Told
  private readonly pulse: NodeJS.Timeout
  private lastId = 0
  /** Parts of its time in which it was asked and said nothing. */
  private silent = 0
  private isStopping = false
  private isOver = false

  constructor(program: string, silentMs: number, told: Told) {
    this.told = told
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe'] as const
    this.child = spawn(process.execPath, [program], { cwd: '/', env: loading(), detached: true, stdio: [...stdio] })
    this.child.unref()
    this.child.on('error', () => this.end())
    this.child.on('exit', () => this.ending())
    this.channel = (this.child.stdio[channelFd] ?? null) as Socket | null
    const reader = new FrameReader((frame) => this.hear(frame))
    this.channel?.on('data', (piece: Buffer) => reader.push(piece))
    this.channel?.on('error', () => this.end())
    this.channel?.on('close', () => this.end())
    this.channel?.unref()
    this.pulse = setInterval(() => this.ask(), silentMs / silences).unref()
  }

  get pid(): number | null {
    return this.child.pid ?? null
  }

  launch(...[request, listener]: Parameters<Launch>): Launched {
    this.lastId = (this.lastId + 1) % 2 ** 32
    const id = this.lastId
    const pid = new Promise<number | null>((started) => {
      this.commands.set(id, { listener, pid: null, started, isOver: false })
    })
    // This process goes on as long as a command does.
    this.channel?.ref()
    this.channel?.write(frameOf(toServer.launch, id, Buffer.from(JSON.stringify(request))))
    return { pid }
  }

  private ask(): void {
    if (this.isReady && this.commands.size === 0) return
    this.silent += 1
    // What it has said while this process stood still is heard first.
    if (this.silent > silences) setImmediate(() => this.silent > silences && this.end())
    this.channel?.write(frameOf(toServer.ask, 0, Buffer.alloc(0)))
  }

  async stop(): Promise<void> {
    this.isStopping = true
    this.isReady = false
    if (this.isOver) return
    const ended = new Promise<void>((resolve) => {
      for (const event of ['exit', 'error'] as const) this.child.once(event, () => resolve())
    })
    const limit = setTimeout(() => this.child.kill('SIGKILL'), endMs)
    this.child.ref()
    this.channel?.end()
    await ended
    clearTimeout(limit)
    this.end()
  }

  private hear({ kind, id, payload }: Frame): void {
    this.silent = 0
    if (kind === fromServer.ready) {
      if (JSON.parse(payload.toString('utf8')) !== protocol) return this.end()
      this.isReady = !this.isStopping && this.child.exitCode === null && this.child.signalCode === null
      this.told.rests()
    }
    const command = this.commands.get(id)
    if (!command) return
    if (kind === fromServer.stdout) command.listener.output('stdout', payload)
    else if (kind === fromServer.stderr) command.listener.output('stderr', payload)
    else if (kind === fromServer.started) {
      command.pid = JSON.parse(payload.toString('utf8')) as number | null
      command.started(command.pid)
    } else if (kind === fromServer.exited) {
      command.isOver = true
      // What did not start is told of in one breath.
      command.started(command.pid)
      command.listener.exited(JSON.parse(payload.toString('utf8')) as Exit)
    } else if (kind === fromServer.closed) {
      this.forget(id, command, true)
      if (this.commands.size === 0 && !this.isOver) this.told.rests()
    }
  }

  private forget(id: number, command: Command, isWhole: boolean): void {
    this.commands.delete(id)
    if (this.commands.size === 0) this.channel?.unref()
    command.listener.closed(isWhole)
  }

  /** What it said last may still be on its way. */
  private ending(): void {
    this.isReady = false
    setTimeout(() => this.end(), endMs).unref()
  }

  /** How its commands end is not known any more, so they are ended. */
  private end(): void {
    if (this.isOver) return
    this.isOver = true
    this.isReady = false
    clearInterval(this.pulse)
    this.child.kill('SIGKILL')
    this.channel?.destroy()
    for (const [id, command] of this.commands) {
      command.started(command.pid)
      if (!command.isOver) {
        if (command.pid !== null) signalQuietly(-command.pid, 'SIGKILL')
        command.listener.exited(lost)
      }
      this.forget(id, command, false)
    }
    this.told.ended(this.isStopping)
  }
}
