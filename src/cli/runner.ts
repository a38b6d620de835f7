/** Our own agent without the harness: one session, prompts one after the other, headless permissions. For `run`. */
import { existsSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadedConfig } from '../config.ts'
import { systemClock } from '../core/clock.ts'
import { type Problem, type Result, refuse } from '../core/problem.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Observation } from '../core/session.ts'
import { openForks } from '../lib/forks.ts'
import { newId } from '../lib/id.ts'
import { takenFrom } from '../lib/project/settings.ts'
import { toolsFolder } from '../lib/project/tools.ts'
import { startWatchdog } from '../lib/watchdog.ts'
import { type Confined, findSandbox, openBase, openRuntimes, openTalk, type Talk } from '../parts.ts'
import type { Store } from '../store/open.ts'
import { withStore } from './own-store.ts'
import { UsageError } from './program.ts'
import { printProblems, safe } from './terminal.ts'

export interface RunnerOptions {
  env: NodeJS.ProcessEnv
  allow: readonly string[]
  deny: readonly string[]
  stepsMax: number | null
  /** Somebody is there and answers asks. */
  attended?: boolean
}

export interface RunRequest {
  title: string
  workspace: string
  agent: string | null
  model: string | null
  session: string | null
}

interface Turn {
  sessionId: string
  promptId: string
}

const newestMax = 100
const titleCharsMax = 50

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
  /** Whoever kills us ends our commands with us, also where there is no sandbox. */
  private readonly watchdog: { stop(): Promise<void> }
  private readonly forks = openForks()
  private readonly id = newId('r', systemClock.now())
  private turns = 0

  constructor(base: Confined, { runtime, talk, attended }: { runtime: Runtime; talk: Talk; attended: boolean }) {
    this.base = base
    this.runtime = runtime
    this.talk = talk
    this.attended = attended
    this.watchdog = startWatchdog([`${base.owner}-run`])
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
    return this.runtime.open({ taskId: this.id, ...request })
  }

  /** One prompt to its end; an abort of `signal` ends the turn with its processes. */
  async turn(sessionId: string, text: string, signal: AbortSignal): Promise<Observation> {
    const promptId = `${this.id}.${++this.turns}`
    const limits = { toolCalls: null, tokens: null }
    const sent = await this.runtime.prompt({ sessionId, promptId, text, limits })
    return sent.ok ? this.follow({ sessionId, promptId }, signal) : this.failed(sessionId, promptId, sent)
  }

  /** A turn that was begun, to its end. */
  async follow({ sessionId, promptId }: Turn, signal: AbortSignal): Promise<Observation> {
    const onAbort = () => void this.runtime.abort(sessionId)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    try {
      return await this.untilOver(sessionId, promptId)
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Where the plan of the last turn is carried out; null: it is over with that turn. */
  movedTo(sessionId: string): Turn | null {
    const rows = this.store.sessions.entries(sessionId)
    const last = rows.at(-1)?.entry
    if (last?.type !== 'run.ended' || last.reason !== 'plan') return null
    const taken = rows.findLast(({ entry }) => entry.type === 'plan.taken')?.entry
    const isOfIt = taken?.type === 'plan.taken' && taken.runId === last.runId
    return isOfIt && 'sessionId' in taken.to ? taken.to : null
  }

  async close(): Promise<void> {
    this.talk.asks.close()
    await this.runtime.close()
    await this.base.sandbox.close()
    this.base.store.close()
    await this.forks.stop()
    await this.watchdog.stop()
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
  const rules = [
    ...headless,
    ...allow.map((text) => ruleOf(text, 'allow')),
    ...deny.map((text) => ruleOf(text, 'deny')),
  ]
  const bare = openBase(loaded, env)
  const sandbox = await findSandbox(loaded, env, bare)
  if (!sandbox.ok) {
    bare.store.close()
    return sandbox
  }
  if (sandbox.value.kind === 'none' && loaded.config.sandbox.mode === 'auto')
    printProblems([notConfined(sandbox.value)])
  const base = { ...bare, sandbox: sandbox.value }
  base.store.ledger.onEvent(({ type, data }) => {
    const told = type === 'workspace.ignored' ? `${data.summary}` : ''
    if (told.includes(`(${toolsFolder})`)) printProblems([toolsNotTaken])
    else if (told.startsWith(toolsFolder)) printProblems([{ kind: 'no-tool', text: told }])
  })
  const narrowed = { permissions: rules, stepsMax }
  const given = { base, loaded, env, narrowed, role: 'run' as const, attended }
  const runtimes = openRuntimes(given)
  const runtime = runtimes.get('builtin')
  if (runtime) return { ok: true, value: new Runner(base, { runtime, attended, talk: openTalk(given, runtimes) }) }
  await base.sandbox.close()
  base.store.close()
  return refuse({ kind: 'no-runtime', text: 'The built-in runtime is not there.' })
}

const toolsNotTaken: Problem = {
  kind: 'tools-ignored',
  text: `The tools in ./${toolsFolder} are not taken.`,
  todo: 'Look at them, then say `openloom trust` here.',
}

const notConfined = ({ detail }: { detail: string }): Problem => ({
  kind: 'no-sandbox',
  text: `Commands are not confined here (sandbox: none): ${detail}.`,
  todo: 'Set that right (openloom doctor), or say sandbox.mode: off.',
})

/** Digest of the settings in this folder that a person took; null: none. */
export async function acceptedSettings(loaded: LoadedConfig, folder: string): Promise<string | null> {
  if (!existsSync(join(loaded.config.data_dir, 'openloom.db'))) return null
  return withStore(loaded, ({ workspaces }) => {
    const said = workspaces.of(realpathSync(folder))
    // Addresses and models of a folder in which agents may only read are not what they work with.
    return said?.trust === 'trusted' ? takenFrom(said.settingsSha256).settings : null
  })
}

/** `bash(npm test*)` or `bash`. What is neither must not pass for a rule: a deny that fits nothing denies nothing. */
function ruleOf(text: string, action: Action): { tool: string; pattern: string; action: Action } {
  const match = /^([^()\s]+)(?:\((.+)\))?$/s.exec(text.trim())
  if (!match?.[1]) throw new UsageError(noRule(text))
  return { tool: match[1], pattern: match[2] ?? '*', action }
}

const noRule = (text: string): Problem => ({
  kind: 'bad-rule',
  text: `"${text}" is no rule.`,
  todo: 'Write the name of a tool, or tool(pattern): "bash(npm test*)".',
})

/** The first words, cut at a word. */
export function titleOf(text: string): string {
  const line = safe(text).replace(/\s+/g, ' ').trim()
  if (line.length <= titleCharsMax) return line
  const cut = line.slice(0, titleCharsMax)
  return `${cut.slice(0, Math.max(cut.lastIndexOf(' '), 20))}…`
}
