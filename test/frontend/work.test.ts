/** What a task did, as lines: files one after the other, processes below their parents. */
import { describe, expect, it } from 'vitest'
import { processTree, processWords, workLines } from '../../frontend/src/model/work.ts'
import type { SeenProcess } from '../../src/core/diagnosis.ts'

const seen = (pid: number, ppid: number, part: Partial<SeenProcess> = {}): SeenProcess => ({
  ...{ pid, ppid, group: pid, startedAt: 0, state: 'S', cpuShare: null, waitChannel: '', command: `p${pid}` },
  ...{ cwd: '/w', stdin: 'null', sockets: [], holdsPipe: false },
  ...part,
})

describe('processes', () => {
  it('stand below their parents, and one without a parent is a root', () => {
    const tree = processTree([seen(1, 99), seen(3, 2), seen(2, 1), seen(7, 98)])
    expect(tree.map(({ process, depth }) => [process.pid, depth])).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
      [7, 0],
    ])
  })
  it('that are their own ancestors are shown once each', () => {
    expect(processTree([seen(1, 2), seen(2, 1), seen(3, 3)]).map(({ process }) => process.pid)).toEqual([1, 2, 3])
  })
  it('say what was measured, and nothing that was not', () => {
    const busy = seen(1, 0, { state: 'R', cpuShare: 0.98, sockets: ['connecting 10.0.0.7:443'], holdsPipe: true })
    const words = 'runs, 98 % of a core, holds the pipe of the tool open, connecting 10.0.0.7:443'
    expect(processWords(busy)).toBe(words)
    expect(processWords(seen(1, 0, { state: '?' }))).toBe('')
  })
})

describe('a diff of many files', () => {
  it('is one list, each file under its name', () => {
    const patch = '--- a/a.ts\n+++ b/a.ts\n@@ -1 +1 @@\n-const a = 1\n+const a = 2\n'
    const file = { path: 'src/a.ts', status: 'changed' as const, additions: 1, deletions: 1, patch }
    const lines = workLines([file, { ...file, path: 'logo.png', patch: '' }])
    expect(lines.map((line) => (line.kind === 'file' ? line.file.path : `${line.lang} ${line.line.text}`))).toEqual([
      ...['src/a.ts', 'ts @@ -1 +1 @@', 'ts -const a = 1', 'ts +const a = 2', 'logo.png'],
    ])
  })
})
