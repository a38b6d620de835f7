/** Ends a turn and proves that it ended: the status is clear and no process of its tools is left. */
import { type Clock, pause } from '../../core/clock.ts'
import { findCommandTree } from '../../lib/command-tree.ts'
import type { ProcessId } from '../../lib/process-facts.ts'
import { endProcesses } from '../../lib/processes.ts'
import type { Board } from './board.ts'
import type { Live } from './follower.ts'
import type { Known } from './known.ts'
import type { RemoteTool } from './remote.ts'

export interface AbortDeps {
  live: Live
  board: Board
  clock: Clock
  /** The server's process; null: its tools' processes cannot be seen. */
  hostPid: number | null
}

const clearMs = 5_000
/** A cold folder begins its turn seconds after it accepted the prompt (seen up to 5 s). */
const beginMs = 10_000
const lookMs = 40
const againMs = 250

/** `awaited`: message of a prompt whose turn may begin only now. Bounded; whether it worked is for the next look. */
export async function abortTurn(known: Known, awaited: string | null, deps: AbortDeps): Promise<void> {
  const { live, board, clock, hostPid } = deps
  // Seen before: what ignores the server's TERM loses its parent and could not be found afterwards.
  const processes = hostPid === null ? [] : await processesOf(known, { live, board, hostPid })
  await live.dialect.abort({ id: known.session.id, workspace: known.session.workspace })
  let saidAt = clock.monotonic()
  const deadline = saidAt + (awaited ? beginMs : clearMs)
  let begun = awaited === null
  // The first idle comes before the abort has settled: the server is asked, too.
  while (clock.monotonic() < deadline) {
    // In this order: a turn that begins between the two questions would look as if it were over.
    begun ||= await hasAnswer(known, awaited, live)
    const clear = await isClear(known, { live, board })
    begun ||= clear === false
    if (clear && begun) break
    if (clear === false && awaited && clock.monotonic() - saidAt > againMs) {
      await live.dialect.abort({ id: known.session.id, workspace: known.session.workspace })
      saidAt = clock.monotonic()
    }
    await pause(clock, lookMs)
  }
  // The server has asked them already.
  if (processes.length > 0) await endProcesses(processes, { graceMs: 50 })
}

/** Null: the server did not say. */
async function isClear(
  { session }: Known,
  { live, board }: Pick<AbortDeps, 'live' | 'board'>,
): Promise<boolean | null> {
  const statuses = await live.dialect.statuses(session.workspace)
  if (!statuses.ok) return null
  board.replaceStatuses(session.workspace, statuses.value)
  return board.treeOf(session.id).every((one) => !statuses.value.has(one.session.id))
}

async function hasAnswer({ session }: Known, messageId: string | null, { dialect }: Live): Promise<boolean> {
  const read = await dialect.messages(session.id, { before: null, limit: 4 })
  return read.ok && read.value.entries.some(({ message }) => message.parentId === messageId)
}

async function processesOf(
  known: Known,
  { live, board, hostPid }: Pick<AbortDeps, 'live' | 'board'> & { hostPid: number },
): Promise<ProcessId[]> {
  const found: ProcessId[] = []
  for (const one of board.treeOf(known.session.id)) {
    for (const { command, startedAt, cwd } of await runningTools(one, live)) {
      if (!command || startedAt === null) continue
      const tree = await findCommandTree({ hostPid, command, cwd: cwd ?? one.session.workspace, startedAt })
      if (tree.kind === 'found') found.push(...tree.processes)
    }
  }
  return found
}

/** The board knows the last one that was told of; several may run at once, and the telling may be on its way. */
async function runningTools({ session, tool }: Known, { dialect }: Live): Promise<RemoteTool[]> {
  const read = await dialect.messages(session.id, { before: null, limit: 2 })
  const parts = read.ok ? read.value.entries.flatMap((entry) => entry.parts) : []
  const running = parts.flatMap(({ what }) =>
    what.kind === 'tool' && what.tool.state === 'running' ? [what.tool] : [],
  )
  return tool && running.every(({ callId }) => callId !== tool.callId) ? [...running, tool] : running
}
