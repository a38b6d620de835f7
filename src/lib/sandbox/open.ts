/** Finds out once whether this machine can confine commands, and says why where it cannot. It never pretends. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../log.ts'
import { runCommand } from '../process.ts'
import { BwrapSandbox, baseArguments } from './bwrap.ts'
import type { Machine } from './mounts.ts'
import { openNetwork } from './network.ts'
import { noSandbox, type Sandbox, type SandboxSettings } from './sandbox.ts'

export interface OpenSandbox {
  settings: SandboxSettings
  home: string
  /** The daemon's data: never shown. */
  dataDir: string
  env: Readonly<Record<string, string>>
  owner: string
  log: Log
}

const program = 'bwrap'
const probeMs = 10_000

type Found = { canForbid: boolean; version: string } | { why: string }

async function say(options: OpenSandbox, argv: [string, ...string[]]) {
  const { env, owner } = options
  return runCommand({ argv, cwd: '/', env, owner: `${owner}/probe`, timeoutMs: probeMs, outputBytesMax: 4_096 })
}

/** The very thing that commands get, once without them. */
export async function probe(options: OpenSandbox): Promise<Found> {
  if (options.settings.mode === 'off') return { why: 'switched off (sandbox.mode)' }
  if (process.platform !== 'linux') return { why: `none for ${process.platform} yet` }
  let said = ''
  for (const canForbid of [true, false]) {
    const base = baseArguments({ settings: options.settings, canForbid })
    const outcome = await say(options, [program, ...base, '--', 'prlimit', '--nproc=64', '--', 'true'])
    if (outcome.ended === 'not-started') return { why: 'bubblewrap (bwrap) is not installed' }
    if (outcome.exitCode === 0) {
      const version = /[\d.]+/.exec((await say(options, [program, '--version'])).output)?.[0] ?? ''
      return { canForbid, version }
    }
    said = outcome.output.trim().split('\n')[0] ?? ''
  }
  return { why: `bubblewrap cannot work here (${said})${reason()}` }
}

/** What this system says about it itself. */
function reason(): string {
  if (readSwitch('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return '; AppArmor keeps user namespaces from programs without a profile: give bwrap one (docs/guide/sandbox.md)'
  }
  const off = ['/proc/sys/kernel/unprivileged_userns_clone', '/proc/sys/user/max_user_namespaces']
  return off.some((path) => readSwitch(path) === '0')
    ? '; user namespaces are switched off'
    : '; a container usually forbids user namespaces'
}

function readSwitch(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}

/** Who commits, and nothing else of what a person set: that may hold logins. */
async function identity(options: OpenSandbox): Promise<string | null> {
  const asked = await say(options, ['git', 'config', '--global', '--get-regexp', '^user\\.(name|email)$'])
  const lines = asked.output.split('\n').flatMap((line) => {
    const [, key, value = ''] = /^user\.(name|email) (.+)$/.exec(line) ?? []
    return key ? [`\t${key} = ${JSON.stringify(value)}`] : []
  })
  if (asked.exitCode !== 0 || lines.length === 0) return null
  const folder = join(options.dataDir, 'sandbox')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(join(folder, 'gitconfig'), `[user]\n${lines.join('\n')}\n`, { mode: 0o600 })
  return join(folder, 'gitconfig')
}

export async function openSandbox(options: OpenSandbox): Promise<Sandbox> {
  const found = await probe(options)
  if ('why' in found) return noSandbox(found.why)
  const { settings, home, dataDir, env, log } = options
  const opened =
    settings.network === 'proxy'
      ? await openNetwork(program, {
          allowHosts: settings.allow_hosts,
          onRefused: (refused) => log.warn(refused, 'the sandbox refused a connection'),
        })
      : null
  const network = typeof opened === 'string' ? null : opened
  const programs = (env.PATH ?? '').split(':').filter((path) => path.startsWith('/'))
  const machine: Machine = {
    home,
    programs,
    alsoRead: settings.also_read,
    alsoWrite: settings.also_write,
    hidden: [dataDir],
  }
  const reach = typeof opened === 'string' ? `no network: its proxy failed, ${opened}` : `network: ${settings.network}`
  return new BwrapSandbox({
    bwrap: program,
    settings,
    machine,
    gitconfig: await identity(options),
    network,
    canForbid: found.canForbid,
    detail: `bubblewrap ${found.version}, ${reach}`,
  })
}
