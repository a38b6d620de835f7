import { createServer } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { Activity, Cause, Diagnosis } from '../../src/core/diagnosis.ts'
import type { SessionState } from '../../src/core/session.ts'
import { diagnose, endGuilty } from '../../src/harness/diagnose/diagnose.ts'
import { descendantsOf, readProcesses } from '../../src/lib/processes.ts'
import { type RunningTool, startHost, type ToolHost } from '../fakes/tool-host.ts'

const look = (activity: Activity) => diagnose(activity, { clock: systemClock })

/** Processes take their time to reach the state that is looked for: the cause is asked for until it comes. */
async function becomes(tool: RunningTool, cause: Cause, part: Parameters<RunningTool['activity']>[1] = {}) {
  let last: Diagnosis | null = null
  const ask = async () => {
    last = await look(tool.activity({}, part))
    expect({ cause: last.cause, text: last.text }).toMatchObject({ cause })
  }
  await vi.waitFor(ask)
  return last as unknown as Diagnosis
}

const spin = 'while :; do :; done'
const quiet = { lastOutputAt: null }

/** A port that takes connections and never says a word. */
async function mutePort(): Promise<number> {
  const sockets = new Set<{ destroy(): void }>()
  const server = createServer((socket) => void sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

const aliveIn = async (host: ToolHost, tool: RunningTool) =>
  (await descendantsOf(host.pid)).some((row) => row.pid === tool.pid && row.state !== 'Z')

describe('a tool that does not return', () => {
  it('reads from a pipe into which nobody writes', async () => {
    const host = await startHost()
    const tool = await host.run('echo name?; read x; echo $x', { stdin: 'pipe' })
    const neighbour = await host.run('sleep 600; true')
    const found = await becomes(tool, 'input', quiet)
    expect(found.guilty?.pid).toBe(tool.pid)
    expect(found.guilty?.stdin).toMatch(/pipe|socket/)
    await becomes(neighbour, 'sleeping')
  })

  it('is a program below the shell that reads', async () => {
    const host = await startHost()
    const tool = await host.run('true; cat; true', { stdin: 'pipe' })
    await host.run('cat; true', { stdin: 'pipe' })
    const found = await becomes(tool, 'input')
    expect(found.text).toMatch(/^`cat` waits for input that nobody will type; running for \d+ s\.$/)
    expect(found.processes.map((seen) => seen.command)).toEqual(['bash -c true; cat; true', 'cat'])
  })

  it('waits at a named pipe that nobody opens', async () => {
    const host = await startHost()
    const tool = await host.run('mkfifo p; cat p; true')
    await host.run(spin)
    expect((await becomes(tool, 'input')).guilty?.command).toBe('cat p')
  })

  it('does not blame the reader inside a pipeline, but who lets it wait', async () => {
    const host = await startHost()
    const tool = await host.run('sleep 601 | cat | wc -l')
    const neighbour = await host.run('cat; true', { stdin: 'pipe' })
    expect((await becomes(tool, 'sleeping')).guilty?.command).toBe('sleep 601')
    await becomes(neighbour, 'input')
  })

  it('has ended, but a child in the background holds its output', async () => {
    const host = await startHost()
    const tool = await host.run('sleep 45 & echo started')
    const neighbour = await host.run('sleep 46 & wait')
    const found = await becomes(tool, 'held-pipe')
    expect(found.guilty).toMatchObject({ command: 'sleep 45', holdsPipe: true })
    expect(found.text).toContain('`sleep 45 & echo started` has ended, but `sleep 45`, which it left')
    expect((await endGuilty(found)).left).toEqual([])
    expect(await tool.closed).toEqual({ code: 0, signal: null })
    expect(await aliveIn(host, neighbour)).toBe(true)
  })

  it.each([
    ['node', `node -e "require('http').createServer(()=>0).listen(0,'127.0.0.1')"`],
    ['python', 'python3 -u -m http.server 0 --bind 127.0.0.1'],
  ])('is a %s server in the foreground', async (_name, command) => {
    const host = await startHost()
    const tool = await host.run(`${command}; true`)
    await host.run('sleep 600; true')
    const found = await becomes(tool, 'serving', quiet)
    expect(found.text).toMatch(/listens on 127\.0\.0\.1:\d+ and does not end by itself/)
    expect(found.guilty?.pid).not.toBe(tool.pid)
    await endGuilty(found)
    expect((await tool.closed).code).toBe(0)
  })

  it('is a server that was started without a shell: it is asked to end as it likes to', async () => {
    const host = await startHost()
    const tool = await host.run('exec python3 -u -m http.server 0 --bind 127.0.0.1')
    const found = await becomes(tool, 'serving', quiet)
    expect(found.guilty?.pid).toBe(tool.pid)
    expect((await endGuilty(found)).left).toEqual([])
    expect(await tool.closed).toEqual({ code: 0, signal: null })
  })

  it('waits for an answer that never comes', async () => {
    const host = await startHost()
    const tool = await host.run(`exec 3<>/dev/tcp/127.0.0.1/${await mutePort()}; cat <&3; true`)
    await host.run('sleep 600; true')
    const found = await becomes(tool, 'network')
    expect(found.text).toMatch(/^`cat` waits for 127\.0\.0\.1:\d+ to answer/)
  })

  it('tries a port again and again', async () => {
    const host = await startHost()
    const tool = await host.run('until (exec 3<>/dev/tcp/127.0.0.1/1) 2>/dev/null; do sleep 0.6; done')
    await host.run('sleep 600; true')
    expect((await becomes(tool, 'network')).guilty?.pid).toBe(tool.pid)
  })

  it('waits for a lock that another one has', async () => {
    const host = await startHost()
    const neighbour = await host.run('flock work.lock sleep 600; true')
    await becomes(neighbour, 'sleeping')
    const tool = await host.run('flock work.lock echo got it; true')
    const found = await becomes(tool, 'lock')
    expect(found.text).toMatch(/^`flock work\.lock echo got it` waits for the lock on `.*\/work\.lock`/)
    expect(found.text).toMatch(/which process \d+ has/)
    expect(await aliveIn(host, neighbour)).toBe(true)
  })

  it('burns a core without a sign of work', async () => {
    const host = await startHost()
    const tool = await host.run(spin)
    const neighbour = await host.run('sleep 600; true')
    expect((await becomes(tool, 'spinning')).guilty?.pid).toBe(tool.pid)
    await becomes(neighbour, 'sleeping')
  })

  it('only sleeps', async () => {
    const host = await startHost()
    const tool = await host.run('sleep 600')
    const neighbour = await host.run(spin)
    const found = await becomes(tool, 'sleeping')
    expect(found.text).toMatch(/^`sleep 600` sleeps; running for \d+ s\.$/)
    await endGuilty(found)
    expect((await tool.closed).signal).toBe('SIGTERM')
    expect(await aliveIn(host, neighbour)).toBe(true)
  })

  it('sleeps in a loop: its shell is to blame, not the sleep of the moment', async () => {
    const host = await startHost()
    const tool = await host.run('while [ ! -e never ]; do sleep 0.6; done')
    await host.run('sleep 600; true')
    expect((await becomes(tool, 'sleeping')).guilty?.pid).toBe(tool.pid)
  })

  it('has a child that has ended and is not noticed', async () => {
    const host = await startHost()
    const tool = await host.run('bash -c "sleep 0.3 & exec sleep 600"; true')
    await host.run('sleep 600; true')
    const found = await becomes(tool, 'zombie')
    expect(found.processes.some((seen) => seen.state === 'Z')).toBe(true)
    expect(found.guilty?.command).toBe('sleep 600')
  })

  it('works in many short children: slow, not hung', async () => {
    const host = await startHost()
    const compile = `bash -c 'for i in {1..3000}; do :; done; exit 0'`
    const tool = await host.run(`while :; do ${compile}; done`)
    await host.run('sleep 600; true')
    // On a busy machine a look may fall between two births.
    const seesThem = async () => {
      const found = await becomes(tool, 'working')
      expect([found.guilty, found.todo]).toEqual([null, null])
      expect(found.text).toContain('short-lived children')
    }
    await vi.waitFor(seesThem)
  })

  it('prints: it is healthy', async () => {
    const host = await startHost()
    const tool = await host.run('while :; do echo tick; sleep 0.2; done')
    await vi.waitFor(() => expect(tool.output).toContain('tick'))
    await host.run('sleep 600; true')
    expect((await becomes(tool, 'working')).text).toContain('printed something')
  })

  it('ignores TERM with its whole tree, and is ended nevertheless', async () => {
    const host = await startHost()
    const tool = await host.run(`trap '' TERM; bash -c "trap '' TERM; sleep 600; true"; echo back`)
    const neighbour = await host.run('sleep 600; true')
    const found = await becomes(tool, 'sleeping')
    expect(found.guilty?.command).toBe('sleep 600')
    expect(await endGuilty(found)).toMatchObject({ ended: [{ pid: found.guilty?.pid }], left: [] })
    expect(await tool.closed).toEqual({ code: 0, signal: null })
    expect(tool.output).toMatch(/Killed\s+sleep 600\nback\n$/)
    expect(await aliveIn(host, neighbour)).toBe(true)
  })

  it('has no process any more', async () => {
    const host = await startHost()
    const tool = await host.run('true')
    await host.run('sleep 600; true')
    await tool.closed
    const found = await becomes(tool, 'unknown')
    expect(found.text).toMatch(/^`true` has no process any more, but the tool has not returned/)
  })

  it('is one of two that look the same: then nobody is blamed', async () => {
    const host = await startHost()
    const [tool] = await Promise.all([host.run('sleep 600; true'), host.run('sleep 600; true')])
    const found = await becomes(tool, 'unknown')
    expect([found.guilty, found.text]).toEqual([null, expect.stringContaining('cannot be told apart')])
  })

  it('is found by the mark of its owner as well', async () => {
    const host = await startHost()
    const tool = await host.run(`OPENLOOM_OWNER=${host.owner}/run1 bash -c 'sleep 600; true'; true`)
    await host.run('sleep 601; true')
    const activity = tool.activity({ owner: `${host.owner}/run1` }, { command: null, cwd: null })
    await vi.waitFor(async () => expect((await look(activity)).guilty?.command).toBe('sleep 600'), {
      timeout: 9_000,
    })
  })

  it('hides what its command line should not have held', async () => {
    const host = await startHost()
    const tool = await host.run(`API_TOKEN=hunter22 bash -c 'sleep 600; echo https://me:pa55word@example.test'; true`)
    const found = await becomes(tool, 'sleeping')
    expect(JSON.stringify(found)).not.toMatch(/hunter22|pa55word/)
    expect(JSON.stringify(found)).toContain('[hidden]')
  })

  it('may not be ended when its pid has gone to another process', async () => {
    const host = await startHost()
    const tool = await host.run('sleep 600')
    const { guilty } = await becomes(tool, 'sleeping')
    const earlier = guilty && { ...guilty, startedAt: guilty.startedAt - 1_000 }
    expect(await endGuilty({ guilty: earlier })).toEqual({ ended: [], left: [] })
    expect((await readProcesses())?.has(tool.pid)).toBe(true)
  })
})

describe('a turn without a tool', () => {
  const now = Date.UTC(2026, 0, 5, 8, 0, 0)
  const clock = { ...systemClock, now: () => now }
  const turn = (part: Partial<Activity>): Activity => ({
    ...{ state: { kind: 'busy', tool: null }, tool: null, lastProgressAt: now - 300_000, model: 'none' },
    ...{ owner: null, hostPid: null, hostAlive: true },
    ...part,
  })
  const waiting: SessionState = { kind: 'waiting', for: 'permission', text: 'bash: rm -rf build' }
  const retrying: SessionState = { kind: 'retrying', attempt: 3, nextAt: now + 8_000, text: 'HTTP 500' }

  it.each<[string, Partial<Activity>, Cause, RegExp]>([
    ['silent from the start', {}, 'model-silent', /has not begun to answer; nothing has come for 5 min/],
    ['silent in mid-answer', { model: 'streaming' }, 'model-silent', /broke off in the middle/],
    ['silent after a step', { model: 'between' }, 'model-silent', /has not begun its next step/],
    ['still thinking', { lastProgressAt: now - 5_000 }, 'working', /last sign of life came 5 s ago/],
    ['at a permission', { state: waiting }, 'permission', /waits for a permission: bash: rm -rf build/],
    ['at a question', { state: { ...waiting, for: 'question' } }, 'question', /the answer to a question/],
    ['retried', { state: retrying }, 'retrying', /try 3 comes in 8 s. It said: HTTP 500/],
    ['on a dead server', { hostAlive: false }, 'server-dead', /server of the session is dead/],
    ['out of reach', { state: { kind: 'unreachable', text: 'timeout' } }, 'unknown', /could not be looked at: timeout/],
    ['over', { state: { kind: 'absent' } }, 'unknown', /not busy: it is absent/],
  ])('is %s', async (_name, part, cause, text) => {
    const found = await diagnose(turn(part), { clock })
    expect(found).toMatchObject({ cause, guilty: null, processes: [], at: now })
    expect(found.text).toMatch(text)
  })

  it('or with a tool that runs inside the server, is not guessed at', async () => {
    const call = { sessionId: 's', callId: 'c', name: 'webfetch', command: null, cwd: null, startedAt: now - 90_000 }
    const tool = { ...call, outputBytes: 0, outputTail: '', lastOutputAt: null }
    const found = await diagnose(turn({ tool, hostPid: process.pid }), { clock })
    expect(found).toMatchObject({ cause: 'unknown', guilty: null })
    expect(found.text).toBe('The tool `webfetch` has not returned after 2 min; it shows no process.')
  })
})
