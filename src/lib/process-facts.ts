/** What is known of processes: rows of the process table, and the details of single ones. Types and limits only. */

/** Names one process for good: a pid alone is given out again. */
export interface ProcessId {
  pid: number
  /** Epoch ms; the same number at each look. */
  startedAt: number
}

/** One row of the table: cheap, read for every process. */
export interface ProcessRow extends ProcessId {
  ppid: number
  group: number
  session: number
  /** One letter as in ps. */
  state: string
  /** Program name, at most 15 characters; all that is left of a zombie. */
  name: string
  /** CPU time so far, its own and that of its ended children. */
  cpuMs: number
  childrenCpuMs: number
  memoryKb: number
}

export type ProcessTable = ReadonlyMap<number, ProcessRow>

export const waits = [
  'running',
  'read',
  'poll',
  'receive',
  'connect',
  'accept',
  'write',
  'open',
  'sleep',
  'child',
  'file-lock',
  'futex',
  'signal',
  'unknown',
] as const
export type WaitKind = (typeof waits)[number]

export interface OpenFile {
  fd: number
  kind: 'pipe' | 'socket' | 'terminal' | 'null' | 'file' | 'epoll' | 'inotify' | 'other'
  /** The same for all who hold the same pipe, socket or file. */
  id: string
  path: string
  reads: boolean
  writes: boolean
  /** Files that an epoll waits for. */
  watches: readonly number[]
}

export interface OpenSocket {
  state: 'listens' | 'connecting' | 'connected' | 'other'
  /** `127.0.0.1:80`, or a path. */
  local: string
  remote: string
}

/** Read for the few processes in question. What could not be read is empty, null or unknown. */
export interface ProcessDetail {
  pid: number
  argv: readonly string[]
  cwd: string
  wait: WaitKind
  /** Number of the file it waits for. */
  waitFd: number | null
  /** In the words of the system, for a person. */
  waitName: string
  /** Null: they could not be read. */
  files: readonly OpenFile[] | null
  sockets: readonly OpenSocket[]
  /** Waits for a lock on this file, which this process has. */
  lock: { path: string; holderPid: number | null } | null
  /** Bytes read and written so far. */
  ioBytes: number | null
  /** Time that its main thread ran, or could have run had a core been free, so far. */
  wantedCpuMs: number | null
}

export const filesMax = 512
