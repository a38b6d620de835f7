import { spawn } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import { killTree, ownedProcesses } from '../../../src/lib/process.ts'
import { findBinary } from '../../../src/runtimes/opencode/binary.ts'
import { type Managed, type ManagedOptions, openManaged } from '../../../src/runtimes/opencode/managed.ts'
import { startOtherDaemon } from '../../fakes/managed-daemon.ts'

const program = new URL('../../fakes/opencode-program.mjs', import.meta.url).pathname

class Bench {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'loom-managed-')))
  readonly owner = `test-managed-${process.pid}-${Math.round(performance.now() * 1_000)}`
  readonly logged: string[] = []
  readonly report = join(this.folder, 'report.json')

  constructor() {
    onTestFinished(async () => {
      await killTree(undefined, this.owner)
      rmSync(this.folder, { recursive: true, force: true })
    })
  }

  open(mode = '', more: Partial<ManagedOptions> = {}): Managed {
    const managed = openManaged({
      command: process.execPath,
      argv: [program],
      dataDir: this.folder,
      env: {
        ...{ PATH: process.env.PATH, FAKE_MODE: mode, FAKE_REPORT: this.report },
        ...{ FAKE_KEY: 'sk-not-for-anybody', SECRET_OF_THE_DAEMON: 'hush' },
      },
      envNames: ['FAKE_MODE', 'FAKE_REPORT', 'FAKE_KEY'],
      owner: this.owner,
      clock: systemClock,
      log: (text) => this.logged.push(text),
      ...more,
    })
    onTestFinished(() => managed.stop())
    return managed
  }

  get seen(): { argv: string[]; env: Record<string, string> } {
    return JSON.parse(readFileSync(this.report, 'utf8'))
  }

  get processes(): number[] {
    return ownedProcesses(this.owner)
  }

  get notes(): string[] {
    return readdirSync(join(this.folder, 'opencode'))
  }
}

async function started(managed: Managed) {
  const result = await managed.ensure()
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  return result.value
}

const exited = (managed: Managed) => new Promise<void>((resolve) => managed.onExit(resolve))

describe('a managed OpenCode', () => {
  it('is started once for all who ask, behind a password that no argument and no file holds', async () => {
    const bench = new Bench()
    const managed = bench.open()
    const [first, second] = await Promise.all([started(managed), started(managed)])
    expect(second).toEqual(first)
    expect(await started(managed)).toEqual(first)
    expect(bench.processes).toEqual([managed.pid])
    expect((await fetch(first.url)).status).toBe(200)
    const { argv, env } = bench.seen
    expect(argv).toEqual(['serve', '--hostname', '127.0.0.1', '--port', new URL(first.url).port])
    expect(env['OPENCODE_SERVER_PASSWORD']).toBe(first.password)
    expect(first.password).toMatch(/^[\w-]{32}$/)
    expect(env).toMatchObject({ OPENCODE_DISABLE_AUTOUPDATE: '1', npm_config_fetch_retries: '0' })
    expect(env['SECRET_OF_THE_DAEMON']).toBeUndefined()
    const [note = ''] = bench.notes
    const path = join(bench.folder, 'opencode', note)
    expect(readFileSync(path, 'utf8')).not.toContain(first.password)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(await managed.rss()).toBeGreaterThan(10_000_000)
  })

  it('is ended with everything that its tools started', async () => {
    const bench = new Bench()
    const managed = bench.open('tool stubborn')
    await started(managed)
    expect(bench.processes.length).toBeGreaterThan(2)
    await managed.stop()
    expect(bench.processes).toEqual([])
    expect(managed.pid).toBeNull()
    expect(bench.notes).toEqual([])
    await managed.stop()
  })

  it('understands what version 2 says, and drains what it prints afterwards', async () => {
    const bench = new Bench()
    const managed = bench.open('two chatty')
    const { url } = await started(managed)
    for (let i = 0; i < 5; i++) expect((await fetch(url)).status).toBe(200)
  })

  it('that ends at once is a problem with its last words, without a secret', async () => {
    const bench = new Bench()
    const managed = bench.open('early')
    const result = await managed.ensure()
    expect(result).toMatchObject({ ok: false, problems: [{ kind: 'opencode-not-started' }] })
    const text = result.ok ? '' : (result.problems[0]?.text ?? '')
    expect(text).toContain('(3)')
    expect(text).toContain('cannot open the database')
    expect(text).not.toContain(bench.seen.env['OPENCODE_SERVER_PASSWORD'])
    expect(text).not.toContain('sk-not-for-anybody')
    expect(bench.notes).toEqual([])
  })

  it('that says nothing is given up and ended', async () => {
    const bench = new Bench()
    const result = await bench.open('silent', { bannerMs: 300 }).ensure()
    expect(result).toMatchObject({ ok: false, problems: [{ text: expect.stringContaining('within 0.3 s') }] })
    expect(bench.processes).toEqual([])
  })

  it('is not started without the program, and says how to get it', async () => {
    const bench = new Bench()
    const result = await bench.open('', { command: 'no-such-program' }).ensure()
    expect(result).toMatchObject({ ok: false, problems: [{ kind: 'opencode-not-installed' }] })
  })

  it('tells when it ended by itself, and starts again with another password', async () => {
    const bench = new Bench()
    const managed = bench.open('tool')
    const first = await started(managed)
    const gone = exited(managed)
    process.kill(first.pid, 'SIGKILL')
    await gone
    expect(bench.processes).toEqual([])
    const second = await started(managed)
    expect(second.password).not.toBe(first.password)
    expect(second.pid).not.toBe(first.pid)
  })

  it('is stopped also while it starts', async () => {
    const bench = new Bench()
    const managed = bench.open('silent')
    const starting = managed.ensure()
    await managed.stop()
    expect(await starting).toMatchObject({ ok: false })
    expect(bench.processes).toEqual([])
  })

  it('is renewed when it is idle and stands above its ceiling, and only then', async () => {
    const bench = new Bench()
    const managed = bench.open('', { memoryMaxBytes: 1_000_000 })
    const { pid } = await started(managed)
    await managed.recycle(false)
    expect(managed.pid).toBe(pid)
    await managed.recycle(true)
    expect(managed.pid).not.toBe(pid)
    expect(bench.logged.join()).toMatch(/started anew: it holds \d+ MB and is idle/)
    const roomy = bench.open('', { memoryMaxBytes: 10 ** 12 })
    const { pid: other } = await started(roomy)
    await roomy.recycle(true)
    expect(roomy.pid).toBe(other)
  })
})

describe('what a killed daemon left', () => {
  it('is found by the next one and ended, tools that ignore TERM too', async () => {
    const bench = new Bench()
    const { folder: dataDir, owner } = bench
    const options = { command: process.execPath, argv: [program], dataDir, owner }
    const daemon = await startOtherDaemon(options, { FAKE_MODE: 'tool stubborn' })
    onTestFinished(() => daemon.kill())
    expect(bench.processes.length).toBeGreaterThan(2)
    const managed = bench.open()
    expect(await managed.sweep()).toBe(0)
    await daemon.kill()
    await started(managed)
    expect(bench.processes).toEqual([managed.pid])
    expect(bench.notes).toHaveLength(1)
    expect(bench.logged.join()).toMatch(/ended \d+ processes/)
  })

  it('is not taken from a note that somebody wrote', async () => {
    const bench = new Bench()
    const bystander = spawn('sleep', ['60'], { env: { OPENLOOM_OWNER: 'somebody-else' } })
    onTestFinished(() => void bystander.kill('SIGKILL'))
    mkdirSync(join(bench.folder, 'opencode'))
    const server = { pid: bystander.pid, birth: 'long ago' }
    const note = { daemon: { pid: 2, birth: 'long ago' }, server, port: 1, owner: 'somebody-else' }
    writeFileSync(join(bench.folder, 'opencode', 'a.json'), JSON.stringify(note))
    writeFileSync(join(bench.folder, 'opencode', 'b.json'), 'no note')
    expect(await bench.open().sweep()).toBe(0)
    expect(bystander.exitCode).toBeNull()
    expect(bystander.signalCode).toBeNull()
    expect(bench.notes).toEqual(['b.json'])
  })
})

describe('finding the program', () => {
  it('follows PATH, takes a path as it is, and only what may be run', () => {
    const { folder } = new Bench()
    mkdirSync(join(folder, 'a'))
    mkdirSync(join(folder, 'b'))
    writeFileSync(join(folder, 'a', 'opencode'), '')
    writeFileSync(join(folder, 'b', 'opencode'), '')
    chmodSync(join(folder, 'b', 'opencode'), 0o755)
    const path = `relative:${folder}/a:${folder}/b`
    expect(findBinary('opencode', path)).toBe(join(folder, 'b', 'opencode'))
    expect(findBinary(join(folder, 'b', 'opencode'), '')).toBe(join(folder, 'b', 'opencode'))
    expect(findBinary('./opencode', path)).toBeNull()
    expect(findBinary('opencode', undefined)).toBeNull()
    expect(findBinary('a', folder)).toBeNull()
  })
})
