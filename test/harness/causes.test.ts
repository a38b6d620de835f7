import { describe, expect, it } from 'vitest'
import type { Cause, ToolActivity } from '../../src/core/diagnosis.ts'
import { blame } from '../../src/harness/diagnose/causes.ts'
import type { Actor, Scene } from '../../src/harness/diagnose/scene.ts'
import type { OpenFile, ProcessDetail, ProcessRow } from '../../src/lib/process-facts.ts'

const now = 1_000_000_000
const tool: ToolActivity = {
  ...{ sessionId: 's', callId: 'c', name: 'bash', command: 'go', cwd: '/w', startedAt: now - 360_000 },
  ...{ outputBytes: 0, outputTail: '', lastOutputAt: null },
}

interface Part {
  row?: Partial<ProcessRow>
  detail?: Partial<ProcessDetail>
  actor?: Partial<Actor>
  cpuShare?: number
}

const file = (fd: number, part: Partial<OpenFile> = {}): OpenFile => ({
  ...{ fd, kind: 'pipe', id: `pipe:[${fd}]`, path: '', reads: fd === 0, writes: fd > 0, watches: [] },
  ...part,
})

/** Processes one below the other, the first started by the server. */
function sceneOf(...parts: Part[]): Scene {
  const actors = parts.map(({ row, detail, actor, cpuShare = 0 }, depth): Actor => {
    const pid = 100 + depth
    const id = { pid, ppid: pid - 1, group: 100, startedAt: now - 300_000 }
    const argv = detail?.argv ?? [`p${depth}`]
    return {
      row: { ...id, session: 100, state: 'S', name: 'p', cpuMs: 0, childrenCpuMs: 0, memoryKb: 1, ...row },
      detail: {
        ...{ pid, argv, cwd: '/w', wait: 'unknown', waitFd: null, waitName: '', files: [], sockets: [] },
        ...{ lock: null, ioBytes: null, wantedCpuMs: null, ...detail },
      },
      seen: {
        ...{ ...id, state: 'S', cpuShare, waitChannel: '', command: argv.join(' '), cwd: '/w', stdin: 'null' },
        ...{ sockets: [], holdsPipe: false },
      },
      ...{
        depth,
        isNew: false,
        moved: false,
        ioBytes: 0,
        wantedShare: cpuShare,
        hasChildren: depth < parts.length - 1,
        ...actor,
      },
    }
  })
  const cpuShare = parts.reduce((sum, part) => sum + (part.cpuShare ?? 0), 0)
  return { actors, top: actors[0] ?? null, cpuShare, births: 0, intervalMs: 250 }
}

const listens = { state: 'listens' as const, local: '127.0.0.1:3000', remote: '' }
const connected = { state: 'connected' as const, local: '127.0.0.1:5', remote: '10.0.0.7:5432' }
const shell: Part = { row: { name: 'bash' }, detail: { wait: 'child' } }
const input = file(0, { id: 'pipe:[7]' })

describe('the cause of a hang', () => {
  it.each<[string, Part[], Cause, number | null]>([
    // Where the system hides what is waited for (ptrace restricted, macOS).
    ['a server, seen only by its port', [{}, { detail: { sockets: [listens] } }], 'serving', 101],
    ['a server with a child', [{ detail: { sockets: [listens] } }, {}], 'serving', 100],
    ['a client, seen only by its socket', [{}, { detail: { sockets: [connected] } }], 'network', 101],
    ['a sleep, seen only by its name', [{}, { row: { name: 'sleep' } }], 'sleeping', 101],
    ['a reader, seen only by its input', [{ detail: { files: [input] } }], 'input', 100],
    ['nothing that tells', [{}], 'unknown', 100],
    // Where it tells.
    ['a server that reads its keyboard too', [{ detail: { wait: 'poll', sockets: [listens] } }], 'serving', 100],
    ['a watcher of files', [{ detail: { wait: 'poll', files: [file(4, { kind: 'inotify' })] } }], 'serving', 100],
    [
      'a program that is told of input',
      [{ detail: { wait: 'poll', files: [input, file(5, { kind: 'epoll', watches: [0] })] } }],
      'input',
      100,
    ],
    ['a thread that waits for another', [shell, { detail: { wait: 'futex' } }], 'lock', 101],
    ['a connection that is being made', [shell, { detail: { wait: 'connect' } }], 'network', 101],
    ['a parent that was told to pause', [{ detail: { wait: 'signal' } }, { detail: { wait: 'futex' } }], 'lock', 101],
    ['a stopped process', [shell, { row: { state: 'T' } }], 'unknown', 101],
    ['a download', [shell, { actor: { ioBytes: 90_000, moved: true } }], 'working', null],
    ['a compiler', [shell, { cpuShare: 0.98, actor: { moved: true } }], 'working', null],
    ['a loop', [shell, { cpuShare: 0.98 }], 'spinning', 101],
    ['a loop on a busy machine', [shell, { cpuShare: 0.3, actor: { wantedShare: 0.97 } }], 'spinning', 101],
    ['one that uses a part of a core', [shell, { cpuShare: 0.3 }], 'working', null],
    ['two loops', [{ cpuShare: 0.9 }, { cpuShare: 0.9 }], 'spinning', 101],
    ['a disk that does not answer', [{ row: { state: 'D' }, detail: { wait: 'open' } }], 'unknown', 100],
    ['nothing at all', [], 'unknown', null],
  ])('%s', (_name, parts, cause, guilty) => {
    const found = blame(sceneOf(...parts), tool, now)
    expect({ cause: found.cause, guilty: found.guilty?.row.pid ?? null }).toEqual({ cause, guilty })
    expect(found.text).toMatch(/; running for 6 min\.$/)
  })

  it('is not the shell that tries again, when it only looks again', () => {
    const loop: Part = { row: { name: 'sh' }, detail: { wait: 'child', argv: ['sh', 'wait.sh'] } }
    const nap: Part = { row: { name: 'sleep' }, detail: { wait: 'sleep' } }
    expect(blame(sceneOf(loop, nap), tool, now).guilty?.row.pid).toBe(101)
    const again = { ...nap, row: { name: 'sleep', startedAt: now - 100 }, actor: { isNew: true } }
    expect(blame(sceneOf(loop, again), tool, now).guilty?.row.pid).toBe(100)
  })
})
