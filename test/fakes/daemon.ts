/**
 * The real daemon as a process, for tests that kill it: its folders, a scripted model, a webhook receiver, and what its
 * store and folders say afterwards. Ends everything it started.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import Database from 'better-sqlite3'
import { systemClock } from '../../src/core/clock.ts'
import { type EventType, isNotable, type LoomEvent } from '../../src/core/event.ts'
import type { TaskItem } from '../../src/core/task.ts'
import { sha256 } from '../../src/lib/digest.ts'
import { killTree, ownedProcesses } from '../../src/lib/process.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { type ScriptedModel, startScriptedModel } from '../../src/sample/scripted-model.ts'
import { Receiver } from './receiver.ts'

export const program = new URL('../../dist/main.js', import.meta.url).pathname

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface StartOptions {
  env?: Record<string, string>
  /** Program and arguments to run the daemon under. */
  under?: readonly string[]
  /** Another daemon runs: its address stays. */
  beside?: boolean
}

const pollMs = 15
/** A daemon that is asked all the time has less of it for its work. */
const askMs = 250
const roles = ['agent', 'check'] as const

/** Looks again and again where nothing tells; fails with `what` after the limit. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | null | false> | T | null | false,
  limitMs = 20_000,
  later = () => new Promise<void>((resolve) => setTimeout(resolve, pollMs)),
): Promise<T> {
  const deadline = performance.now() + limitMs
  for (;;) {
    const found = await look()
    if (found !== null && found !== false) return found
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`)
    await later()
  }
}

/** One life of the daemon. */
export class Life {
  readonly child: ChildProcess
  readonly exited: Promise<Exit>
  readonly events: LoomEvent[] = []
  errors = ''
  private listeners: (() => void)[] = []
  private ended = false
  private readonly dataDir: string

  constructor(child: ChildProcess, dataDir: string) {
    this.child = child
    this.dataDir = dataDir
    const lines = child.stdout ? createInterface({ input: child.stdout }) : null
    lines?.on('line', (line) => {
      if (line.startsWith('{')) this.events.push(JSON.parse(line) as LoomEvent)
      this.wake()
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      this.errors += String(chunk)
    })
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.ended = true
        this.wake()
        resolve({ code, signal })
      })
    })
  }

  private wake(): void {
    for (const listener of this.listeners.splice(0)) listener()
  }

  /** Until it tells something, ends, or is silent for a while. */
  async speaks(): Promise<void> {
    if (this.ended) return
    await new Promise<void>((resolve) => {
      this.listeners.push(resolve)
      setTimeout(resolve, askMs)
    })
  }

  /** The event, or null when the process ended before. The test's own timeout is the limit. */
  async sees(wanted: (event: LoomEvent) => boolean): Promise<LoomEvent | null> {
    for (;;) {
      const found = this.events.find(wanted)
      if (found || this.ended) return found ?? null
      await new Promise<void>((resolve) => this.listeners.push(resolve))
    }
  }

  /** True once it listens; false when it died before. With a full disk no event tells, so the address is looked for. */
  async ready(): Promise<boolean> {
    const path = join(this.dataDir, 'daemon.json')
    const isThere = () => existsSync(path) && readFileSync(path, 'utf8').endsWith('}\n')
    await eventually('the daemon listens', () => this.ended || isThere())
    return !this.ended
  }

  get address(): { pid: number; url: string } {
    return JSON.parse(readFileSync(join(this.dataDir, 'daemon.json'), 'utf8')) as { pid: number; url: string }
  }

  get isOver(): boolean {
    return this.ended
  }

  api(path: string, init: RequestInit = {}): Promise<Response> {
    const token = readFileSync(join(this.dataDir, 'token'), 'utf8').trim()
    const headers = { authorization: `Bearer ${token}`, ...(init.headers as Record<string, string>) }
    return fetch(`${this.address.url}${path}`, { ...init, headers, signal: AbortSignal.timeout(20_000) })
  }

  /** As JSON; the answer, where it is none of a refusal. */
  async send<T>(path: string, body: object): Promise<T> {
    const headers = { 'content-type': 'application/json' }
    const answer = await this.api(path, { method: 'POST', body: JSON.stringify(body), headers })
    if (!answer.ok) throw new Error(await answer.text())
    return (await answer.json()) as T
  }

  async kill(): Promise<Exit> {
    if (!this.ended) this.child.kill('SIGKILL')
    return this.exited
  }
}

export interface RigOptions {
  script: ScriptInput
  env?: Record<string, string>
}

export class DaemonRig {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'loom-daemon-')))
  readonly data = join(this.folder, 'data')
  readonly inbox = join(this.folder, 'inbox')
  readonly work = join(this.folder, 'work')
  readonly notices = join(this.folder, 'notices')
  readonly template = join(this.folder, 'template')
  readonly receiver = new Receiver()
  readonly lives: Life[] = []
  private model: ScriptedModel | null = null
  private env: Record<string, string> = {}

  async open({ script, env = {} }: RigOptions): Promise<this> {
    this.model = await startScriptedModel({ script, clock: systemClock })
    await this.receiver.open()
    for (const dir of [this.data, this.inbox, this.work, this.notices]) mkdirSync(dir)
    this.env = {
      PATH: process.env.PATH ?? '',
      HOME: this.folder,
      OPENLOOM_DATA_DIR: this.data,
      OPENLOOM_INBOX_DIR: this.inbox,
      OPENLOOM_UI_PORT: '0',
      OPENLOOM_WORKSPACE_ROOTS: this.work,
      OPENLOOM_SAMPLE: 'off',
      // The crash story of the sandbox switches it on.
      OPENLOOM_SANDBOX_MODE: 'off',
      OPENLOOM_MUST_FAIL_FIRST: 'no',
      // Nobody listens there: a server of whoever runs this is not to be touched.
      OPENLOOM_OPENCODE_URL: 'http://127.0.0.1:9',
      OPENLOOM_BASE_URL: this.model.url,
      OPENLOOM_MODEL: 'scripted-model',
      OPENLOOM_NOTIFY_FILE_DIRS: this.notices,
      OPENLOOM_NOTIFY_WEBHOOK_URLS: this.receiver.url('/hook'),
      ...env,
    }
    return this
  }

  get requests() {
    return this.model?.requests ?? []
  }

  start({ env = {}, under = [], beside = false }: StartOptions = {}): Life {
    if (!beside) rmSync(join(this.data, 'daemon.json'), { force: true })
    const [first = process.execPath, ...rest] = [...under, process.execPath, program, 'serve', '--json']
    const child = spawn(first, rest, {
      cwd: this.folder,
      env: { ...this.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const life = new Life(child, this.data)
    this.lives.push(life)
    return life
  }

  async started(options: StartOptions = {}): Promise<Life> {
    const life = this.start(options)
    if (!(await life.ready())) throw new Error(`the daemon did not start: ${life.errors}`)
    return life
  }

  /** A store that was opened once and is empty, so that a sweep counts no migration. */
  async makeTemplate(): Promise<void> {
    const life = await this.started()
    life.child.kill('SIGTERM')
    await life.exited
    cpSync(this.data, this.template, { recursive: true })
  }

  /** Everything but the model as it was before. A life that a failed test left is ended. */
  async reset(): Promise<void> {
    for (const life of this.lives.splice(0)) await life.kill()
    for (const dir of [this.data, this.inbox, this.work, this.notices]) rmSync(dir, { recursive: true, force: true })
    for (const dir of [this.inbox, this.work, this.notices]) mkdirSync(dir)
    cpSync(this.template, this.data, { recursive: true })
    this.receiver.heard.length = 0
  }

  /** Every task, through the API. */
  async tasks(life: Life): Promise<TaskItem[]> {
    const items: TaskItem[] = []
    for (let after = ''; ; ) {
      const answer = await life.api(`/api/tasks?limit=200${after}`)
      const page = (await answer.json()) as { items: TaskItem[]; next: string | null }
      items.push(...page.items)
      if (!page.next) return items
      after = `&after=${page.next}`
    }
  }

  /** Waits until `count` tasks are there and none is under way. */
  settled(life: Life, count: number, limitMs = 30_000): Promise<TaskItem[]> {
    const over = ['done', 'failed', 'cancelled', 'paused']
    const look = async () => {
      const { counts } = (await (await life.api('/api/state')).json()) as { counts: Record<string, number> }
      const ended = over.reduce((sum, status) => sum + (counts[status] ?? 0), 0)
      return ended >= count ? this.tasks(life) : null
    }
    return eventually(`${count} tasks ended`, look, limitMs, () => life.speaks())
  }

  /** Rows of the store as a stopped daemon left it. */
  rows<T>(sql: string): T[] {
    const db = new Database(join(this.data, 'openloom.db'), { readonly: true })
    try {
      return db.prepare(sql).all() as T[]
    } finally {
      db.close()
    }
  }

  get integrity(): string {
    return this.rows<{ integrity_check: string }>('pragma integrity_check')
      .map((row) => row.integrity_check)
      .join()
  }

  /** Prompts of all sessions: each id once, however often the daemon died. */
  promptIds(): string[] {
    return this.rows<{ id: string }>(
      "select json_extract(entry, '$.promptId') as id from journal where json_extract(entry, '$.type') = 'prompt'",
    ).map((row) => row.id)
  }

  /** The notification files. */
  told(): { id: string; type: string; task_id: string | null }[] {
    return readdirSync(this.notices)
      .filter((name) => name.endsWith('.json'))
      .map((name) => JSON.parse(readFileSync(join(this.notices, name), 'utf8')))
  }

  /** Waits until every notable event is in both sinks: a daemon that stops leaves what is late to the next one. */
  delivered(life: Life): Promise<string[]> {
    const look = () => {
      const logged = this.rows<{ seq: number; type: EventType }>('select seq, type from events order by seq')
      const wanted = logged.filter(({ type }) => isNotable(type)).map(({ seq }) => `evt_local_${seq}`)
      const [told, heard] = [new Set(this.told().map(({ id }) => id)), this.heard]
      return wanted.every((id) => told.has(id) && heard.has(id)) ? wanted : null
    }
    return eventually('every notification is delivered', look, 60_000, () => life.speaks())
  }

  /** Ids of the notifications that the webhook got. */
  get heard(): Set<string> {
    return new Set(this.receiver.heard.map(({ headers }) => String(headers['webhook-id'])))
  }

  /** Pids of what agents and checks of this data directory left behind. */
  orphans(): number[] {
    return roles.flatMap((role) => ownedProcesses(`${this.owner}-${role}`))
  }

  get owner(): string {
    return `loom-${sha256(existsSync(this.data) ? realpathSync(this.data) : this.data).slice(0, 12)}`
  }

  async close(): Promise<void> {
    for (const life of this.lives) await life.kill()
    for (const role of roles) await killTree(undefined, `${this.owner}-${role}`)
    await this.model?.close()
    await this.receiver.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
