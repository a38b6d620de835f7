/**
 * Names why a tool does not return, from what its processes do. Pure; rules in order, the first that fits wins. Where
 * nothing fits it says unknown.
 */
import type { ToolActivity } from '../../core/diagnosis.ts'
import type { WaitKind } from '../../lib/process-facts.ts'
import type { Actor, Scene } from './scene.ts'
import type { Judgement } from './turn.ts'
import { quote, spanOf } from './words.ts'

export interface Blame extends Judgement {
  guilty: Actor | null
}

interface Case {
  scene: Scene
  tool: ToolActivity
  /** Epoch ms. */
  now: number
  /** `; running for 6 min.` */
  since: string
}

type Rule = (facts: Case) => Blame | null

export function blame(scene: Scene, tool: ToolActivity, now: number): Blame {
  const facts = { scene, tool, now, since: `; running for ${spanOf(now - tool.startedAt)}.` }
  for (const rule of rules) {
    const found = rule(facts)
    if (found) return found
  }
  const idle = deepest(scene, (actor) => isIdle(actor))
  const what = idle ? `${nameOf(idle)} waits for something that cannot be seen` : 'Its processes tell nothing'
  return { cause: 'unknown', text: `${what}${facts.since}`, guilty: idle }
}

/** Output this fresh is a sign of life. */
const printsMs = 10_000
const busyShare = 0.2
const spinShare = 0.75
/** A shell this old has more than begun. */
const settledMs = 2_000
const rules: readonly Rule[] = [
  heldPipe,
  printing,
  computing,
  readsInput,
  waitsForFileLock,
  serves,
  waitsForNetwork,
  hasZombie,
  stopped,
  sleeps,
  watchesInput,
  waitsForThread,
]

const nameOf = (actor: Actor): string => quote(actor.seen.command)

/** Where the system does not tell what a parent waits for, it is its child. */
const parental: readonly WaitKind[] = ['child', 'signal', 'unknown']

/** It may be to blame: not a shell that only waits for its child. */
const isIdle = (actor: Actor): boolean =>
  actor.row.state !== 'Z' && !(actor.hasChildren && waitsIn(actor, ...parental) && !listensIn(actor, /./))

/** The one furthest from the top that fits, the newest of several. */
function deepest(scene: Scene, fits: (actor: Actor) => boolean): Actor | null {
  const found = scene.actors.filter((actor) => isIdle(actor) && fits(actor))
  found.sort((a, b) => b.depth - a.depth || b.row.startedAt - a.row.startedAt)
  return found[0] ?? null
}

const waitsIn = (actor: Actor, ...kinds: readonly WaitKind[]): boolean => kinds.includes(actor.detail.wait)

function heldPipe({ scene, tool, since }: Case): Blame | null {
  if (scene.top && scene.top.row.state !== 'Z') return null
  const holders = scene.actors.filter((actor) => actor.seen.holdsPipe && actor.row.state !== 'Z')
  const guilty = holders.sort((a, b) => a.depth - b.depth || a.row.startedAt - b.row.startedAt)[0]
  if (!guilty) return null
  const command = tool.command ? quote(tool.command) : 'The command'
  const text = `${command} has ended, but ${nameOf(guilty)}, which it left in the background, still holds its output`
  return { cause: 'held-pipe', text: `${text}${since}`, guilty }
}

function printing({ tool, now, since }: Case): Blame | null {
  const quietMs = tool.lastOutputAt === null ? null : now - tool.lastOutputAt
  if (quietMs === null || quietMs > printsMs) return null
  const text = `${quote(tool.command ?? tool.name)} printed something ${spanOf(quietMs)} ago`
  return { cause: 'working', text: `${text}${since}`, guilty: null }
}

/** In one interval; more than somebody who only waits would read to see whether it is over. */
const ioBytesBusy = 16_384

/** Many short children, or a process that reads, writes or grows, is work; one that only burns is not. */
function computing({ scene, tool, since }: Case): Blame | null {
  const spins = ({ wantedShare, moved }: Actor): boolean => !moved && wantedShare >= spinShare
  const spinner = deepest(scene, spins)
  const spent = scene.actors.filter(spins).reduce((sum, { seen }) => sum + (seen.cpuShare ?? 0), 0)
  if (scene.cpuShare - spent >= busyShare) {
    const cores = `${Math.round(scene.cpuShare * 100)} % of a core`
    const children = scene.births > 0 ? ' in short-lived children' : ''
    const text = `${quote(tool.command ?? tool.name)} works: it uses ${cores}${children}`
    return { cause: 'working', text: `${text}${since}`, guilty: null }
  }
  const mover = scene.actors.find((actor) => actor.ioBytes > ioBytesBusy)
  if (mover) return { cause: 'working', text: `${nameOf(mover)} works: it reads and writes${since}`, guilty: null }
  if (!spinner) return null
  const text = `${nameOf(spinner)} uses all it gets of a core, and neither prints, reads, writes nor grows`
  return { cause: 'spinning', text: `${text}${since}`, guilty: spinner }
}

/** Its standard input is the one the whole command was started with, not the end of a pipe inside it. */
function hasOuterInput(scene: Scene, actor: Actor): boolean {
  const input = (one: Actor) => one.detail.files?.find((file) => file.fd === 0)
  const own = input(actor)
  if (!own || !['pipe', 'socket', 'terminal'].includes(own.kind)) return false
  if (scene.top) return input(scene.top)?.id === own.id
  return !scene.actors.some((other) => other !== actor && other.detail.files?.some((f) => f.writes && f.id === own.id))
}

function readsInput({ scene, since }: Case): Blame | null {
  const guilty = deepest(scene, (actor) => waitsIn(actor, 'read', 'receive', 'open') && readsOuter(scene, actor))
  if (!guilty) return null
  const file = fileItReads(guilty)
  const from = file ? `reads from ${quote(file)}, where nobody writes` : 'waits for input that nobody will type'
  return { cause: 'input', text: `${nameOf(guilty)} ${from}${since}`, guilty }
}

const fileItReads = ({ detail }: Actor): string | null => {
  const file = detail.files?.find((one) => one.fd === detail.waitFd)
  return file && ['file', 'terminal'].includes(file.kind) && file.fd !== 0 ? file.path : null
}

function readsOuter(scene: Scene, actor: Actor): boolean {
  const { wait, waitFd } = actor.detail
  // A disk lets nobody be woken meanwhile (D); a pipe, also one with a name that waits to be opened, does.
  if (actor.row.state !== 'S') return false
  if (wait === 'open') return true
  if (fileItReads(actor) !== null) return true
  return (waitFd ?? 0) === 0 && hasOuterInput(scene, actor)
}

function waitsForFileLock({ scene, since }: Case): Blame | null {
  const guilty = deepest(scene, (actor) => actor.detail.lock !== null || waitsIn(actor, 'file-lock'))
  if (!guilty) return null
  const { lock } = guilty.detail
  const what = lock?.path ? `the lock on ${quote(lock.path)}` : 'a lock on a file'
  const who = lock?.holderPid ? `, which process ${lock.holderPid} has` : ''
  return { cause: 'lock', text: `${nameOf(guilty)} waits for ${what}${who}${since}`, guilty }
}

const listensIn = (actor: Actor, local: RegExp): boolean =>
  actor.detail.sockets.some((socket) => socket.state === 'listens' && local.test(socket.local))

function serves({ scene, since }: Case): Blame | null {
  const byPort = deepest(scene, (actor) => listensIn(actor, /:\d+$/))
  const watches = (actor: Actor): boolean =>
    waitsIn(actor, 'poll', 'read') && (actor.detail.files ?? []).some((file) => file.kind === 'inotify')
  const guilty = byPort ?? deepest(scene, watches) ?? deepest(scene, (actor) => listensIn(actor, /^[/@]/))
  if (!guilty) return null
  const socket = guilty.detail.sockets.find((one) => one.state === 'listens')
  const what = socket ? `listens on ${socket.local.slice(0, 100)}` : 'watches files for changes'
  return { cause: 'serving', text: `${nameOf(guilty)} ${what} and does not end by itself${since}`, guilty }
}

function waitsForNetwork(facts: Case): Blame | null {
  const { scene, since } = facts
  const has = (actor: Actor, state: 'connecting' | 'connected') => actor.detail.sockets.find((s) => s.state === state)
  const guilty =
    deepest(scene, (actor) => has(actor, 'connecting') !== undefined || waitsIn(actor, 'connect')) ??
    deepest(
      scene,
      (actor) => has(actor, 'connected') !== undefined && waitsIn(actor, 'receive', 'read', 'poll', 'unknown'),
    )
  if (guilty) {
    const connecting = has(guilty, 'connecting')
    const remote = (connecting ?? has(guilty, 'connected'))?.remote ?? 'another machine'
    const what = connecting || waitsIn(guilty, 'connect') ? `tries to reach ${remote}` : `waits for ${remote} to answer`
    return { cause: 'network', text: `${nameOf(guilty)} ${what}${since}`, guilty }
  }
  const loop = retryLoop(facts)
  if (
    !loop ||
    !/\/dev\/tcp|\b(nc|ncat|curl|wget|pg_isready|wait-on|redis-cli|mysqladmin|telnet)\b/.test(lineOf(loop))
  ) {
    return null
  }
  return { cause: 'network', text: `${nameOf(loop)} tries again and again to reach a port${since}`, guilty: loop }
}

/** Shown in full nowhere: for reading only. */
const lineOf = (actor: Actor): string => actor.detail.argv.join(' ').slice(0, 4_000)

/** A shell that goes round: ending the `sleep` it is in would only start the next one. */
function retryLoop({ scene }: Case): Actor | null {
  const leaf = deepest(scene, (actor) => waitsIn(actor, 'sleep', 'signal'))
  const parent = scene.actors.find((actor) => actor.row.pid === leaf?.row.ppid)
  if (!leaf || !parent || !/^(ba|da|z|k|fi|a)?sh$/.test(parent.row.name)) return null
  const begunAgain = leaf.isNew && leaf.row.startedAt - parent.row.startedAt > settledMs
  return begunAgain || /\b(while|until|for)\b/.test(lineOf(parent)) ? parent : null
}

function hasZombie({ scene, since }: Case): Blame | null {
  const zombie = scene.actors.find((actor) => actor.row.state === 'Z' && !actor.isNew)
  if (!zombie) return null
  const parent = scene.actors.find((actor) => actor.row.pid === zombie.row.ppid) ?? null
  if (parent && waitsIn(parent, 'child')) return null
  const who = parent ? nameOf(parent) : 'the server'
  const text = `A child (${quote(zombie.row.name)}) has ended, but ${who} does not notice it`
  return { cause: 'zombie', text: `${text}${since}`, guilty: parent }
}

function stopped({ scene, since }: Case): Blame | null {
  const guilty = deepest(scene, (actor) => ['T', 't'].includes(actor.row.state))
  return guilty && { cause: 'unknown', text: `${nameOf(guilty)} was stopped by a signal${since}`, guilty }
}

function sleeps(facts: Case): Blame | null {
  const loop = retryLoop(facts)
  if (loop) {
    const text = `${nameOf(loop)} sleeps and looks again, in a loop that does not end${facts.since}`
    return { cause: 'sleeping', text, guilty: loop }
  }
  const guilty = deepest(facts.scene, (actor) => waitsIn(actor, 'sleep', 'signal') || actor.row.name === 'sleep')
  return guilty && { cause: 'sleeping', text: `${nameOf(guilty)} sleeps${facts.since}`, guilty }
}

/** Programs with an event loop do not read, they are told; and some systems do not tell who reads. */
function watchesInput({ scene, since }: Case): Blame | null {
  const watches = (actor: Actor): boolean => (actor.detail.files ?? []).some((file) => file.watches.includes(0))
  const mayRead = (actor: Actor): boolean => waitsIn(actor, 'unknown') || (waitsIn(actor, 'poll') && watches(actor))
  const guilty = deepest(scene, (actor) => mayRead(actor) && hasOuterInput(scene, actor))
  return guilty && { cause: 'input', text: `${nameOf(guilty)} waits for input that nobody will type${since}`, guilty }
}

function waitsForThread({ scene, since }: Case): Blame | null {
  const guilty = deepest(scene, (actor) => waitsIn(actor, 'futex'))
  const text = 'waits for a lock that another thread or process has'
  return guilty && { cause: 'lock', text: `${nameOf(guilty)} ${text}${since}`, guilty }
}
