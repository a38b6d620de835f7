/** The HTTP application over a watched world, without a daemon: for its routes, and for the verbs that ask them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { SessionCommands } from '../../src/harness/sessions.ts'
import { listFiles } from '../../src/lib/file-list.ts'
import { openLog, Secrets } from '../../src/lib/log.ts'
import { createApp } from '../../src/server/app.ts'
import type { ServerWorld } from '../../src/server/context.ts'
import { listen } from '../../src/server/listen.ts'
import { Speech } from '../../src/server/speech.ts'
import type { WatchWorld } from './watch-world.ts'

export interface WatchApp {
  call(method: string, path: string, body?: unknown): Promise<Response>
  get<T>(path: string): Promise<T>
  /** Tasks that were paused through it. */
  paused: string[]
  app: ReturnType<typeof createApp>
}

const host = 'localhost'

/** Only what the routes of sessions, asks and usage touch. */
export function watchApp(w: WatchWorld): WatchApp {
  const paused: string[] = []
  const commands = {
    async run(_: string, id: string) {
      paused.push(id)
      return { ok: true as const, value: w.store.tasks.move(id, 'paused') }
    },
  }
  const runtimes = new Map([['hand', w.runtime]])
  const sessions = new SessionCommands(
    { store: w.store, clock: w.clock, log: openLog('silent', new Secrets()), runtimes },
    commands,
  )
  // No session here is left behind by a program that was killed.
  const edits = { mend: async () => false, settleLine: async () => undefined }
  const parts = { store: w.store, asks: w.desk, keeper: w.keeper, sessions, edits, clock: w.clock, version: '0.0.0' }
  const models = {
    known: () => [{ provider: 'local', model: 'a', isDefault: true, contextTokens: 4_096, price: null }],
    list: async () => ({ models: [], problems: [{ provider: 'local', problem: { text: 'It does not answer.' } }] }),
  }
  const env = { PATH: process.env.PATH ?? '' }
  const filesOf = (folder: string) => listFiles(folder, { env, owner: 'test', max: 1_000 })
  const auth = { isToken: () => true, loginOf: () => null, onEnd: () => () => undefined }
  const rest = { auth, log: openLog('silent', new Secrets()) }
  const onDelta = () => () => undefined
  const speech = new Speech(w.store, onDelta)
  const world = { ...parts, ...rest, models, filesOf, onDelta, speech } as unknown as ServerWorld
  const app = createApp(world, { hosts: () => [host, ...hosts], cookieName: () => 'c', webDir: '/nowhere' })
  const headers = { host, authorization: 'Bearer token', 'content-type': 'application/json' }
  const call: WatchApp['call'] = async (method, path, body) => {
    const init = body === undefined ? {} : { body: JSON.stringify(body) }
    return app.request(`http://${host}${path}`, { method, headers, ...init })
  }
  const get = async <T>(path: string) => (await (await call('GET', path)).json()) as T
  return { call, get, paused, app }
}

const hosts: string[] = []

/** The same on a port, with a data directory that a verb finds it by: the shell to call verbs with. */
export async function watchShell({ app }: WatchApp): Promise<{ env: NodeJS.ProcessEnv; cwd: string }> {
  const cwd = mkdtempSync(join(tmpdir(), 'loom-shell-'))
  const listening = await listen(app.fetch, { host: '127.0.0.1', port: 0 })
  if (!('close' in listening)) throw new Error(listening.text)
  hosts.push(`127.0.0.1:${listening.port}`)
  const data = join(cwd, 'data')
  mkdirSync(data)
  const url = `http://127.0.0.1:${listening.port}`
  writeFileSync(join(data, 'daemon.json'), `${JSON.stringify({ pid: process.pid, url })}\n`)
  onTestFinished(async () => {
    await listening.close()
    rmSync(cwd, { recursive: true })
  })
  return { cwd, env: { HOME: cwd, OPENLOOM_DATA_DIR: data, OPENLOOM_TOKEN: 'a-token', PATH: process.env.PATH } }
}
