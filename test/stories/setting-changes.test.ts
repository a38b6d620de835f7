/** Settings that the page changes: shown, written into the user's own file, in use at once, and undone. */
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type {
  DaemonState,
  FoundList,
  ProblemBody,
  SettingAsked,
  SettingChange,
  SettingList,
} from '../../src/server/api.ts'
import { openOllama } from '../fakes/ollama.ts'
import { type StoryOptions, tell } from '../fakes/story.ts'

const mine = `# My own settings.
concurrency:
  tasks: 2   # not more: the machine is small
`
const sinks = `notify:
  sinks:
    - { kind: file, name: mine, dir: ./notices, events: ["task.*"] }   # to my desk
`

async function open(options: StoryOptions = {}) {
  const story = await tell({
    ...options,
    env: { OPENLOOM_NOTIFY_FILE_DIRS: '', ...options.env },
  })
  const file = join(story.folder, '.config', 'openloom', 'config.yaml')
  mkdirSync(dirname(file), { recursive: true })
  const send = async <T>(method: string, path: string, body: unknown) => {
    const answer = await story.call(method, path, body)
    return { status: answer.status, body: (await answer.json()) as T & ProblemBody }
  }
  const preview = (asked: SettingAsked) => send<SettingChange>('POST', '/api/settings/preview', { asked })
  const write = (asked: SettingAsked, seen: string) => send<SettingChange>('PUT', '/api/settings', { asked, seen })
  const change = async (asked: SettingAsked) => {
    const shown = await preview(asked)
    expect(shown.status, JSON.stringify(shown.body)).toBe(200)
    const done = await write(asked, shown.body.seen)
    expect(done.status, JSON.stringify(done.body)).toBe(200)
    return done.body
  }
  const list = async () => (await (await story.call('GET', '/api/settings')).json()) as SettingList
  const of = async (path: string) => (await list()).items.find((item) => item.path === path)
  return { ...story, file, preview, write, change, list, of, text: () => readFileSync(file, 'utf8') }
}

describe('a setting changed on the page', () => {
  it('is shown as the lines of the file, written there, in use at once, and gone again without a trace', async () => {
    const { file, change, preview, of, text, daemon } = await open()
    writeFileSync(file, '# mine\n')
    const asked: SettingAsked = { kind: 'set', path: 'concurrency.tasks', value: 7 }
    expect((await of('concurrency.tasks'))?.change).toMatchObject({ form: 'number', min: 1, max: 1000, isHere: false })
    expect((await preview(asked)).body).toMatchObject({
      file,
      line: 2,
      removed: [],
      added: ['concurrency:', '  tasks: 7'],
    })
    expect(text()).toBe('# mine\n')
    await change(asked)
    expect(text()).toBe('# mine\nconcurrency:\n  tasks: 7\n')
    expect(await of('concurrency.tasks')).toMatchObject({
      value: 7,
      origin: { kind: 'file', file, line: 3 },
      change: { isHere: true, fixed: null },
    })
    expect(daemon.store.events.last(1)[0]).toMatchObject({
      type: 'settings.changed',
      data: { setting: 'concurrency.tasks' },
    })
    await change({ ...asked, value: null })
    expect(text()).toBe('# mine\n')
    expect(await of('concurrency.tasks')).toMatchObject({ value: 4, origin: { kind: 'default' } })
  })

  it('holds for the next task without a new start: fewer attempts, and a place more', async () => {
    const { change, call, workspace, reaches } = await open({
      script: { replies: [{ text: 'Done.' }], at_end: 'repeat' },
    })
    await change({ kind: 'set', path: 'defaults.limits.attempts', value: 1 })
    await call('POST', '/api/tasks', { goal: 'Write a.txt.', workspace: workspace(), checks: ['file: a.txt'] })
    const { task, attempts } = await reaches('failed')
    expect(task.spec.limits.attempts).toBe(1)
    expect(attempts).toHaveLength(1)
  })

  it('the default model is asked from the next session on', async () => {
    const { change, call, workspace, reaches, requests } = await open()
    await change({ kind: 'set', path: 'models.purposes.build.model', value: 'env/another-model' })
    await call('POST', '/api/tasks', {
      goal: 'Look.',
      workspace: workspace(),
      checks: ['file: a.txt'],
      limits: { attempts: 1 },
    })
    // The scripted model knows no other name than its own.
    await reaches('paused')
    expect(requests.at(-1)?.body).toMatchObject({ model: 'another-model' })
  })

  it('keeps its place, its comment and the mode of the file, also behind a link', async () => {
    const { file, change, text, folder } = await open()
    const real = join(folder, 'dotfiles.yaml')
    writeFileSync(real, mine, { mode: 0o640 })
    symlinkSync(real, file)
    await change({ kind: 'set', path: 'concurrency.tasks', value: 3 })
    expect(readFileSync(real, 'utf8')).toBe(mine.replace('tasks: 2', 'tasks: 3'))
    expect(statSync(real).mode & 0o777).toBe(0o640)
    expect(text()).toContain('not more: the machine is small')
  })

  it('is refused when the file changed since its lines were shown, and the change of the person stays', async () => {
    const { file, preview, write, text } = await open()
    const asked: SettingAsked = { kind: 'set', path: 'retention.days', value: 30 }
    const { seen } = (await preview(asked)).body
    writeFileSync(file, '# just now\n')
    expect(await write(asked, seen)).toMatchObject({ status: 409, body: { problems: [{ kind: 'changed-since' }] } })
    expect(text()).toBe('# just now\n')
  })

  it('that another place wins over is refused and says which: environment, folder', async () => {
    const { preview, of } = await open({ env: { OPENLOOM_CONCURRENCY: '2' }, settings: 'retention:\n  days: 9\n' })
    const env = await preview({ kind: 'set', path: 'concurrency.tasks', value: 3 })
    expect(env).toMatchObject({ status: 409, body: { problems: [{ kind: 'setting-elsewhere' }] } })
    expect(env.body.detail).toContain('OPENLOOM_CONCURRENCY')
    expect((await of('concurrency.tasks'))?.change?.fixed).toContain('taken from OPENLOOM_CONCURRENCY')
    const folder = await preview({ kind: 'set', path: 'retention.days', value: 3 })
    expect(folder.body.detail).toContain('openloom.yaml:2')
    expect((await of('retention.days'))?.change?.fixed).toContain('openloom.yaml:2')
  })

  it('is judged by the schema of the settings, and only those few are taken that widen nothing', async () => {
    const { call, preview, write, of } = await open()
    const tooMany = await preview({ kind: 'set', path: 'concurrency.tasks', value: 5_000 })
    expect(tooMany).toMatchObject({ status: 422, body: { problems: [{ kind: 'bad-setting' }] } })
    expect((await preview({ kind: 'set', path: 'defaults.runtime', value: 'codex' })).status).toBe(422)
    for (const path of ['server.host', 'server.allow_remote', 'workspace_roots', 'permissions', 'sandbox.mode']) {
      const asked = { kind: 'set', path, value: 'x' }
      expect((await call('PUT', '/api/settings', { asked, seen: 'none' })).status).toBe(400)
      expect((await of(path))?.change ?? null).toBeNull()
    }
    expect((await write({ kind: 'set', path: 'retention.days', value: null }, 'none')).body.problems[0]?.kind).toBe(
      'setting-not-here',
    )
  })

  it('a file that is broken stays as it is, with the line that is wrong', async () => {
    const { file, preview, text } = await open()
    writeFileSync(file, 'a: [\n')
    const { status, body } = await preview({ kind: 'set', path: 'retention.days', value: 3 })
    expect(status).toBe(422)
    expect(body.detail).toContain(file)
    expect(text()).toBe('a: [\n')
  })
})

describe('what a sink is told', () => {
  it('follows its filter from the next event on, and again without it', async () => {
    const { change, preview, list, text, notices, daemon } = await open({ userSettings: sinks })
    const names = () => readdirSync(notices).map((name) => name.split('-').at(-1))
    const note = () => daemon.store.ledger.note({ type: 'alarm.raised', data: { text: 'Look.' } })
    const asked: SettingAsked = { kind: 'filter', sink: 'file-mine', events: ['task.done', 'alarm.*'] }
    const before = { sink: 'file-mine', events: ['task.*'], isHere: true, fixed: null }
    expect((await list()).filters).toEqual([before])
    await change(asked)
    expect(text()).toBe(sinks.replace('["task.*"]', '[task.done, "alarm.*"]'))
    expect((await list()).filters).toEqual([{ ...before, events: asked.events }])
    note()
    await expect.poll(() => names()).toEqual(['LOG_LINE.json'])
    expect((await preview({ ...asked, events: ['task.dnoe'] })).body.detail).toContain('No event is called')
    expect((await preview({ ...asked, sink: 'webhook-x' })).status).toBe(404)
    await change({ ...asked, events: null })
    expect((await list()).filters).toEqual([{ ...before, events: ['*'], isHere: false }])
  })

  it('stands where the sink stands: one of the environment is not changed here', async () => {
    const { list } = await open({ env: { OPENLOOM_NOTIFY_FILE_DIRS: '/tmp/nowhere' } })
    const [one] = (await list()).filters
    expect(one).toMatchObject({ isHere: false, fixed: expect.stringContaining('comes from environment') })
  })
})

describe('use my agents', () => {
  const nothing = { OPENLOOM_BASE_URL: '', OPENLOOM_MODEL: '', OPENLOOM_SAMPLE: 'auto' }
  const found = async (call: (method: string, path: string) => Promise<Response>) =>
    ((await (await call('GET', '/api/found')).json()) as FoundList).items

  it('a key in the environment works at one press: its lines are shown, written, and its models answer', async () => {
    const { call, file, text, write, list } = await open({ env: { ...nothing, OPENAI_API_KEY: 'sk-mine' } })
    const [item] = (await found(call)).filter(({ name }) => name === 'openai')
    expect(item).toMatchObject({ state: 'usable', change: { file, removed: [] } })
    const { asked, seen, added } = item?.change ?? { asked: { kind: 'use', name: '', on: true }, seen: '', added: [] }
    expect((await write(asked, seen)).status).toBe(200)
    expect(text()).toBe(`${added.join('\n')}\n`)
    expect(text()).toBe(
      'models:\n  providers:\n    - { kind: openai-responses, name: openai, api_key_env: OPENAI_API_KEY }\n',
    )
    expect((await list()).keys).toEqual([{ provider: 'openai', variable: 'OPENAI_API_KEY', from: 'environment' }])
    const [again] = (await found(call)).filter(({ name }) => name === 'openai')
    expect(again).toMatchObject({ state: 'used', change: { asked: { kind: 'use', name: 'openai', on: false } } })
    const leave = again?.change
    expect((await write(leave?.asked ?? asked, leave?.seen ?? '')).status).toBe(200)
    expect(text()).toBe('')
  })

  it('OpenCode becomes where tasks go that name no runtime, and what is not run here has no button', async () => {
    const folder = mkdirSync(join((await open()).folder, 'bin'), { recursive: true }) ?? ''
    for (const name of ['claude', 'opencode', 'codex'])
      writeFileSync(join(folder, name), '#!/bin/sh\n', { mode: 0o755 })
    const { call, text, write, workspace, daemon } = await open({ env: { PATH: `${folder}:${process.env.PATH}` } })
    const items = await found(call)
    expect(items.filter(({ change }) => change === null).map(({ name }) => name)).toEqual(['Claude Code', 'Codex'])
    const change = items[0]?.change
    if (!change) throw new Error('OpenCode has no button')
    expect((await write(change.asked, change.seen)).status).toBe(200)
    expect(text()).toBe('defaults:\n  runtime: opencode\n')
    await call('POST', '/api/tasks', { goal: 'Look.', workspace: workspace(), checks: ['file: a.txt'] })
    expect(daemon.store.tasks.page({ limit: 1 }).items[0]?.runtime).toBe('opencode')
  })

  it('a model server works at one press, also while the sample plays: the next task asks it', async () => {
    const { port, close } = await openOllama()
    onTestFinished(close)
    const { call, write, workspace, reaches, text } = await open({
      env: { ...nothing, OLLAMA_HOST: `0.0.0.0:${port}` },
    })
    const state = async () => (await (await call('GET', '/api/state')).json()) as DaemonState
    expect((await state()).sample).toBe(true)
    const [item] = (await found(call)).filter(({ name }) => name === 'ollama')
    const change = item?.change
    if (!change) throw new Error('Ollama has no button')
    expect((await write(change.asked, change.seen)).status).toBe(200)
    expect(text()).toContain(`base_url: "http://127.0.0.1:${port}", model: "qwen3:8b"`)
    expect((await state()).sample).toBe(false)
    expect((await state()).runtimes[0]).toMatchObject({ ready: true, detail: expect.stringContaining('qwen3:8b') })
    const body = { goal: 'Look.', workspace: workspace(), checks: ['file: a.txt'], limits: { attempts: 1 } }
    const { id } = (await (await call('POST', '/api/tasks', body)).json()) as { id: string }
    expect((await reaches('failed', id)).attempts[0]?.claim).toBe('Done.')
  })

  it('what a person wrote by hand meanwhile waits for the next start, whatever the page changes', async () => {
    const { file, change, of } = await open()
    writeFileSync(file, 'concurrency:\n  tasks: 9\n')
    await change({ kind: 'set', path: 'retention.days', value: 30 })
    expect(await of('retention.days')).toMatchObject({ value: 30 })
    expect(await of('concurrency.tasks')).toMatchObject({ value: 4 })
  })
})
