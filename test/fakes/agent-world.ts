/** The built-in runtime on a scripted model, a journal in memory and a temporary workspace. */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Policy } from '../../src/agent/permission/engine.ts'
import type { Rule } from '../../src/agent/permission/rules.ts'
import { openai, openaiSchema } from '../../src/agent/providers/openai.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { LiveDelta, PromptRequest, Runtime } from '../../src/core/runtime.ts'
import type { JournalEntry, Observation } from '../../src/core/session.ts'
import { childEnvironment } from '../../src/lib/process.ts'
import { createBuiltin } from '../../src/runtimes/builtin.ts'
import type { BuiltinOptions } from '../../src/runtimes/builtin-options.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { type RequestRecord, startScriptedModel } from '../../src/sample/scripted-model.ts'
import { lookUntil } from '../contracts/runtime.ts'
import { MemoryJournal } from './journal.ts'

export interface AgentWorld {
  runtime: Runtime
  journal: MemoryJournal
  workspace: string
  owner: string
  deltas: LiveDelta[]
  logged: string[]
  requests: readonly RequestRecord[]
  sessionId: string
  path(name: string): string
  put(name: string, data: string): Promise<void>
  /** Another process on the same journal, as after a restart. */
  restart(): Runtime
  prompt(text: string, more?: Partial<PromptRequest>): Promise<void>
  /** Until the turn is over: idle, failed or interrupted. */
  over(): Promise<Observation>
  run(text: string, more?: Partial<PromptRequest>): Promise<Observation>
  entries(): JournalEntry[]
  /** Outputs of tools, in the order of the journal. */
  outputs(): string[]
  /** The messages of the n-th request to the model, from the end. */
  messages(fromEnd?: number): { role: string; content: string }[]
}

export type AgentOptions = Partial<BuiltinOptions> & { agent?: string; provider?: Record<string, unknown> }

let worlds = 0

export async function agentWorld(script: ScriptInput, options: AgentOptions = {}): Promise<AgentWorld> {
  const { agent = null, provider = {}, ...more } = options
  const root = await realpath(await mkdtemp(join(tmpdir(), 'agent-')))
  const workspace = join(root, 'project')
  await mkdir(workspace)
  worlds += 1
  const model = await startScriptedModel({ script, clock: systemClock })
  const journal = new MemoryJournal(systemClock)
  const config = openaiSchema.parse({ name: 'local', base_url: model.url, model: 'scripted-model', ...provider })
  const logged: string[] = []
  const deltas: LiveDelta[] = []
  const owner = `test-agent-${process.pid}-${worlds}`
  const make = () => {
    const runtime = createBuiltin({
      journal,
      providers: [openai.create(config, { clock: systemClock, env: {} })],
      defaultModel: null,
      clock: systemClock,
      env: childEnvironment(process.env),
      outputRoot: join(root, 'outputs'),
      owner,
      log: (text) => logged.push(text),
      ...more,
    })
    runtime.onDelta((delta) => deltas.push(delta))
    return runtime
  }
  const world = { runtime: make() }
  onTestFinished(async () => {
    await world.runtime.close()
    await model.close()
    await rm(root, { recursive: true, force: true })
  })
  const request = { taskId: 't1', title: 'A task', workspace, agent, model: null, session: null }
  const opened = await world.runtime.open(request)
  if (!opened.ok) throw new Error(JSON.stringify(opened.problems))
  const { sessionId } = opened.value
  return Object.assign(world, {
    journal,
    workspace,
    owner,
    deltas,
    logged,
    requests: model.requests,
    sessionId,
    restart() {
      world.runtime = make()
      return world.runtime
    },
    ...doings(() => world.runtime, sessionId),
    ...sights(journal, sessionId, model.requests),
    path: (name: string) => join(workspace, name),
    async put(name: string, data: string) {
      await mkdir(dirname(join(workspace, name)), { recursive: true })
      await writeFile(join(workspace, name), data)
    },
  })
}

function doings(runtime: () => Runtime, sessionId: string): Pick<AgentWorld, 'prompt' | 'over' | 'run'> {
  const prompt = async (text: string, fields: Partial<PromptRequest> = {}) => {
    const limits = { toolCalls: null, tokens: null }
    const sent = await runtime().prompt({ sessionId, promptId: 'p1', text, limits, ...fields })
    if (!sent.ok) throw new Error(JSON.stringify(sent.problems))
  }
  const over = () => lookUntil(runtime(), sessionId, ['idle', 'failed', 'interrupted'], 10_000)
  return {
    prompt,
    over,
    async run(text, fields = {}) {
      await prompt(text, fields)
      return over()
    },
  }
}

function sights(
  journal: MemoryJournal,
  sessionId: string,
  requests: readonly RequestRecord[],
): Pick<AgentWorld, 'entries' | 'outputs' | 'messages'> {
  const entries = () => journal.entries(sessionId).map((row) => row.entry)
  return {
    entries,
    outputs: () => entries().flatMap((entry) => (entry.type === 'tool.ended' ? [entry.output] : [])),
    messages: (fromEnd = 1) => {
      const bodies = requests.flatMap((one) => (one.body ? [one.body] : []))
      return (bodies.at(-fromEnd)?.messages ?? []).map((one) => ({ role: one.role, content: one.content ?? '' }))
    },
  }
}

/** The turn is begun, parked in its n-th request, and entered again by another process. */
export async function goesOnAfterRestart(world: AgentWorld, request: number): Promise<void> {
  await world.prompt('go')
  const asked = () => world.requests.filter((one) => one.body).length
  while (asked() < request) await new Promise((resolve) => setImmediate(resolve))
  await world.runtime.close()
  world.restart()
  await world.run('go')
}

/** The rules of the user, and nothing else. */
export const userRules = (user: readonly Rule[]) => async (): Promise<Policy> => ({
  layers: { user },
  trust: 'trusted',
  access: 'scoped',
})

/** The reasons of the runs so far. */
export const endsOf = (entries: readonly JournalEntry[]): string[] =>
  entries.flatMap((entry) => (entry.type === 'run.ended' ? [entry.reason] : []))
