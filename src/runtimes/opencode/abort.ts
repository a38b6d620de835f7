/** Ends a turn and proves that it ended: the status is clear and no process of its tools is left. */
import { type Clock, pause } from '../../core/clock.ts'
import { findCommandTree } from '../../lib/command-tree.ts'
import type { ProcessId } from '../../lib/process-facts.ts'
import { endProcesses } from '../../lib/processes.ts'
import type { Board, Known } from './board.ts'
import type { Live } from './follower.ts'

export interface AbortDeps {
  live: Live
  board: Board
  clock: Clock
  /** The server's process; null: its tools' processes cannot be seen. */
  hostPid: number | null
}

const clearMs = 5_000
const lookMs = 40

/** Bounded; whether it worked is for the next look to say. */
export async function abortTurn(known: Known, { live, board, clock, hostPid }: AbortDeps): Promise<void> {
  // Seen before: what ignores the server's TERM loses its parent and could not be found afterwards.
  const processes = hostPid === null ? [] : await processesOf(known, board, hostPid)
  await live.dialect.abort({ id: known.session.id, workspace: known.session.workspace })
  const deadline = clock.monotonic() + clearMs
  // The first idle comes before the abort has settled: the server is asked, too.
  for (;;) {
    const statuses = await live.dialect.statuses(known.session.workspace)
    if (statuses.ok) {
      board.replaceStatuses(known.session.workspace, statuses.value)
      if (board.treeOf(known.session.id).every((one) => !statuses.value.has(one.session.id))) break
    }
    if (clock.monotonic() > deadline) break
    await pause(clock, lookMs)
  }
  // The server has asked them already.
  if (processes.length > 0) await endProcesses(processes, { graceMs: 50 })
}

async function processesOf(known: Known, board: Board, hostPid: number): Promise<ProcessId[]> {
  const found: ProcessId[] = []
  for (const { tool, session } of board.treeOf(known.session.id)) {
    if (!tool?.command || tool.startedAt === null) continue
    const { command, startedAt } = tool
    const tree = await findCommandTree({ hostPid, command, cwd: tool.cwd ?? session.workspace, startedAt })
    if (tree.kind === 'found') found.push(...tree.processes)
  }
  return found
}
