/**
 * The sandbox of Linux: bubblewrap, used directly. A command gets the system's programs to read, its place, an empty
 * home and an empty /tmp, no process but its own, and a network by policy; everything ends with it and with us.
 */
import { lstatSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Argv } from '../../core/tool.ts'
import { type Access, type Machine, type Mounts, mountsOf, mountsOfMachine } from './mounts.ts'
import type { SandboxNetwork } from './network.ts'
import type { Place, Sandbox, SandboxSettings } from './sandbox.ts'

export interface BwrapOptions {
  bwrap: string
  settings: SandboxSettings
  machine: Machine
  /** A file of git's settings for the home; null: none. */
  gitconfig: string | null
  /** Null: not by proxy. */
  network: SandboxNetwork | null
  /** Whether this bubblewrap can forbid further user namespaces. */
  canForbid: boolean
  detail: string
}

const apart = [
  '--unshare-user',
  '--unshare-pid',
  '--unshare-ipc',
  '--unshare-uts',
  '--die-with-parent',
  '--new-session',
]
const mib = 1024 * 1024

/** The programs of this machine, as they lie here: linked into /usr, or folders of their own. */
function systemArguments(): string[] {
  const roots = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'].flatMap((name) => {
    const stat = lstatSync(`/${name}`, { throwIfNoEntry: false })
    if (!stat) return []
    return stat.isSymbolicLink()
      ? ['--symlink', readlinkSync(`/${name}`), `/${name}`]
      : ['--ro-bind', `/${name}`, `/${name}`]
  })
  return ['--ro-bind', '/usr', '/usr', '--ro-bind', '/etc', '/etc', ...roots, '--proc', '/proc', '--dev', '/dev']
}

const limitArguments = ({ processes, file_mb, memory_mb }: SandboxSettings): string[] => [
  ...['prlimit', `--nproc=${processes}`, `--fsize=${file_mb * mib}`],
  ...(memory_mb === undefined ? [] : [`--as=${memory_mb * mib}`]),
  '--',
]

const mountFlags: Readonly<Record<Access, (path: string) => string[]>> = {
  read: (path) => ['--ro-bind-try', path, path],
  write: (path) => ['--bind-try', path, path],
  empty: (path) => ['--tmpfs', path],
  bare: (path) => ['--tmpfs', path, '--remount-ro', path],
  // A device, and no device works on what is bound like this.
  shut: (path) => ['--ro-bind', '/dev/null', path],
}

/** Those above come first: what lies deeper is mounted over them. */
function mountArguments(mounts: Mounts): string[] {
  const sorted = [...mounts].sort(([a], [b]) => a.length - b.length)
  return sorted.flatMap(([path, access]) => mountFlags[access](path))
}

/** Everything that is the same for each command. */
export function baseArguments({ settings, canForbid }: Pick<BwrapOptions, 'settings' | 'canForbid'>): string[] {
  const resolver = settings.network === 'open' ? ['--ro-bind-try', '/run/systemd/resolve', '/run/systemd/resolve'] : []
  return [
    ...apart,
    ...(canForbid ? ['--disable-userns'] : []),
    ...systemArguments(),
    '--tmpfs',
    '/var/tmp',
    ...resolver,
  ]
}

export class BwrapSandbox implements Sandbox {
  readonly kind = 'bwrap'
  readonly detail: string
  private readonly options: BwrapOptions
  private readonly base: string[]
  private readonly limits: string[]
  private readonly shown: Mounts

  constructor(options: BwrapOptions) {
    this.options = options
    this.detail = options.detail
    this.base = baseArguments(options)
    this.limits = limitArguments(options.settings)
    this.shown = mountsOfMachine(options.machine)
  }

  confine(place: Place) {
    return { kind: this.kind, wrap: (argv: Argv, cwd: string) => this.wrap(argv, cwd, place) } as const
  }

  /** Looked at anew for each command: the one before may have made a repository of the folder. */
  private wrap(argv: Argv, cwd: string, place: Place): Argv {
    const { machine, gitconfig } = this.options
    const { enter, flags } = this.networkOf(place)
    const own = gitconfig === null ? [] : ['--ro-bind', gitconfig, join(machine.home, '.gitconfig')]
    const inHome = mountsOf(place, machine, this.shown)
    const files = [...mountArguments(inHome), ...(inHome.get(machine.home) === 'empty' ? own : [])]
    const env = ['--setenv', 'HOME', machine.home, '--setenv', 'TMPDIR', '/tmp']
    return [
      ...enter,
      ...this.base,
      ...files,
      ...['--remount-ro', '/', '--chdir', cwd, ...env, ...flags, '--'],
      ...this.limits,
      ...argv,
    ]
  }

  private networkOf({ owner }: Place): { enter: Argv; flags: string[] } {
    const { bwrap, settings, network } = this.options
    if (settings.network === 'open') return { enter: [bwrap], flags: [] }
    const pid = network?.pid() ?? null
    if (network === null || pid === null) return { enter: [bwrap], flags: ['--unshare-net'] }
    const url = `http://${owner.replace(/[^\w.-]/g, '_')}:x@127.0.0.1:${network.port}`
    const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY']
    const flags = [...names, ...names.map((name) => name.toLowerCase())].flatMap((name) => ['--setenv', name, url])
    const near = ['NO_PROXY', 'no_proxy'].flatMap((name) => ['--setenv', name, 'localhost,127.0.0.1,::1'])
    return {
      enter: ['nsenter', '-t', `${pid}`, '-U', '-n', '--preserve-credentials', bwrap],
      flags: [...flags, ...near],
    }
  }

  async close(): Promise<void> {
    await this.options.network?.close()
  }
}
