/** A real daemon and a scripted model for one measurement; both are ended with it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../src/core/clock.ts'
import type { LoomEvent } from '../src/core/event.ts'
import type { ScriptInput } from '../src/sample/script.ts'
import { type ScriptedModel, startScriptedModel } from '../src/sample/scripted-model.ts'

export interface BenchWorld {
  folder: string
  inbox: string
  model: ScriptedModel
  url: string
  pid: number
  /** Spawn to the first 200 on /api/tasks. */
  startMs: number
  get(path: string): Promise<Response>
  post(path: string, body: unknown): Promise<Response>
  workspace(name: string): string
  close(): Promise<void>
}

const builtProgram = join(import.meta.dirname, 'main.js')

export interface WorldOptions {
  script: ScriptInput
  folder?: string
  env?: Record<string, string>
  /** Absent: the one beside the bundled benchmark. */
  program?: string
}

export async function openWorld({ script, folder, env, program = builtProgram }: WorldOptions): Promise<BenchWorld> {
  const home = folder ?? mkdtempSync(join(tmpdir(), 'loom-bench-'))
  const inbox = join(home, 'inbox')
  mkdirSync(inbox, { recursive: true })
  const model = await startScriptedModel({ script, clock: systemClock })
  const startedAt = performance.now()
  const child = spawn(process.execPath, [program, 'serve', '--quiet'], {
    cwd: home,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      HOME: home,
      OPENLOOM_DATA_DIR: join(home, 'data'),
      OPENLOOM_INBOX_DIR: inbox,
      OPENLOOM_UI_PORT: '0',
      OPENLOOM_TOKEN: 'bench-token-bench-token-bench-token',
      OPENLOOM_BASE_URL: model.url,
      OPENLOOM_MODEL: 'scripted-model',
      OPENLOOM_SAMPLE: 'off',
      // Its price is a row of its own.
      OPENLOOM_SANDBOX_MODE: 'off',
      OPENLOOM_MUST_FAIL_FIRST: 'no',
      // Nobody listens there: a server of whoever runs this is not to be touched.
      OPENLOOM_OPENCODE_URL: 'http://127.0.0.1:9',
      ...env,
    },
  })
  const url = await addressOf(child)
  const headers = { authorization: 'Bearer bench-token-bench-token-bench-token' }
  const get = (path: string) => fetch(`${url}${path}`, { headers })
  if ((await get('/api/tasks')).status !== 200) throw new Error('the daemon does not answer')
  const startMs = performance.now() - startedAt
  const json = { ...headers, 'content-type': 'application/json' }
  return {
    folder: home,
    inbox,
    model,
    url,
    pid: child.pid ?? 0,
    startMs,
    get,
    post: (path, body) => fetch(`${url}${path}`, { method: 'POST', headers: json, body: JSON.stringify(body) }),
    workspace(name) {
      const path = join(home, 'work', name)
      mkdirSync(path, { recursive: true })
      return path
    },
    async close() {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await gone
      await model.close()
      if (!folder) rmSync(home, { recursive: true, force: true })
    },
  }
}

function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const found = /at (http:\S+)/.exec(text)?.[1]
      if (found) resolve(found)
    })
    child.once('exit', (code) => reject(new Error(`the daemon ended with ${code}: ${text}`)))
  })
}

type Maybe<T> = T | null | undefined

/** Asks every few ms until the answer is there; a measurement may not wait for ever. */
/** `everyMs`: a look that asks the daemon is work for it; where the times come from the events, look seldom. */
export async function until<T>(
  look: () => Maybe<T> | Promise<Maybe<T>>,
  { everyMs = 3, limitMs = 60_000 } = {},
): Promise<T> {
  const deadline = performance.now() + limitMs
  for (;;) {
    const found = await look()
    if (found !== null && found !== undefined) return found
    if (performance.now() > deadline) throw new Error('the measurement did not come to its end')
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

export async function eventsOf(world: BenchWorld, id: string): Promise<LoomEvent[]> {
  const page = (await (await world.get(`/api/tasks/${id}/events?limit=1000`)).json()) as { items: LoomEvent[] }
  return page.items
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

/** Seconds of CPU (user and system) and resident MB of a process, from /proc. */
export interface Cost {
  cpuSeconds: number
  rssMb: number
}

export function costOf(pid: number): Cost {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100, rssMb: Number(rss) / 1024 }
}
