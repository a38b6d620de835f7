/** A daemon and a real OpenCode server beside each other: tasks by file, what is told, what is left. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EventType, LoomEvent } from '../../src/core/event.ts'
import type { TaskItem } from '../../src/core/task.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { DaemonRig, eventually, type Life, type StartOptions } from '../fakes/daemon.ts'
import { makeProject, OpenCodeServer, type OpenCodeServerOptions } from '../fakes/opencode-server.ts'

export type Replies = Exclude<ScriptInput, { conversations?: unknown } | { replies?: unknown }>

export const bash = (command: string, more: Record<string, unknown> = {}) => ({
  tool_calls: [{ name: 'bash', arguments: { command, description: 'Runs a command', ...more } }],
})
export const writeResult = bash('echo right > result.txt')
export const done = { text: 'Done.' }
/** Ignores every polite signal, as does what it starts. */
export const stubborn = bash(`trap '' TERM INT HUP; (trap '' TERM INT HUP; sleep 600) & wait; sleep 600`, {
  timeout: 900_000,
})

export interface TaskFile {
  name: string
  /** Lines before the first section. */
  keys?: Record<string, string | number | boolean>
  check?: string
  /** `permission` of the folder's opencode.json. */
  permission?: Record<string, unknown>
  workspace?: string
}

export class House {
  readonly server: OpenCodeServer
  readonly rig = new DaemonRig()

  /** The model's replies by the name of the task. */
  constructor(replies: Readonly<Record<string, Replies>>, options: Partial<OpenCodeServerOptions> = {}) {
    const conversations = Object.entries(replies).map(([name, list]) => ({
      match: `^(Do|Child of) ${name}\\.`,
      replies: list,
      at_end: 'repeat' as const,
    }))
    this.server = new OpenCodeServer({ script: { conversations }, ...options })
  }

  async close(): Promise<void> {
    await this.rig.close()
    await this.server.close()
  }

  async open(env: Record<string, string> = {}): Promise<this> {
    await this.server.open()
    await this.openRig(env)
    return this
  }

  /** The daemon's side alone. */
  async openRig(env: Record<string, string>): Promise<void> {
    await this.rig.open({
      script: [{ text: 'Nobody asks this model.' }],
      env: {
        OPENLOOM_OPENCODE_URL: this.server.url,
        OPENLOOM_OPENCODE_PASSWORD: this.server.password ?? '',
        ...env,
      },
    })
  }

  start(options: StartOptions = {}): Promise<Life> {
    return this.rig.started(options)
  }

  workspace(name: string): string {
    const folder = join(this.rig.work, name)
    mkdirSync(folder, { recursive: true })
    makeProject(folder)
    return folder
  }

  drop({ name, keys = {}, check = 'contains: result.txt /right/', permission, workspace }: TaskFile): string {
    const folder = workspace ?? this.workspace(name)
    if (permission) writeFileSync(join(folder, 'opencode.json'), JSON.stringify({ permission }))
    const lines = { workspace: folder, runtime: 'opencode', max_attempts: 4, ...keys }
    const head = Object.entries(lines).map(([key, value]) => `${key}: ${value}`)
    const body = ['## goal', '', `Do ${name}.`, '', '## checks', '', `- ${check}`, '']
    const temporary = join(this.rig.folder, `${name}.tmp`)
    writeFileSync(temporary, [`# ${name}`, '', ...head, '', ...body].join('\n'))
    renameSync(temporary, join(this.rig.inbox, `${name}.md`))
    return folder
  }

  /** The event, or a failure that tells what came instead. */
  async sees(life: Life, type: EventType, fits: (event: LoomEvent) => boolean = () => true): Promise<LoomEvent> {
    const look = () => life.events.find((event) => event.type === type && fits(event)) ?? null
    try {
      return await eventually(type, look, 110_000)
    } catch (error) {
      throw new Error(`${String(error)}\n${this.told(life)}\n${life.errors.slice(-2_000)}`)
    }
  }

  /** All events, a line each. */
  told(life: Life): string {
    return life.events.map(({ type, data }) => `${type} ${JSON.stringify(data).slice(0, 300)}`).join('\n')
  }

  /** The task as it ended, or stopped for a person. */
  async over(life: Life, name: string): Promise<TaskItem> {
    const taskOf = ({ data }: LoomEvent) => data['task'] as TaskItem | undefined
    const isOver = ({ type }: LoomEvent) => /^task\.(done|failed|paused|cancelled)$/.test(type)
    const look = () => life.events.find((event) => isOver(event) && taskOf(event)?.title === name) ?? null
    try {
      return taskOf(await eventually(`${name} is over`, look, 90_000)) as TaskItem
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

  /** Processes of tools, the server itself not counted. */
  get tools(): number[] {
    return this.server.processes.filter((pid) => pid !== this.server.pid)
  }

  /** Resolves when a tool's process runs. */
  async hangs(): Promise<void> {
    await eventually('a tool hangs', () => this.tools.some((pid) => argumentsOf(pid).includes('sleep')), 60_000)
  }

  /** Answers what a session of the task asks. */
  async answer(life: Life, name: string, body: Record<string, unknown>): Promise<void> {
    const { data } = await this.sees(life, 'ask.raised', (event) => event.data['title'] === name)
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const response = await life.api(`/api/asks/${String(data['askId'])}`, init)
    if (!response.ok) throw new Error(await response.text())
  }
}

function argumentsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch {
    // Gone between two looks.
    return ''
  }
}
