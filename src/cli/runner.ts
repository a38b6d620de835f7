/** Our own agent without the harness: one session, prompts one after the other, headless permissions. For `run`. */
import { existsSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadedConfig } from '../config.ts'
import { systemClock } from '../core/clock.ts'
import { type Result, refuse } from '../core/problem.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Observation } from '../core/session.ts'
import { newId } from '../lib/id.ts'
import { type Confined, findSandbox, openBase, openRuntimes, openTalk, type Talk } from '../parts.ts'
import { openStore, type Store } from '../store/open.ts'

export interface RunnerOptions {
  env: NodeJS.ProcessEnv
  allow: readonly string[]
  deny: readonly string[]
  stepsMax: number | null
  /** Somebody is there and answers asks. */
  attended?: boolean
}

export interface RunRequest {
  workspace: string
  agent: string | null
  model: string | null
  session: string | null
}

const newestMax = 100

type Action = 'allow' | 'ask' | 'deny'

/** Files inside the folder are its to change; a command is run only where a person said so. */
const headless = [
  { tool: '*', pattern: '*', action: 'allow' as Action },
  { tool: 'bash', pattern: '*', action: 'ask' as Action },
]

export class Runner {
  readonly runtime: Runtime
  readonly talk: Talk
  private readonly base: Confined
  private readonly attended: boolean
  private readonly id = newId('r', systemClock.now())
  private turns = 0

  constructor(base: Confined, { runtime, talk, attended }: { runtime: Runtime; talk: Talk; attended: boolean }) {
    this.base = base
    this.runtime = runtime
    this.talk = talk
    this.attended = attended
  }

  get store(): Store {
    return this.base.store
  }

  /** Id of the session of a person that was last spoken in here; null: there is none. */
  newestIn(workspace: string): string | null {
    const { items } = this.store.watched.page({ workspace, runtime: this.runtime.name, roots: true, limit: newestMax })
    const isTasks = ({ taskId }: { taskId: string | null }) => taskId !== null && this.store.tasks.get(taskId) !== null
    return items.find((one) => !isTasks(one))?.id ?? null
  }

  get events() {
    return this.base.store.ledger
  }

  get deltas() {
    return this.runtime
  }

  open(request: RunRequest): Promise<Result<{ sessionId: string }>> {
    return this.runtime.open({ taskId: this.id, title: 'openloom run', ...request })
  }

  /** One prompt to its end; an abort of `signal` ends the turn with its processes. */
  async turn(sessionId: string, text: string, signal: AbortSignal): Promise<Observation> {
    const promptId = `${this.id}.${++this.turns}`
    const limits = { toolCalls: null, tokens: null }
    const sent = await this.runtime.prompt({ sessionId, promptId, text, limits })
    const onAbort = () => void this.runtime.abort(sessionId)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    try {
      if (!sent.ok) return await this.failed(sessionId, promptId, sent)
      return await this.untilOver(sessionId, promptId)
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async close(): Promise<void> {
    this.talk.asks.close()
    await this.runtime.close()
    await this.base.sandbox.close()
    this.base.store.close()
  }

  private untilOver(sessionId: string, promptId: string): Promise<Observation> {
    return new Promise((resolve, reject) => {
      const look = () => {
        this.runtime.look(sessionId).then((seen) => {
          const { state } = seen
          const over = 'promptId' in state && state.promptId === promptId
          if (!over && (this.attended || state.kind !== 'waiting')) return
          stop()
          resolve(seen)
        }, reject)
      }
      const stop = this.runtime.onChange(look)
      look()
    })
  }

  private async failed(sessionId: string, promptId: string, sent: Result<void>): Promise<Observation> {
    const seen = await this.runtime.look(sessionId)
    const unknown = { kind: 'runtime-trouble', text: 'The agent could not be started.' }
    const problem = (sent.ok ? undefined : sent.problems[0]) ?? unknown
    return { ...seen, state: { kind: 'failed', promptId, transient: false, problem } }
  }
}

export async function openRunner(loaded: LoadedConfig, options: RunnerOptions): Promise<Result<Runner>> {
  const { env, allow, deny, stepsMax, attended = false } = options
  const bare = openBase(loaded, env)
  const sandbox = await findSandbox(loaded, env, bare)
  if (!sandbox.ok) {
    bare.store.close()
    return sandbox
  }
  const base = { ...bare, sandbox: sandbox.value }
  const rules = [
    ...headless,
    ...allow.map((text) => ruleOf(text, 'allow')),
    ...deny.map((text) => ruleOf(text, 'deny')),
  ]
  const narrowed = { permissions: rules, stepsMax }
  const given = { base, loaded, env, narrowed, role: 'run' as const, attended }
  const runtimes = openRuntimes(given)
  const runtime = runtimes.get('builtin')
  if (runtime) return { ok: true, value: new Runner(base, { runtime, attended, talk: openTalk(given, runtimes) }) }
  await base.sandbox.close()
  base.store.close()
  return refuse({ kind: 'no-runtime', text: 'The built-in runtime is not there.' })
}

/** Digest of the settings in this folder that a person took; null: none. */
export function acceptedSettings({ config }: LoadedConfig, folder: string): string | null {
  const path = join(config.data_dir, 'openloom.db')
  if (!existsSync(path)) return null
  const store = openStore({ path, clock: systemClock })
  try {
    return store.workspaces.of(realpathSync(folder))?.settingsSha256 ?? null
  } finally {
    store.close()
  }
}

/** `bash(npm test*)` or `bash`. */
export function ruleOf(text: string, action: Action): { tool: string; pattern: string; action: Action } {
  const match = /^([^()\s]+)\((.*)\)$/s.exec(text.trim())
  return { tool: match?.[1] ?? text.trim(), pattern: match?.[2] ?? '*', action }
}
