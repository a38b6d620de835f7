import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { EventPage, TaskDetail } from '../../src/server/api.ts'
import { commitFiles } from '../fakes/repository.ts'
import { type Story, tell } from '../fakes/story.ts'

const env = { OPENLOOM_MUST_FAIL_FIRST: 'yes' }
const settings = 'defaults: {limits: {attempts: 1}}\n'
const write = (file_path: string, content: string) => ({
  tool_calls: [{ name: 'write', arguments: { file_path, content } }],
})

const bash = (command: string) => ({ tool_calls: [{ name: 'bash', arguments: { command } }] })

/** Its tests are the files of `spec`, which fail when they hold the word bad; they write a report as well. */
const runner = `const { readdirSync, readFileSync, writeFileSync } = require('node:fs')
let failed = 0
for (const name of readdirSync('spec').sort()) {
  const bad = readFileSync('spec/' + name, 'utf8').includes('bad')
  console.log((bad ? 'not ok' : 'ok') + ' - ' + name)
  if (bad) failed = 1
}
writeFileSync('report.xml', String(process.hrtime.bigint()))
process.exit(failed)
`

function project(story: Story, files: Record<string, string> = {}): string {
  const folder = story.workspace('p')
  const all = {
    'package.json': JSON.stringify({ scripts: { test: 'node run.cjs' } }),
    'run.cjs': runner,
    'spec/adds': 'good',
    'spec/old': 'bad',
    ...files,
  }
  commitFiles(folder, all)
  return folder
}

async function give(story: Story, goal: string, more: Record<string, unknown> = {}): Promise<string> {
  const body = { goal, workspace: story.workspace('p'), ...more }
  return ((await (await story.call('POST', '/api/tasks', body)).json()) as { id: string }).id
}

const checksIn = ({ attempts }: TaskDetail) =>
  attempts.at(-1)?.checks.map(({ title, outcome, origin, base }) => ({ title, outcome, origin, base }))
const said = ({ attempts }: TaskDetail, index: number) => attempts.at(-1)?.checks[index]?.evidence

async function addedOf(story: Story, id: string): Promise<unknown[]> {
  const { items } = (await (await story.call('GET', `/api/tasks/${id}/events?limit=100`)).json()) as EventPage
  return items.filter((event) => event.type === 'checks.added').map((event) => event.data.checks)
}

describe('a goal and nothing else, in a project with tests', () => {
  it('is verified by them when nothing got worse and something changed; an old failure is not blamed', async () => {
    const story = await tell({ env, settings, script: [write('spec/ends', 'good'), { text: 'Added.' }] })
    project(story)
    const id = await give(story, 'Add a test that it ends.')
    const detail = await story.reaches('done', id)
    expect(detail.task.verdict).toBe('verified (project checks)')
    expect(checksIn(detail)).toEqual([
      { title: 'no worse: npm test', outcome: 'pass', origin: 'project', base: 'fail' },
      { title: 'any change', outcome: 'pass', origin: 'project', base: 'fail' },
    ])
    expect(said(detail, 0)?.summary).toContain('failing before and are not blamed on the work: old')
    expect(said(detail, 1)).toMatchObject({ excerpt: 'spec/ends' })
    expect(detail.attempts[0]?.prompt).toContain('- no worse: npm test (found in the project)')
    const [npmTest, change] = [{ title: 'no worse: npm test' }, { title: 'any change' }]
    expect(await addedOf(story, id)).toEqual([
      [
        { ...npmTest, origin: 'project', because: 'the script test in package.json' },
        { ...change, origin: 'project', because: 'the task is to change files' },
      ],
    ])
  })

  it('is refuted when another test breaks, and the agent is told which one', async () => {
    const script = [bash('echo bad > spec/adds'), { text: 'Done.' }, bash('echo fine > spec/adds'), { text: 'Now.' }]
    const story = await tell({ env, script })
    project(story)
    const detail = await story.reaches('done', await give(story, 'Fix the sum'))
    expect(detail.attempts.map(({ verdict }) => verdict)).toEqual(['refuted', 'verified (project checks)'])
    expect(detail.attempts[1]?.prompt).toContain('New failures: adds.')
  })

  it('is refuted when nothing has changed but what the tests themselves write', async () => {
    const story = await tell({ env, settings, script: [{ text: 'All done.' }] })
    project(story)
    const detail = await story.reaches('failed', await give(story, 'Please fix the sum'))
    expect(detail.task.verdict).toBe('refuted')
    expect(said(detail, 1)?.summary).toBe('Nothing has changed since the work began.')
  })

  it.each(['Why does the old test fail?', 'Explain the sum', 'Review run.cjs', 'Was macht run.cjs?'])(
    'stays unverified when it asks for no change: %s',
    async (goal) => {
      const story = await tell({ env, settings, script: [{ text: 'Because.' }] })
      project(story)
      const detail = await story.reaches('done', await give(story, goal))
      expect(detail.task.verdict).toBe('unverified')
      expect(checksIn(detail)).toEqual([
        { title: 'no worse: npm test', outcome: 'pass', origin: 'project', base: 'fail' },
      ])
    },
  )

  it('is to change files when it says so', async () => {
    const story = await tell({ env, settings, script: [{ text: 'Because.' }] })
    project(story)
    const detail = await story.reaches('failed', await give(story, 'Make sense of it?', { changes_files: true }))
    expect(detail.task.verdict).toBe('refuted')
  })

  it.each<[how: string, more: Record<string, unknown>, text: string]>([
    ['in the task', { project_checks: 'never' }, settings],
    ['for all tasks', {}, 'defaults: {project_checks: never}\n'],
    ['for a source that may run no command', {}, 'sources: {api: {commands: none}}\n'],
  ])('stays unverified when that is switched off %s', async (_how, more, text) => {
    const story = await tell({ env, settings: text, script: [write('a', 'b'), { text: 'Done.' }] })
    project(story)
    const detail = await story.reaches('done', await give(story, 'Add a', more))
    expect({ verdict: detail.task.verdict, checks: checksIn(detail) }).toEqual({ verdict: 'unverified', checks: [] })
  })

  it('stays unverified, at once, when the tests failed before and do not say which', async () => {
    const mute = { 'package.json': JSON.stringify({ scripts: { test: 'exit 3' } }) }
    const story = await tell({ env, script: [write('a', 'b'), { text: 'Done.' }] })
    project(story, mute)
    const detail = await story.reaches('done', await give(story, 'Add a'))
    expect({ verdict: detail.task.verdict, attempts: detail.attempts.length }).toEqual({
      verdict: 'unverified',
      attempts: 1,
    })
    expect(said(detail, 0)?.summary).toContain('failed before the work too')
  })

  it('is refuted when the tests cannot be run any more', async () => {
    const green = { 'package.json': JSON.stringify({ scripts: { test: './run.sh' } }), 'run.sh': 'x' }
    const story = await tell({ env, settings, script: [bash('rm run.sh'), { text: 'Done.' }] })
    const folder = project(story, green)
    writeFileSync(join(folder, 'run.sh'), '#!/bin/sh\n')
    chmodSync(join(folder, 'run.sh'), 0o755)
    expect((await story.reaches('failed', await give(story, 'Remove run.sh'))).task.verdict).toBe('refuted')
  })

  it('is judged so even where checks need not fail first', async () => {
    const off = { OPENLOOM_MUST_FAIL_FIRST: 'no' }
    const story = await tell({ env: off, settings, script: [{ text: 'Done.' }] })
    project(story)
    expect((await story.reaches('failed', await give(story, 'Add a'))).task.verdict).toBe('refuted')
  })

  it('is not held up by tests that take long: what they said before is not known', async () => {
    const slow = { 'package.json': JSON.stringify({ scripts: { test: 'test -f new || sleep 30' } }) }
    const short = 'defaults: {base_seconds: 0.5}\n'
    const story = await tell({ env, settings: short, script: [write('new', ''), { text: 'Done.' }] })
    project(story, slow)
    const detail = await story.reaches('done', await give(story, 'Add new'))
    expect(detail.task.verdict).toBe('verified (project checks)')
    expect(checksIn(detail)?.map(({ base }) => base)).toEqual([null, 'fail'])
  })
})

describe('a task that brings checks', () => {
  it('is judged by them alone, unless the project is always asked', async () => {
    const story = await tell({ env, settings, script: [write('a', 'b'), { text: 'Done.' }] })
    project(story)
    const alone = await story.reaches('done', await give(story, 'Add a', { checks: ['file: a'] }))
    expect(checksIn(alone)).toHaveLength(1)
    const more = { checks: ['file: b'], project_checks: 'always' }
    const both = await story.reaches('failed', await give(story, 'Add b', more))
    expect(checksIn(both)?.map(({ title }) => title)).toEqual(['file: b', 'no worse: npm test', 'any change'])
  })
})

describe('acceptance lines', () => {
  const acceptance = ['NOTES.md says hello', 'it is beautiful', 'nothing else breaks', 'the home folder is tidy']
  const answer = [
    '1. contains: NOTES.md "hello"',
    '2. none',
    '3. run: npm test',
    '4. run: rm -rf ~',
    '5. file: surplus',
    'and a word besides',
  ].join('\n')
  const conversations = (text: string) => [
    { match: '^Propose checks', replies: [{ text }] },
    { match: '.', replies: [write('NOTES.md', 'hello'), { text: 'Written.' }] },
  ]
  const off = { project_checks: 'never', acceptance }

  it('become checks that a model proposes before the work; a command that is not the project’s own never', async () => {
    const story = await tell({ env, settings, script: { conversations: conversations(answer) } })
    project(story)
    const id = await give(story, 'Write notes', off)
    const detail = await story.reaches('failed', id)
    expect(checksIn(detail)).toEqual([
      { title: 'contains: NOTES.md "hello"', outcome: 'pass', origin: 'proposed', base: 'fail' },
      { title: 'run: npm test', outcome: 'fail', origin: 'proposed', base: 'fail' },
    ])
    const used = story.daemon.store.usage.by('session', {}, 5)
    expect(used.map(({ key }) => key)).toContain(id)
    expect(detail.attempts[0]?.prompt).toContain('"hello" (proposed from the acceptance lines)')
    const asked = JSON.stringify(story.requests[0]?.body)
    for (const part of ['2. it is beautiful', 'spec/adds', 'no file: PATH', 'run: npm test'])
      expect(asked).toContain(part)
  })

  it('verify it for less: by proposed checks only', async () => {
    const story = await tell({
      env,
      settings,
      script: { conversations: conversations('1. contains: NOTES.md "hello"') },
    })
    const detail = await story.reaches('done', await give(story, 'Write notes', off))
    expect(detail.task.verdict).toBe('verified (proposed checks)')
  })

  it.each<[how: string, more: Record<string, unknown>, text: string, answer: string]>([
    ['it is switched off in the task', { propose_checks: false }, settings, answer],
    ['it is switched off for all', {}, 'defaults: {propose_checks: false}\n', answer],
    ['the model answers in prose', {}, settings, 'I would look whether NOTES.md says hello.'],
    [
      'the model answers with what is no check',
      {},
      settings,
      '1. NOTES.md\n2. git push\n3. http: http://127.0.0.1/ 200',
    ],
    ['what is proposed passed already', {}, settings, '1. file: .'],
  ])('leave it unverified when %s', async (_how, more, text, reply) => {
    const story = await tell({ env, settings: text, script: { conversations: conversations(reply) } })
    const detail = await story.reaches('done', await give(story, 'Write notes', { ...off, ...more }))
    expect(detail.task.verdict).toBe('unverified')
  })

  it('are not asked about when the task brings checks', async () => {
    const story = await tell({ env, settings, script: { conversations: conversations(answer) } })
    const detail = await story.reaches('done', await give(story, 'Write notes', { ...off, checks: ['file: NOTES.md'] }))
    expect(detail.task.verdict).toBe('verified')
    expect(story.requests.every(({ body }) => !JSON.stringify(body).includes('Propose checks'))).toBe(true)
  })
})
