/** Starts the process of a command, by this process or by one that does it for it, and tells what comes of it. */
import { spawn } from 'node:child_process'

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
  /** Null when killed by a signal or never started. */
  exitCode: number | null
  killedBy: NodeJS.Signals | null
  /** Why it did not start. */
  error: string | null
}

/** `exited` and `closed` are each called once, in this order, and none before the launch has returned. */
export interface Listener {
  output(stream: 'stdout' | 'stderr', chunk: Buffer): void
  exited(exit: Exit): void
  /** No more output comes. */
  closed(): void
}

export interface Launched {
  /** Leader of a process group of its own. Null: it did not start. */
  pid: Promise<number | null>
  /** What may still come of its output is not wanted; `closed` follows. */
  drop(): void
}

export interface LaunchedHere extends Launched {
  /** Whether its output is left with it for now, until it can say no more. */
  hold(held: boolean): void
}

export type Launch = (request: LaunchRequest, listener: Listener) => Launched

let current: Launch = launchHere

/** As `launchBy` said last; by this process itself before that. */
export const launch: Launch = (request, listener) => current(request, listener)

export function launchBy(how: Launch): void {
  current = how
}

export function launchHere(request: LaunchRequest, listener: Listener): LaunchedHere {
  const [program, ...args] = request.argv
  const notStarted = (error: unknown) => {
    listener.exited({ exitCode: null, killedBy: null, error: error instanceof Error ? error.message : String(error) })
    listener.closed()
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
    child.stdout?.on('data', (chunk: Buffer) => listener.output('stdout', chunk))
    child.stderr?.on('data', (chunk: Buffer) => listener.output('stderr', chunk))
    if (child.pid === undefined) child.once('error', notStarted)
    else {
      child.once('exit', (exitCode, killedBy) => listener.exited({ exitCode, killedBy, error: null }))
      child.once('close', () => listener.closed())
      // A signal that cannot be sent, for one; it ends all the same.
      child.on('error', () => undefined)
    }
    const streams = [child.stdout, child.stderr].filter((stream) => stream !== null)
    return {
      pid: Promise.resolve(child.pid ?? null),
      hold: (held) => {
        for (const stream of streams) held ? stream.pause() : stream.resume()
      },
      drop: () => {
        for (const stream of streams) stream.destroy()
      },
    }
  } catch (error) {
    queueMicrotask(() => notStarted(error))
    return { pid: Promise.resolve(null), hold: () => undefined, drop: () => undefined }
  }
}
