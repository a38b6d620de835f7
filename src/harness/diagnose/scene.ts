/**
 * The look of a diagnosis: which processes are the tool's, and what they did during a short interval. It judges nothing
 * and ends nothing.
 */
import { type Clock, pause } from '../../core/clock.ts'
import type { Activity, SeenProcess, ToolActivity } from '../../core/diagnosis.ts'
import { findCommandTree } from '../../lib/command-tree.ts'
import { maskLine } from '../../lib/mask.ts'
import { ownedProcesses } from '../../lib/process.ts'
import type { OpenFile, ProcessDetail, ProcessRow } from '../../lib/process-facts.ts'
import { descendantsIn, inspectProcesses, isSame, readProcesses } from '../../lib/processes.ts'

export const processesMax = 50

/** One process of the tool at the end of the interval. */
export interface Actor {
  row: ProcessRow
  detail: ProcessDetail
  seen: SeenProcess
  /** Below the top of the tool, which is 0. */
  depth: number
  /** Was not there when the interval began. */
  isNew: boolean
  /** It read, wrote or grew during the interval. */
  moved: boolean
  /** What it read and wrote in it. */
  ioBytes: number
  /** Share of one core that it took, or would have taken from a machine with nothing else to do. */
  wantedShare: number
  hasChildren: boolean
}

export interface Scene {
  /** Parents first; the deepest of a very large tree are left out. */
  actors: readonly Actor[]
  /** The process that was started for the tool; null: it is gone. */
  top: Actor | null
  /** Share of one core that the whole tool took, ended children included. */
  cpuShare: number
  /** Processes that came and perhaps went. */
  births: number
  intervalMs: number
}

export type Looked = { kind: 'seen'; scene: Scene } | { kind: 'none' | 'ambiguous' | 'unseen' }

interface Snapshot {
  top: ProcessRow | null
  rows: readonly ProcessRow[]
  details: ReadonlyMap<number, ProcessDetail>
  at: number
}

export async function lookAt(
  activity: Activity,
  tool: ToolActivity,
  { clock, intervalMs }: { clock: Clock; intervalMs: number },
): Promise<Looked> {
  const before = await snapshot(activity, tool, clock)
  if (!('rows' in before)) return before
  await pause(clock, intervalMs)
  const after = await snapshot(activity, tool, clock)
  return 'rows' in after ? { kind: 'seen', scene: compare(before, after) } : after
}

async function snapshot(
  activity: Activity,
  tool: ToolActivity,
  clock: Clock,
): Promise<Snapshot | { kind: 'none' | 'ambiguous' | 'unseen' }> {
  const tree = (await ownedTree(activity)) ?? (await commandTree(activity, tool))
  if (tree.kind !== 'found') return tree
  const rows = tree.processes.filter((row) => row.pid !== activity.hostPid && row.pid !== process.pid)
  if (rows.length === 0) return { kind: 'none' }
  const details = await inspectProcesses(rows.slice(0, processesMax).map((row) => row.pid))
  return { top: tree.top, rows, details, at: clock.monotonic() }
}

/** Null when no mark tells: none was given, or it is the mark of the server and so of all its tools. */
async function ownedTree({ owner, hostPid }: Activity) {
  if (owner === null) return null
  const pids = new Set(ownedProcesses(owner))
  if (hostPid !== null && pids.has(hostPid)) return null
  const table = await readProcesses()
  if (!table) return null
  const owned = [...pids].flatMap((pid) => table.get(pid) ?? [])
  if (owned.length === 0) return { kind: 'none' as const }
  const tops = owned.filter((row) => !pids.has(row.ppid)).sort((a, b) => a.startedAt - b.startedAt)
  // Whoever is not below the server has lost its parent.
  const below = hostPid === null ? tops : descendantsIn(table, hostPid)
  const top = tops.find((row) => below.includes(row)) ?? null
  // Zombies have no environment, hence no mark.
  const processes = tops.flatMap((row) => [row, ...descendantsIn(table, row.pid)])
  return { kind: 'found' as const, top, processes }
}

async function commandTree({ hostPid }: Activity, { command, cwd, startedAt }: ToolActivity) {
  if (hostPid === null || command === null) return { kind: 'unseen' as const }
  return findCommandTree({ hostPid, command, cwd, startedAt })
}

function compare(before: Snapshot, after: Snapshot): Scene {
  const intervalMs = Math.max(1, after.at - before.at)
  const earlier = new Map(before.rows.map((row) => [row.pid, row]))
  const parents = new Set(after.rows.filter((row) => row.state !== 'Z').map((row) => row.ppid))
  const channels = channelsOf(after)
  const depths = new Map<number, number>()
  const actors: Actor[] = []
  let usedMs = 0
  let births = 0
  for (const row of after.rows) {
    const depth = (depths.get(row.ppid) ?? -1) + 1
    depths.set(row.pid, depth)
    const past = earlier.get(row.pid)
    const known = past && isSame(past, row) ? past : null
    // Those that came and went in between are seen in what their parent was billed for.
    if (!known || row.childrenCpuMs > known.childrenCpuMs) births++
    const cpuMs = row.cpuMs - (known?.cpuMs ?? 0)
    usedMs += cpuMs + row.childrenCpuMs - (known?.childrenCpuMs ?? 0)
    const detail = after.details.get(row.pid)
    if (!detail) continue
    const cpuShare = known ? Math.round((cpuMs / intervalMs) * 100) / 100 : null
    const ioBytes = known ? grown(before.details.get(row.pid)?.ioBytes, detail.ioBytes) : 0
    const wanted = known && grown(before.details.get(row.pid)?.wantedCpuMs, detail.wantedCpuMs)
    const wantedShare = Math.max(cpuShare ?? 0, (wanted ?? 0) / intervalMs)
    const moved = known !== null && (ioBytes > 0 || known.memoryKb !== row.memoryKb)
    const holdsPipe = (detail.files ?? []).some((file) => file.writes && channels.has(file.id))
    const seen = seenOf(row, detail, { cpuShare, holdsPipe })
    const signs = { isNew: !known, moved, ioBytes, wantedShare }
    actors.push({ row, detail, seen, depth, ...signs, hasChildren: parents.has(row.pid) })
  }
  const top = actors.find((actor) => actor.row.pid === after.top?.pid) ?? null
  return { actors, top, cpuShare: Math.max(0, usedMs) / intervalMs, births, intervalMs }
}

const grown = (before: number | null | undefined, now: number | null): number => (now ?? 0) - (before ?? now ?? 0)

/** The pipes that the tool's caller reads to their end. A socket is the pipe of Node and Bun. */
function channelsOf({ top, rows, details }: Snapshot): Set<string> {
  const filesOf = (row: ProcessRow | null): readonly OpenFile[] => (row ? (details.get(row.pid)?.files ?? []) : [])
  const outputs = (files: readonly OpenFile[]) =>
    files.filter((file) => [1, 2].includes(file.fd) && (file.kind === 'pipe' || file.kind === 'socket'))
  const own = filesOf(top)
  if (own.length > 0) return new Set(outputs(own).map((file) => file.id))
  const inner = new Set(rows.flatMap((row) => filesOf(row).filter((file) => file.fd === 0)).map((file) => file.id))
  const all = rows.flatMap((row) => outputs(filesOf(row)).map((file) => file.id))
  return new Set(all.filter((id) => !inner.has(id)))
}

function seenOf(row: ProcessRow, detail: ProcessDetail, more: Pick<SeenProcess, 'cpuShare' | 'holdsPipe'>) {
  const stdin = detail.files?.find((file) => file.fd === 0)
  const kinds = { pipe: 'pipe', socket: 'socket', terminal: 'terminal', null: 'null' } as const
  const kind = stdin ? (kinds[stdin.kind as keyof typeof kinds] ?? 'file') : detail.files ? 'closed' : 'unknown'
  const verbs = { listens: 'listens', connecting: 'connecting', connected: 'connected', other: '' } as const
  const sockets = detail.sockets
    .filter((socket) => socket.state !== 'other')
    .map((socket) => `${verbs[socket.state]} ${socket.state === 'listens' ? socket.local : socket.remote}`)
  const { pid, ppid, group, startedAt, state } = row
  const seen: SeenProcess = {
    ...{ pid, ppid, group, startedAt, state, ...more },
    waitChannel: detail.waitName,
    command: maskLine(detail.argv.join(' ') || `[${row.name}]`, 500),
    cwd: detail.cwd,
    stdin: kind,
    sockets: sockets.slice(0, 20),
  }
  return seen
}
