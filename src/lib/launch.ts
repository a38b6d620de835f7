/** Starts the process of a command, by this process or by one that does it for it, and tells what comes of it. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'

export interface LaunchRequest {
  argv: readonly [string, ...string[]]
  cwd: string
  env: Readonly<Record<string, string>>
  /** What it reads from stdin; absent: nothing. */
  input?: string
  /** What it says on stderr is dropped. */
  stdoutOnly?: boolean
}

export interface Exit {
  /** Null when killed by a signal, never started, or lost. */
  exitCode: number | null
  killedBy: NodeJS.Signals | null
  /** Lost: it began, and whoever would have been told of its end was not there any more. */
  fault: 'not-started' | 'lost' | null
  /** What the fault comes from. */
  error: string | null
}

/** `exited` and `closed` are each called once, in this order, and none before the launch has returned. */
export interface Listener {
  output(stream: 'stdout' | 'stderr', chunk: Buffer): void
  exited(exit: Exit): void
  /**
   * `isWhole`: all of its output has come, or what holds its pipes after its end has had its time. False: the rest of
   * it is lost.
   */
  closed(isWhole: boolean): void
}

/** A grandchild that holds the pipe must not hold the caller: what has not arrived by then is not waited for. */
const drainMs = 150
/** Nor may one that goes on speaking: more than this no pipe holds of what was said before the end. */
const drainBytes = 8 * 1024 * 1024

export interface Launched {
  /** Leader of a process group of its own. Null: it did not start. */
  pid: Promise<number | null>
}

export interface LaunchedHere extends Launched {
  /** Whether its output is left with it for now, until it can say no more. */
  hold(held: boolean): void
}

export type Launch = (request: LaunchRequest, listener: Listener) => Launched

let current: Launch = launchHere

/** As `launchBesideBy` said last; by this process itself before that. */
export const launchBeside: Launch = (request, listener) => current(request, listener)

export function launchBesideBy(how: Launch): void {
  current = how
}

export function launchHere(request: LaunchRequest, listener: Listener): LaunchedHere {
  const [program, ...args] = request.argv
  const notStarted = (error: unknown) => {
    const text = error instanceof Error ? error.message : String(error)
    listener.exited({ exitCode: null, killedBy: null, fault: 'not-started', error: text })
    listener.closed(true)
  }
  try {
    const child = spawn(program, args, {
      cwd: request.cwd,
      env: request.env,
      detached: true,
      stdio: [request.input === undefined ? 'ignore' : 'pipe', 'pipe', request.stdoutOnly ? 'ignore' : 'pipe'],
    })
    // Who does not read what it is told ends the pipe, which is no fault.
    child.stdin?.on('error', () => child.stdin?.destroy())
    child.stdin?.end(request.input)
    if (child.pid === undefined) {
      child.once('error', notStarted)
      return { pid: Promise.resolve(null), hold: () => undefined }
    }
    // A signal that cannot be sent, for one; it ends all the same.
    child.on('error', () => undefined)
    const pipes = new Pipes(child, listener)
    child.once('exit', (exitCode, killedBy) => {
      listener.exited({ exitCode, killedBy, fault: null, error: null })
      pipes.ending()
    })
    child.once('close', () => {
      pipes.end()
      listener.closed(true)
    })
    return { pid: Promise.resolve(child.pid), hold: (held) => pipes.hold(held) }
  } catch (error) {
    queueMicrotask(() => notStarted(error))
    return { pid: Promise.resolve(null), hold: () => undefined }
  }
}

/** What a command that has begun says. */
class Pipes {
  private readonly streams: Readable[]
  private isHeld = false
  private limit: NodeJS.Timeout | undefined
  private roomBytes = Number.POSITIVE_INFINITY

  constructor({ stdout, stderr }: ChildProcess, { output }: Listener) {
    this.streams = [stdout, stderr].filter((stream) => stream !== null)
    for (const stream of this.streams) {
      stream.on('data', (chunk: Buffer) => {
        output(stream === stdout ? 'stdout' : 'stderr', chunk)
        this.roomBytes -= chunk.length
        if (this.roomBytes < 0) this.cut()
      })
    }
  }

  hold(held: boolean): void {
    this.isHeld = held
    for (const stream of this.streams) held ? stream.pause() : stream.resume()
  }

  ending(): void {
    this.roomBytes = drainBytes
    this.drain()
  }

  /** What lies in the pipes already is read first, however long this process stood still; what is held has time. */
  private drain(): void {
    this.limit = setTimeout(() => {
      if (this.isHeld) this.drain()
      else setImmediate(() => (this.isHeld ? this.drain() : this.cut()))
    }, drainMs)
  }

  end(): void {
    clearTimeout(this.limit)
  }

  private cut(): void {
    for (const stream of this.streams) stream.destroy()
  }
}
