/** What a thread that is inside the Linux kernel waits for, by the number of its system call or by its wait channel. */
import type { WaitKind } from './process-facts.ts'

/** Call → number on x64 and on arm64, where it exists. Only calls that can block for long. */
const calls: Readonly<Record<string, readonly [number | null, number | null]>> = {
  read: [0, 63],
  write: [1, 64],
  open: [2, null],
  poll: [7, null],
  pread64: [17, 67],
  readv: [19, 65],
  writev: [20, 66],
  select: [23, null],
  pause: [34, null],
  nanosleep: [35, 101],
  connect: [42, 203],
  accept: [43, 202],
  sendto: [44, 206],
  recvfrom: [45, 207],
  sendmsg: [46, 211],
  recvmsg: [47, 212],
  wait4: [61, 260],
  semop: [65, 193],
  msgrcv: [70, 188],
  fcntl: [72, 25],
  flock: [73, 32],
  rt_sigtimedwait: [128, 137],
  rt_sigsuspend: [130, 133],
  futex: [202, 98],
  restart_syscall: [219, 128],
  semtimedop: [220, 192],
  clock_nanosleep: [230, 115],
  epoll_wait: [232, null],
  waitid: [247, 95],
  openat: [257, 56],
  pselect6: [270, 72],
  ppoll: [271, 73],
  epoll_pwait: [281, 22],
  accept4: [288, 242],
  recvmmsg: [299, 243],
  io_uring_enter: [426, 426],
  epoll_pwait2: [441, 441],
  futex_waitv: [449, 449],
}

const kinds: Readonly<Partial<Record<WaitKind, readonly string[]>>> = {
  read: ['read', 'readv', 'pread64'],
  poll: ['poll', 'ppoll', 'select', 'pselect6', 'epoll_wait', 'epoll_pwait', 'epoll_pwait2', 'io_uring_enter'],
  receive: ['recvfrom', 'recvmsg', 'recvmmsg'],
  connect: ['connect'],
  accept: ['accept', 'accept4'],
  write: ['write', 'writev', 'sendto', 'sendmsg'],
  open: ['open', 'openat'],
  sleep: ['nanosleep', 'clock_nanosleep'],
  child: ['wait4', 'waitid'],
  'file-lock': ['flock', 'fcntl'],
  futex: ['futex', 'futex_waitv', 'semop', 'semtimedop', 'msgrcv'],
  signal: ['pause', 'rt_sigsuspend', 'rt_sigtimedwait'],
}

const column = { x64: 0, arm64: 1 }[process.arch as string]
const nameOf = new Map(
  Object.entries(calls).flatMap(([name, numbers]) => {
    const number = column === undefined ? null : numbers[column]
    return number === null || number === undefined ? [] : [[number, name] as const]
  }),
)
const kindOf = new Map(Object.entries(kinds).flatMap(([kind, names]) => names.map((n) => [n, kind as WaitKind])))

/** Null for a call that is not in the table, or an architecture that is not. */
export const callName = (number: number): string | null => nameOf.get(number) ?? null

/** A call that was stopped and goes on has lost its name; its channel may still tell. */
export const waitOfCall = (call: string, channel: string): WaitKind => kindOf.get(call) ?? waitOfChannel(channel)

/** Names of kernel functions, which change slowly from release to release; hence parts of them. */
const channels: readonly (readonly [RegExp, WaitKind])[] = [
  [/nanosleep/, 'sleep'],
  [/pipe_read|n_tty_read|unix_stream_(read|data)|eventfd_read|inotify_read|read_events/, 'read'],
  [/do_wait\b|do_wait_/, 'child'],
  [/flock|locks_lock|fcntl_setlk|posix_lock/, 'file-lock'],
  [/futex|sem_wait|semtimedop/, 'futex'],
  [/ep_poll|epoll|poll_schedule|do_select|do_poll|do_sys_poll/, 'poll'],
  [/wait_for_connect|tcp_v[46]_connect/, 'connect'],
  [/csk_accept|unix_accept|skb_wait_for_more/, 'accept'],
  [/sk_wait_data|tcp_recv/, 'receive'],
  [/pipe_write|sock_alloc_send|sk_stream_wait/, 'write'],
  [/wait_for_partner|fifo_open/, 'open'],
  [/sigsuspend|sigtimedwait|sys_pause/, 'signal'],
  // The BSDs.
  [/^(piperd|ttyin)$/, 'read'],
  [/^nanslp$/, 'sleep'],
  [/^wait$/, 'child'],
  [/^(kqread|select|poll)$/, 'poll'],
  [/^(accept|sbwait)$/, 'receive'],
  [/^lockf$/, 'file-lock'],
]

export const waitOfChannel = (channel: string): WaitKind =>
  channels.find(([pattern]) => pattern.test(channel))?.[1] ?? 'unknown'
