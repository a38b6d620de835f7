/** Settings: which layer wins, who brought a value, and what is said of those that do not fit. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkers } from '../src/checks/index.ts'
import { configSchema, intakeSettings, jsonSchema, loadConfig, readSpecFile, settingSections } from '../src/config.ts'
import type { Problem } from '../src/core/problem.ts'
import type { Tree } from '../src/lib/layers.ts'
import { powerful } from '../src/lib/project/settings.ts'

let folder: string
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'loom-config-')))
  mkdirSync(join(folder, '.config', 'openloom'), { recursive: true })
  mkdirSync(join(folder, 'project'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const userFile = () => join(folder, '.config', 'openloom', 'config.yaml')
const projectFile = () => join(folder, 'project', 'openloom.yaml')
const load = (env: Record<string, string> = {}, flags: Tree = {}) =>
  loadConfig({ cwd: join(folder, 'project'), env: { HOME: folder, ...env }, flags })

function config(env: Record<string, string> = {}, flags: Tree = {}) {
  const loaded = load(env, flags)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded.value
}

function problems(env: Record<string, string> = {}): Problem[] {
  const loaded = load(env)
  return loaded.ok ? [] : loaded.problems
}

describe('layers', () => {
  it('begin with defaults that need nothing', () => {
    const { config: found, files } = config()
    expect(files).toEqual([])
    expect(found).toMatchObject({
      data_dir: join(folder, '.local/share/openloom'),
      server: { host: '127.0.0.1', port: 55_413, allow_remote: false },
      inbox: { dir: join(folder, 'project', 'inbox') },
      defaults: { on_hang: 'alert', check_interval_minutes: 5 },
      stale_busy: { checks: 10, every_seconds: 15 },
      sample: 'auto',
    })
  })

  it('win in this order: default, user, project, environment, command line; each value knows its origin', () => {
    writeFileSync(
      userFile(),
      'server:\n  port: 1001\n  host: localhost\ninbox:\n  poll_seconds: 11\nlog_level: error\n',
    )
    writeFileSync(projectFile(), 'inbox:\n  poll_seconds: 22\n\nserver:\n  port: 2002\nconcurrency:\n  tasks: 3\n')
    const { config: found, origins, files } = config({ OPENLOOM_UI_PORT: '3003' }, { server: { port: 4004 } })
    expect(found.server).toMatchObject({ port: 4004, host: 'localhost' })
    expect(found.inbox.poll_seconds).toBe(22)
    expect(found.concurrency.tasks).toBe(3)
    expect(origins.get('server.port')).toBe('command line')
    expect(origins.get('server.host')).toBe(`${userFile()}:3`)
    expect(origins.get('inbox.poll_seconds')).toBe(`${projectFile()}:2`)
    expect(origins.get('data_dir')).toBe('default')
    expect(files).toEqual([userFile(), projectFile()])
    expect(config({ OPENLOOM_UI_PORT: '3003' }).origins.get('server.port')).toBe('OPENLOOM_UI_PORT')
  })

  it('add the providers and sinks of the environment to those of the files, its model first', () => {
    writeFileSync(
      projectFile(),
      'models:\n  providers:\n    - {kind: openai, name: mine, base_url: "http://127.0.0.1:1/v1"}\n',
    )
    const { config: found } = config({
      OPENLOOM_BASE_URL: 'http://127.0.0.1:2/v1',
      OPENLOOM_MODEL: 'm',
      OPENLOOM_NOTIFY_FILE_DIRS: 'a,b',
      OPENLOOM_NOTIFY_WEBHOOK_URLS: 'http://127.0.0.1:3/x',
      OPENLOOM_NOTIFY_WEBHOOK_EVENTS: 'TASK_COMPLETED task.failed',
    })
    expect(found.models.providers.map(({ name }) => name)).toEqual(['env', 'mine'])
    expect(found.notify.sinks.map(({ kind }) => kind)).toEqual(['webhook', 'file', 'file'])
    expect(found.notify.sinks[0]).toMatchObject({ events: ['TASK_COMPLETED', 'task.failed'] })
  })

  it('refuse a switch of the formatters that says neither on nor off', () => {
    expect(problems({ OPENLOOM_FORMAT: 'offf' })[0]?.text).toBe(
      'The variable OPENLOOM_FORMAT is "offf"; it must be true or false.',
    )
    expect(problems({ OPENLOOM_FORMAT: '0' })).toEqual([])
  })

  it('find another user file where OPENLOOM_CONFIG says, and say when it is missing', () => {
    const other = join(folder, 'other.yaml')
    expect(problems({ OPENLOOM_CONFIG: other })[0]?.text).toContain(other)
    writeFileSync(other, 'log_level: silent\n')
    writeFileSync(userFile(), 'log_level: debug\n')
    expect(config({ OPENLOOM_CONFIG: other }).config.log_level).toBe('silent')
  })
})

describe('a setting that does not fit', () => {
  it.each([
    {
      name: 'a misspelt section',
      text: 'log_levl: info\n',
      line: 1,
      words: '"log_levl" is neither a setting',
      todo: 'log_level',
    },
    {
      name: 'a misspelt key',
      text: 'server:\n  prot: 1\n',
      line: 2,
      words: '"server.prot" is not a setting',
      todo: 'port',
    },
    {
      name: 'a key of no section',
      text: 'inbox:\n  dir: x\n  colour: red\n',
      line: 3,
      words: '"inbox.colour" is not a setting',
      todo: 'poll_seconds',
    },
    { name: 'a number out of range', text: '\nserver:\n  port: 70000\n', line: 3, words: 'server.port' },
    {
      name: 'a word where a number belongs',
      text: 'inbox:\n  poll_seconds: soon\n',
      line: 2,
      words: 'inbox.poll_seconds',
    },
    { name: 'a list where keys belong', text: 'server: [1]\n', line: 1, words: 'server' },
    { name: 'a level that is none', text: 'log_level: loud\n', line: 1, words: 'log_level' },
    { name: 'a runtime that is none', text: 'runtimes:\n  - kind: nothing\n', line: 2, words: 'runtimes' },
    { name: 'broken YAML', text: 'server:\n  port: [\n', line: 3, words: '' },
    { name: 'an alias', text: 'a: &a 1\nb: *a\n', line: 2, words: 'Aliases' },
    { name: 'a key of the prototype', text: '__proto__:\n  port: 1\n', line: 1, words: '__proto__' },
    { name: 'no keys at all', text: '- 1\n', line: 1, words: 'not a set of keys' },
  ])('$name is named with its line', ({ text, line, words, todo = '' }) => {
    writeFileSync(projectFile(), text)
    const [problem] = problems()
    expect(problem?.text).toContain(projectFile())
    expect(problem?.text).toContain(words)
    expect(problem?.todo ?? '').toContain(todo)
    expect(problem?.line).toBe(line)
  })

  it.each([
    ['OPENLOOM_UI_PORT', 'eighty'],
    ['OPENLOOM_UI_PORT', '70000'],
    ['OPENLOOM_UI_PORT', '-1'],
    ['OPENLOOM_INBOX_POLL_SECONDS', '0'],
    ['OPENLOOM_INBOX_POLL_SECONDS', '5 minutes'],
    ['OPENLOOM_ALLOW_REMOTE', 'perhaps'],
    ['OPENLOOM_SAMPLE', 'maybe'],
    ['OPENLOOM_LOG_LEVEL', 'loud'],
    ['OPENLOOM_CONCURRENCY', '0'],
    ['OPENLOOM_BASE_URL', 'no address'],
    ['OPENLOOM_NOTIFY_WEBHOOK_URLS', 'ftp://127.0.0.1/'],
    ['OPENLOOM_NOTIFY_FILE_PREFIX', '../x'],
  ])('%s=%s is refused and names the variable or the environment', (name, value) => {
    const sink = name.includes('PREFIX') ? { OPENLOOM_NOTIFY_FILE_DIRS: 'x' } : {}
    const found = problems({ ...sink, [name]: value })
    expect(found).toHaveLength(1)
    expect(found[0]?.text).toMatch(new RegExp(`${name}|environment`))
  })

  it('is not an empty variable: it counts as not given', () => {
    expect(config({ OPENLOOM_UI_PORT: '', OPENLOOM_INBOX_DIR: ' ' }).config.server.port).toBe(55_413)
  })

  it('in a list is told with its own file and line, also where the environment adds to that list', () => {
    writeFileSync(
      userFile(),
      [
        ...['models:', '  providers:', '    - kind: openai', '      name: mine', '      base_url: http://127.0.0.1:9'],
        ...['      modle: x', 'runtimes:', '  - { kind: builtin }', '  - { kind: opencode, zzzzzzzz: 1 }'],
        ...['notify:', '  sinks:', '    - { kind: file, dir: a, qqqqqqqq: 1 }'],
      ].join('\n'),
    )
    const env = {
      ...{ OPENLOOM_BASE_URL: 'http://127.0.0.1:1', OPENLOOM_OPENCODE_URL: 'http://127.0.0.1:9' },
      OPENLOOM_NOTIFY_FILE_DIRS: folder,
    }
    const found = problems(env)
    const said = (part: string) => found.find(({ text }) => text.includes(part))
    expect(said('modle')).toMatchObject({ text: expect.stringContaining(`${userFile()}:6: `), line: 6 })
    expect(said('modle')?.todo).toBe('Did you mean "model"?')
    expect(said('zzzzzzzz')).toMatchObject({ text: expect.stringContaining(`${userFile()}:9: `), line: 9 })
    expect(said('zzzzzzzz')?.todo).toMatch(/^Known here: kind, .*command/)
    expect(said('qqqqqqqq')).toMatchObject({ text: expect.stringContaining(`${userFile()}:12: `), line: 12 })
    expect(said('qqqqqqqq')?.todo).toMatch(/^Known here: kind, .*dir/)
  })

  it('of the environment itself is told as that', () => {
    writeFileSync(userFile(), 'models:\n  providers:\n    - { kind: openai, base_url: "http://127.0.0.1:9" }\n')
    expect(problems({ OPENLOOM_BASE_URL: 'nowhere' })[0]?.text).toMatch(/^environment: models\.providers\.0\./)
  })

  it('is told with all the others, not one at a time', () => {
    writeFileSync(projectFile(), 'server:\n  prot: 1\n  host: ""\ninbox:\n  dirr: x\n')
    expect(problems()).toHaveLength(3)
  })
})

describe('openloom.yaml', () => {
  it('may hold a task beside the settings, each read by its own part', () => {
    writeFileSync(projectFile(), 'goal: Do it.\nworkspace: .\nserver:\n  port: 1234\n')
    expect(config().config.server.port).toBe(1234)
    expect(readSpecFile(projectFile())).toMatchObject({ ok: true, value: { goal: 'Do it.', workspace: '.' } })
  })

  it('is described by one schema that knows every section and every key of a task', () => {
    const { properties } = jsonSchema() as { properties: Record<string, unknown> }
    expect(Object.keys(properties)).toEqual(expect.arrayContaining([...settingSections, 'goal', 'checks', 'steps']))
    expect(Object.keys(configSchema.shape)).toEqual(settingSections)
  })
})

it('SE-3 a section of settings is taken by a person with the project, or changes nothing that an agent may do', () => {
  const harmless = [
    'inbox',
    'defaults',
    'stale_busy',
    'named_checks',
    'concurrency',
    'drain_seconds',
    'log_level',
    'sample',
  ]
  expect([...powerful, ...harmless].toSorted()).toEqual(settingSections.toSorted())
})

describe('the policies of the sources', () => {
  const settings = (env: Record<string, string> = {}) =>
    intakeSettings(config(env), { checkers, sampleWorkspace: null })

  it('allow home and working folder by default, and commands to all but webhooks', () => {
    const { policies } = settings()
    expect(policies.inbox.workspaceRoots).toEqual([folder, join(folder, 'project')])
    expect(policies.webhook.commands).toBe('named')
    for (const source of ['inbox', 'api', 'spec', 'cli'] as const) expect(policies[source].commands).toBe('any')
  })

  it('take the roots of the environment, of the file, or of the source itself', () => {
    const roots = { OPENLOOM_WORKSPACE_ROOTS: `${folder}/a:~/b` }
    expect(settings(roots).policies.api.workspaceRoots).toEqual([join(folder, 'a'), join(folder, 'b')])
    writeFileSync(projectFile(), 'sources:\n  webhook:\n    workspace_roots: [~/only]\n    commands: none\n')
    const { policies } = settings(roots)
    expect(policies.webhook).toMatchObject({ workspaceRoots: [join(folder, 'only')], commands: 'none' })
    expect(policies.api.workspaceRoots).toEqual([join(folder, 'a'), join(folder, 'b')])
  })
})
