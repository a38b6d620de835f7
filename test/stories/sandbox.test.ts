import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { openRunner } from '../../src/cli/runner.ts'
import { show } from '../../src/cli/show.ts'
import { status } from '../../src/cli/status.ts'
import { loadConfig } from '../../src/config.ts'
import type { DaemonState } from '../../src/server/api.ts'
import { hasBwrap } from '../fakes/sandbox.ts'
import { tell } from '../fakes/story.ts'

const bash = (command: string) => ({ tool_calls: [{ name: 'bash', arguments: { command } }] })
const on = { OPENLOOM_SANDBOX_MODE: 'auto' }

const taskText = (workspace: string, checks: readonly string[]) =>
  [
    ...['# Task', '', `workspace: ${workspace}`, 'max_attempts: 1', '', '## goal', '', 'Do it.', '', '## checks', ''],
    ...checks.map((check) => `- ${check}`),
    '',
  ].join('\n')

describe.runIf(hasBwrap)('a task in the sandbox', () => {
  it('SE-2 works and is judged there, and its state, its run and its log say so', async () => {
    const script = {
      replies: [bash('echo right > result.txt; cat ../private.txt; echo x > ../out.txt'), { text: 'Done.' }],
    }
    const story = await tell({ script, env: on })
    writeFileSync(join(story.folder, 'private.txt'), 'nobody reads this')
    const workspace = story.workspace()
    for (const args of [
      ['init', '-q'],
      ['-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-qm', 'one', '--allow-empty'],
    ]) {
      expect(spawnSync('git', args, { cwd: workspace }).status).toBe(0)
    }
    story.drop('a.md', taskText(workspace, ['run: grep -q right result.txt', 'run: test ! -e ../private.txt']))
    const { attempts } = await story.reaches('done')
    expect(attempts.at(-1)?.verdict).toBe('verified')
    expect(readFileSync(join(workspace, 'result.txt'), 'utf8')).toBe('right\n')
    expect(existsSync(join(story.folder, 'out.txt'))).toBe(false)
    expect(JSON.stringify(story.requests)).not.toContain('nobody reads this')
    const state = (await (await story.call('GET', '/api/state')).json()) as DaemonState
    expect(state.sandbox).toEqual({ kind: 'bwrap', detail: expect.stringContaining('network: proxy') })
    const events = story.daemon.store.events.after(0, 1_000)
    expect(events.find((event) => event.type === 'run.started')?.data).toMatchObject({ sandbox: 'bwrap' })
    expect((await story.reaches('done')).sandbox).toBe('bwrap')
  })

  it('SE-2 a check that the sandbox may have failed says so', async () => {
    const story = await tell({ env: on })
    const workspace = story.workspace()
    story.drop('a.md', taskText(workspace, ['run: touch /usr/made']))
    const { attempts } = await story.reaches('failed')
    const [check] = attempts.at(-1)?.checks ?? []
    expect(check).toMatchObject({ outcome: 'fail' })
    expect(check?.evidence.summary).toContain('It ran in the sandbox, which may be why')
  })
})

describe('a daemon without a sandbox', () => {
  it('SE-2 says none and why, and works as before', async () => {
    const story = await tell({ script: { replies: [bash('echo right > result.txt'), { text: 'Done.' }] } })
    const workspace = story.workspace()
    story.drop('a.md', taskText(workspace, ['run: grep -q right result.txt']))
    const { sandbox, task } = await story.reaches('done')
    expect(sandbox).toBe('none')
    const said: string[] = []
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(String(text)) > 0)
    const env = { HOME: story.folder, OPENLOOM_DATA_DIR: join(story.folder, 'data'), PATH: process.env.PATH }
    await show(task.id, {}, { env, cwd: story.folder })
    await status({}, { env, cwd: story.folder })
    vi.restoreAllMocks()
    expect(said.join('')).toContain('sandbox: none\n')
    expect(said.join('')).toContain('sandbox: none, switched off (sandbox.mode)\n')
    const state = (await (await story.call('GET', '/api/state')).json()) as DaemonState
    expect(state.sandbox).toEqual({ kind: 'none', detail: 'switched off (sandbox.mode)' })
  })

  it('SE-2 does not start where one is required and bubblewrap is not there', async () => {
    const env = { OPENLOOM_SANDBOX_MODE: 'require', PATH: '/nowhere' }
    await expect(tell({ env })).rejects.toThrow('bubblewrap (bwrap) is not installed')
  })

  it('SE-2 begins a run of one’s own with a warning, unless a person switched it off', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'loom-bare-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const said: string[] = []
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0)
    for (const [mode, count] of [
      ['auto', 1],
      ['off', 1],
    ] as const) {
      const env = {
        HOME: folder,
        OPENLOOM_DATA_DIR: join(folder, 'data'),
        PATH: '/nowhere',
        OPENLOOM_SANDBOX_MODE: mode,
      }
      const loaded = loadConfig({ cwd: folder, env })
      if (!loaded.ok) throw new Error('bad settings')
      const runner = await openRunner(loaded.value, { env, allow: [], deny: [], stepsMax: null })
      if (runner.ok) await runner.value.close()
      expect([mode, runner.ok, said.filter((text) => text.includes('not confined here')).length]).toEqual([
        mode,
        true,
        count,
      ])
    }
    vi.restoreAllMocks()
    expect(said.join('')).toContain('(sandbox: none): bubblewrap (bwrap) is not installed.')
  })
})
