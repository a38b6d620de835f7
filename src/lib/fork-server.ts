/**
 * A program of its own: starts commands for the process that started it, and passes on what they say. A fork copies
 * the page tables of whoever forks, so that a small process starts a command in a fraction of the time that a large one
 * stands still for it. It ends with the process that it serves, which `forks.ts` is the side of.
 */
import { Socket } from 'node:net'
import { channelFd, fromServer, protocol, toServer } from './fork-frames.ts'
import { type Frame, FrameReader, frameOf } from './frames.ts'
import { type LaunchedHere, type LaunchRequest, launchHere } from './launch.ts'

const channel = new Socket({ fd: channelFd, readable: true, writable: true })
const running = new Map<number, LaunchedHere>()
const nothing = Buffer.alloc(0)

/** What is told in one turn of the loop leaves together. Who speaks while no more is taken is held until there is. */
function tell(kind: number, id: number, payload: Buffer): void {
  if (channel.writableCorked === 0) {
    channel.cork()
    setImmediate(() => channel.uncork())
  }
  if (!channel.write(frameOf(kind, id, payload))) running.get(id)?.hold(true)
}

const tellJson = (kind: number, id: number, value: unknown): void => tell(kind, id, Buffer.from(JSON.stringify(value)))

channel.on('drain', () => {
  for (const one of running.values()) one.hold(false)
})

function launch(id: number, request: LaunchRequest): void {
  const launched = launchHere(request, {
    output: (stream, chunk) => tell(stream === 'stdout' ? fromServer.stdout : fromServer.stderr, id, chunk),
    exited: (exit) => tellJson(fromServer.exited, id, exit),
    closed: () => {
      running.delete(id)
      tell(fromServer.closed, id, nothing)
    },
  })
  running.set(id, launched)
  void launched.pid.then((pid) => tellJson(fromServer.started, id, pid))
}

function hear({ kind, id, payload }: Frame): void {
  if (kind === toServer.launch) launch(id, JSON.parse(payload.toString('utf8')) as LaunchRequest)
  else if (kind === toServer.ask) tell(fromServer.alive, id, nothing)
}

// It ends with whom it serves, not with a signal for the whole terminal or service, which has work to bring to its end.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
const reader = new FrameReader(hear)
channel.on('data', (piece: Buffer) => reader.push(piece))
channel.on('error', () => undefined)
channel.on('close', () => process.exit())
tellJson(fromServer.ready, 0, protocol)
