/**
 * Goldens: a folder a case, `in.md` → `out.json`. `OPENLOOM_GOLDENS=write` writes the outcomes anew, to be read by eye.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { grammar, settingSections } from '../../src/config.ts'
import type { Result } from '../../src/core/problem.ts'
import type { TaskSpec } from '../../src/core/spec.ts'
import { decodeTask, dispatchMarkdown, dispatchText, dispatchYaml, taskBytesMax } from '../../src/inbox/dispatch.ts'
import { processorMs } from '../fakes/processor.ts'

const fixtures = new URL('../fixtures/', import.meta.url).pathname
const folder = join(fixtures, 'dispatch')
const orders = join(fixtures, 'orders')

function dispatch(bytes: Uint8Array): Result<TaskSpec> {
  const decoded = decodeTask(bytes)
  return decoded.ok ? dispatchMarkdown(decoded.value, grammar) : decoded
}

function isAsWritten(path: string, outcome: unknown): void {
  if (process.env.OPENLOOM_GOLDENS === 'write') writeFileSync(path, `${JSON.stringify(outcome, null, 2)}\n`)
  expect(JSON.parse(JSON.stringify(outcome))).toEqual(JSON.parse(readFileSync(path, 'utf8')))
}

describe('a word on what waits', () => {
  it.each(readdirSync(orders))('%s', (name) => {
    const text = readFileSync(join(orders, name, 'in.md'), 'utf8')
    isAsWritten(join(orders, name, 'out.json'), dispatchText(text, grammar))
  })

  it('is no task where only a task will do', () => {
    expect(dispatchMarkdown('approve: per_1\n', grammar)).toMatchObject({ problems: [{ kind: 'not-a-task' }] })
  })
})

describe('a markdown file', () => {
  it.each(readdirSync(folder))('%s', (name) => {
    const outcome = dispatch(readFileSync(join(folder, name, 'in.md')))
    isAsWritten(join(folder, name, 'out.json'), outcome)
  })

  it('of 100 MB is refused by its size, at once', () => {
    const startedAt = performance.now()
    const outcome = dispatch(new Uint8Array(100_000_000).fill(97))
    expect(outcome).toMatchObject({ ok: false, problems: [{ kind: 'too-large' }] })
    expect(performance.now() - startedAt).toBeLessThan(1_000)
  })

  it('up to the largest size is read in bounded time, whatever is in it', () => {
    const parts = ['- a\n', '[', '> ', '*a ', '`', '\n', '# x\n', '---\n', '| a ', '1. b\n', '    ', '<a ', '&#x']
    for (const part of parts) {
      const { ms } = processorMs(() =>
        dispatch(new TextEncoder().encode(part.repeat(Math.floor(20_000 / part.length)))),
      )
      expect(ms, JSON.stringify(part)).toBeLessThan(5_000)
    }
    expect(taskBytesMax).toBeLessThanOrEqual(256 * 1024)
  })
})

describe('a YAML spec of the original', () => {
  it('keeps its meaning', () => {
    const text = [
      'name: Old task',
      'workspace: ~/code/app',
      'check_interval_minutes: 10',
      'mode: normal',
      'agent: opencode',
      'auto_accept_permissions: false',
      'goal: Keep working.',
      'steps:',
      '  - name: First',
      '    acceptance: [a, b]',
      '  - Second',
      'global_acceptance: [All green]',
      'max_tokens: 1000',
      'concurrency: {tasks: 2}',
      '',
    ].join('\n')
    expect(dispatchYaml(text, grammar, settingSections)).toEqual({
      ok: true,
      value: {
        title: 'Old task',
        goal: 'Keep working.',
        workspace: '~/code/app',
        steps: [
          { title: 'First\n- a\n- b', checks: [] },
          { title: 'Second', checks: [] },
        ],
        acceptance: ['All green'],
        checks: [],
        abort: false,
        auto_accept: false,
        limits: { tokens: 1000 },
        check_interval_minutes: 10,
      },
    })
  })

  it('names a misspelt key with its line and its neighbour', () => {
    const outcome = dispatchYaml('goal: x\nworkspace: /w\nstepz:\n  - a\n', grammar, settingSections)
    expect(outcome).toEqual({
      ok: false,
      problems: [
        { kind: 'unknown-key', text: '"stepz" is not a key of a task.', todo: 'Did you mean "steps"?', line: 3 },
      ],
    })
  })
})
