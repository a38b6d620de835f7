/** What a source may ask for: a table of wishes and answers. */
import { expect, it } from 'vitest'
import { checkers } from '../../src/checks/index.ts'
import type { TaskSpec } from '../../src/core/spec.ts'
import type { Source } from '../../src/core/task.ts'
import { effectiveLimits, policyProblems, type SourcePolicy } from '../../src/inbox/policy.ts'
import { specFrom } from '../fakes/tasks.ts'

const home = '/home/ann'
const open: SourcePolicy = {
  ...{ workspaceRoots: [home], runtimes: [], commands: 'any', autoAccept: true, answers: true, limits: {} },
}
const run = { kind: 'command', run: 'npm test' }
const file = { kind: 'file_exists', path: 'a' }
const named = { kind: 'named', use: 'tests' }

const drillDir = '/home/ann/data/drill'

const kinds = (
  spec: Partial<TaskSpec>,
  policy: Partial<SourcePolicy> = {},
  workspace = `${home}/project`,
  source: Source = 'inbox',
): string[] =>
  policyProblems(specFrom(spec), workspace, { source, policy: { ...open, ...policy }, home, checkers, drillDir }).map(
    ({ kind, text, todo }) => {
      expect(text).not.toBe('')
      expect(todo).not.toBe('')
      return kind
    },
  )

const drill = { runtime: 'drill', model: 'false-done' }
it.each([
  ['in its own folder', 'cli', `${drillDir}/1/work`, []],
  ['in the folder of all drills', 'cli', drillDir, ['drill-only']],
  ['in a project', 'cli', `${home}/project`, ['drill-only']],
  ['for a webhook', 'webhook', `${drillDir}/1/work`, ['drill-only']],
  ['for a file of the inbox', 'inbox', `${drillDir}/1/work`, ['drill-only']],
] as const)('the fire drill plays %s: from %s', (_, source, workspace, expected) => {
  expect(kinds(drill, { workspaceRoots: [], runtimes: ['opencode'] }, workspace, source)).toEqual(expected)
})

it.each([
  ['a folder below the home', [home], `${home}/project`, []],
  ['a folder far below it', [home], `${home}/a/b/c`, []],
  ['the home itself', [home], home, ['workspace-forbidden']],
  ['the home itself, though named', [home, `${home}/x`], home, ['workspace-forbidden']],
  ['the root of everything', ['/'], '/', ['workspace-forbidden']],
  ['a folder beside the roots', [home], '/srv/project', ['workspace-not-allowed']],
  ['a name that only begins like a root', [`${home}/code`], `${home}/codex`, ['workspace-not-allowed']],
  ['a named root itself', [`${home}/code`], `${home}/code`, []],
  ['a system folder', ['/'], '/etc', ['workspace-forbidden']],
  ['a folder in a system folder', ['/'], '/usr/local/src', ['workspace-forbidden']],
  ['a named root in a system folder', ['/var/lib/work'], '/var/lib/work', []],
  ['a folder below a named root in a system folder', ['/var/lib/projects'], '/var/lib/projects/one', []],
  ['a folder beside a named root in a system folder', ['/var/lib/work'], '/var/lib/other', ['workspace-forbidden']],
  ['any folder, with no root at all', [], `${home}/project`, ['workspace-not-allowed']],
])('%s', (_, workspaceRoots, workspace, expected) => {
  expect(kinds({}, { workspaceRoots }, workspace)).toEqual(expected)
})

it.each([
  ['any runtime where none is named', { runtime: 'builtin' }, {}, []],
  ['a runtime that is named', { runtime: 'builtin' }, { runtimes: ['builtin'] }, []],
  ['another runtime', { runtime: 'other' }, { runtimes: ['builtin'] }, ['runtime-not-allowed']],
  ['no runtime of its own', {}, { runtimes: ['builtin'] }, []],
  ['a command where any is allowed', { checks: [run] }, {}, []],
  ['a command where only named ones are', { checks: [run, file] }, { commands: 'named' }, ['command-not-allowed']],
  ['a named check where only these are', { checks: [named] }, { commands: 'named' }, []],
  ['a command where none is allowed', { checks: [run] }, { commands: 'none' }, ['command-not-allowed']],
  ['a check without a command where none is allowed', { checks: [file] }, { commands: 'none' }, []],
  [
    'a command hidden in a step',
    { steps: [{ title: 's', checks: [run] }] },
    { commands: 'named' },
    ['command-not-allowed'],
  ],
  ['a limit below the highest', { limits: { minutes: 5 } }, { limits: { minutes: 10 } }, []],
  ['permissions answered unasked', { auto_accept: true }, {}, []],
  [
    'permissions answered unasked where that is not allowed',
    { auto_accept: ['bash git *'] },
    { autoAccept: false },
    ['auto-accept-not-allowed'],
  ],
  ['the highest limit', { limits: { minutes: 10 } }, { limits: { minutes: 10 } }, []],
  ['a limit above the highest', { limits: { minutes: 11 } }, { limits: { minutes: 10 } }, ['limit-too-high']],
  [
    'everything wrong at once',
    { runtime: 'x', checks: [run], limits: { tokens: 2 } },
    { runtimes: ['y'], commands: 'none', limits: { tokens: 1 } },
    ['runtime-not-allowed', 'command-not-allowed', 'limit-too-high'],
  ],
] as [string, Partial<TaskSpec>, Partial<SourcePolicy>, string[]][])('%s', (_, spec, policy, expected) => {
  expect(kinds(spec, policy)).toEqual(expected)
})

it.each([
  { asked: {}, most: {}, defaults: {}, holds: {} },
  { asked: {}, most: {}, defaults: { minutes: 60 }, holds: { minutes: 60 } },
  { asked: { minutes: 5 }, most: { minutes: 30 }, defaults: { minutes: 60 }, holds: { minutes: 5 } },
  { asked: { minutes: 90 }, most: {}, defaults: { minutes: 60 }, holds: { minutes: 90 } },
  { asked: {}, most: { minutes: 30 }, defaults: { minutes: 60 }, holds: { minutes: 30 } },
  { asked: {}, most: { minutes: 90 }, defaults: { minutes: 60 }, holds: { minutes: 60 } },
])('of $asked, at most $most, else $defaults, holds $holds', ({ asked, most, defaults, holds }) => {
  expect(effectiveLimits(asked, most, defaults)).toEqual(holds)
})
