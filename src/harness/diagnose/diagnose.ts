/**
 * Names why a busy session makes no progress, and ends the process that is to blame. What cannot be seen is unknown;
 * nothing is ended that was not named.
 */
import type { Clock } from '../../core/clock.ts'
import type { Activity, Diagnosis, SeenProcess } from '../../core/diagnosis.ts'
import { type Ending, endProcesses, politeSignal } from '../../lib/processes.ts'
import { type Blame, blame } from './causes.ts'
import { type Looked, lookAt, processesMax } from './scene.ts'
import { judgeTurn, judgeUnseen } from './turn.ts'
import { todos } from './words.ts'

export interface DiagnoseOptions {
  /** Of the machine: processes go on while a clock that is moved by hand stands still. */
  clock: Clock
}

export type Diagnose = (activity: Activity) => Promise<Diagnosis>

const intervalMs = 250
/** A process that burns is watched for longer before it is called so: compilers read and grow, but not at all times. */
const longIntervalMs = 1_000

export async function diagnose(activity: Activity, { clock }: DiagnoseOptions): Promise<Diagnosis> {
  const at = clock.now()
  const { tool } = activity
  const judged = judgeTurn(activity, at)
  if (judged || !tool) return { ...(judged ?? unknown), todo: todoOf(judged ?? unknown), ...nobody, at }
  let looked = await lookAt(activity, tool, { clock, intervalMs })
  let found = looked.kind === 'seen' ? blame(looked.scene, tool, at) : null
  if (found?.cause === 'spinning') {
    looked = await lookAt(activity, tool, { clock, intervalMs: longIntervalMs })
    found = looked.kind === 'seen' ? blame(looked.scene, tool, at) : null
  }
  if (!found) {
    const kind = looked.kind === 'seen' ? 'none' : looked.kind
    const unseen = judgeUnseen(activity, kind, at)
    return { ...unseen, todo: todoOf(unseen), ...nobody, at }
  }
  const { cause, text } = found
  return { cause, text, todo: todoOf(found), guilty: guiltyOf(found, activity), processes: seenIn(looked), at }
}

const unknown = { cause: 'unknown', text: 'Nothing that could be seen tells why.' } as const
const nobody = { guilty: null, processes: [] }
const todoOf = ({ cause }: Pick<Diagnosis, 'cause'>): string | null => todos[cause]

const seenIn = (looked: Looked): SeenProcess[] =>
  looked.kind === 'seen' ? looked.scene.actors.slice(0, processesMax).map((actor) => actor.seen) : []

function guiltyOf({ guilty, cause }: Blame, { hostPid }: Activity): SeenProcess | null {
  if (!guilty || cause === 'working' || [hostPid, process.pid, 1].includes(guilty.row.pid)) return null
  return guilty.seen
}

const graceMs = 1_500

/**
 * Ends the guilty process and all below it; nothing when none is named. It is asked in the way it listens to:
 * OpenCode's
 * bash tool (1.18.33) never returns when the process it started dies by a signal, only when it exits.
 */
export async function endGuilty({ guilty }: Pick<Diagnosis, 'guilty'>): Promise<Ending> {
  return guilty ? endProcesses([guilty], { first: politeSignal(guilty.pid), graceMs }) : { ended: [], left: [] }
}
