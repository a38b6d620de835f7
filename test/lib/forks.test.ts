/** Commands that the fork server starts; what a command is held to in any case stands in process.test.ts. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { Forks } from '../../src/lib/forks.ts'
import { launchBesideBy, launchHere } from '../../src/lib/launch.ts'
import { hostVariable, ownedProcesses, runBeside, runCommand } from '../../src/lib/process.ts'
import { buildForkServer, openReady, parentBy, writeServer } from '../fakes/fork-server.ts'

let built: Awaited<ReturnType<typeof buildForkServer>>
beforeAll(async () => {
  built = await buildForkServer()
})
afterAll(() => built.remove())

let count = 0
const request = (line: string, more = {}) => ({
  argv: ['bash', '-c', line] as [string, ...string[]],
  cwd: '/tmp',
  env: { PATH: process.env.PATH ?? '' },
  owner: `forks-${process.pid}-${count++}`,
  timeoutMs: 60_000,
  outputBytesMax: 10_000,
  ...more,
})

async function open(limits = {}): Promise<Forks> {
  const forks = await openReady(built.program, limits)
  launchBesideBy(forks.launch)
  onTestFinished(async () => {
    launchBesideBy(launchHere)
    await forks.stop()
  })
  return forks
}

const waitUntil = (look: () => unknown) => vi.waitUntil(look, { timeout: 30_000, interval: 20 })

const isThere = (pid: number | null): boolean => {
  const status = `/proc/${pid}/status`
  return pid !== null && existsSync(status) && !/^State:\s+Z/m.test(readFileSync(status, 'latin1'))
}

const megabytesOf = (pid: number | null): number =>
  Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1_000

describe.runIf(process.platform === 'linux')('the fork server', () => {
  let forks: Forks
  beforeEach(async () => {
    forks = await open()
  })

  it('is a process of its own that is the parent of what it starts', async () => {
    const { output } = await runBeside(request('echo $PPID'))
    expect(Number(output)).toBe(forks.pid)
    expect(forks.pid).not.toBe(process.pid)
  })

  it('gives a command the environment that was asked for, with whom it belongs to, and nothing else', async () => {
    const r = request('env')
    const { output } = await runBeside({ ...r, env: { ...r.env, ODD: 'a\n"b" $c \u{1f9f5}' } })
    expect(output).toContain('ODD=a\n"b" $c \u{1f9f5}\n')
    expect(output).toContain(`OPENLOOM_OWNER=${r.owner}\n`)
    expect(output).toContain(`${hostVariable}=${process.pid}\n`)
    expect(output).not.toContain('VITEST')
  })

  it('passes on what a command reads', async () => {
    const input = 'line ü\n'.repeat(100_000)
    const outcome = await runBeside(request('', { argv: ['wc', '-c'], input }))
    expect(outcome).toMatchObject({ exitCode: 0, output: `${Buffer.byteLength(input)}\n` })
  })

  it('has many at once without mixing what they say', async () => {
    const line = (n: number) => `seq ${n}000 ${n}999; exit ${n}`
    const outcomes = await Promise.all(Array.from({ length: 40 }, (_, n) => runBeside(request(line(n)))))
    launchBesideBy(launchHere)
    for (const [n, outcome] of outcomes.entries()) {
      const alone = await runBeside(request(line(n)))
      expect(outcome).toMatchObject({ exitCode: n, output: alone.output, sha256: alone.sha256 })
    }
  })

  it('holds a flood back while nobody listens, and loses nothing of it', async () => {
    const flood = runBeside(request('seq 1 6000000'))
    await waitUntil(() => ownedProcesses(`forks-${process.pid}-${count - 1}`).length > 0)
    // This process stands still, as it does in a long computation.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500)
    expect(megabytesOf(forks.pid)).toBeLessThan(120)
    expect(await flood).toMatchObject({ exitCode: 0, sizeBytes: 46_888_896 })
  })

  it('holds back only who says too much: nobody else waits for that, and nobody is cut short', async () => {
    const slowly = () => {
      for (const until = performance.now() + 2; performance.now() < until; );
    }
    const stop = new AbortController()
    const floods = [1, 2].map(() => runBeside(request('yes', { signal: stop.signal, onStdout: slowly })))
    await waitUntil(() => ownedProcesses(`forks-${process.pid}-${count - 1}`).length > 0)
    const line = 'head -c 400000 /dev/zero'
    const others = [1, 2, 3, 4].map(() => runBeside(request(line, { onStdout: slowly })))
    for (const outcome of await Promise.all(others)) expect(outcome).toMatchObject({ exitCode: 0, sizeBytes: 400_000 })
    stop.abort()
    const flooded = await Promise.all(floods)
    for (const outcome of flooded) expect(outcome.ended).toBe('aborted')
    // As long as it took, the floods had their share of the channel and not all of it.
    expect(flooded.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBeLessThan(100_000_000)
  })

  it('holds back what a command has left behind, too', async () => {
    const under = runBeside(request('yes & sleep 2'))
    await waitUntil(() => ownedProcesses(`forks-${process.pid}-${count - 1}`).length > 1)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000)
    expect(megabytesOf(forks.pid)).toBeLessThan(120)
    expect(await under).toMatchObject({ ended: 'exit', exitCode: 0 })
  })

  it('is not ended by what is meant for a whole terminal or service', async () => {
    const { pid } = forks
    const under = runBeside(request('sleep 0.3; echo whole'))
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid ?? 0, signal)
    expect(await under).toMatchObject({ exitCode: 0, output: 'whole\n' })
    expect(forks.pid).toBe(pid)
  })

  it('that is killed takes its commands along, says so, and is done without', async () => {
    const r = request('echo begun; sleep 300', { keepBackground: true })
    const under = runBeside(r)
    await waitUntil(() => ownedProcesses(r.owner).length > 0)
    process.kill(forks.pid ?? 0, 'SIGKILL')
    const outcome = await under
    expect(outcome).toMatchObject({ ended: 'lost', exitCode: null, error: expect.stringContaining('has ended') })
    await waitUntil(() => ownedProcesses(r.owner).length === 0)
    expect(await runBeside(request('echo $PPID'))).toMatchObject({ exitCode: 0, output: `${process.pid}\n` })
  })

  it('gives a command no way to the channel', async () => {
    const { output } = await runBeside(request('ls -l /proc/$$/fd | grep -o "[0-9]* -> socket"'))
    expect(output).toBe('1 -> socket\n2 -> socket\n')
  })

  it('ends when it is let go, and commands go on without it', async () => {
    const { pid } = forks
    await forks.stop()
    expect(isThere(pid)).toBe(false)
    expect(await parentBy(forks)).toBe(process.pid)
  })
})

describe.runIf(process.platform === 'linux')('without a fork server that can be asked', () => {
  it('a process starts its first commands itself', async () => {
    const forks = new Forks(built.program)
    onTestFinished(() => forks.stop())
    expect([await parentBy(forks), forks.pid]).toEqual([process.pid, null])
    expect([await parentBy(forks), forks.pid]).toEqual([process.pid, expect.any(Number)])
  })

  it('one that says nothing any more is ended, and what it was to begin is lost', async () => {
    const forks = await open({ silentMs: 2_000 })
    const { pid } = forks
    process.kill(pid ?? 0, 'SIGSTOP')
    expect(await runBeside(request('echo never'))).toMatchObject({ ended: 'lost', exitCode: null, output: '' })
    await waitUntil(() => !isThere(pid))
    expect(await parentBy(forks)).toBe(process.pid)
  })

  it('nobody knows how a command ended whose server says nothing any more', async () => {
    const forks = await open({ silentMs: 2_000 })
    const r = request('echo begun; sleep 2; exit 3')
    const heard: string[] = []
    const under = runBeside({ ...r, onOutput: (text) => heard.push(text) })
    await waitUntil(() => heard.includes('begun\n'))
    process.kill(forks.pid ?? 0, 'SIGSTOP')
    expect(await under).toMatchObject({ ended: 'lost', exitCode: null, killedBy: null, output: 'begun\n' })
    expect(ownedProcesses(r.owner)).toEqual([])
  })

  it('a command at its limit of which nothing was told is lost, and ended if it begins later', async () => {
    const forks = await open()
    process.kill(forks.pid ?? 0, 'SIGSTOP')
    const r = request('sleep 300', { timeoutMs: 100 })
    const outcome = await runBeside(r)
    expect(outcome).toMatchObject({ ended: 'lost', exitCode: null })
    const after = runBeside(request('echo after'))
    process.kill(forks.pid ?? 0, 'SIGCONT')
    expect(await after).toMatchObject({ ended: 'exit', output: 'after\n' })
    await waitUntil(() => ownedProcesses(r.owner).length === 0)
  })

  it('one that has nothing to do ends, and is begun again when there is', async () => {
    const forks = await open({ idleMs: 3_000 })
    const { pid } = forks
    const busy = runBeside(request('sleep 5; echo $PPID'))
    expect(Number((await busy).output)).toBe(pid)
    await waitUntil(() => !isThere(pid) && forks.pid === null)
    await waitUntil(async () => {
      const parent = await parentBy(forks)
      return parent !== process.pid && parent === forks.pid
    })
    expect(forks.pid).not.toBe(pid)
  })

  it('a program that is not there costs nothing but the try', async () => {
    const forks = new Forks('/no/such/program.mjs')
    onTestFinished(() => forks.stop())
    for (let n = 0; n < 5; n++) expect(await parentBy(forks)).toBe(process.pid)
    await waitUntil(() => forks.pid === null)
    expect(await parentBy(forks)).toBe(process.pid)
  })
})

describe('with a server that breaks off', () => {
  const broken = async (steps: string, limits = {}): Promise<Forks> => {
    const { program, remove } = await writeServer(steps)
    const forks = new Forks(program, limits)
    launchBesideBy(forks.launch)
    onTestFinished(async () => {
      launchBesideBy(launchHere)
      await forks.stop()
      await remove()
    })
    return forks
  }
  const asked = async (forks: Forks) => {
    await parentBy(forks)
    await parentBy(forks)
  }

  it('what was cut short is lost, although it is told of an end with 0', async () => {
    const forks = await broken(`
      say(1, 0, 1)
      hear((id) => {
        say(2, id, null)
        tell(3, id, Buffer.from('half of '))
        say(5, id, { exitCode: 0, killedBy: null, fault: null, error: null })
        process.exit()
      })`)
    await asked(forks)
    await waitUntil(async () => (await runBeside(request('true'))).ended === 'lost')
  })

  it('one that never is ready is ended', async () => {
    const forks = await broken('setInterval(() => undefined, 1_000)', { silentMs: 3_000 })
    await asked(forks)
    const { pid } = forks
    expect(isThere(pid)).toBe(true)
    expect(await parentBy(forks)).toBe(process.pid)
    await waitUntil(() => !isThere(pid))
  })

  it('one of another version is not spoken to', async () => {
    const forks = await broken('say(1, 0, 99); hear((id) => say(2, id, null))')
    await asked(forks)
    const { pid } = forks
    await waitUntil(() => !isThere(pid))
    expect(await parentBy(forks)).toBe(process.pid)
  })
})

it.runIf(existsSync('/usr/bin/prlimit'))('with no descriptors left nothing is begun here, and all beside', async () => {
  await open()
  const limit = spawn('bash', ['-c', 'prlimit -p $PPID -n3:; echo; read; prlimit -p $PPID -n$(ulimit -n):'])
  await once(limit.stdout, 'data')
  const [here, beside] = await Promise.all([runCommand(request('echo here')), runBeside(request('echo beside'))])
  const none = new Forks(built.program)
  const parents = [await parentBy(none), await parentBy(none)]
  limit.stdin.end('\n')
  await once(limit, 'close')
  expect(here).toMatchObject({ ended: 'not-started', error: expect.stringContaining('EMFILE') })
  expect(beside).toMatchObject({ ended: 'exit', exitCode: 0, output: 'beside\n' })
  expect(parents).toEqual([0, 0])
  expect(await runCommand(request('echo here'))).toMatchObject({ ended: 'exit', output: 'here\n' })
})

it.runIf(process.platform === 'linux')('ends with a process that is killed', async () => {
  const code = `
    import { spawn } from 'node:child_process'
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe']
    const child = spawn(process.execPath, [process.argv[1]], { stdio, detached: true })
    child.stdio[3].once('data', () => console.log(child.pid))`
  const host = spawn(process.execPath, ['--input-type=module', '-e', code, built.program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = (await once(host.stdout, 'data')) as [Buffer]
  const pid = Number(said)
  expect(isThere(pid)).toBe(true)
  host.kill('SIGKILL')
  await waitUntil(() => !isThere(pid))
})
