/**
 * The process table, and what single processes wait for, as far as the system tells. Reads; its only deed is to end
 * processes that are named by pid and start time, so that a pid that was given out again is never hit.
 */
import { constants } from 'node:os'
import * as linux from './proc.ts'
import { signalQuietly } from './process.ts'
import type { ProcessDetail, ProcessId, ProcessRow, ProcessTable } from './process-facts.ts'
import * as unix from './ps.ts'

const isLinux = process.platform === 'linux'

/** Null where it cannot be read. */
export async function readProcesses(): Promise<ProcessTable | null> {
  return isLinux ? linux.readTable() : unix.readTable()
}

/** Those that are gone, or belong to somebody else, are missing. */
export async function inspectProcesses(pids: readonly number[]): Promise<ReadonlyMap<number, ProcessDetail>> {
  return isLinux ? linux.inspect(pids) : unix.inspect(pids)
}

/** Orphans of a command are found by their environment. */
export const seesOrphans = isLinux

/** Whether a variable in the environment of the process fits. False where environments cannot be read. */
export function hasVariable(pid: number, fits: (name: string, value: string) => boolean): boolean {
  return isLinux && linux.hasVariable(pid, fits)
}

/** The process, of our own user, that listens on this port of the loopback; the oldest of those that share it. */
export async function listenerOf(port: number): Promise<number | null> {
  const pids = isLinux ? linux.listenersOf(port) : await unix.listenersOf(port)
  const table = await readProcesses()
  const known = pids.flatMap((pid) => table?.get(pid) ?? [])
  known.sort((a, b) => a.startedAt - b.startedAt)
  return known[0]?.pid ?? null
}

/** All below `pid`, parents before children, itself not among them. */
export function descendantsIn(table: ProcessTable, pid: number): ProcessRow[] {
  const byParent = new Map<number, ProcessRow[]>()
  for (const row of table.values()) {
    const siblings = byParent.get(row.ppid)
    if (siblings) siblings.push(row)
    else byParent.set(row.ppid, [row])
  }
  const found: ProcessRow[] = []
  const seen = new Set([pid])
  for (let at = [pid]; at.length > 0; ) {
    const next = at.flatMap((parent) => byParent.get(parent) ?? []).filter((row) => !seen.has(row.pid))
    for (const row of next) seen.add(row.pid)
    found.push(...next)
    at = next.map((row) => row.pid)
  }
  return found
}

export async function descendantsOf(pid: number): Promise<ProcessRow[]> {
  const table = await readProcesses()
  return table ? descendantsIn(table, pid) : []
}

const polite = ['SIGTERM', 'SIGINT'] as const

/** The signal by which it ends with an exit code of its own, as far as can be seen. */
export function politeSignal(pid: number): NodeJS.Signals {
  return caught(pid) ?? 'SIGTERM'
}

/** Whether it can only be ended from outside, without an exit code of its own. False where that cannot be seen. */
export const diesOnlyBySignal = (pid: number): boolean => isLinux && caught(pid) === undefined

const caught = (pid: number): NodeJS.Signals | undefined =>
  polite.find((signal) => isLinux && linux.catches(pid, constants.signals[signal]))

const graceMs = 400
const killMs = 2_000
const lookMs = 15

export interface Ending {
  ended: ProcessId[]
  /** Still alive: another user's, or stuck in the kernel. */
  left: ProcessId[]
}

export interface EndOptions {
  /** Sent before TERM. */
  first?: NodeJS.Signals
  /** For each signal but the last. */
  graceMs?: number
}

/**
 * Ends these processes and all below them, also what they start meanwhile: TERM, and KILL after a short grace. Zombies
 * count as ended.
 */
export async function endProcesses(list: readonly ProcessId[], options: EndOptions = {}): Promise<Ending> {
  const { first = 'SIGTERM', graceMs: grace = graceMs } = options
  const gentle = [...new Set<NodeJS.Signals>([first, 'SIGTERM'])].map((signal) => [signal, grace] as const)
  const named = new Map(list.filter(mayEnd).map((id) => [id.pid, id]))
  const ended = new Map<number, ProcessId>()
  let left = await stillAlive(named)
  // Who cannot look must not shoot.
  if (!left) return { ended: [], left: [...named.values()] }
  for (const [signal, limitMs] of [...gentle, ['SIGKILL', killMs] as const]) {
    const deadline = performance.now() + limitMs
    const told = new Set<number>()
    while (left.length > 0 && performance.now() < deadline) {
      for (const row of left) {
        ended.set(row.pid, row)
        // A child that was forked meanwhile is told too; TERM twice would cut short who is ending.
        if (signal === 'SIGKILL' || !told.has(row.pid)) signalQuietly(row.pid, signal)
        told.add(row.pid)
      }
      await new Promise((resolve) => setTimeout(resolve, lookMs))
      left = (await stillAlive(named)) ?? left
    }
  }
  const alive = new Set(left.map((row) => row.pid))
  const plain = ({ pid, startedAt }: ProcessId): ProcessId => ({ pid, startedAt })
  return { ended: [...ended.values()].filter((id) => !alive.has(id.pid)).map(plain), left: left.map(plain) }
}

const mayEnd = (id: ProcessId): boolean => id.pid > 1 && id.pid !== process.pid

/** Those of the named that are the same still, and all below them; both are named from now on. Null: unseen. */
async function stillAlive(named: Map<number, ProcessId>): Promise<ProcessRow[] | null> {
  const table = await readProcesses()
  if (!table) return null
  const same = [...named.values()].flatMap((id) => {
    const row = table.get(id.pid)
    return row && isSame(row, id) ? [row] : []
  })
  const all = new Map(same.map((row) => [row.pid, row]))
  for (const top of same) for (const row of descendantsIn(table, top.pid)) if (mayEnd(row)) all.set(row.pid, row)
  for (const row of all.values()) named.set(row.pid, row)
  return [...all.values()].filter((row) => row.state !== 'Z' && row.state !== 'X')
}

export const isSame = (a: ProcessId, b: ProcessId): boolean => a.pid === b.pid && a.startedAt === b.startedAt
