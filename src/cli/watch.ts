/**
 * `openloom watch`: one task to its end, with the task's outcome
 * as exit code. Starts a daemon of its own if none runs.
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { LoomEvent } from '../core/event.ts'
import { ProblemError } from '../core/problem.ts'
import type { TaskItem } from '../core/task.ts'
import { startDaemon } from '../daemon.ts'
import type { DaemonState, TaskDetail } from '../server/api.ts'
import { Client, findDaemon } from './client.ts'
import { exit, exitOf } from './exit.ts'
import type { Shell } from './program.ts'
import { settingsHere } from './settings.ts'
import { specBody } from './spec-body.ts'
import { lineOf, print, printJson } from './terminal.ts'

export interface WatchOptions {
  json?: boolean
}

/** `target`: a spec (YAML or markdown), an id, or nothing for ./openloom.yaml. */
export async function watch(target: string | undefined, options: WatchOptions, shell: Shell): Promise<number> {
  return withDaemon(shell, (client) => follow(client, { body: bodyOf(target, shell), target, options }))
}

/** The one that runs, or one for this alone, which ends with it. */
export async function withDaemon<T>(shell: Shell, work: (client: Client) => Promise<T>): Promise<T> {
  const loaded = await settingsHere(shell)
  const running = findDaemon(loaded, shell.env)
  if (running) return work(running)
  const own = await startDaemon(loaded, { env: shell.env, alone: true })
  if (!own.ok) throw new ProblemError(...own.problems)
  try {
    return await work(new Client(own.value.url, own.value.token))
  } finally {
    await own.value.stop(false)
  }
}

function bodyOf(target: string | undefined, shell: Shell): Record<string, unknown> | null {
  const path = resolve(shell.cwd, target ?? 'openloom.yaml')
  if (target && !existsSync(path)) return null
  return specBody(path, shell)
}

interface Follow {
  body: Record<string, unknown> | null
  target: string | undefined
  options: WatchOptions
}

async function follow(client: Client, { body, target, options }: Follow): Promise<number> {
  const state = await client.get<DaemonState>('/api/state')
  const id = body
    ? (await client.post<{ id: string }>('/api/tasks', body, { 'x-openloom-source': 'spec' })).id
    : (await client.get<TaskDetail>(`/api/tasks/${encodeURIComponent(target ?? '')}`)).task.id
  return toItsEnd(client, id, { after: state.seq, json: options.json ?? false })
}

/** Its outcome as exit code. `after`: the log before it began. */
export async function toItsEnd(
  client: Client,
  id: string,
  { after, json }: { after: number; json: boolean },
): Promise<number> {
  const stop = new AbortController()
  let interrupted = false
  process.once('SIGINT', () => {
    interrupted = true
    stop.abort()
  })
  const first = (await client.get<TaskDetail>(`/api/tasks/${id}`)).task
  let code = exitOf(first)
  if (code === null) code = await untilOver(client, id, { after, stop, json })
  if (interrupted) return exit.cancelled
  if (json) printJson(await client.get<TaskDetail>(`/api/tasks/${id}`))
  return code ?? exit.failed
}

interface Until {
  after: number
  stop: AbortController
  json: boolean
}

async function untilOver(client: Client, id: string, { after, stop, json }: Until): Promise<number | null> {
  try {
    for await (const event of client.events(after, stop.signal)) {
      if (event.taskId !== id) continue
      tell(event, json)
      const code = event.data.task ? exitOf(event.data.task as TaskItem) : null
      if (code !== null) return code
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error
  }
  return null
}

function tell(event: LoomEvent, json: boolean): void {
  const line = json ? null : lineOf(event)
  if (line !== null) print(line)
}
