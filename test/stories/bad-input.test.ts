/** Workspaces and checks that are odd, broken or hostile: a clear verdict, nothing lost, nothing left running. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ownedProcesses } from '../../src/lib/process.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { type Story, tell } from '../fakes/story.ts'

const run = (command: string) => ({ tool_calls: [{ name: 'bash', arguments: { command } }] })
const agent = (...commands: string[]): ScriptInput => [...commands.map(run), { text: 'Done.' }]

function git(root: string, ...args: string[]): string {
  const who = ['-c', 'user.name=t', '-c', 'user.email=t@t', '-c', 'protocol.file.allow=always']
  return execFileSync('git', [...who, ...args], { cwd: root, encoding: 'utf8' }).trim()
}

interface Work {
  prepare(root: string, story: Story): void
  script?: ScriptInput
  checks: unknown[]
  status?: 'done' | 'failed'
}

async function work({ prepare, script = agent('echo done > done.txt'), checks, status = 'done' }: Work) {
  const story = await tell({ env: { OPENLOOM_MUST_FAIL_FIRST: 'yes' }, script })
  const root = story.workspace('repo')
  prepare(root, story)
  const body = { goal: 'Do it', workspace: root, checks, limits: { attempts: 1 } }
  const { id } = (await (await story.call('POST', '/api/tasks', body)).json()) as { id: string }
  const { attempts } = await story.reaches(status, id)
  const [attempt] = attempts
  return { root, story, verdict: attempt?.verdict, record: attempt?.checks[0] }
}

describe('a verdict is clear', () => {
  it('in an empty repository', async () => {
    const { verdict, record } = await work({
      prepare: (root) => void git(root, 'init', '-q'),
      checks: ['run: test -f done.txt'],
    })
    expect({ verdict, clean: record?.clean?.outcome }).toEqual({ verdict: 'verified', clean: 'pass' })
  })

  it('in a shallow clone', async () => {
    const { verdict, record } = await work({
      prepare(root, story) {
        const origin = story.workspace('origin')
        git(origin, 'init', '-q')
        for (const text of ['one', 'two']) {
          writeFileSync(join(origin, 'a.txt'), text)
          git(origin, 'add', '--all')
          git(origin, 'commit', '-q', '-m', text)
        }
        git(root, 'clone', '-q', '--depth', '1', `file://${origin}`, '.')
      },
      checks: ['run: test -f done.txt && git log --oneline && git status'],
    })
    expect({ verdict, clean: record?.clean?.outcome }).toEqual({ verdict: 'verified', clean: 'pass' })
  })

  it('where links lead out of the tree', async () => {
    const { verdict, root, story } = await work({
      prepare(at, { folder }) {
        git(at, 'init', '-q')
        mkdirSync(join(folder, 'outside'))
        writeFileSync(join(folder, 'outside', 'kept.txt'), 'kept')
        symlinkSync('../outside', join(at, 'out'))
        git(at, 'add', '--all')
        git(at, 'commit', '-q', '-m', 'x')
      },
      script: agent('echo 4 > out/four.txt; echo done > done.txt'),
      checks: ['run: test -f done.txt && test -f out/four.txt'],
      status: 'failed',
    })
    expect(verdict).toBe('works-only-here')
    expect(readFileSync(join(story.folder, 'outside', 'kept.txt'), 'utf8')).toBe('kept')
    expect(existsSync(join(root, 'out', 'kept.txt'))).toBe(true)
  })

  it('of a check with much output that is no text', async () => {
    const { verdict, record } = await work({
      prepare: (root) => void git(root, 'init', '-q'),
      checks: ['run: head -c 30000000 /dev/urandom; test -f done.txt'],
    })
    expect(verdict).toBe('verified')
    expect(record?.evidence.sizeBytes).toBe(30_000_000)
    expect((record?.evidence.excerpt ?? '').length).toBeLessThanOrEqual(4_100)
  })

  it('of a check that never ends, and of one that kills its parent: neither leaves a process', async () => {
    const { verdict, story } = await work({
      prepare: (root) => void git(root, 'init', '-q'),
      checks: [
        { kind: 'command', run: 'sleep 300 & setsid sleep 301 & sleep 302', timeout_seconds: 0.3 },
        'run: test -f done.txt; kill -9 $PPID; kill -9 $$',
      ],
      script: [{ text: 'Done.' }],
      status: 'failed',
    })
    expect(verdict).toBe('refuted')
    expect((await story.call('GET', '/api/tasks')).status).toBe(200)
    expect(ownedProcesses('').filter((pid) => commandOf(pid).startsWith('sleep 30'))).toEqual([])
  })

  it('where the folder is gone when it is judged', async () => {
    const { verdict } = await work({
      prepare: (root) => void git(root, 'init', '-q'),
      script: agent('cd .. && rm -rf repo'),
      checks: ['run: test -f done.txt'],
      status: 'failed',
    })
    expect(['refuted', 'unknown']).toContain(verdict)
  })

  it('where git refuses to answer: unknown, with the way out', async () => {
    const { verdict, record } = await work({
      prepare: (root) => void git(root, 'init', '-q'),
      script: agent('echo rubbish > .git/HEAD; echo done > done.txt'),
      checks: ['run: test -f done.txt'],
      status: 'failed',
    })
    expect(verdict).toBe('unknown')
    expect(record?.clean?.evidence.summary).toContain('checkout: none')
  })
})

const commandOf = (pid: number): string => {
  const path = `/proc/${pid}/cmdline`
  return existsSync(path) ? readFileSync(path, 'utf8').replaceAll('\0', ' ') : ''
}
