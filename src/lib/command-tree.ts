/**
 * Finds the processes of one command that another program (a server, say) started: several may run in the same server,
 * so what cannot be told apart is said to be so, never guessed.
 */
import type { ProcessDetail, ProcessRow, ProcessTable } from './process-facts.ts'
import { descendantsIn, hasVariable, inspectProcesses, readProcesses } from './processes.ts'

export interface WantedCommand {
  /** What started it. */
  hostPid: number
  /** The shell line. */
  command: string
  /** Null: not known. */
  cwd: string | null
  /** Epoch ms. */
  startedAt: number
}

export type CommandTree =
  /** `top` is the process that was started for the command; null: it is gone, and these are what it left behind. */
  | { kind: 'found'; top: ProcessRow | null; processes: ProcessRow[] }
  /** All was looked at, and there is none. */
  | { kind: 'none' }
  /** Several could be it. */
  | { kind: 'ambiguous' }
  /** The processes cannot be seen from here. */
  | { kind: 'unseen' }

/** Clocks, and the time between the note of a call and its spawn. */
const earlyMs = 2_000
const lateMs = 15_000

export async function findCommandTree(wanted: WantedCommand): Promise<CommandTree> {
  const table = await readProcesses()
  if (!table?.has(wanted.hostPid)) return { kind: 'unseen' }
  const below = descendantsIn(table, wanted.hostPid)
  const running = await pick(tops(below, wanted), wanted, table)
  if (running.length > 1) return { kind: 'ambiguous' }
  const [top] = running
  const left = await leftBehind(table, new Set(below.map((row) => row.pid)), { wanted, top: top ?? null })
  if (left === 'ambiguous') return { kind: 'ambiguous' }
  if (top) return { kind: 'found', top, processes: [top, ...descendantsIn(table, top.pid), ...left] }
  return left.length > 0 ? { kind: 'found', top: null, processes: left } : { kind: 'none' }
}

/** A tool's shell is a child of the server itself, or of a process that was there before it. */
function tops(below: readonly ProcessRow[], { hostPid, startedAt }: WantedCommand): ProcessRow[] {
  const inTime = below.filter((row) => row.startedAt >= startedAt - earlyMs && row.startedAt <= startedAt + lateMs)
  const pids = new Set(inTime.map((row) => row.pid))
  return inTime.filter((row) => row.ppid === hostPid || !pids.has(row.ppid))
}

/** The best of the candidates by command line, then folder, then time; several when nothing tells them apart. */
async function pick(rows: readonly ProcessRow[], wanted: WantedCommand, table: ProcessTable): Promise<ProcessRow[]> {
  const details = await inspectProcesses(rows.map((row) => row.pid))
  const rated = rows.map((row) => ({ row, rank: rank(row, details.get(row.pid), wanted) }))
  const best = Math.max(0, ...rated.map((one) => one.rank))
  const found = rated.filter((one) => one.rank > 0 && one.rank === best).map((one) => one.row)
  if (found.length < 2) return found
  const distance = (row: ProcessRow): number => Math.abs(row.startedAt - wanted.startedAt)
  found.sort((a, b) => distance(a) - distance(b))
  const [first, second] = found
  if (!first || !second) return found
  // One shell that forked itself is one command.
  const others = found.slice(1).filter((row) => !descendantsIn(table, first.pid).includes(row))
  const clear = others.every((row) => distance(row) - distance(first) > 1_000)
  return clear ? [first] : [first, ...others]
}

/** 0: another command. A line that holds the whole command beats one that is a part of it; the folder decides. */
function rank(row: ProcessRow, detail: ProcessDetail | undefined, wanted: WantedCommand): number {
  const line = bare((detail?.argv ?? []).join(' '))
  const command = bare(wanted.command)
  const folder = wanted.cwd !== null && detail?.cwd === wanted.cwd ? 1 : 0
  // Of a zombie only its name is left.
  if (line === '') return row.state === 'Z' && command.includes(row.name) ? 1 : 0
  if (line === command || line.endsWith(`-c ${command}`)) return 8 + folder
  if (line.includes(command)) return 6 + folder
  // A shell that has but one command to run becomes that command.
  if (line.length > 2 && command.includes(line)) return 4 + folder
  const program = (detail?.argv[0] ?? '').split('/').at(-1) ?? ''
  const named = program.length > 1 && command.split(/[^\w.-]+/).includes(program)
  return named && folder === 1 ? 2 : 0
}

/** Without quotes, escapes and the width of blanks, so that a line and what became of it compare. */
const bare = (text: string): string =>
  text
    .replace(/["'\\]/g, '')
    .replace(/\s+/g, ' ')
    .trim()

interface LeftLook {
  wanted: WantedCommand
  top: ProcessRow | null
}

/**
 * What has lost its parent (`server & echo started`): out of the tree, but in the session of the shell, or with the
 * server's mark in its environment.
 */
async function leftBehind(
  table: ProcessTable,
  below: ReadonlySet<number>,
  { wanted, top }: LeftLook,
): Promise<ProcessRow[] | 'ambiguous'> {
  const strays = [...table.values()].filter(
    (row) => row.startedAt >= wanted.startedAt - earlyMs && !below.has(row.pid) && row.pid !== process.pid,
  )
  if (top) return strays.filter((row) => row.session === top.pid)
  const marked = strays.filter((row) => marksHost(row.pid, wanted.hostPid))
  const sessions = new Map<number, ProcessRow[]>()
  for (const row of marked) sessions.set(row.session, [...(sessions.get(row.session) ?? []), row])
  const details = await inspectProcesses(marked.map((row) => row.pid))
  const rated = [...sessions.values()].map((rows) => ({
    rows,
    rank: Math.max(...rows.map((row) => rank(row, details.get(row.pid), wanted))),
    startedAt: Math.min(...rows.map((row) => row.startedAt)),
  }))
  const best = Math.max(0, ...rated.map((one) => one.rank))
  const found = rated.filter((one) => one.rank > 0 && one.rank === best)
  const [first, second] = found.sort((a, b) => a.startedAt - b.startedAt)
  if (first && second && second.startedAt - first.startedAt < 1_000) return 'ambiguous'
  return first?.rows ?? []
}

/** Servers name their pid to what they start, e.g. `OPENCODE_PID`. */
const marksHost = (pid: number, hostPid: number): boolean =>
  hasVariable(pid, (name, value) => name.endsWith('_PID') && value === String(hostPid))
