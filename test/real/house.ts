/** A daemon and a real OpenCode server beside each other: tasks by file, what is told, what is left. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readlinkSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EventType, LoomEvent } from '../../src/core/event.ts'
import type { TaskItem } from '../../src/core/task.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { DaemonRig, eventually, type Life, program, type StartOptions } from '../fakes/daemon.ts'
import { makeProject, OpenCodeServer, type OpenCodeServerOptions } from '../fakes/opencode-server.ts'

export type Replies = Exclude<ScriptInput, { conversations?: unknown } | { replies?: unknown }>

export const bash = (command: string, more: Record<string, unknown> = {}) => ({
  tool_calls: [{ name: 'bash', arguments: { command, description: 'Runs a command', ...more } }],
})
export const writeResult = bash('echo right > result.txt')
export const done = { text: 'Done.' }
const longMs = { timeout: 900_000 }
/** Says that it began, then hangs; the shell around it lives on. */
export const hang = bash('touch begun; sleep 600; echo after >> after.txt', longMs)
/** There is no shell that could live on. */
export const bareHang = bash('touch begun; exec sleep 600', longMs)
/** Ignores every polite signal, as does what it starts; no shell stays that could go on. */
export const stubborn = bash(`touch begun; trap '' TERM INT HUP; sleep 600 & exec sleep 600`, longMs)
/** Says that it began, and ends when the test lets it: `House.letGo`. */
export const untilLetGo = bash('touch begun; until [ -e go ]; do sleep 0.1; done; echo right > result.txt', longMs)
export const subagent = (name: string) => ({
  tool_calls: [
    { name: 'task', arguments: { description: name, prompt: `Child of ${name}.`, subagent_type: 'general' } },
  ],
})
export const question = {
  question: 'Which colour?',
  header: 'Colour',
  options: [
    { label: 'Red', description: 'Like fire' },
    { label: 'Blue', description: 'Like the sea' },
  ],
}
export const asksColour = { tool_calls: [{ name: 'question', arguments: { questions: [question] } }] }

export interface Ended {
  code: number | null
  out: string
  err: string
}

export interface TaskFile {
  name: string
  /** Lines before the first section. */
  keys?: Record<string, string | number | boolean>
  check?: string
  /** `permission` of the folder's opencode.json. */
  permission?: Record<string, unknown>
  workspace?: string
}

const matchOf = (name: string): string => `^(Do|Child of) ${name}\\.`

export class House {
  readonly server: OpenCodeServer
  readonly rig = new DaemonRig()
  private readonly commands = new Set<ChildProcess>()

  /** The model's replies by the name of the task. */
  constructor(replies: Readonly<Record<string, Replies>>, options: Partial<OpenCodeServerOptions> = {}) {
    const conversations = Object.entries(replies).map(([name, list]) => ({
      match: matchOf(name),
      replies: list,
      at_end: 'repeat' as const,
    }))
    this.server = new OpenCodeServer({ script: { conversations }, ...options })
  }

  async close(): Promise<void> {
    for (const child of this.commands) child.kill('SIGKILL')
    await this.rig.close()
    await this.server.close()
  }

  /** `settings`: openloom.yaml. */
  async open(env: Record<string, string> = {}, settings = ''): Promise<this> {
    await this.server.open()
    await this.openRig(env, settings)
    return this
  }

  /** The daemon's side alone. */
  async openRig(env: Record<string, string> = {}, settings = ''): Promise<void> {
    writeFileSync(join(this.rig.folder, 'openloom.yaml'), settings)
    await this.rig.open({
      script: [{ text: 'Nobody asks this model.' }],
      env: {
        OPENLOOM_WORKSPACE_ROOTS: `${this.rig.work},${this.server.work}`,
        OPENLOOM_OPENCODE_URL: this.server.url,
        OPENLOOM_OPENCODE_PASSWORD: this.server.password ?? '',
        ...env,
      },
    })
  }

  /** Lets the server load these projects: a first turn in a folder takes it seconds, which are no hang. */
  async warm(names: readonly string[]): Promise<void> {
    for (const name of names) await this.server.client.get('GET /path', { directory: this.workspace(name) })
  }

  start(options: StartOptions = {}): Promise<Life> {
    return this.rig.started(options)
  }

  /** A project; `permission` is that of its opencode.json. */
  workspace(name: string, permission?: Record<string, unknown>): string {
    const folder = join(this.rig.work, name)
    mkdirSync(folder, { recursive: true })
    makeProject(folder)
    if (permission) writeFileSync(join(folder, 'opencode.json'), JSON.stringify({ permission }))
    return folder
  }

  drop({ name, keys = {}, check = 'contains: result.txt /right/', permission, workspace }: TaskFile): string {
    const folder = workspace ?? this.workspace(name)
    if (permission) writeFileSync(join(folder, 'opencode.json'), JSON.stringify({ permission }))
    const lines = { workspace: folder, runtime: 'opencode', max_attempts: 4, ...keys }
    const head = Object.entries(lines).map(([key, value]) => `${key}: ${value}`)
    const body = ['## goal', '', `Do ${name}.`, '', '## checks', '', `- ${check}`, '']
    this.dropText(name, [`# ${name}`, '', ...head, '', ...body].join('\n'))
    return folder
  }

  /** A file as careful programs write it: a temporary name, then the rename. */
  dropText(name: string, text: string): void {
    const temporary = join(this.rig.folder, `${name}.tmp`)
    writeFileSync(temporary, text)
    renameSync(temporary, join(this.rig.inbox, `${name}.md`))
  }

  /** `openloom` with these arguments, beside the daemon. */
  openloom(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
    const { folder, data } = this.rig
    const known = { PATH: process.env['PATH'] ?? '', HOME: folder, OPENLOOM_DATA_DIR: data, NO_COLOR: '1' }
    const options = { cwd: folder, env: { ...known, ...env } }
    const child = spawn(process.execPath, [program, ...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    this.commands.add(child)
    const text = { out: '', err: '' }
    child.stdout.on('data', (chunk: Buffer) => {
      text.out += String(chunk)
    })
    child.stderr.on('data', (chunk: Buffer) => {
      text.err += String(chunk)
    })
    return new Promise((resolve) =>
      child.once('close', (code) => {
        this.commands.delete(child)
        resolve({ code, ...text })
      }),
    )
  }

  /** What `openloom … --json` answered. */
  async asked<T>(...args: string[]): Promise<T> {
    const { code, out, err } = await this.openloom([...args, '--json'])
    if (code !== 0) throw new Error(`openloom ${args.join(' ')} ended with ${code}: ${err}${out}`)
    return JSON.parse(out) as T
  }

  /** The event, or a failure that tells what came instead. */
  async sees(life: Life, type: EventType, fits: (event: LoomEvent) => boolean = () => true): Promise<LoomEvent> {
    const look = () => life.events.find((event) => event.type === type && fits(event)) ?? null
    try {
      return await eventually(type, look, 240_000)
    } catch (error) {
      throw new Error(`${String(error)}\n${this.told(life)}\n${life.errors.slice(-2_000)}`)
    }
  }

  /** The last events, a line each. */
  told(life: Life): string {
    const lines = life.events.map((event) => {
      const task = event.data['task'] as TaskItem | undefined
      const rest = task ? (task.reason?.text ?? '') : JSON.stringify(event.data)
      return `${event.type} ${titleOf(event)} ${rest.slice(0, 150)}`
    })
    return lines.slice(-80).join('\n')
  }

  /** The task as it ended, or stopped for a person. */
  async over(life: Life, name: string): Promise<TaskItem> {
    const taskOf = ({ data }: LoomEvent) => data['task'] as TaskItem | undefined
    const isOver = ({ type }: LoomEvent) => /^task\.(done|failed|paused|cancelled)$/.test(type)
    const look = () => life.events.find((event) => isOver(event) && taskOf(event)?.title === name) ?? null
    try {
      return taskOf(await eventually(`${name} is over`, look, 240_000)) as TaskItem
    } catch (error) {
      throw new Error(`${String(error)}\n${this.told(life)}\n${life.errors.slice(-2_000)}`)
    }
  }

  /** The session of the task of this name. */
  async session(life: Life, name: string): Promise<string> {
    const { sessionId } = await this.sees(life, 'session.opened', ({ data }) => data['title'] === name)
    return sessionId ?? ''
  }

  /** What the user, which is the daemon, said in a session. */
  async prompts(sessionId: string): Promise<string[]> {
    const path = `GET /session/${sessionId}/message`
    const messages = await this.server.client.get<{ info: { id: string; role: string } }[]>(path)
    return messages.filter(({ info }) => info.role === 'user').map(({ info }) => info.id)
  }

  /** How often the model was asked to begin on a prompt, of the task of this name. */
  begunTurns(name: string): number {
    return this.server.requests.filter(({ conversation, body }) => {
      return conversation === matchOf(name) && (body?.tools?.length ?? 0) > 0 && body?.messages.at(-1)?.role === 'user'
    }).length
  }

  /** A session with a turn that no daemon began, as a user does it in OpenCode. */
  async startElsewhere(directory: string, name: string): Promise<string> {
    const { client } = this.server
    const { id } = await client.get<{ id: string }>('POST /session', { body: { title: name }, directory })
    const body = { parts: [{ type: 'text', text: `Do ${name}.` }] }
    await client.get(`POST /session/${id}/prompt_async`, { body, directory })
    return id
  }

  /** Processes of tools that work in this folder: their ids and commands. */
  tools(folder: string): string[] {
    const inside = this.server.processes.filter((pid) => pid !== this.server.pid && folderOf(pid) === folder)
    return inside.flatMap((pid) => (isServers.test(commandOf(pid)) ? [] : [`${pid} ${commandOf(pid)}`]))
  }

  /** The tool in this folder said that it began. */
  async begun(folder: string): Promise<void> {
    await eventually(`a tool begins in ${folder}`, () => existsSync(join(folder, 'begun')), 240_000)
  }

  letGo(folder: string): void {
    writeFileSync(join(folder, 'go'), '')
  }

  /** Lines of a file of a task's folder. */
  lines(folder: string, file: string): string[] {
    const path = join(folder, file)
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
  }

  /** How often this was told, of the task or session of this name. */
  count(life: Life, type: EventType, name: string): number {
    return life.events.filter((event) => event.type === type && titleOf(event) === name).length
  }

  /** The id of what a session of the task asks. */
  async ask(life: Life, name: string): Promise<string> {
    const { data } = await this.sees(life, 'ask.raised', (event) => event.data['title'] === name)
    return String(data['askId'])
  }

  post(life: Life, path: string, body: Record<string, unknown>): Promise<Response> {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    return life.api(path, init)
  }

  /** Answers what a session of the task asks. */
  async answer(life: Life, name: string, body: Record<string, unknown>): Promise<void> {
    const response = await this.post(life, `/api/asks/${await this.ask(life, name)}`, body)
    if (!response.ok) throw new Error(await response.text())
  }
}

/** A task's event carries the task, a session's its title. */
function titleOf({ data }: LoomEvent): unknown {
  return (data['task'] as TaskItem | undefined)?.title ?? data['title']
}

/** After each answer it asks git about the folder; what is about to become that git still has its own name. */
const isServers = /^git |\/opencode serve /

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    return ''
  }
}

function folderOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    // Gone between two looks.
    return ''
  }
}
