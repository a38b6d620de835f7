/**
 * Reads processes by `ps` and `lsof`, where there is no /proc (macOS, BSD). Both have a deadline; what they do not tell
 * stays unknown. Signals nobody.
 */
import { execFile } from 'node:child_process'
import { filesMax, type OpenFile, type OpenSocket, type ProcessDetail, type ProcessRow } from './process-facts.ts'
import { waitOfChannel } from './syscalls.ts'

const timeoutMs = 3_000
const bytesMax = 8 * 1024 * 1024

/** Null when the program is missing or too slow; lsof also ends with 1 when some of what was asked is gone. */
function ask(program: string, args: readonly string[]): Promise<string | null> {
  const env = { PATH: `${process.env.PATH ?? ''}:/bin:/usr/bin:/usr/sbin`, LC_ALL: 'C' }
  return new Promise((resolve) => {
    execFile(program, args, { env, timeout: timeoutMs, maxBuffer: bytesMax, killSignal: 'SIGKILL' }, (error, stdout) =>
      resolve(error && stdout === '' ? null : stdout),
    )
  })
}

export async function readTable(): Promise<Map<number, ProcessRow> | null> {
  const text = await ask('ps', ['-axo', 'pid=,ppid=,pgid=,stat=,time=,rss=,lstart=,ucomm='])
  if (text === null) return null
  const rows = text.split('\n').flatMap((line) => parseRow(line) ?? [])
  return new Map(rows.map((row) => [row.pid, row]))
}

export function parseRow(line: string): ProcessRow | null {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S+)\s+(\d+)\s+(\w+\s+\w+\s+\d+\s+[\d:]+\s+\d+)\s+(.*)$/.exec(
    line,
  )
  if (!match) return null
  const [, pid, ppid, group, state = '', time = '', memory, start = '', name = ''] = match
  const startedAt = Date.parse(start)
  if (Number.isNaN(startedAt)) return null
  return {
    pid: Number(pid),
    ppid: Number(ppid),
    group: Number(group),
    // ps tells sessions by address; a tool's shell leads its group as well.
    session: Number(group),
    startedAt,
    state: state.slice(0, 1),
    name: name.trim().slice(0, 15),
    cpuMs: parseTime(time),
    childrenCpuMs: 0,
    memoryKb: Number(memory),
  }
}

/** `[[days-]hours:]minutes:seconds[.hundredths]`. */
export function parseTime(text: string): number {
  const [days, rest] = text.includes('-') ? text.split('-') : ['0', text]
  const seconds = (rest ?? '').split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
  return Math.round((Number(days) * 86_400 + seconds) * 1000)
}

export async function inspect(pids: readonly number[]): Promise<ReadonlyMap<number, ProcessDetail>> {
  if (pids.length === 0) return new Map()
  const which = pids.join(',')
  const [processes, opened] = await Promise.all([
    ask('ps', ['-ww', '-o', 'pid=,wchan=,command=', '-p', which]),
    ask('lsof', ['-nP', '-w', '-a', '-p', which, '-F', 'pfatdinT']),
  ])
  const files = parseFiles(opened ?? '')
  const details = (processes ?? '').split('\n').flatMap((line): ProcessDetail[] => {
    const [, pid, channel = '', command = ''] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    if (pid === undefined) return []
    const held = files.get(Number(pid))
    return [
      {
        pid: Number(pid),
        // Arguments cannot be told apart here; what reads them joins them anyway.
        argv: command.split(' '),
        cwd: held?.cwd ?? '',
        wait: waitOfChannel(channel),
        waitFd: null,
        waitName: channel === '-' ? '' : channel,
        files: held?.files ?? null,
        sockets: held?.sockets ?? [],
        lock: null,
        ioBytes: null,
        wantedCpuMs: null,
      },
    ]
  })
  return new Map(details.map((detail) => [detail.pid, detail]))
}

interface Held {
  cwd: string
  files: OpenFile[]
  sockets: OpenSocket[]
}

/** The field output of lsof: `p` begins a process, `f` a file of it, each followed by fields of one letter. */
export function parseFiles(text: string): ReadonlyMap<number, Held> {
  const all = new Map<number, Held>()
  let held: Held = { cwd: '', files: [], sockets: [] }
  let fields: Record<string, string> = {}
  const finish = () => {
    if (fields.f === 'cwd') held.cwd = fields.n ?? ''
    else if (/^\d+$/.test(fields.f ?? '') && held.files.length < filesMax) addFile(held, fields)
    fields = {}
  }
  for (const line of `${text}\np0`.split('\n')) {
    const [key, value] = [line.slice(0, 1), line.slice(1)]
    if (key === 'p' || key === 'f') finish()
    if (key === 'p') {
      held = { cwd: '', files: [], sockets: [] }
      all.set(Number(value), held)
    } else if (key === 'T') {
      if (value.startsWith('ST=')) fields.state = value.slice(3)
    } else fields[key] = value
  }
  all.delete(0)
  return all
}

function addFile(held: Held, { f, a, t = '', d = '', i = '', n = '', state }: Record<string, string>): void {
  const kind = kindOf(t, n)
  const reads = a === 'r' || a === 'u'
  const id = kind === 'pipe' ? d || n : `${d}:${i}`
  held.files.push({ fd: Number(f), kind, id, path: n, reads, writes: a === 'w' || a === 'u', watches: [] })
  if (kind !== 'socket' || !state) return
  const [local = '', remote = ''] = n.split('->')
  const states = { LISTEN: 'listens', SYN_SENT: 'connecting', ESTABLISHED: 'connected' } as const
  held.sockets.push({ state: states[state as keyof typeof states] ?? 'other', local, remote })
}

function kindOf(type: string, name: string): OpenFile['kind'] {
  if (type === 'PIPE' || type === 'FIFO') return 'pipe'
  if (/^(IPv4|IPv6|unix|sock)$/.test(type)) return 'socket'
  if (name === '/dev/null') return 'null'
  if (/^\/dev\/(tty|pts|console)/.test(name)) return 'terminal'
  return type === 'REG' || type === 'DIR' ? 'file' : 'other'
}

export async function listenersOf(port: number): Promise<number[]> {
  const text = await ask('lsof', ['-nP', '-w', `-iTCP:${port}`, '-sTCP:LISTEN', '-t'])
  return (text ?? '').split('\n').filter(Boolean).map(Number)
}
