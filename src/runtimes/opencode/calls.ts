/**
 * What the calls that run were given, and asks that are held until that is known: the server tells of an ask before
 * it tells of the input of the call that asks.
 */
import type { Clock, Timer } from '../../core/clock.ts'
import { sha256 } from '../../lib/digest.ts'
import type { RemoteAsk, RemoteTool } from './remote.ts'

const callsMax = 5_000
/** Both come within a few ms. */
const heldMs = 1_000

export class Calls {
  private readonly clock: Clock
  private readonly release: (ask: RemoteAsk) => void
  /** Digests, by message and call, which models name as they like. */
  private readonly inputs = new Map<string, string>()
  private readonly held = new Map<string, { ask: RemoteAsk; timer: Timer }>()

  constructor(clock: Clock, release: (ask: RemoteAsk) => void) {
    this.clock = clock
    this.release = release
  }

  /** A call as the server shows it. */
  saw(messageId: string, { callId, name, state, input }: RemoteTool): void {
    if (callId === '' || state === 'pending') return
    const key = keyOf(messageId, callId)
    if (state !== 'running') return void this.inputs.delete(key)
    if (this.inputs.has(key)) return
    this.inputs.set(key, sha256(JSON.stringify([name, input])))
    const [oldest] = this.inputs.keys()
    if (this.inputs.size > callsMax && oldest !== undefined) this.inputs.delete(oldest)
    for (const { ask } of [...this.held.values()]) {
      if (ask.messageId === messageId && ask.callId === callId) this.letGo(this.named(ask))
    }
  }

  /** The ask with the digest of its call, where that is known. */
  named(ask: RemoteAsk): RemoteAsk {
    const { messageId, callId } = ask
    const input = messageId !== null && callId !== null ? this.inputs.get(keyOf(messageId, callId)) : undefined
    return input === undefined ? ask : { ...ask, call: sha256(JSON.stringify([input, subjectOf(ask)])) }
  }

  /** Keeps it until its call is known; false: there is nothing to wait for. */
  hold(ask: RemoteAsk): boolean {
    if (ask.messageId === null || ask.callId === null || ask.call !== undefined) return false
    if (!this.held.has(ask.id)) {
      this.held.set(ask.id, { ask, timer: this.clock.after(heldMs, () => this.letGo(ask)) })
    }
    return true
  }

  /** Nobody asks it any more. */
  drop(askId: string): void {
    this.held.get(askId)?.timer.cancel()
    this.held.delete(askId)
  }

  private letGo(ask: RemoteAsk): void {
    this.drop(ask.id)
    this.release(ask)
  }
}

const keyOf = (messageId: string, callId: string): string => `${messageId} ${callId}`

/** One call may ask for several things, each of which is allowed by itself. */
const subjectOf = ({ request }: RemoteAsk): unknown =>
  request.kind === 'permission' ? [request.permission, request.patterns] : request.kind
