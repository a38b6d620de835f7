/** Reads processes from /proc (Linux). Every file may vanish in mid-read: then that part is empty. Signals nobody. */
import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { filesMax, type OpenFile, type OpenSocket, type ProcessDetail, type ProcessRow } from './process-facts.ts'
import { callName, waitOfCall, waitOfChannel } from './syscalls.ts'

/** The kernel counts in hundredths of a second towards programs, on every architecture that Node runs on. */
const tickMs = 10
const pageKb = 4

/** Empty for what is gone or not ours. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

function list(path: string): string[] | null {
  try {
    return readdirSync(path)
  } catch {
    return null
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

const isPid = (name: string): boolean => /^\d+$/.test(name)

let bootAtMs: number | null = null

/**
 * Instant of tick 0, found once through our own start: it must not wobble, since start times name processes, and
 * /proc/uptime and btime tell of another machine inside some containers.
 */
function bootAt(): number {
  if (bootAtMs === null) {
    const own = fieldsOf(read('/proc/self/stat'))
    bootAtMs = Math.round(Date.now() - process.uptime() * 1000 - Number(own?.[19] ?? 0) * tickMs)
  }
  return bootAtMs
}

/** The fields after the name, which may hold anything. */
const fieldsOf = (stat: string): string[] | null => {
  const end = stat.lastIndexOf(')')
  return end < 0 ? null : stat.slice(end + 2).split(' ')
}

export function readTable(): Map<number, ProcessRow> | null {
  const names = list('/proc')
  if (!names) return null
  const table = new Map<number, ProcessRow>()
  for (const name of names) {
    const row = isPid(name) ? rowOf(read(`/proc/${name}/stat`)) : null
    // Kernel threads are children of 2.
    if (row && row.ppid !== 2 && row.pid !== 2) table.set(row.pid, row)
  }
  return table
}

function rowOf(stat: string): ProcessRow | null {
  const fields = fieldsOf(stat)
  if (!fields) return null
  const n = (index: number): number => Number(fields[index] ?? 0)
  return {
    pid: Number.parseInt(stat, 10),
    name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
    state: fields[0] ?? '?',
    ppid: n(1),
    group: n(2),
    session: n(3),
    cpuMs: (n(11) + n(12)) * tickMs,
    childrenCpuMs: (n(13) + n(14)) * tickMs,
    startedAt: bootAt() + n(19) * tickMs,
    memoryKb: n(21) * pageKb,
  }
}

export function inspect(pids: readonly number[]): ReadonlyMap<number, ProcessDetail> {
  const found = new Map<number, ProcessDetail>()
  const locks = readLocks()
  let net: ReadonlyMap<string, OpenSocket> | null = null
  for (const pid of pids) {
    const folder = `/proc/${pid}`
    const cmdline = Buffer.from(read(`${folder}/cmdline`), 'latin1').toString('utf8')
    const files = readFiles(folder)
    if (cmdline === '' && files === null && read(`${folder}/stat`) === '') continue
    if (files?.some((file) => file.kind === 'socket')) net ??= readSockets(folder)
    const wait = readWait(folder)
    found.set(pid, {
      pid,
      argv: cmdline.replace(/\0+$/, '').split('\0').slice(0, 200),
      cwd: linkOf(`${folder}/cwd`),
      ...wait,
      files,
      sockets: socketsOf(files ?? [], net),
      lock: lockOf(pid, folder, { files: files ?? [], waitFd: wait.waitFd, locks }),
      ioBytes: readIo(folder),
      wantedCpuMs: readWanted(folder),
    })
  }
  return found
}

/** The system call tells more, but is hidden from other than ancestors where ptrace is restricted; wchan seldom is. */
function readWait(folder: string): Pick<ProcessDetail, 'wait' | 'waitFd' | 'waitName'> {
  const [number = '', first = ''] = read(`${folder}/syscall`).trim().split(' ')
  const channel = read(`${folder}/wchan`).trim().replace(/^0$/, '')
  if (number === 'running') return { wait: 'running', waitFd: null, waitName: '' }
  const call = callName(Number(number || -1))
  if (!call) return { wait: waitOfChannel(channel), waitFd: null, waitName: channel }
  const wait = waitOfCall(call, channel)
  const takesFd = ['read', 'receive', 'connect', 'accept', 'write', 'file-lock'].includes(wait)
  const waitFd = takesFd ? Number(first) : null
  return { wait, waitFd, waitName: channel || (waitFd === null ? call : `${call}(${waitFd})`) }
}

function readFiles(folder: string): OpenFile[] | null {
  const names = list(`${folder}/fd`)
  if (!names) return null
  return names.slice(0, filesMax).flatMap((name) => {
    const path = linkOf(`${folder}/fd/${name}`)
    if (path === '') return []
    const kind = kindOf(path)
    const mode = modeOf(`${folder}/fd/${name}`)
    const watches = kind === 'epoll' ? watchesOf(read(`${folder}/fdinfo/${name}`)) : []
    const plain = Buffer.from(path, 'latin1').toString('utf8')
    return [{ fd: Number(name), kind, id: path, path: plain, ...mode, watches }]
  })
}

function kindOf(path: string): OpenFile['kind'] {
  if (path.startsWith('pipe:')) return 'pipe'
  if (path.startsWith('socket:')) return 'socket'
  if (path === '/dev/null') return 'null'
  if (/^\/dev\/(pts\/|tty|console)/.test(path)) return 'terminal'
  if (path === 'anon_inode:[eventpoll]') return 'epoll'
  if (path === 'anon_inode:inotify') return 'inotify'
  return path.startsWith('/') ? 'file' : 'other'
}

/** The link's own permissions tell how the file was opened. */
function modeOf(path: string): { reads: boolean; writes: boolean } {
  try {
    const { mode } = lstatSync(path)
    return { reads: (mode & 0o400) !== 0, writes: (mode & 0o200) !== 0 }
  } catch {
    return { reads: false, writes: false }
  }
}

const watchesOf = (info: string): number[] =>
  [...info.matchAll(/^tfd:\s+(\d+)/gm)].slice(0, filesMax).map((match) => Number(match[1]))

function readIo(folder: string): number | null {
  const text = read(`${folder}/io`)
  const [, readChars] = /^rchar: (\d+)/m.exec(text) ?? []
  const [, wroteChars] = /^wchar: (\d+)/m.exec(text) ?? []
  return readChars === undefined || wroteChars === undefined ? null : Number(readChars) + Number(wroteChars)
}

function readWanted(folder: string): number | null {
  const [ranNs, waitedNs] = read(`${folder}/schedstat`).split(' ').map(Number)
  return ranNs === undefined || waitedNs === undefined ? null : Math.round((ranNs + waitedNs) / 1e6)
}

export function hasVariable(pid: number, fits: (name: string, value: string) => boolean): boolean {
  const lines = read(`/proc/${pid}/environ`).split('\0')
  return lines.some((line) => {
    const at = line.indexOf('=')
    return at > 0 && fits(line.slice(0, at), line.slice(at + 1))
  })
}

/** Whether the process has a way of its own to end by this signal. */
export function catches(pid: number, signal: number): boolean {
  const [, mask = '0'] = /^SigCgt:\s+([0-9a-f]+)$/m.exec(read(`/proc/${pid}/status`)) ?? []
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n
}

interface Lock {
  waits: boolean
  pid: number
  /** Device and inode. */
  file: string
}

function readLocks(): Lock[] {
  const lines = read('/proc/locks').split('\n').slice(0, 10_000)
  return lines.flatMap((line) => {
    const match = /^\d+:\s+(->)?\s*\S+\s+\S+\s+\S+\s+(-?\d+)\s+(\S+)/.exec(line)
    return match ? [{ waits: match[1] !== undefined, pid: Number(match[2]), file: match[3] ?? '' }] : []
  })
}

interface LockLook {
  files: readonly OpenFile[]
  waitFd: number | null
  locks: readonly Lock[]
}

function lockOf(pid: number, folder: string, { files, waitFd, locks }: LockLook): ProcessDetail['lock'] {
  const wanted = locks.find((lock) => lock.waits && lock.pid === pid)
  if (!wanted) return null
  const holder = locks.find((lock) => !lock.waits && lock.file === wanted.file)
  const inode = wanted.file.split(':').at(-1)
  const isIt = (file: OpenFile): boolean => file.kind === 'file' && inodeOf(`${folder}/fd/${file.fd}`) === inode
  const file = files.find((one) => one.fd === waitFd) ?? files.find(isIt)
  return { path: file?.path ?? '', holderPid: holder && holder.pid > 0 ? holder.pid : null }
}

function inodeOf(path: string): string {
  try {
    return String(statSync(path).ino)
  } catch {
    return ''
  }
}

/** By the id that a holder's file has. Seen from the process's own network. */
function readSockets(folder: string): ReadonlyMap<string, OpenSocket> {
  const found = new Map<string, OpenSocket>()
  for (const name of ['tcp', 'tcp6']) {
    for (const row of tcpRows(read(`${folder}/net/${name}`))) {
      const { inode, ...socket } = row
      found.set(`socket:[${inode}]`, socket)
    }
  }
  for (const line of read(`${folder}/net/unix`).split('\n').slice(1, 20_000)) {
    const [, , , flags, , state, inode, path = ''] = line.trim().split(/\s+/)
    if (inode === undefined) continue
    const listens = flags === '00010000' && state === '01'
    // Unnamed ones are pipes between parent and child; who is at their other end is not told.
    if (path !== '') found.set(`socket:[${inode}]`, { state: listens ? 'listens' : 'other', local: path, remote: '' })
  }
  return found
}

const tcpStates: Record<string, OpenSocket['state']> = { '01': 'connected', '02': 'connecting', '0A': 'listens' }

function tcpRows(text: string): (OpenSocket & { inode: string; port: number })[] {
  return text
    .split('\n')
    .slice(1, 100_000)
    .flatMap((line) => {
      const [, local = '', remote = '', state = '', , , , , , inode = ''] = line.trim().split(/\s+/)
      if (inode === '' || inode === '0') return []
      const port = Number.parseInt(local.split(':')[1] ?? '', 16)
      const known = tcpStates[state] ?? 'other'
      return [{ inode, port, state: known, local: addressOf(local), remote: addressOf(remote) }]
    })
}

/** `0100007F:1F90` is 127.0.0.1:8080: words in the order of the machine, which is little-endian wherever Node runs. */
function addressOf(text: string): string {
  const [hex = '', port = ''] = text.split(':')
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse())
  const number = Number.parseInt(port, 16)
  const numbers = bytes.slice(-4).map((byte) => Number.parseInt(byte, 16))
  if (bytes.length === 4 || bytes.slice(0, 12).join('') === '00000000000000000000FFFF') {
    return `${numbers.join('.')}:${number}`
  }
  const groups = (bytes.join('').match(/.{4}/g) ?? []).map((group) => Number.parseInt(group, 16).toString(16))
  return `[${groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::')}]:${number}`
}

function socketsOf(files: readonly OpenFile[], net: ReadonlyMap<string, OpenSocket> | null): OpenSocket[] {
  const ids = new Set(files.filter((file) => file.kind === 'socket').map((file) => file.id))
  return [...ids].flatMap((id) => net?.get(id) ?? [])
}

export function listenersOf(port: number): number[] {
  const rows = ['tcp', 'tcp6'].flatMap((name) => tcpRows(read(`/proc/self/net/${name}`)))
  const ours = rows.filter((row) => row.state === 'listens' && row.port === port && isLocal(row.local))
  const ids = new Set(ours.map((row) => `socket:[${row.inode}]`))
  if (ids.size === 0) return []
  return (list('/proc') ?? []).filter(isPid).flatMap((name) => {
    const fds = list(`/proc/${name}/fd`) ?? []
    return fds.some((fd) => ids.has(linkOf(`/proc/${name}/fd/${fd}`))) ? [Number(name)] : []
  })
}

const isLocal = (address: string): boolean => /^(127\.|0\.0\.0\.0:|\[::1?\]:)/.test(address)
