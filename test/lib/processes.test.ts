import { createServer } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { findCommandTree } from '../../src/lib/command-tree.ts'
import { ownedProcesses } from '../../src/lib/process.ts'
import { descendantsOf, endProcesses, inspectProcesses, listenerOf, readProcesses } from '../../src/lib/processes.ts'
import { type RunningTool, startHost, type ToolHost } from '../fakes/tool-host.ts'

const treeOf = (host: ToolHost, tool: RunningTool) =>
  findCommandTree({ hostPid: host.pid, command: tool.command, cwd: host.folder, startedAt: tool.startedAt })

const commandsOf = async (pids: readonly number[]) =>
  [...(await inspectProcesses(pids)).values()].map((detail) => detail.argv.join(' '))

/** What the shells of these commands have become: until then they look like each other. */
const untilRun = (host: ToolHost, lines: readonly string[]) =>
  vi.waitFor(async () =>
    expect(await commandsOf(ownedProcesses(host.owner))).toEqual(expect.arrayContaining([...lines])),
  )

describe('the process table', () => {
  it('names a process by pid and start time, with parent, group, state and CPU time', async () => {
    const host = await startHost()
    const tool = await host.run('sleep 600; true')
    await vi.waitFor(async () => expect(await descendantsOf(tool.pid)).toHaveLength(1))
    const row = (await readProcesses())?.get(tool.pid)
    expect(row).toMatchObject({ ppid: host.pid, group: tool.pid, session: tool.pid, name: 'bash', state: 'S' })
    expect(Math.abs((row?.startedAt ?? 0) - tool.startedAt)).toBeLessThan(1_500)
    expect((await readProcesses())?.get(tool.pid)?.startedAt).toBe(row?.startedAt)
  })

  it('tells what a process waits for, its folder and where its input comes from', async () => {
    const host = await startHost()
    const tool = await host.run('read x', { stdin: 'pipe' })
    await vi.waitFor(async () => {
      const detail = (await inspectProcesses([tool.pid])).get(tool.pid)
      expect(detail).toMatchObject({ wait: 'read', waitFd: 0, cwd: host.folder })
      expect(detail?.files?.find((file) => file.fd === 0)?.kind).toBe('socket')
    })
  })

  it('leaves out what is gone', async () => {
    const host = await startHost()
    const tool = await host.run('true')
    await tool.closed
    expect((await inspectProcesses([tool.pid])).size).toBe(0)
  })

  it('finds who listens on a port of the loopback', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const address = server.address()
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0
    expect(await listenerOf(port)).toBe(process.pid)
    await new Promise((resolve) => server.close(resolve))
    expect(await listenerOf(port)).toBeNull()
  })
})

describe('the processes of a command', () => {
  it('are told from those of a neighbour in the same server', async () => {
    const host = await startHost()
    const [one, other] = [await host.run('sleep 601; true'), await host.run('sleep 602; true')]
    await vi.waitFor(async () => {
      const tree = await treeOf(host, one)
      expect(tree.kind === 'found' && (await commandsOf(tree.processes.map((row) => row.pid)))).toEqual([
        'bash -c sleep 601; true',
        'sleep 601',
      ])
    })
    expect(await treeOf(host, other)).toMatchObject({ kind: 'found', top: { pid: other.pid } })
  })

  it('are found when the shell became the command itself', async () => {
    const host = await startHost()
    const tool = await host.run(`exec sleep "603"`)
    await host.run('sleep 604')
    await vi.waitFor(async () => expect((await readProcesses())?.get(tool.pid)?.name).toBe('sleep'))
    expect(await treeOf(host, tool)).toMatchObject({ kind: 'found', top: { pid: tool.pid } })
  })

  it('are not guessed when two commands are the same', async () => {
    const host = await startHost()
    const both = await Promise.all([host.run('sleep 605; true'), host.run('sleep 605; true')])
    for (const tool of both) expect(await treeOf(host, tool)).toEqual({ kind: 'ambiguous' })
  })

  it('are not those of a neighbour that runs the same program', async () => {
    const host = await startHost()
    const tool = await host.run('sleep 606 & echo started')
    await host.run('sleep 600')
    await vi.waitFor(() => expect(tool.exited).toBe(true))
    await untilRun(host, ['sleep 606', 'sleep 600'])
    expect(await treeOf(host, tool)).toMatchObject({ kind: 'found', top: null, processes: [{ name: 'sleep' }] })
    const hidden = await host.run('N=600; exec sleep $N')
    await vi.waitFor(async () => expect((await readProcesses())?.get(hidden.pid)?.name).toBe('sleep'))
    expect(await treeOf(host, hidden)).toEqual({ kind: 'ambiguous' })
  })

  it('are found when their shell is over and they are orphans', async () => {
    const host = await startHost()
    const tool = await host.run('sleep 606 & echo started')
    await host.run('sleep 607 & echo neighbour')
    await vi.waitFor(() => expect(tool.exited).toBe(true))
    await untilRun(host, ['sleep 606', 'sleep 607'])
    const tree = await treeOf(host, tool)
    expect(tree).toMatchObject({ kind: 'found', top: null })
    expect(tree.kind === 'found' && (await commandsOf(tree.processes.map((row) => row.pid)))).toEqual(['sleep 606'])
  })

  it('are none after their end', async () => {
    const host = await startHost()
    const tool = await host.run('true')
    await tool.closed
    expect(await treeOf(host, tool)).toEqual({ kind: 'none' })
  })

  it('are not seen without the server', async () => {
    expect(await findCommandTree({ hostPid: 2 ** 22, command: 'x', cwd: null, startedAt: 0 })).toEqual({
      kind: 'unseen',
    })
  })
})

describe('ending processes', () => {
  it('takes the whole tree, also what ignores TERM or was forked meanwhile, and nothing beside it', async () => {
    const host = await startHost()
    const stubborn = await host.run(`trap '' TERM INT; (trap '' TERM; sleep 608 & wait); sleep 609`)
    const neighbour = await host.run('sleep 610; true')
    await vi.waitFor(async () => expect(await descendantsOf(stubborn.pid)).toHaveLength(2))
    const tree = await treeOf(host, stubborn)
    const { ended, left } = await endProcesses(tree.kind === 'found' ? tree.processes : [])
    expect([ended.length, left]).toEqual([3, []])
    await stubborn.closed
    expect(await treeOf(host, neighbour)).toMatchObject({ kind: 'found' })
  })

  it('does not touch a process that has got the pid of another', async () => {
    const host = await startHost()
    const tool = await host.run('sleep 611')
    const row = (await readProcesses())?.get(tool.pid)
    const earlier = { pid: tool.pid, startedAt: (row?.startedAt ?? 0) - 10 }
    expect(await endProcesses([earlier])).toEqual({ ended: [], left: [] })
    expect(tool.isClosed).toBe(false)
  })

  it('never ends itself', async () => {
    const row = (await readProcesses())?.get(process.pid)
    expect(await endProcesses(row ? [row] : [])).toEqual({ ended: [], left: [] })
  })
})
