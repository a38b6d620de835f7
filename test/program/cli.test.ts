/** The built program as a person or a script uses it: verbs, answers, exit codes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { type ScriptedModel, startScriptedModel } from '../../src/sample/scripted-model.ts'

const program = new URL('../../dist/main.js', import.meta.url).pathname
const bash = (command: string) => ({ tool_calls: [{ name: 'bash', arguments: { command, timeout: 600_000 } }] })
const write = { tool_calls: [{ name: 'write', arguments: { file_path: 'out.txt', content: 'hi\n' } }] }

const script: ScriptInput = {
  conversations: [
    { match: 'plain words', replies: [{ text: 'just words' }] },
    { match: 'write it', replies: [write, { text: 'written' }] },
    { match: 'run it', replies: [bash('echo ran > ran.txt'), { text: 'ran' }] },
    { match: 'never ends', replies: [bash('sleep 300'), { text: 'late' }] },
    { match: 'as json', replies: [{ text: 'no json at all' }, { text: '{"n": 1}' }] },
    { match: 'no key', replies: [{ fault: 'http', status: 401, message: 'bad key' }], at_end: 'repeat' },
    { match: 'does nothing', replies: [{ text: 'I did it.' }], at_end: 'repeat' },
    { match: 'for ever', replies: [bash('true')], at_end: 'repeat' },
  ],
}

interface Ended {
  code: number | null
  out: string
  err: string
}

let home = ''
let work = ''
let model: ScriptedModel
const children = new Set<ChildProcess>()

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'loom-cli-'))
  work = join(home, 'work')
  mkdirSync(work)
  model = await startScriptedModel({ script, clock: systemClock })
})

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await model.close()
  rmSync(home, { recursive: true, force: true })
})

function start(args: string[], more: Record<string, string> = {}): ChildProcess {
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    OPENLOOM_UI_PORT: '0',
    OPENLOOM_SAMPLE: 'off',
    OPENLOOM_MUST_FAIL_FIRST: 'no',
    OPENLOOM_BASE_URL: model.url,
    OPENLOOM_MODEL: 'scripted-model',
    ...more,
  }
  const child = spawn(process.execPath, [program, ...args], { cwd: work, env, stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  return child
}

function ended(child: ChildProcess): Promise<Ended> {
  const text = { out: '', err: '' }
  child.stdout?.on('data', (chunk: Buffer) => {
    text.out += chunk.toString()
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    text.err += chunk.toString()
  })
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...text })))
}

async function serving(): Promise<{ daemon: ChildProcess; over: Promise<Ended> }> {
  const daemon = start(['serve', '--quiet'])
  const over = ended(daemon)
  await new Promise<void>((resolve) => daemon.stdout?.on('data', (c: Buffer) => c.includes('at http') && resolve()))
  return { daemon, over }
}

const openloom = (...args: string[]) => ended(start(args))

describe('openloom run', () => {
  it('CL-3 prints the words and ends with 0', async () => {
    expect(await openloom('run', '-p', 'plain words')).toMatchObject({ code: 0, out: 'just words\n', err: '' })
  })

  it('SE-3 takes no address and no model from the project, and says so', async () => {
    const path = join(work, 'openloom.yaml')
    const evil = 'models: { providers: [{ kind: openai, name: evil, base_url: "http://127.0.0.1:9/v1", model: x }] }\n'
    writeFileSync(path, `${evil}runtimes: [{ kind: builtin, model: evil/x }]\n`)
    try {
      const result = await openloom('run', '-p', 'plain words')
      expect(result).toMatchObject({ code: 0, out: 'just words\n', err: expect.stringContaining('openloom trust') })
    } finally {
      rmSync(path)
    }
  })

  it('CL-3 changes files of the folder without being asked', async () => {
    expect(await openloom('run', '-p', 'write it')).toMatchObject({ code: 0 })
    expect(readFileSync(join(work, 'out.txt'), 'utf8')).toBe('hi\n')
  })

  it('CL-3 ends with 3 and says how to allow it when it would run a command', async () => {
    const result = await openloom('run', '-p', 'run it')
    expect(result).toMatchObject({ code: 3, err: expect.stringContaining('--allow "bash') })
    expect(existsSync(join(work, 'ran.txt'))).toBe(false)
    expect(await openloom('run', '-p', 'run it', '--allow', 'bash(echo *)')).toMatchObject({ code: 0 })
    expect(existsSync(join(work, 'ran.txt'))).toBe(true)
  })

  it('CL-3 answers one JSON object, or events as lines', async () => {
    const whole = JSON.parse((await openloom('run', '-p', 'plain words', '--json')).out)
    expect(whole).toMatchObject({ type: 'result', response: 'just words', exit_code: 0 })
    const lines = (await openloom('run', '-p', 'plain words', '--stream-json')).out.trim().split('\n')
    const types = lines.map((line) => (JSON.parse(line) as { type: string }).type)
    expect(types).toEqual(expect.arrayContaining(['delta', 'run.started', 'message.finished', 'run.ended', 'result']))
  })

  it('CL-3 asks again until the answer fits the schema', async () => {
    const schema = join(work, 'schema.json')
    const shape = {
      type: 'object',
      properties: { n: { type: 'number' } },
      required: ['n'],
      additionalProperties: false,
    }
    writeFileSync(schema, JSON.stringify(shape))
    const result = await openloom('run', '-p', 'as json', '--output-schema', schema, '--json')
    expect([result.code, JSON.parse(result.out).response]).toEqual([0, '{"n": 1}'])
  })

  it('CL-3 ends with 4 when the provider refuses, 2 when it is used wrongly', async () => {
    expect(await openloom('run', '-p', 'no key')).toMatchObject({ code: 4, err: expect.stringMatching(/key/i) })
    expect(await openloom('run')).toMatchObject({ code: 2 })
    expect(await openloom('frobnicate')).toMatchObject({ code: 2 })
  })

  it('CL-3 ends with 1 at its limit of steps', async () => {
    const result = await openloom('run', '-p', 'for ever', '--allow', 'bash', '--max-steps', '2')
    expect(result.code).toBe(1)
  })

  it('CL-3 ends with 130 and leaves no process when it is interrupted', async () => {
    const child = start(['run', '-p', 'never ends', '--allow', 'bash', '--stream-json'])
    const result = ended(child)
    await new Promise<void>((resolve) =>
      child.stdout?.on('data', (chunk: Buffer) => chunk.includes('tool.started') && resolve()),
    )
    child.kill('SIGINT')
    expect((await result).code).toBe(130)
  })
})

describe('openloom watch without a daemon', () => {
  it('runs ./openloom.yaml and ends with its outcome', async () => {
    const spec = (goal: string, check: string) =>
      `name: one\ngoal: ${goal}\nlimits: {attempts: 1}\nchecks: ["${check}"]\n`
    const path = join(work, 'openloom.yaml')
    rmSync(join(work, 'out.txt'), { force: true })
    writeFileSync(path, spec('write it', 'file: out.txt'))
    expect(await openloom('watch')).toMatchObject({ code: 0, out: expect.stringContaining('verified by its checks') })
    writeFileSync(path, spec('does nothing', 'file: never.txt'))
    expect(await openloom('watch')).toMatchObject({ code: 1, out: expect.stringContaining('never.txt does not exist') })
    writeFileSync(path, 'name: two\ngoal: does nothing\n')
    expect((await openloom('watch')).code).toBe(5)
    writeFileSync(path, 'name: three\ngoal: x\nchekcs: []\n')
    expect(await openloom('watch')).toMatchObject({ code: 2, err: expect.stringContaining(`${path}:3`) })
    rmSync(path)
  })
})

async function provesItsReceipts(): Promise<void> {
  expect((await openloom('receipts', '--export', 'receipts.json')).code).toBe(0)
  writeFileSync(join(work, 'key.pem'), (await openloom('key', 'show')).out)
  expect(await openloom('verify', 'receipt', 'receipts.json', '--key', 'key.pem')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/ok +\d+ receipts?\n$/),
  })
  expect(await openloom('verify', 'receipt', 'none.json')).toMatchObject({ code: 2 })
  expect(await openloom('verify', 'log')).toMatchObject({ code: 0, out: expect.stringContaining('events') })
  for (const name of ['receipts.json', 'key.pem']) rmSync(join(work, name))
}

describe('the verbs that speak with a daemon', () => {
  it('say that there is none', async () => {
    expect(await openloom('status')).toMatchObject({ code: 1, err: expect.stringContaining('openloom serve') })
  })

  it('tell of a session why its last turn has no whole answer', async () => {
    const run = await openloom('run', '-p', 'for ever', '--allow', 'bash', '--max-steps', '1', '--json')
    const { session_id } = JSON.parse(run.out) as { session_id: string }
    const { daemon, over } = await serving()
    const shown = await openloom('sessions', 'show', session_id)
    expect(shown).toMatchObject({ code: 0, out: expect.stringContaining('at the limit of its steps') })
    const { unfinished } = JSON.parse((await openloom('sessions', 'show', session_id, '--json')).out)
    expect(unfinished).toMatchObject({ kind: 'steps-used-up' })
    daemon.kill('SIGTERM')
    await over
  })

  it('add, show, list, verify, log and archive a task, as words and as JSON', async () => {
    const { daemon, over } = await serving()
    const added = await openloom('add', 'write it', '--check', 'file: out.txt', '--key', 'k1', '--json')
    const { id } = JSON.parse(added.out) as { id: string }
    const again = JSON.parse(
      (await openloom('add', 'write it', '--check', 'file: out.txt', '--key', 'k1', '--json')).out,
    )
    expect(again.id).toBe(id)
    expect((await openloom('watch', id)).code).toBe(0)
    expect(await openloom('show', id.slice(0, 14))).toMatchObject({
      code: 0,
      out: expect.stringContaining('done, verified'),
    })
    expect(JSON.parse((await openloom('show', id, '--json')).out)).toMatchObject({ task: { verdict: 'verified' } })
    expect((await openloom('status')).out).toContain(id)
    expect(JSON.parse((await openloom('status', '--json')).out).tasks[0]).toMatchObject({ id, verdict: 'verified' })
    expect((await openloom('status', '--login')).out).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/login#\S{20,}\n$/)
    expect((await openloom('status', '--login', '--qr')).out).toMatch(/█[\s\S]*\/login#\S{20,}\nOnly this machine/)
    expect(await openloom('verify', id)).toMatchObject({ code: 0, out: expect.stringContaining('verified') })
    expect(JSON.parse((await openloom('verify', 'task', id, '--json')).out)).toMatchObject({ verdict: 'verified' })
    await provesItsReceipts()
    expect((await openloom('log', id)).out).toContain('done: verified by its checks')
    const file = join(work, 'task.md')
    writeFileSync(file, '# From a file\n\n## goal\n\nwrite it\n')
    const watched = await openloom('watch', file)
    expect(watched).toMatchObject({ code: 5, out: expect.stringContaining('unverified') })
    const filed = await openloom('add', '--file', file, '--check', 'file: out.txt', '--attempts', '1', '--json')
    const { id: other } = JSON.parse(filed.out) as { id: string }
    expect((await openloom('watch', other)).code).toBe(0)
    expect(JSON.parse((await openloom('show', other.slice(-6), '--json')).out).task).toMatchObject({
      title: 'From a file',
      workspace: realpathSync(work),
      source: 'spec',
      spec: { limits: { attempts: 1, minutes: 60 } },
    })
    expect(await openloom('pause', id)).toMatchObject({ code: 1, err: expect.stringContaining('cannot be paused') })
    expect(JSON.parse((await openloom('archive', id, '--json')).out)).toMatchObject({ status: 'archived' })
    expect((await openloom('deliveries')).out).toBe('Nothing was given up.\n')
    daemon.kill('SIGTERM')
    expect((await over).code).toBe(0)
  }, 90_000)
})

describe('openloom by itself', () => {
  it('shows every setting with where it came from', async () => {
    const { out } = await ended(start(['config', 'show', '--origin'], { OPENLOOM_CONCURRENCY: '7' }))
    expect(out).toContain('concurrency.tasks = 7   # OPENLOOM_CONCURRENCY')
    expect(out).toContain('inbox.poll_seconds = 30   # default')
  })

  it('names a misspelt setting with its file, line and neighbour', async () => {
    const path = join(work, 'openloom.yaml')
    writeFileSync(path, 'concurrency:\n  taks: 3\n')
    const result = await openloom('config', 'show')
    expect(result).toMatchObject({ code: 2, err: expect.stringContaining(`${path}:2`) })
    expect(result.err).toContain('Did you mean "tasks"?')
    rmSync(path)
  })

  it('writes a spec to begin with, once', async () => {
    expect((await openloom('init')).code).toBe(0)
    expect(await openloom('init')).toMatchObject({ code: 1, err: expect.stringContaining('there already') })
    rmSync(join(work, 'openloom.yaml'))
  })

  it('looks at itself', async () => {
    const findings = JSON.parse((await openloom('doctor', '--json')).out) as { name: string; ok: boolean }[]
    expect(findings.find((finding) => finding.name === 'runtime builtin')).toMatchObject({ ok: true })
  })
})
