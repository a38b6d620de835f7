/** The command line's way to the daemon: its address and token from the data directory, its answers as typed JSON. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadedConfig } from '../config.ts'
import type { LoomEvent } from '../core/event.ts'
import { type Problem, ProblemError } from '../core/problem.ts'
import type { ProblemBody } from '../server/api.ts'
import { readAddress } from '../store/lock.ts'

const timeoutMs = 30_000

export const noDaemon: Problem = {
  kind: 'no-daemon',
  text: 'No OpenLoom daemon is running here.',
  todo: 'Start it with `openloom serve` (or `npm start` in a clone).',
}

export class Client {
  readonly url: string
  private readonly token: string

  constructor(url: string, token: string) {
    this.url = url
    this.token = token
  }

  get<T>(path: string): Promise<T> {
    return this.ask<T>(path, {})
  }

  post<T>(path: string, body: unknown, headers: Record<string, string> = {}): Promise<T> {
    const json = { 'content-type': 'application/json', ...headers }
    return this.ask<T>(path, { method: 'POST', body: JSON.stringify(body), headers: json })
  }

  put<T>(path: string, body: unknown): Promise<T> {
    const headers = { 'content-type': 'application/json' }
    return this.ask<T>(path, { method: 'PUT', body: JSON.stringify(body), headers })
  }

  delete<T>(path: string): Promise<T> {
    return this.ask<T>(path, { method: 'DELETE' })
  }

  /** Events after `seq`, as they come, until `signal` aborts or the daemon goes away. */
  async *events(seq: number, signal: AbortSignal): AsyncGenerator<LoomEvent> {
    const response = await this.fetch(`/api/live?after=${seq}`, { signal })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let rest = ''
    try {
      while (reader) {
        const { value, done } = await reader.read()
        if (done) return
        const frames = (rest + value).split('\n\n')
        rest = frames.pop() ?? ''
        for (const frame of frames) {
          if (!frame.startsWith('event: event\n')) continue
          const data = frame.split('\n').find((line) => line.startsWith('data: '))
          if (data) yield JSON.parse(data.slice('data: '.length)) as LoomEvent
        }
      }
    } finally {
      // Only a cancelled stream gives its connection back; with a mere release the process would never end.
      await reader?.cancel()
    }
  }

  async text(path: string): Promise<string> {
    return (await this.answer(path, {})).text()
  }

  private async ask<T>(path: string, init: RequestInit): Promise<T> {
    return (await this.answer(path, init)).json() as Promise<T>
  }

  private async answer(path: string, init: RequestInit): Promise<Response> {
    const response = await this.fetch(path, { ...init, signal: AbortSignal.timeout(timeoutMs) })
    if (response.ok) return response
    const body = (await response.json().catch(() => null)) as ProblemBody | null
    const problems = body?.problems ?? []
    const unknown = { kind: 'bad-answer', text: `The daemon answered ${response.status}.` }
    throw new ProblemError(...(problems.length > 0 ? problems : [unknown]))
  }

  private async fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      const headers = { authorization: `Bearer ${this.token}`, ...init.headers }
      return await fetch(`${this.url}${path}`, { ...init, headers })
    } catch (error) {
      const timedOut = error instanceof Error && error.name === 'TimeoutError'
      throw new ProblemError(timedOut ? { kind: 'no-answer', text: 'The daemon did not answer in time.' } : noDaemon)
    }
  }
}

/** Null when there is none to talk to. */
export function findDaemon({ config }: LoadedConfig, env: NodeJS.ProcessEnv): Client | null {
  const address = readAddress(config.data_dir)
  const file = join(config.data_dir, 'token')
  const token = env.OPENLOOM_TOKEN ?? (existsSync(file) ? readFileSync(file, 'utf8').trim() : null)
  return address && token && isAlive(address.pid) ? new Client(address.url, token) : null
}

export function requireDaemon(loaded: LoadedConfig, env: NodeJS.ProcessEnv): Client {
  const client = findDaemon(loaded, env)
  if (!client) throw new ProblemError(noDaemon)
  return client
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: alive, of another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
