/** A whole daemon in this process: real SQLite, real files, loopback HTTP, and a scripted model behind it. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, vi } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { TaskStatus } from '../../src/core/task.ts'
import { type Daemon, startDaemon } from '../../src/daemon.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { startScriptedModel } from '../../src/sample/scripted-model.ts'
import type { TaskDetail } from '../../src/server/api.ts'

export interface Story {
  daemon: Daemon
  folder: string
  inbox: string
  notices: string
  /** A folder to work in, made. */
  workspace(name?: string): string
  drop(name: string, text: string): void
  inboxNames(): string[]
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>
  detail(id: string): Promise<TaskDetail>
  /** Waits until the only task, or the one with this id, has the status; gives its detail. */
  reaches(status: TaskStatus, id?: string): Promise<TaskDetail>
  notifications(): { event: string; task_id: string | null; data: Record<string, unknown> }[]
  requests: readonly { body: unknown }[]
}

export interface StoryOptions {
  script?: ScriptInput
  /** Text of openloom.yaml. */
  settings?: string
  /** Text of the user's own file. */
  userSettings?: string
  env?: Record<string, string>
}

function writeSettings(folder: string, { settings, userSettings }: StoryOptions): void {
  const own = join(folder, '.config', 'openloom')
  if (userSettings) mkdirSync(own, { recursive: true })
  if (userSettings) writeFileSync(join(own, 'config.yaml'), userSettings)
  if (settings) writeFileSync(join(folder, 'openloom.yaml'), settings)
}

const done: ScriptInput = { replies: [{ text: 'done' }], at_end: 'repeat' }

export async function tell({ script = done, env = {}, ...files }: StoryOptions = {}): Promise<Story> {
  const folder = mkdtempSync(join(tmpdir(), 'loom-story-'))
  writeSettings(folder, files)
  const model = await startScriptedModel({ script, clock: systemClock })
  const [inbox, notices] = [join(folder, 'inbox'), join(folder, 'notices')]
  const whole = {
    HOME: folder,
    PATH: process.env.PATH,
    OPENLOOM_DATA_DIR: join(folder, 'data'),
    OPENLOOM_UI_PORT: '0',
    OPENLOOM_BASE_URL: model.url,
    OPENLOOM_MODEL: 'scripted-model',
    OPENLOOM_SAMPLE: 'off',
    // Stories of the sandbox switch it on; the others are about something else, and quicker without.
    OPENLOOM_SANDBOX_MODE: 'off',
    OPENLOOM_MUST_FAIL_FIRST: 'no',
    // Nobody listens there: a server of whoever runs this is not to be touched.
    OPENLOOM_OPENCODE_URL: 'http://127.0.0.1:9',
    OPENLOOM_LOG_LEVEL: 'silent',
    OPENLOOM_DRAIN_SECONDS: '0.1',
    OPENLOOM_NOTIFY_FILE_DIRS: notices,
    ...env,
  }
  const loaded = loadConfig({ cwd: folder, env: whole })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const started = await startDaemon(loaded.value, { env: whole })
  if (!started.ok) throw new Error(JSON.stringify(started.problems))
  const daemon = started.value
  onTestFinished(async () => {
    await daemon.stop(true)
    await model.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const call: Story['call'] = (method, path, body, headers = {}) => {
    const json = body === undefined ? {} : { 'content-type': 'application/json' }
    const init = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }
    const authorization = `Bearer ${daemon.token}`
    return fetch(`${daemon.url}${path}`, { method, headers: { authorization, ...json, ...headers }, ...init })
  }
  const detail = async (id: string) => (await (await call('GET', `/api/tasks/${id}`)).json()) as TaskDetail
  return {
    daemon,
    folder,
    inbox,
    notices,
    requests: model.requests,
    workspace(name = 'work') {
      const path = join(folder, name)
      mkdirSync(path, { recursive: true })
      return path
    },
    drop: (name, text) => writeFileSync(join(inbox, name), text),
    inboxNames: () => readdirSync(inbox).sort(),
    call,
    detail,
    async reaches(status, id) {
      const which = () => id ?? daemon.store.tasks.page({ limit: 1 }).items[0]?.id ?? ''
      const look = () => expect(daemon.store.tasks.get(which())?.status).toBe(status)
      await vi.waitFor(look, { timeout: 20_000, interval: 10 })
      return detail(which())
    },
    notifications() {
      const names = readdirSync(notices).filter((name) => name.endsWith('.json'))
      return names.sort().map((name) => JSON.parse(readFileSync(join(notices, name), 'utf8')))
    },
  }
}
