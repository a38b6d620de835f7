/** `openloom doctor`: looks at everything the daemon will need and says in one line each what is and what is not. */
import { accessSync, constants, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadedConfig } from '../config.ts'
import { systemClock } from '../core/clock.ts'
import type { Runtime } from '../core/runtime.ts'
import { openLog, Secrets } from '../lib/log.ts'
import { noSandbox } from '../lib/sandbox/sandbox.ts'
import { findSandbox, openModelDesk, openRuntimes, readiness } from '../parts.ts'
import { openStore } from '../store/open.ts'
import { findDaemon } from './client.ts'
import { exit } from './exit.ts'
import type { Shell } from './program.ts'
import { settingsHere } from './settings.ts'
import { paint, print, printJson, safe } from './terminal.ts'

interface Finding {
  name: string
  ok: boolean
  text: string
}

export async function doctor(options: { json?: boolean }, shell: Shell): Promise<number> {
  const loaded = await settingsHere(shell)
  const { config } = loaded
  const findings: Finding[] = [
    { name: 'node', ok: true, text: process.version },
    writable('data directory', config.data_dir),
    privacy(config.data_dir),
    writable('inbox', config.inbox.dir),
    worktrees(join(config.data_dir, 'worktrees')),
    ...(process.getuid?.() === 0 ? [{ name: 'user', ok: false, text: 'root; agents would run as root too' }] : []),
    await sandboxFinding(loaded, shell.env),
    daemonFinding(findDaemon(loaded, shell.env)?.url ?? null),
    ...(await runtimeFindings(loaded, shell.env)),
    ...(await modelFindings(loaded, shell.env)),
  ]
  if (options.json) printJson(findings)
  else {
    for (const { ok, name, text } of findings) {
      print(`${ok ? paint('green', 'ok  ') : paint('yellow', 'look')}  ${name.padEnd(16)}  ${safe(text)}`)
    }
  }
  return findings.every((finding) => finding.ok) ? exit.ok : exit.failed
}

function writable(name: string, path: string): Finding {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    return { name, ok: true, text: path }
  } catch (error) {
    return { name, ok: false, text: `${path}: ${error instanceof Error ? error.message : String(error)}` }
  }
}

function privacy(path: string): Finding {
  const open = existsSync(path) && (statSync(path).mode & 0o077) !== 0
  const text = open ? `other users may read it; run chmod 700 ${path}` : 'only for you'
  return { name: 'privacy', ok: !open, text }
}

/** Of tasks at work and of ended ones that wait for a person; openloom status names those. */
function worktrees(path: string): Finding {
  const entries = existsSync(path) ? readdirSync(path, { withFileTypes: true }) : []
  const count = entries.filter((entry) => entry.isDirectory()).length
  return { name: 'worktrees', ok: true, text: count === 0 ? 'none' : `${count} in ${path}` }
}

const daemonFinding = (url: string | null): Finding => ({
  name: 'daemon',
  ok: true,
  text: url ? `running at ${url}` : 'not running',
})

/** Switched off is what somebody wanted; everything else that is missing is not. */
async function sandboxFinding(loaded: LoadedConfig, env: NodeJS.ProcessEnv): Promise<Finding> {
  const log = openLog('silent', new Secrets())
  const found = await findSandbox(loaded, env, { log, owner: `doctor-${process.pid}` })
  if (!found.ok) return { name: 'sandbox', ok: false, text: found.problems[0]?.text ?? 'none' }
  const { kind, detail } = found.value
  await found.value.close()
  const isMeant = kind === 'bwrap' || loaded.config.sandbox.mode === 'off'
  return { name: 'sandbox', ok: isMeant, text: kind === 'bwrap' ? detail : `none: ${detail}` }
}

async function runtimeFindings(loaded: LoadedConfig, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const store = openStore({ path: ':memory:', clock: systemClock })
  const sandbox = noSandbox('not asked')
  const base = { store, log: openLog('silent', new Secrets()), secrets: new Secrets(), owner: 'doctor', sandbox }
  const runtimes = openRuntimes({ base, loaded, env, role: 'run' })
  try {
    const found = await Promise.all([...runtimes.values()].map(readiness))
    const someReady = found.some((one) => one.ready)
    const hint = someReady ? '' : ' The daemon would run its sample.'
    // Nobody has to have every agent; one that somebody configured is missed.
    const isMissed = loaded.origins.has('runtimes') || !someReady
    const states = found.map(({ name, ready, detail }) => {
      const text = name === 'builtin' ? `${detail}${hint}` : detail
      return { name: `runtime ${name}`, ok: ready || !isMissed, text }
    })
    const reachable = [...runtimes.values()].filter((_, index) => found[index]?.ready)
    const troubles = await Promise.all(reachable.map(troublesOf))
    return [...states, ...troubles.flat()]
  } finally {
    for (const runtime of runtimes.values()) await runtime.close()
    store.close()
  }
}

/** Offered, never used unasked. */
async function modelFindings(loaded: LoadedConfig, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const offered = await openModelDesk(loaded, env).detect()
  return offered.map(({ because, yaml }) => ({
    name: 'models',
    ok: true,
    text: `${because}; to use it, add to models.providers: ${yaml}`,
  }))
}

async function troublesOf({ name, watch }: Runtime): Promise<Finding[]> {
  const problems = (await watch?.troubles()) ?? []
  return problems.map(({ text, todo }) => ({
    name: `runtime ${name}`,
    ok: false,
    text: [text, todo].filter(Boolean).join(' '),
  }))
}
