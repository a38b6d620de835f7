/**
 * The fire drill against the built program, and against builds of it in which one thing at a time is broken: a drill
 * that cannot fail proves nothing.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { sha256 } from '../../src/lib/digest.ts'
import { ownedProcesses } from '../../src/lib/process.ts'
import type { TaskPage } from '../../src/server/api.ts'
import { eventually } from '../fakes/daemon.ts'

const root = new URL('../..', import.meta.url).pathname
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'loom-drill-')))
const daemons: { child: ChildProcess; exited: Promise<unknown> }[] = []

afterAll(async () => {
  for (const { child, exited } of daemons) {
    child.kill('SIGKILL')
    await exited
  }
  rmSync(folder, { recursive: true, force: true })
})

/** Text of the built program, which stands there once, and what stands there instead. */
type Mutation = readonly [string, string]

const liesAlways: Mutation = ['function verdictOf(records) {', 'function verdictOf(records) {\n\treturn "verified";']
const refusesAlways: Mutation = ['function verdictOf(records) {', 'function verdictOf(records) {\n\treturn "refuted";']
const believesSignatures: Mutation = ['function isSignedBy(envelope, publicKey) {', '$&\n\treturn true;']
const endsNothing: Mutation = ['async function killTree(pid, owner) {', '$&\n\treturn;']
const neverAgain: Mutation = ['if (refused.retry && wait !== void 0 && !isFull) {', 'if (false) {']
const repeats: Mutation = ['begun = window[index]?.begun ?? false;', 'begun = false;']

let installed = 0

/** A copy of the built program, with these changes. */
function install(mutations: readonly Mutation[]): string {
  const home = join(folder, `program-${installed++}`)
  mkdirSync(home)
  cpSync(join(root, 'dist'), join(home, 'dist'), { recursive: true })
  cpSync(join(root, 'package.json'), join(home, 'package.json'))
  symlinkSync(realpathSync(join(root, 'node_modules')), join(home, 'node_modules'))
  const chunks = join(home, 'dist/chunks')
  const files = readdirSync(chunks).map((name) => join(chunks, name))
  for (const [before, after] of mutations) {
    const fitting = files.filter((file) => readFileSync(file, 'utf8').includes(before))
    expect(fitting, `the place of the mutation: ${before}`).toHaveLength(1)
    for (const file of fitting) {
      writeFileSync(
        file,
        readFileSync(file, 'utf8').replace(
          before,
          after.replace('$&', () => before),
        ),
      )
    }
  }
  return join(home, 'dist/main.js')
}

interface Answer {
  ok: boolean
  items: { name: string; result: string; text: string }[]
  left: string[]
}

class Installation {
  readonly data: string
  private readonly program: string
  private readonly cwd: string
  private readonly env: Record<string, string>

  constructor(mutations: readonly Mutation[] = []) {
    this.program = install(mutations)
    this.cwd = mkdtempSync(join(folder, 'home-'))
    this.data = join(this.cwd, 'data')
    const file = join(this.cwd, 'notices')
    this.env = {
      ...{ PATH: process.env.PATH ?? '', HOME: this.cwd, OPENLOOM_DATA_DIR: this.data, OPENLOOM_UI_PORT: '0' },
      ...{ OPENLOOM_SAMPLE: 'off', OPENLOOM_OPENCODE_URL: 'http://127.0.0.1:9', OPENLOOM_NOTIFY_FILE_DIRS: file },
    }
  }

  async serve(): Promise<this> {
    const argv = [this.program, 'serve', '--quiet']
    const child = spawn(process.execPath, argv, { cwd: this.cwd, env: this.env, stdio: 'ignore' })
    daemons.push({ child, exited: new Promise((resolve) => child.once('exit', resolve)) })
    await eventually('the daemon listens', () => existsSync(join(this.data, 'daemon.json')))
    return this
  }

  openloom(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    return new Promise((resolve) => {
      const options = { cwd: this.cwd, env: this.env, timeout: 120_000 }
      execFile(process.execPath, [this.program, ...args], options, (error, out, err) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err })
      })
    })
  }

  async drill(...parts: string[]): Promise<{ code: number; answer: Answer; results: Record<string, string> }> {
    const { code, out, err } = await this.openloom('drill', '--json', ...parts)
    expect(err).toBe('')
    const answer = JSON.parse(out) as Answer
    return { code, answer, results: Object.fromEntries(answer.items.map(({ name, result }) => [name, result])) }
  }

  async tasks(): Promise<TaskPage['items']> {
    const { url } = JSON.parse(readFileSync(join(this.data, 'daemon.json'), 'utf8')) as { url: string }
    const authorization = `Bearer ${readFileSync(join(this.data, 'token'), 'utf8').trim()}`
    const answer = await fetch(`${url}/api/tasks?limit=200`, { headers: { authorization } })
    return ((await answer.json()) as TaskPage).items
  }

  /** Of its agents and checks. */
  get orphans(): number[] {
    const owner = `loom-${sha256(realpathSync(this.data)).slice(0, 12)}`
    return ['agent', 'check'].flatMap((role) => ownedProcesses(`${owner}-${role}`))
  }

  /** What nobody may find afterwards. */
  async expectTidy(): Promise<void> {
    expect(existsSync(join(this.data, 'drill'))).toBe(false)
    expect((await this.tasks()).filter(({ status }) => status !== 'archived')).toEqual([])
    expect(this.orphans).toEqual([])
  }

  /** Tasks that a sink was told of. */
  get told(): (string | null)[] {
    const dir = join(this.cwd, 'notices')
    const names = existsSync(dir) ? readdirSync(dir).filter((name) => name.endsWith('.json')) : []
    return names.map(
      (name) => (JSON.parse(readFileSync(join(dir, name), 'utf8')) as { task_id: string | null }).task_id,
    )
  }

  /** A drill that is interrupted once `begun` is there, at most two levels below the folder of drills. */
  async interrupted(part: string, begun: string): Promise<number | null> {
    const argv = [this.program, 'drill', part]
    const child = spawn(process.execPath, argv, { cwd: this.cwd, env: this.env, stdio: 'ignore' })
    const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
    daemons.push({ child, exited })
    const top = join(this.data, 'drill')
    await eventually('the part has begun', () => {
      const drills = existsSync(top) ? readdirSync(top) : []
      return drills.some((name) => existsSync(join(top, name, part, begun)))
    })
    child.kill('SIGINT')
    return exited
  }
}

const verdictParts = ['false-done', 'vacuous-check', 'tampered-test', 'skipped-test', 'untracked-file']
const otherParts = ['forged-receipt', 'hung-child', 'dropped-webhook', 'kill-mid-write']
const all = (parts: readonly string[], result: string) => Object.fromEntries(parts.map((part) => [part, result]))

describe.concurrent('the fire drill', () => {
  it('finds everything caught in the program as it is, wakes nobody and leaves nothing', async () => {
    const installation = await new Installation().serve()
    const { code, answer, results } = await installation.drill()
    expect(results).toEqual(all(['honest-work', ...verdictParts, ...otherParts], 'caught'))
    expect({ code, left: answer.left }).toEqual({ code: 0, left: [] })
    await installation.expectTidy()
    const project = join(installation.data, '..', 'project')
    mkdirSync(project)
    const { id } = JSON.parse((await installation.openloom('add', 'Work.', '-w', project, '--json')).out) as {
      id: string
    }
    // In order: whoever is told of this task was not told of those before it.
    await eventually('a task of a person is notified', () => installation.told.includes(id))
    expect(new Set(installation.told)).toEqual(new Set([id]))
  })

  it('puts everything away when it is interrupted, in the running daemon and in the second one', async () => {
    const installation = await new Installation().serve()
    expect(await installation.interrupted('hung-child', 'work/pids')).toBe(130)
    await installation.expectTidy()
    expect(await installation.interrupted('dropped-webhook', 'data/daemon.json')).toBe(130)
    await installation.expectTidy()
  })

  it('fails for a daemon whose verdict believes every agent, and names each part', async () => {
    const installation = await new Installation([liesAlways]).serve()
    const { code, results } = await installation.drill('honest-work', ...verdictParts)
    expect({ code, results }).toEqual({ code: 1, results: { 'honest-work': 'caught', ...all(verdictParts, 'missed') } })
    const { out } = await installation.openloom('drill', 'false-done')
    expect(out).toContain('NOT CAUGHT: false-done. Verdicts cannot be trusted now.')
    await installation.expectTidy()
  })

  it('fails for a daemon that refuses everybody', async () => {
    const installation = await new Installation([refusesAlways]).serve()
    const { code, results } = await installation.drill('honest-work', 'false-done')
    expect({ code, results }).toEqual({ code: 1, results: { 'honest-work': 'missed', 'false-done': 'caught' } })
  })

  it('fails where signatures are believed, nothing is ended or delivered again, and a call is repeated', async () => {
    const installation = await new Installation([believesSignatures, endsNothing, neverAgain, repeats]).serve()
    const { code, answer, results } = await installation.drill('false-done', ...otherParts)
    expect({ code, results }).toEqual({ code: 1, results: { 'false-done': 'caught', ...all(otherParts, 'missed') } })
    expect(Object.fromEntries(answer.items.map(({ name, text }) => [name, text]))).toMatchObject({
      'forged-receipt': 'A receipt with another verdict passes for what was signed.',
      'hung-child': expect.stringMatching(/processes still run|The task is still (running|starting|queued)/),
      'dropped-webhook': 'It was given up after the first try.',
      'kill-mid-write': expect.stringContaining('it left 2 lines instead of one'),
    })
    expect(installation.orphans).toEqual([])
  })

  it('says that it does not know where the daemon may not run what it needs, which is no success', async () => {
    const installation = new Installation()
    mkdirSync(installation.data)
    const { code, err } = await installation.openloom('drill')
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining('No OpenLoom daemon is running here.') })
    expect(await installation.openloom('drill', 'nonsense')).toMatchObject({ code: 2 })
    writeFileSync(join(installation.data, '..', 'openloom.yaml'), 'sources:\n  cli:\n    commands: none\n')
    await installation.serve()
    const { code: unknown, results } = await installation.drill('false-done', 'vacuous-check')
    expect({ unknown, results }).toEqual({
      unknown: 5,
      results: { 'false-done': 'caught', 'vacuous-check': 'untried' },
    })
  })
})
