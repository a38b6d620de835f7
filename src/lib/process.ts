/**
 * Child processes with an owner: own group, scrubbed environment,
 * bounded output, and an end that takes the whole tree.
 */
import { createWriteStream, readdirSync, readFileSync, type WriteStream } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import { HeadTail } from './excerpt.ts'
import { type Exit, type Launch, type LaunchRequest, launchBeside, launchHere } from './launch.ts'

/**
 * Every process we start carries this variable and so do its descendants, setsid and double fork included. It is how
 * the rest of a tree is found when the group is not enough, and how a restarted daemon finds what a killed one left.
 */
export const ownerVariable = 'OPENLOOM_OWNER'

/** And this one: the process that started it. A daemon's successor has the same owners, but never this. */
export const hostVariable = 'OPENLOOM_HOST_PID'

export interface CommandRequest {
  /**
   * Program and arguments; never a string that something was
   * interpolated into. A shell line is `['bash', '-c', line]`.
   */
  argv: readonly [string, ...string[]]
  cwd: string
  env: Readonly<Record<string, string>>
  /** Value of the owner variable, e.g. `<daemon>/<run>`; the tree is found by it. */
  owner: string
  timeoutMs: number
  signal?: AbortSignal
  /** What it reads from stdin; absent: nothing. */
  input?: string
  /** Kept in memory: first and last half of this. */
  outputBytesMax: number
  /** The whole output goes here too, up to `spoolBytesMax`. */
  spoolPath?: string
  /** The file is made only when the output is longer than this; a short output is in the outcome whole. */
  spoolAboveBytes?: number
  onOutput?: (text: string) => void
  /** Hears what the command says on stdout alone. */
  onStdout?: (chunk: Buffer) => void
  /** For output that a program reads: what the command says on stderr is dropped. */
  stdoutOnly?: boolean
  /** Leave children that the command put in the background alive when it ends by itself. */
  keepBackground?: boolean
}

export interface CommandOutcome {
  /** Null when killed by a signal or never started. */
  exitCode: number | null
  killedBy: NodeJS.Signals | null
  ended: 'exit' | 'timeout' | 'aborted' | 'not-started'
  /** Why it did not start. */
  error: string | null
  /** stdout and stderr as they came, head and tail kept. */
  output: string
  sizeBytes: number
  /** As much of the output as the file holds, from its beginning; null: none was made. */
  spooledBytes: number | null
  sha256: string
  durationMs: number
}

export interface BesideOutcome extends Omit<CommandOutcome, 'ended'> {
  /** Lost: whoever would have told of its end has not, and nobody knows whether it began and how far it came. */
  ended: CommandOutcome['ended'] | 'lost'
  /** Why it did not start, or was lost. */
  error: string | null
}

export const spoolBytesMax = 256 * 1024 * 1024
const termGraceMs = 250
/** From its limit or abort on: whoever has not told by then that it is over does not know. */
const untoldMs = 5_000
const untold: Exit = { exitCode: null, killedBy: 'SIGKILL', fault: null, error: null }
/** Whoever has told of its end has time to tell what it said before. */
const closingMs = 30_000

/**
 * Runs to the end, the limit or the abort, and never rejects.
 * Afterwards nothing of the tree is left (see keepBackground).
 */
export async function runCommand(request: CommandRequest): Promise<CommandOutcome> {
  return (await run(request, launchHere)).outcome
}

/** The same, begun in a fraction of the time by a process beside this one, for those who can bear that it is lost. */
export async function runBeside(request: CommandRequest): Promise<BesideOutcome> {
  const { outcome, lost } = await run(request, launchBeside)
  if (lost === null || outcome.ended === 'aborted') return outcome
  return { ...outcome, exitCode: null, killedBy: null, ended: 'lost', error: lost }
}

interface Ran {
  outcome: CommandOutcome
  /** Why it is not known what became of it; null: it is. */
  lost: string | null
}

async function run(request: CommandRequest, launch: Launch): Promise<Ran> {
  const startedAt = performance.now()
  const collected = new HeadTail(request.outputBytesMax)
  const spool = request.spoolPath ? openSpool(request.spoolPath, request.spoolAboveBytes ?? 0) : null
  const keep = (chunk: Buffer) => {
    collected.push(chunk)
    spool?.write(chunk)
  }
  const { exit, ended, isWhole } = request.signal?.aborted ? neverBegun : await toItsEnd(request, launch, keep)
  const spooledBytes = (await spool?.end()) ?? null
  const outcome: CommandOutcome = {
    ...{ exitCode: exit.exitCode, killedBy: exit.killedBy, error: exit.error },
    ended: exit.fault === 'not-started' ? 'not-started' : ended,
    output: collected.text(),
    sizeBytes: collected.sizeBytes,
    spooledBytes,
    sha256: collected.sha256(),
    durationMs: Math.round(performance.now() - startedAt),
  }
  if (exit.fault === 'lost') return { outcome, lost: exit.error ?? 'its end is not known' }
  return { outcome, lost: isWhole ? null : 'nobody has told of its end, or of all that it said' }
}

interface Ended {
  exit: Exit
  ended: 'exit' | 'timeout' | 'aborted'
  /** All that it said has come. */
  isWhole: boolean
}

const neverBegun: Ended = {
  exit: { exitCode: null, killedBy: null, fault: null, error: null },
  ended: 'aborted',
  isWhole: true,
}

async function toItsEnd(request: CommandRequest, launch: Launch, keep: (chunk: Buffer) => void): Promise<Ended> {
  const [exited, closed] = [latch<Exit>(), latch<boolean>()]
  // One for each stream: a character may be cut in two by the pipe.
  const decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') }
  let isOver = false
  const launched = launch(launchOf(request), {
    output(stream, chunk) {
      if (isOver) return
      keep(chunk)
      request.onOutput?.(decoders[stream].write(chunk))
      if (stream === 'stdout') request.onStdout?.(chunk)
    },
    exited: exited.open,
    closed: closed.open,
  })
  let pid: number | undefined
  const kill = () => killTree(pid, request.owner)
  const begun = launched.pid.then((is) => {
    pid = is ?? undefined
    // Begun after it was given up.
    if (isOver) void kill()
  })
  let ended: Ended['ended'] = 'exit'
  const end = async (why: 'timeout' | 'aborted') => {
    if (ended !== 'exit') return
    ended = why
    const giveUp = setTimeout(() => {
      exited.open(untold)
      closed.open(false)
    }, untoldMs)
    void closed.opened.then(() => clearTimeout(giveUp))
    await Promise.race([begun, exited.opened])
    await kill()
  }
  const onAbort = () => void end('aborted')
  const limit = setTimeout(() => void end('timeout'), request.timeoutMs)
  request.signal?.addEventListener('abort', onAbort, { once: true })
  const exit = await exited.opened
  clearTimeout(limit)
  request.signal?.removeEventListener('abort', onAbort)
  const closing = setTimeout(() => closed.open(false), closingMs)
  const isWhole = await closed.opened
  clearTimeout(closing)
  isOver = true
  if (ended !== 'exit' || exit.fault !== null || !isWhole || !request.keepBackground) await kill()
  return { exit, ended, isWhole }
}

const launchOf = ({ argv, cwd, env, owner, input, stdoutOnly }: CommandRequest): LaunchRequest => ({
  ...{ argv, cwd, env: { ...env, [hostVariable]: `${process.pid}`, [ownerVariable]: owner } },
  ...(input === undefined ? {} : { input }),
  ...(stdoutOnly === undefined ? {} : { stdoutOnly }),
})

function latch<T>(): { opened: Promise<T>; open(value: T): void } {
  let open: (value: T) => void = () => undefined
  const opened = new Promise<T>((resolve) => {
    open = resolve
  })
  return { opened, open: (value) => open(value) }
}

interface Spool {
  write(chunk: Buffer): void
  /** When the file is written: what it holds; null: there is none. */
  end(): Promise<number | null>
}

function openSpool(path: string, aboveBytes: number): Spool {
  let stream: WriteStream | null = null
  let waiting: Buffer[] = []
  let [sizeBytes, room] = [0, spoolBytesMax]
  const open = () => {
    stream = createWriteStream(path, { mode: 0o600 })
    // A full disk costs the copy of the output, not the command.
    stream.on('error', () => {
      room = 0
    })
    return stream
  }
  if (aboveBytes === 0) open()
  return {
    write(chunk) {
      if (room <= 0) return
      sizeBytes += chunk.length
      waiting.push(chunk)
      if (!stream && sizeBytes <= aboveBytes) return
      const file = stream ?? open()
      for (const part of waiting) {
        file.write(part.subarray(0, room))
        room = Math.max(0, room - part.length)
      }
      waiting = []
    },
    end: () =>
      new Promise((resolve) => {
        if (stream) stream.end(() => resolve(stream?.bytesWritten ?? 0))
        else resolve(null)
      }),
  }
}

/** TERM to group and owned processes, KILL to what is left after a short grace. Resolves when none is left. */
export async function killTree(pid: number | undefined, owner: string): Promise<void> {
  const targets = () => new Set([...(pid && groupAlive(pid) ? [-pid] : []), ...ownedProcesses(owner)])
  let left = targets()
  if (left.size === 0) return
  for (const target of left) signalQuietly(target, 'SIGTERM')
  const deadline = performance.now() + termGraceMs
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    left = targets()
    if (left.size === 0) return
    if (performance.now() > deadline) break
  }
  for (let round = 0; round < 50 && left.size > 0; round++) {
    for (const target of left) signalQuietly(target, 'SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 10))
    left = targets()
  }
}

/** Pids whose environment names this owner (or one below it, `owner/…`). Empty where there is no /proc. */
export function ownedProcesses(owner: string): number[] {
  const wanted = `${ownerVariable}=${owner}`
  const found: number[] = []
  for (const name of procEntries()) {
    const pid = Number(name)
    if (pid === process.pid) continue
    const environment = readProc(`/proc/${name}/environ`)
    if (!environment.includes(wanted)) continue
    const mine = environment.split('\0').some((line) => line === wanted || line.startsWith(`${wanted}/`))
    if (mine && !isZombie(name)) found.push(pid)
  }
  return found
}

function procEntries(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  } catch {
    return []
  }
}

/** Empty for a process that is gone or not ours. */
function readProc(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

const isZombie = (pid: string): boolean => /^State:\s+Z/m.test(readProc(`/proc/${pid}/status`))

function groupAlive(pid: number): boolean {
  try {
    process.kill(-pid, 0)
  } catch {
    return false
  }
  // A group of nothing but zombies still answers; on Linux we can tell, elsewhere the round limit ends the wait.
  const members = procEntries().filter((name) => readProc(`/proc/${name}/stat`).includes(`) `) && groupOf(name) === pid)
  return members.length === 0 ? procEntries().length === 0 : members.some((name) => !isZombie(name))
}

function groupOf(pid: string): number {
  const stat = readProc(`/proc/${pid}/stat`)
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2])
}

export function signalQuietly(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal)
  } catch (error) {
    // Gone already is what was wanted; EPERM is a process that changed its user and is beyond us.
    if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

const inherited = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR']

/** The environment a child gets: an allow-list of the daemon's own, plus names that the configuration adds. */
export function childEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  alsoNames: readonly string[] = [],
): Record<string, string> {
  const env: Record<string, string> = {
    TERM: 'dumb',
    NO_COLOR: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_PAGER: 'cat',
    PAGER: 'cat',
  }
  for (const name of [...inherited, ...alsoNames]) {
    const value = own[name]
    if (value !== undefined) env[name] = value
  }
  return env
}
