/** A child that hangs, with children of its own that left its group: once as the agent's command, once as a check. */
import { readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../../lib/files.ts'
import type { ProcessRow } from '../../lib/process-facts.ts'
import { endProcesses, inspectProcesses, readProcesses } from '../../lib/processes.ts'
import { hangingLine } from '../../sample/drill.ts'
import { caught, missed, untried } from './finding.ts'
import type { DrillItem } from './item.ts'
import type { Stage } from './stage.ts'

const checkSeconds = 2
const goneMs = 5_000
/** It takes a tenth of that; a daemon that cannot end a command waits for ever. */
const taskMs = 30_000

export const hungChild: DrillItem = {
  name: 'hung-child',
  injects: 'a hung child',
  expects: 'it is ended at its limit with all that it started, and proves nothing',
  async run(stage) {
    const workspace = await realpath(await stage.repository('hung-child', {}))
    // Whatever becomes of the drill, they do not stay.
    stage.onClose(async () => void (await endProcesses(await aliveIn(workspace))))
    const hanging = { kind: 'command', run: hangingLine('check-pids'), timeout_seconds: checkSeconds }
    const checks = ['file: out.txt', hanging]
    const { attempts } = await stage.play({
      part: 'hung-child',
      workspace,
      checks,
      more: { checkout: false },
      limitMs: taskMs,
    })
    const { verdict, checks: records = [] } = attempts.at(-1) ?? {}
    const files = ['pids', 'check-pids'].map((name) => join(workspace, name))
    const started = (await Promise.all(files.map(linesIn))).reduce((sum, count) => sum + count, 0)
    if ((await readProcesses()) === null) return untried('The processes of this machine cannot be listed.')
    if (started < 4) return untried('The hanging commands were not started.')
    const left = await leftOver(stage, workspace)
    if (left.length > 0) return missed(`${left.length} of ${started} processes still run: ${left.join(', ')}.`)
    if (records[0]?.outcome !== 'pass') return missed('The agent never got past the command that hung.')
    if (records[1]?.outcome === 'pass' || verdict?.startsWith('verified')) {
      return missed(`A check that never ended passes; the verdict is ${verdict}.`)
    }
    return caught(`ended at their limit, all ${started} processes with them; the verdict is ${verdict}.`)
  },
}

async function leftOver(stage: Stage, workspace: string): Promise<string[]> {
  const gone = await stage.until(async () => ((await aliveIn(workspace)).length === 0 ? true : null), goneMs)
  return gone ? [] : (await aliveIn(workspace)).map(({ pid, name }) => `${name} (${pid})`)
}

const hangers = ['sleep', 'tail', 'bash', 'sh']

/** By name and folder: in a sandbox a process does not know the number that it has outside. */
async function aliveIn(workspace: string): Promise<ProcessRow[]> {
  const table = (await readProcesses()) ?? new Map<number, ProcessRow>()
  const rows = [...table.values()].filter(({ name, state }) => state !== 'Z' && hangers.includes(name))
  const details = await inspectProcesses(rows.map(({ pid }) => pid))
  return rows.filter(({ pid }) => details.get(pid)?.cwd === workspace)
}

async function linesIn(file: string): Promise<number> {
  try {
    return (await readFile(file, 'utf8')).trim().split('\n').length
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0
    throw error
  }
}
