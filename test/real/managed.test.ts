/** A managed server with the real program: started, crashed, and left behind by a daemon that was killed. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { killTree, ownedProcesses } from '../../src/lib/process.ts'
import { type Managed, openManaged } from '../../src/runtimes/opencode/managed.ts'
import { startScriptedModel } from '../../src/sample/scripted-model.ts'
import { eventually } from '../fakes/daemon.ts'
import { startOtherDaemon } from '../fakes/managed-daemon.ts'
import { type OpenCodeAddress, OpenCodeClient } from '../fakes/opencode-client.ts'
import {
  makeProject,
  offlineConfig,
  offlineEnvironment,
  openCodeBinary,
  withTitles,
  writeHome,
} from '../fakes/opencode-server.ts'

const stubborn = {
  name: 'bash',
  arguments: { command: `trap '' TERM INT; sleep 600 & wait; sleep 600`, description: 'Hangs', timeout: 900_000 },
}

class Bench {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'loom-real-managed-')))
  readonly home = join(this.folder, 'home')
  readonly work = join(this.folder, 'app')
  readonly owner = `test-real-${process.pid}-${Math.round(performance.now() * 1_000)}`
  private modelUrl = ''

  async open(): Promise<this> {
    const model = await startScriptedModel({ script: withTitles([{ tool_calls: [stubborn] }]), clock: systemClock })
    this.modelUrl = model.url
    onTestFinished(async () => {
      await killTree(undefined, this.owner)
      await model.close()
      rmSync(this.folder, { recursive: true, force: true })
    })
    writeHome(this.home, offlineConfig(this.modelUrl))
    makeProject(this.work)
    mkdirSync(this.data)
    return this
  }

  get data(): string {
    return join(this.folder, 'data')
  }

  get env(): Record<string, string> {
    return offlineEnvironment(this.home)
  }

  get options() {
    return { command: openCodeBinary(), dataDir: this.data, owner: this.owner }
  }

  managed(): Managed {
    const { env } = this
    const managed = openManaged({
      ...this.options,
      env,
      envNames: Object.keys(env),
      clock: systemClock,
      log: () => undefined,
    })
    onTestFinished(() => managed.stop())
    return managed
  }

  get processes(): number[] {
    return ownedProcesses(this.owner)
  }

  /** A turn whose bash ignores TERM; resolves when it runs. */
  async hang(address: OpenCodeAddress): Promise<void> {
    const client = new OpenCodeClient(address)
    const log = await client.follow()
    onTestFinished(() => log.close())
    const { id } = await client.get<{ id: string }>('POST /session', { body: {}, directory: this.work })
    await client.call(`POST /session/${id}/prompt_async`, { body: { parts: [{ type: 'text', text: 'Hang' }] } })
    await log.sees('a tool that runs', ({ payload }) => JSON.stringify(payload).includes('"status":"running"'))
    await eventually('its processes', () => this.processes.length > 2)
  }
}

async function started(managed: Managed) {
  const result = await managed.ensure()
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  return result.value
}

describe('a managed OpenCode, the real program', () => {
  beforeAll(() => {
    openCodeBinary()
  })

  it('answers its password only, and is gone after it was stopped, with a tool that ignores TERM', async () => {
    const bench = await new Bench().open()
    const managed = bench.managed()
    const address = await started(managed)
    expect((await fetch(`${address.url}/global/health`)).status).toBe(401)
    expect(await new OpenCodeClient(address).get('GET /global/health')).toMatchObject({ healthy: true })
    await bench.hang(address)
    await managed.stop()
    expect(bench.processes).toEqual([])
  })

  it('leaves no tool behind when it crashes', async () => {
    const bench = await new Bench().open()
    const managed = bench.managed()
    const address = await started(managed)
    await bench.hang(address)
    const gone = new Promise<void>((resolve) => managed.onExit(resolve))
    process.kill(address.pid, 'SIGKILL')
    await gone
    expect(bench.processes).toEqual([])
  })

  it('that a killed daemon left is ended by the next one, with its tools', async () => {
    const bench = await new Bench().open()
    const daemon = await startOtherDaemon(bench.options, bench.env)
    onTestFinished(() => daemon.kill())
    await bench.hang(daemon.server)
    await daemon.kill()
    const left = bench.processes
    expect(left).toContain(daemon.server.pid)
    const managed = bench.managed()
    const { pid } = await started(managed)
    expect(bench.processes.filter((one) => left.includes(one))).toEqual([])
    expect(bench.processes).toContain(pid)
  })
})
