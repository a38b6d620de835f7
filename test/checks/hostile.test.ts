import { existsSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkerOf, checkSchema } from '../../src/checks/index.ts'
import type { CheckContext, CheckResult } from '../../src/core/check.ts'
import { TemporaryWorkspace } from '../fakes/workspace.ts'

let workspace: TemporaryWorkspace
beforeEach(() => {
  workspace = new TemporaryWorkspace()
})
afterEach(() => workspace.remove())

function run(fields: { kind: string; [field: string]: unknown }, context: Partial<CheckContext> = {}) {
  const checker = checkerOf(fields.kind)
  if (!checker) throw new Error(`no checker ${fields.kind}`)
  return checker.run(checkSchema.parse(fields), workspace.context(context))
}

describe('a pattern that never ends', () => {
  it('is an error after its limit, and the process stays awake', async () => {
    workspace.write('a', `${'a'.repeat(60)}b`)
    await run({ kind: 'file_contains', path: 'a', regex: 'x+' })
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    const result = await run({ kind: 'file_contains', path: 'a', regex: '^(a+)+$' })
    delay.disable()
    expect(result).toMatchObject({ outcome: 'error', evidence: { summary: expect.stringContaining('2000 ms') } })
    expect(delay.percentile(99) / 1e6).toBeLessThan(100)
  })

  it('ends at once when the check is stopped', async () => {
    workspace.write('a', `${'a'.repeat(60)}b`)
    const stop = new AbortController()
    const running = run({ kind: 'file_contains', path: 'a', regex: '^(a+)+$' }, { signal: stop.signal })
    const startedAt = performance.now()
    setImmediate(() => stop.abort())
    expect((await running).outcome).toBe('error')
    expect(performance.now() - startedAt).toBeLessThan(1_500)
  })
})

describe('a repository that the agent prepared', () => {
  const innocent = (result: CheckResult) => {
    expect(existsSync(`${workspace.path}/PWNED`) || existsSync(`${workspace.outside}/PWNED`)).toBe(false)
    return result.outcome
  }

  it.each([
    ['core.fsmonitor', 'touch ../PWNED; false'],
    ['core.pager', 'touch ../PWNED'],
    ['diff.external', 'touch ../PWNED'],
    ['diff.x.command', 'touch ../PWNED'],
    ['diff.x.textconv', 'touch ../PWNED; cat'],
    ['filter.x.clean', 'touch ../PWNED; cat'],
    ['filter.x.process', 'touch ../PWNED'],
    ['core.hooksPath', 'hooks'],
    ['core.alternateRefsCommand', 'touch ../PWNED'],
  ])('runs nothing that its %s names', async (key, value) => {
    const baseCommit = workspace.write('a', 'a').commit()
    workspace.write('.gitattributes', '* diff=x filter=x\n').write('a', 'b')
    workspace
      .write('hooks/post-index-change', '#!/bin/sh\ntouch ../PWNED\n')
      .run('chmod', '+x', 'hooks/post-index-change')
    workspace.run('git', 'config', key, value)
    workspace.run('git', 'config', 'filter.x.required', 'true')
    expect(innocent(await run({ kind: 'git_clean' }))).toBe('fail')
    expect(innocent(await run({ kind: 'git_diff', inside: '**' }, { baseCommit }))).toBe('pass')
  })

  it('runs nothing of a repository nested in it', async () => {
    const baseCommit = workspace.write('a', 'a').commit()
    workspace.write('sub/a', 'a').run('git', 'init', '--quiet', 'sub')
    workspace.run('git', '-C', 'sub', 'config', 'core.fsmonitor', 'touch ../../PWNED; false')
    expect(innocent(await run({ kind: 'git_clean' }))).toBe('fail')
    expect(innocent(await run({ kind: 'git_diff', inside: 'sub' }, { baseCommit }))).toBe('pass')
  })

  it('cannot send git to another folder', async () => {
    workspace.write('../elsewhere/a', 'a').write('a', 'a').commit()
    workspace.write('new', 'new').run('git', 'config', 'core.worktree', `${workspace.outside}/elsewhere`)
    expect((await run({ kind: 'git_clean' })).outcome).toBe('error')
  })

  it('cannot name a filter so that it stays on', async () => {
    workspace.write('a', 'a').commit()
    workspace.write(
      '.git/config',
      '[core]\n\trepositoryformatversion = 0\n[filter "x=y"]\n\tclean = touch ../PWNED; cat\n',
    )
    workspace.write('.gitattributes', '* filter=x=y\n').write('a', 'b')
    expect(innocent(await run({ kind: 'git_clean' }))).toBe('error')
  })
})

it('a command sees only the environment that it was given', async () => {
  process.env.OPENLOOM_TEST_SECRET = 'hush'
  const result = await run({ kind: 'command', run: 'env' })
  delete process.env.OPENLOOM_TEST_SECRET
  expect(result.evidence.excerpt).toContain('PATH=')
  expect(result.evidence.excerpt).not.toContain('hush')
})

it('a glob does not follow symlinks, not even around in a circle', async () => {
  workspace.write('a/b.ts', '').write('../secret/c.ts', '').link('a/loop', '..').link('out', '../secret')
  expect(await run({ kind: 'glob_count', glob: '**/*.ts', max: 1 })).toMatchObject({ outcome: 'pass' })
})
