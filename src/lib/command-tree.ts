/**
 * Finds the processes of one command that another program (a server, say) started: several may run in the same server,
 * so what cannot be told apart is said to be so, never guessed.
 */
import type { ProcessDetail, ProcessRow } from './process-facts.ts'
import { descendantsIn, hasVariable, inspectProcesses, readProcesses, seesOrphans } from './processes.ts'

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

/** Clocks differ a little. There is no upper limit: a call may wait for a permission before it starts its command. */
const earlyMs = 2_000
/** Of two that look the same the one that began with the call is taken, if the other one clearly did not. */
const nearMs = 3_000
const apartMs = 1_000

export async function findCommandTree(wanted: WantedCommand): Promise<CommandTree> {
  const table = await readProcesses()
  if (!table?.has(wanted.hostPid)) return { kind: 'unseen' }
  const below = descendantsIn(table, wanted.hostPid)
  const top = await runningTop(below, wanted)
  if (top === 'ambiguous') return { kind: 'ambiguous' }
  const strays = [...table.values()].filter(
    (row) => row.startedAt >= wanted.startedAt - earlyMs && !below.includes(row) && row.pid !== process.pid,
  )
  if (top) {
    const left = strays.filter((row) => row.session === top.pid)
    return { kind: 'found', top, processes: [top, ...descendantsIn(table, top.pid), ...left] }
  }
  const left = await leftBehind(strays, wanted)
  if (left === 'ambiguous') return { kind: 'ambiguous' }
  if (left) return { kind: 'found', top: null, processes: left }
  if (await mayHide(below, wanted)) return { kind: 'ambiguous' }
  return { kind: seesOrphans ? 'none' : 'unseen' }
}

/** A tool's shell is a child of the server itself, or of a process that was there before it. */
async function runningTop(below: readonly ProcessRow[], wanted: WantedCommand) {
  const tops = topsOf(below, wanted)
  const details = await inspectProcesses(tops.map((row) => row.pid))
  return choose(
    tops.map((row) => ({ is: row, startedAt: row.startedAt, rank: rankOfTop(row, details.get(row.pid), wanted) })),
    wanted,
  )
}

function topsOf(below: readonly ProcessRow[], { hostPid, startedAt }: WantedCommand): ProcessRow[] {
  const inTime = below.filter((row) => row.startedAt >= startedAt - earlyMs)
  const pids = new Set(inTime.map((row) => row.pid))
  return inTime.filter((row) => row.ppid === hostPid || !pids.has(row.ppid))
}

/** A command that is written with variables runs under another line: one of these could be it, but nobody knows. */
async function mayHide(below: readonly ProcessRow[], wanted: WantedCommand): Promise<boolean> {
  const words = bare(wanted.command).split(/[^\w.-]+/)
  const near = topsOf(below, wanted).filter((row) => Math.abs(row.startedAt - wanted.startedAt) < nearMs)
  const details = await inspectProcesses(near.map((row) => row.pid))
  return near.some((row) => words.includes(lineOf(details.get(row.pid)).split(' ')[0] ?? ''))
}

interface Candidate<T> {
  is: T
  startedAt: number
  /** 0: it is another command's. */
  rank: number
}

function choose<T>(candidates: readonly Candidate<T>[], wanted: WantedCommand): T | 'ambiguous' | null {
  const best = Math.max(0, ...candidates.map((one) => one.rank))
  const distance = (one: Candidate<T>): number => Math.abs(one.startedAt - wanted.startedAt)
  const found = candidates.filter((one) => one.rank > 0 && one.rank === best).sort((a, b) => distance(a) - distance(b))
  const [first, second] = found
  if (!first || !second) return first?.is ?? null
  return distance(first) < nearMs && distance(second) - distance(first) > apartMs ? first.is : 'ambiguous'
}

const shareOfLine = 0.3

/** A line that is the command beats one that holds it, and that one what the command became; the folder decides. */
function rankOfTop(row: ProcessRow, detail: ProcessDetail | undefined, wanted: WantedCommand): number {
  const line = lineOf(detail)
  const command = bare(wanted.command)
  const folder = wanted.cwd !== null && detail?.cwd === wanted.cwd ? 1 : 0
  if (line === '') {
    // Of a zombie only its name is left.
    const near = Math.abs(row.startedAt - wanted.startedAt) < nearMs
    return row.state === 'Z' && near && command.split(/[^\w.-]+/).includes(row.name) ? 1 : 0
  }
  if (line === command || line.endsWith(` -c ${command}`)) return 8 + folder
  // Some servers put a start of their own before it.
  if (line.includes(command) && command.length > line.length * shareOfLine) return 6 + folder
  // A shell becomes the last program that it has to run.
  return line.length > 2 && withoutRedirects(command).endsWith(line) ? 4 + folder : 0
}

/** The program without its folder, which a search path or a version switch put there. */
function lineOf(detail: ProcessDetail | undefined): string {
  const [program = '', ...args] = detail?.argv ?? []
  return bare([program.split('/').at(-1) ?? '', ...args].join(' '))
}

/** Without quotes, escapes and the width of blanks, so that a line and what became of it compare. */
const bare = (text: string): string =>
  text
    .slice(0, 10_000)
    .replace(/["'\\]/g, '')
    .replace(/\s+/g, ' ')
    .trim()

const withoutRedirects = (command: string): string => command.replace(/(?: \d?>>?&? ?[^ ]+| <[^ ]*)+$/, '')

/**
 * What has lost its parent (`server & echo started`): out of the tree, but with the server's mark in its environment,
 * and once written in the command.
 */
async function leftBehind(strays: readonly ProcessRow[], wanted: WantedCommand) {
  const marked = strays.filter((row) => marksHost(row.pid, wanted.hostPid))
  const details = await inspectProcesses(marked.map((row) => row.pid))
  const command = bare(wanted.command)
  const rank = (row: ProcessRow): number => {
    const line = lineOf(details.get(row.pid))
    return line.length > 2 && command.includes(line) ? 1 + (details.get(row.pid)?.cwd === wanted.cwd ? 1 : 0) : 0
  }
  const sessions = new Map<number, ProcessRow[]>()
  for (const row of marked) sessions.set(row.session, [...(sessions.get(row.session) ?? []), row])
  const candidates = [...sessions.values()].map((rows) => ({
    is: rows,
    startedAt: Math.min(...rows.map((row) => row.startedAt)),
    rank: Math.max(...rows.map(rank)),
  }))
  return choose(candidates, wanted)
}

/** Servers name their pid to what they start, e.g. `OPENCODE_PID`. */
const marksHost = (pid: number, hostPid: number): boolean =>
  hasVariable(pid, (name, value) => name.endsWith('_PID') && value === String(hostPid))
