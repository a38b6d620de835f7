/**
 * The same task of twenty steps, shell commands or reads, by our own agent and by others that are installed: one
 * model, one machine, in turn, as many rounds of each. Times are compared within a round and nowhere else, as minutes
 * of a machine differ by more than agents do. Others run in throw-away homes, with dummy keys, and reach loopback
 * alone.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  makeProject,
  OpenCodeServer,
  offlineConfig,
  offlineEnvironment,
  openCodeBinary,
  writeHome,
} from '../test/fakes/opencode-server.ts'
import { type AgentModel, startAgentModel } from './agents-model.ts'
import type { Row } from './measures.ts'
import { installOpenCode } from './opencode.ts'
import { eventsOf, median, openWorld, until } from './world.ts'

const steps = 20
/** The first round of each boots what later ones have, and is not counted. */
const rounds = 8
/** Tasks of each kind that a server does before: ours and any other that stays. Nobody's first tasks are its speed. */
const warmups = 20
const promptIn = (folder: string) => `Go through ${folder}/lines.txt.`
const limitMs = 120_000

interface Agent {
  name: string
  /** How many times slower than our own it should be at least; null for our own. */
  times: number | null
  /** It stays between two tasks. */
  stays?: true
  /** Wall time of one task, ms. */
  run(round: string): Promise<number>
  close?(): Promise<void>
}

export async function agents(): Promise<Row[]> {
  installOpenCode()
  const model = await startAgentModel(steps)
  const folder = mkdtempSync(join(tmpdir(), 'loom-agents-'))
  const all: Agent[] = []
  try {
    all.push(await ownInDaemon(model), ownProcess(model, folder))
    all.push(bareLoop(model, folder), await openCodeWarm(model), openCodeRun(model, folder), ...others(model, folder))
    return [...(await inTurn(all, model, 'shell')), ...(await inTurn(all, model, 'read'))]
  } finally {
    await Promise.all(all.map((agent) => agent.close?.()))
    await model.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Round by round, so that a slow minute of the machine falls on all of them. */
async function inTurn(all: readonly Agent[], model: AgentModel, kind: AgentModel['kind']): Promise<Row[]> {
  model.kind = kind
  const times = all.map((): number[] => [])
  for (const agent of all.filter(({ stays }) => stays)) {
    for (let n = 0; n < warmups; n++) await measured(agent, `${kind}-warm-${n}`, model)
  }
  for (let round = 0; round < rounds; round++) {
    for (const [index, agent] of all.entries()) {
      const ms = await measured(agent, `${kind}-${round}`, model)
      if (round > 0) times[index]?.push(ms)
    }
  }
  return rowsOf(all, times, kind)
}

/** A run that did not take all of its steps is no measurement. */
async function measured(agent: Agent, round: string, model: AgentModel): Promise<number> {
  const before = model.requests
  const ms = await agent.run(round)
  const asked = model.requests - before
  if (asked < steps + 1) throw new Error(`${agent.name} asked the model ${asked} times instead of ${steps + 1}`)
  return ms
}

function rowsOf(all: readonly Agent[], times: readonly number[][], kind: AgentModel['kind']): Row[] {
  const [daemon = [], single = []] = times
  return all.flatMap(({ name, times: wanted }, index): Row[] => {
    const own = times[index] ?? []
    const row: Row = {
      name: `20 ${kind} steps: ${name}`,
      value: median(own),
      unit: 'ms',
      bar: Number.POSITIVE_INFINITY,
      original: null,
    }
    const n = `n ${own.length}`
    if (wanted === null) return [{ ...row, note: n }]
    const slower = [daemon, single].map(
      (ours) => `${median(own.map((ms, i) => ms / (ours[i] ?? Number.NaN))).toFixed(1)}×`,
    )
    const parts = own.map((ms, i) => ((daemon[i] ?? Number.NaN) * 100) / ms)
    return [
      { ...row, note: `${slower[0]} our daemon (bar ${wanted}×), ${slower[1]} openloom run; ${n}` },
      {
        name: `  our daemon's part of it`,
        value: median(parts),
        unit: '%',
        bar: 100 / wanted,
        original: null,
        note: `${Math.min(...parts).toFixed(1)} to ${Math.max(...parts).toFixed(1)}`,
      },
    ]
  })
}

async function ownInDaemon(model: AgentModel): Promise<Agent> {
  const world = await openWorld({ script: [{ text: 'unused' }], env: { OPENLOOM_BASE_URL: `${model.url}/v1` } })
  return {
    name: 'OpenLoom, the daemon',
    times: null,
    stays: true,
    async run(round) {
      const workspace = world.workspace(`own-${round}`)
      writeLines(workspace)
      const task = { goal: promptIn(workspace), workspace, checks: ['file: lines.txt'] }
      const answer = await world.post('/api/tasks', task)
      const { id } = (await answer.json()) as { id: string }
      const found = async () => {
        const events = await eventsOf(world, id)
        return events.some((event) => event.type === 'task.done') ? events : null
      }
      const events = await until(found, { everyMs: 100, limitMs })
      const at = (type: string) => events.find((event) => event.type === type)?.at ?? Number.NaN
      return at('run.ended') - at('run.started')
    },
    close: world.close,
  }
}

interface Command {
  argv: readonly [string, ...string[]]
  cwd: string
  env: Record<string, string>
}

/** Spawn to exit, with nothing on its standard input. */
function timed({ argv: [program, ...args], cwd, env }: Command): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now()
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: limitMs })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (part: Buffer) => {
        said = `${said}${part}`.slice(-2_000)
      })
    }
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(performance.now() - startedAt)
      else reject(new Error(`${program} ended with ${code}: ${said}`))
    })
  })
}

const writeLines = (folder: string): void => {
  const lines = Array.from({ length: 100 }, (_, i) => `line ${i}\n`)
  writeFileSync(join(folder, 'lines.txt'), lines.join(''))
}

/** A project with the file of lines. */
function project(folder: string): string {
  makeProject(folder)
  writeLines(folder)
  return folder
}

const base = (home: string) => ({
  PATH: process.env['PATH'] ?? '',
  HOME: home,
  LANG: 'C.UTF-8',
  TMPDIR: join(home, 'tmp'),
})

function ownProcess(model: AgentModel, folder: string): Agent {
  const home = join(folder, 'own')
  const cwd = project(join(home, 'work'))
  mkdirSync(join(home, 'tmp'))
  const env = {
    ...base(home),
    OPENLOOM_DATA_DIR: join(home, 'data'),
    OPENLOOM_BASE_URL: `${model.url}/v1`,
    OPENLOOM_MODEL: 'scripted-model',
    OPENLOOM_SANDBOX_MODE: 'off',
    OPENLOOM_OPENCODE_URL: 'http://127.0.0.1:9',
  }
  const program = join(import.meta.dirname, 'main.js')
  const argv = [process.execPath, program, 'run', '-p', promptIn(cwd), '--allow', 'bash'] as const
  return { name: '`openloom run -p`, a process', times: null, run: () => timed({ argv, cwd, env }) }
}

/** What no agent can be quicker than: as many requests with nothing around them, and each step with no thought. */
function bareLoop(model: AgentModel, folder: string): Agent {
  const cwd = project(join(folder, 'bare'))
  const file = join(cwd, 'lines.txt')
  const tools = ['bash', 'read'].map((name) => ({ type: 'function', function: { name, parameters: {} } }))
  return {
    name: 'no agent, requests and steps alone',
    times: null,
    async run() {
      const startedAt = performance.now()
      const messages: unknown[] = [{ role: 'user', content: promptIn(cwd) }]
      for (let step = 0; step <= steps; step++) {
        const body = JSON.stringify({ model: 'scripted-model', stream: true, messages, tools })
        const answer = await fetch(`${model.url}/v1/chat/completions`, { method: 'POST', body })
        await answer.text()
        if (step === steps) break
        if (model.kind === 'read') await readFile(file)
        else await timed({ argv: ['/bin/bash', '-c', `true ${step}`], cwd, env: base(cwd) })
        messages.push({ role: 'tool', content: 'ok' })
      }
      return performance.now() - startedAt
    },
  }
}

async function openCodeWarm(model: AgentModel): Promise<Agent> {
  const config = offlineConfig(`${model.url}/v1`)
  const server = await new OpenCodeServer({ script: [{ text: 'unused' }], config }).open()
  const directory = project(server.elsewhere)
  return {
    name: 'OpenCode, a warm server',
    times: 10,
    stays: true,
    async run(round) {
      const { id } = await server.client.get<{ id: string }>('POST /session', {
        body: { title: `Steps ${round}` },
        directory,
      })
      const startedAt = performance.now()
      const body = { parts: [{ type: 'text', text: promptIn(directory) }] }
      await server.client.get(`POST /session/${id}/message`, { body, directory, timeoutMs: limitMs })
      return performance.now() - startedAt
    },
    close: () => server.close(),
  }
}

function openCodeRun(model: AgentModel, folder: string): Agent {
  const home = join(folder, 'opencode')
  writeHome(home, offlineConfig(`${model.url}/v1`))
  const cwd = project(join(home, 'work'))
  const argv = [openCodeBinary(), 'run', promptIn(cwd)] as const
  return {
    name: '`opencode run`',
    times: 20,
    run: () => timed({ argv, cwd, env: offlineEnvironment(home) }),
  }
}

/** The binary of an agent in the cache for real agents, whatever version somebody put there. */
function cached(name: string, ...path: string[]): string | null {
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'openloom-real')
  const folders = existsSync(cache) ? readdirSync(cache).filter((one) => one.startsWith(`${name}-`)) : []
  return folders.map((one) => join(cache, one, 'node_modules', ...path)).find((one) => existsSync(one)) ?? null
}

function others(model: AgentModel, folder: string): Agent[] {
  const { platform, arch } = process
  const claude = cached('claude-code', '@anthropic-ai', `claude-code-${platform}-${arch}`, 'claude')
  const codex = cached('codex', '@openai', 'codex', 'bin', 'codex.js')
  const home = join(folder, 'others')
  for (const name of ['tmp', 'codex']) mkdirSync(join(home, name), { recursive: true })
  const cwd = project(join(home, 'work'))
  const found: Agent[] = []
  if (claude) {
    const env = {
      ...base(home),
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'no-key',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
    }
    const argv = [
      claude,
      '-p',
      promptIn(cwd),
      '--model',
      'scripted-model',
      '--allowedTools',
      'Bash(true:*)',
      'Read',
    ] as const
    found.push({ name: '`claude -p`', times: 20, run: () => timed({ argv, cwd, env }) })
  }
  if (codex) {
    const provider = `name = "scripted"\nbase_url = "${model.url}/v1"\nenv_key = "CODEX_KEY"\nwire_api = "responses"\n`
    const settings = `model = "scripted-model"\nmodel_provider = "scripted"\n\n[model_providers.scripted]\n${provider}`
    writeFileSync(join(home, 'codex', 'config.toml'), settings)
    const env = { ...base(home), CODEX_HOME: join(home, 'codex'), CODEX_KEY: 'no-key' }
    const free = ['--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox'] as const
    const argv = [process.execPath, codex, 'exec', ...free, promptIn(cwd)] as const
    found.push({ name: '`codex exec`', times: 20, run: () => timed({ argv, cwd, env }) })
  }
  return found
}
