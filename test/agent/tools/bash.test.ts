import { readFile, stat } from 'node:fs/promises'
import { describe, expect, it, vi } from 'vitest'
import { createTools, toolSettingsSchema } from '../../../src/agent/tools/index.ts'
import { ownedProcesses } from '../../../src/lib/process.ts'
import { loseCommands } from '../../fakes/fork-server.ts'
import { toolWorld } from '../../fakes/tool-world.ts'

describe('TL-4 bash', () => {
  it('runs in the workspace and gives output and exit code', async () => {
    const world = await toolWorld()
    const result = await world.use('bash', { command: 'pwd; echo err >&2; exit 3' })
    expect(result).toMatchObject({ ok: false, facts: { exitCode: 3 } })
    expect(result.output.split('\n').sort()).toEqual(['[exit code 3]', 'err', world.context.workspace].sort())
    expect((await world.use('bash', { command: 'true' })).output).toBe('(no output)')
    expect(world.live.join('')).toContain('err')
  })

  it('does not wait for what it put into the background', async () => {
    const world = await toolWorld()
    const startedAt = performance.now()
    expect((await world.use('bash', { command: 'sleep 300 & echo bg' })).output).toBe('bg')
    expect(performance.now() - startedAt).toBeLessThan(1_000)
  })

  it('ends a pipe-holding tree at its timeout, with the output so far', async () => {
    const world = await toolWorld()
    const startedAt = performance.now()
    const result = await world.use('bash', { command: 'echo begun; setsid sleep 300 & sleep 300', timeout: 500 })
    expect(performance.now() - startedAt).toBeLessThan(2_000)
    expect(result.output).toMatch(/^begun\n\[timed out after 500 ms/)
    expect(ownedProcesses(world.context.owner)).toEqual([])
  })

  it('AL-7 is gone within a second when the run is cancelled', async () => {
    const world = await toolWorld()
    const running = world.use('bash', { command: 'echo on; sleep 600 & sleep 600' })
    while (world.live.length === 0) await new Promise((resolve) => setImmediate(resolve))
    const startedAt = performance.now()
    world.stop.abort()
    expect((await running).output).toContain('stopped')
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    expect(ownedProcesses(world.context.owner)).toEqual([])
  })

  it('takes its default and its highest timeout from the settings', async () => {
    const tools = createTools(toolSettingsSchema.parse({ bash: { timeout_ms: 200, timeout_ms_max: 1_000 } }))
    const world = await toolWorld(tools)
    expect((await world.use('bash', { command: 'sleep 20' })).output).toContain('timed out after 200 ms')
    await expect(world.use('bash', { command: 'true', timeout: 2_000 })).rejects.toThrow()
  })

  it('background: an id, later output in parts, waiting, stopping', async () => {
    const world = await toolWorld()
    const started = await world.use('bash', {
      command: 'echo one; read -t 20 x < <(sleep 600)',
      run_in_background: true,
    })
    const id = String(started.facts?.id)
    let seen = ''
    while (!seen.includes('one')) seen += (await world.use('bash_output', { id, wait_ms: 50 })).output
    expect((await world.use('bash_output', { id })).output).toBe('[running]')
    expect((await world.use('bash_output', { id, stop: true })).output).toMatch(/^\[ended: /)
    expect(ownedProcesses(world.context.owner)).toEqual([])
    const quick = await world.use('bash', { command: 'echo two; exit 4', run_in_background: true })
    const ended = await world.use('bash_output', { id: String(quick.facts?.id), wait_ms: 5_000 })
    expect(ended.output).toBe('two\n[ended: 4]')
  })

  it('a timeout of one command leaves a background command alone; the end of the run does not', async () => {
    const world = await toolWorld()
    const { facts } = await world.use('bash', { command: 'sleep 600', run_in_background: true })
    await world.use('bash', { command: 'sleep 20', timeout: 100 })
    const id = String(facts?.id)
    expect((await world.use('bash_output', { id })).output).toBe('[running]')
    world.stop.abort()
    expect(await world.use('bash_output', { id })).toMatchObject({ ok: false })
  })
})

describe('TL-5 the budget', () => {
  it('keeps head and tail of 10 MB, and all of it in a file that can be read', async () => {
    const world = await toolWorld()
    const result = await world.use('bash', { command: 'seq 1 1500000' })
    expect(result.output.length).toBeLessThan(40_000)
    expect(result.output.startsWith('1\n2\n')).toBe(true)
    const file = String(result.facts?.file)
    expect(result.output).toContain(file)
    expect((await stat(file)).size).toBe(result.facts?.sizeBytes)
    expect((await readFile(file, 'utf8')).endsWith('1500000\n')).toBe(true)
    const read = await world.use('read', { file_path: file, offset: 1_499_999 })
    expect(read.output).toContain('1500000')
    expect((await world.use('grep', { pattern: '^777777$', path: file })).output).toContain('777777:777777')
  })

  it('also counts lines', async () => {
    const world = await toolWorld()
    const result = await world.use('bash', { command: 'seq 1 3000' })
    expect(result.output.split('\n').length).toBeLessThan(510)
    expect(result.output).toContain('lines left out')
  })

  it('says of a command whose starter has died that nobody knows how far it came', async () => {
    loseCommands()
    const world = await toolWorld()
    const lost = '[lost: its starter died; how far the command came is not known]'
    const result = await world.use('bash', { command: 'make' })
    expect(result).toMatchObject({
      ok: false,
      output: `(no output)\n${lost}`,
      facts: { ended: 'lost', exitCode: null },
    })
    const { facts } = await world.use('bash', { command: 'make', run_in_background: true })
    expect((await world.use('bash_output', { id: facts?.id, wait_ms: 5_000 })).output).toBe(lost)
  })
})

describe('TL-5 more output than its file takes', () => {
  const much = 'head -c 270000000 /dev/zero | tr "\\0" a'

  it('is said to be there in part', async () => {
    const world = await toolWorld()
    const { output, facts } = await world.use('bash', { command: `${much}; echo END` })
    expect(output).toMatch(
      /END\n\[270000004 bytes in all; the first 268435456 bytes of it are in \S+, what came behind/,
    )
    expect((await stat(String(facts?.file))).size).toBe(268_435_456)
  })

  it('shows what a command in the background says last, all the same', async () => {
    const world = await toolWorld()
    const line = `${much}; echo; echo SERVER-READY; until [ -e go ]; do sleep 0.02; done; echo CRASHED; exit 7`
    const { facts } = await world.use('bash', { command: line, run_in_background: true })
    const said: string[] = []
    const look = async (wait_ms: number) =>
      said.push((await world.use('bash_output', { id: facts?.id, wait_ms })).output)
    await vi.waitFor(async () => {
      await look(50)
      expect(said.join('')).toContain('SERVER-READY\n[running]')
    }, 20_000)
    expect(said.at(-1)).toContain('only the first 268435456 bytes are in')
    expect(said.at(-1)?.length).toBeLessThan(40_000)
    await world.put('go', '')
    await look(10_000)
    expect(said.at(-1)).toMatch(/^\[… 0 bytes left out; only the first .*\nCRASHED\n\[ended: 7\]$/)
  })
})
