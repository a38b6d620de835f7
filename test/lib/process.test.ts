import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchBesideBy, launchHere } from '../../src/lib/launch.ts'
import { childEnvironment, ownedProcesses, runBeside, runCommand } from '../../src/lib/process.ts'
import { buildForkServer, openReady } from '../fakes/fork-server.ts'

const env = childEnvironment(process.env)
const request = (line: string, more = {}) => ({
  argv: ['bash', '-c', line] as [string, ...string[]],
  cwd: '/tmp',
  env,
  owner: `test-${process.pid}-${Math.round(performance.now() * 1000)}`,
  timeoutMs: 30_000,
  outputBytesMax: 10_000,
  ...more,
})

const ways = ['this process', 'the fork server'] as const

async function goBeside(): Promise<() => Promise<void>> {
  const { program, remove } = await buildForkServer()
  const forks = await openReady(program)
  launchBesideBy(forks.launch)
  return async () => {
    expect(forks.pid).not.toBe(null)
    launchBesideBy(launchHere)
    await forks.stop()
    await remove()
  }
}

describe.each(ways)('a command that is started by %s', (way) => {
  const run = way === 'this process' ? runCommand : runBeside
  let close: () => Promise<void> = async () => undefined
  beforeAll(async () => {
    if (way === 'the fork server') close = await goBeside()
  })
  afterAll(() => close())

  it('gives exit code, output of both streams and the digest of everything', async () => {
    const outcome = await run(request('echo out; echo err >&2; exit 3'))
    expect(outcome).toMatchObject({ exitCode: 3, ended: 'exit', sizeBytes: 8 })
    expect(outcome.output.split('\n').sort()).toEqual(['', 'err', 'out'])
  })

  it('that cannot start is an outcome, not an exception', async () => {
    const outcome = await run({ ...request(''), argv: ['/no/such/program'] })
    expect(outcome).toMatchObject({ ended: 'not-started', exitCode: null })
    expect(outcome.error).toContain('ENOENT')
  })

  it('at its limit is killed with its whole tree, also children that left the group and ignore TERM', async () => {
    const r = request(`setsid bash -c 'trap "" TERM; sleep 300' & nohup sleep 300 & echo begun; sleep 300`, {
      timeoutMs: 2_000,
    })
    const outcome = await run(r)
    expect(outcome).toMatchObject({ ended: 'timeout' })
    expect(outcome.output).toContain('begun')
    expect(outcome.durationMs).toBeLessThan(5_000)
    expect(ownedProcesses(r.owner)).toEqual([])
  })

  it('that nobody wants any more is not begun', async () => {
    const file = `/tmp/loom-never-${process.pid}-${way.length}`
    const outcome = await run(request(`touch ${file}`, { signal: AbortSignal.abort() }))
    expect(outcome).toMatchObject({ ended: 'aborted', exitCode: null, output: '' })
    expect(existsSync(file)).toBe(false)
  })

  it('does not wait for a background child that holds the pipe', async () => {
    const r = request('sleep 300 & echo bg')
    const outcome = await run(r)
    expect(outcome.output).toBe('bg\n')
    expect(outcome.durationMs).toBeLessThan(5_000)
    expect(ownedProcesses(r.owner)).toEqual([])
  })

  it('keeps head and tail of a flood and says how much is left out', async () => {
    const outcome = await run(request('seq 1 100000'))
    expect(outcome.output.startsWith('1\n2\n')).toBe(true)
    expect(outcome.output.endsWith('100000\n')).toBe(true)
    expect(outcome.output).toMatch(/bytes left out/)
    expect(outcome.sizeBytes).toBe(588895)
  })

  it('does not see variables of the daemon that are not on the list', async () => {
    process.env.OPENLOOM_TEST_SECRET = 'hush'
    const outcome = await run({ ...request('env'), env: childEnvironment(process.env) })
    delete process.env.OPENLOOM_TEST_SECRET
    expect(outcome.output).not.toContain('hush')
    expect(outcome.output).toContain('PATH=')
  })
})
