/** What a task did, as lines: files that it changed, and processes that it waits for, each below its parent. Pure. */
import type { SeenProcess } from '../../../src/core/diagnosis.ts'
import type { FileDiff } from '../../../src/core/session.ts'
import { type DiffLine, diffLines } from './diff.ts'
import { languageOf } from './highlight.ts'

export type WorkLine = { kind: 'file'; file: FileDiff } | { kind: 'line'; line: DiffLine; lang: string }

/** All files in one list, for a view that draws only what is looked at. */
export function workLines(files: readonly FileDiff[]): WorkLine[] {
  return files.flatMap((file): WorkLine[] => {
    const lang = languageOf(file.path)
    const { lines } = file.patch ? diffLines(file.patch, Number.POSITIVE_INFINITY) : { lines: [] }
    return [{ kind: 'file', file }, ...lines.map((line) => ({ kind: 'line' as const, line, lang }))]
  })
}

export interface Branch {
  process: SeenProcess
  depth: number
}

const depthMax = 12

/** Parents first, as they were seen; a parent that was not seen makes its child a root. */
export function processTree(processes: readonly SeenProcess[]): Branch[] {
  const known = new Set(processes.map(({ pid }) => pid))
  const below = (parent: number | null) =>
    processes.filter(({ ppid }) => (parent === null ? !known.has(ppid) : ppid === parent))
  const found: Branch[] = []
  const seen = new Set<number>()
  const walk = (parent: number | null, depth: number) => {
    for (const process of below(parent)) {
      if (seen.has(process.pid)) continue
      seen.add(process.pid)
      found.push({ process, depth: Math.min(depth, depthMax) })
      walk(process.pid, depth + 1)
    }
  }
  walk(null, 0)
  // What is its own ancestor was seen while it changed; it is shown all the same.
  for (const process of processes) if (!seen.has(process.pid)) found.push({ process, depth: 0 })
  return found
}

/** What a process is doing, from what was measured of it. */
export function processWords({ state, cpuShare, waitChannel, stdin, sockets, holdsPipe }: SeenProcess): string {
  const words = [
    { R: 'runs', S: 'sleeps', D: 'waits for a disk', T: 'is stopped', Z: 'has ended, nobody noticed' }[state] ?? '',
    cpuShare === null ? '' : `${Math.round(cpuShare * 100)} % of a core`,
    waitChannel && waitChannel !== '0' ? `in ${waitChannel}` : '',
    stdin === 'terminal' ? 'reads a terminal' : '',
    holdsPipe ? 'holds the pipe of the tool open' : '',
    ...sockets,
  ]
  return words.filter(Boolean).join(', ')
}
