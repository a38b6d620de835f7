/** A child that hangs, with children of its own that left its group: once as the agent's command, once as a check. */
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf } from '../../lib/files.ts'
import type { ProcessRow } from '../../lib/process-facts.ts'
import { endProcesses, readProcesses } from '../../lib/processes.ts'
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
    const workspace = await stage.repository('hung-child', {})
    const folder = dirname(workspace)
    const files = [join(folder, 'pids'), join(folder, 'check-pids')] as const
    // Whatever becomes of the drill, they do not stay.
    stage.onClose(async () => void (await endProcesses(await alive(files))))
    const hanging = { kind: 'command', run: hangingLine(`'${files[1]}'`), timeout_seconds: checkSeconds }
    const checks = ['file: out.txt', hanging]
    const { attempts } = await stage.play({
      part: 'hung-child',
      workspace,
      checks,
      more: { checkout: false },
      limitMs: taskMs,
    })
    const { verdict, checks: records = [] } = attempts.at(-1) ?? {}
    const started = (await Promise.all(files.map(pidsIn))).flat().length
    if ((await readProcesses()) === null) return untried('The processes of this machine cannot be listed.')
    if (started < 4) return untried('The hanging commands were not started.')
    const left = await leftOver(stage, files)
    if (left.length > 0) return missed(`${left.length} of ${started} processes still run: ${left.join(', ')}.`)
    if (records[0]?.outcome !== 'pass') return missed('The agent never got past the command that hung.')
    if (records[1]?.outcome === 'pass' || verdict?.startsWith('verified')) {
      return missed(`A check that never ended passes; the verdict is ${verdict}.`)
    }
    return caught(`ended at their limit, all ${started} processes with them; the verdict is ${verdict}.`)
  },
}

async function leftOver(stage: Stage, files: readonly string[]): Promise<string[]> {
  const gone = await stage.until(async () => ((await alive(files)).length === 0 ? true : null), goneMs)
  return gone ? [] : (await alive(files)).map(({ pid, name }) => `${name} (${pid})`)
}

const hangers = ['sleep', 'tail', 'bash', 'sh']

/** Only what a hanging line can have started: a pid may have been given out again. */
async function alive(files: readonly string[]): Promise<ProcessRow[]> {
  const table = (await readProcesses()) ?? new Map<number, ProcessRow>()
  const pids = (await Promise.all(files.map(pidsIn))).flat()
  return pids.flatMap((pid) => {
    const row = table.get(pid)
    return row && row.state !== 'Z' && hangers.includes(row.name) ? [row] : []
  })
}

async function pidsIn(file: string): Promise<number[]> {
  try {
    const lines = (await readFile(file, 'utf8')).trim().split('\n')
    return lines.map(Number).filter((pid) => Number.isInteger(pid) && pid > 1)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}
