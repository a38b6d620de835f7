/**
 * A runtime driven by hand: the test says what a look sees. It records what it was asked and does no work of its own.
 */
import type { Activity } from '../../src/core/diagnosis.ts'
import type { Problem, Result } from '../../src/core/problem.ts'
import { ok, refuse } from '../../src/core/problem.ts'
import type {
  Availability,
  LiveDelta,
  PromptRequest,
  Runtime,
  RuntimeAbilities,
  SessionRequest,
  SessionWatch,
} from '../../src/core/runtime.ts'
import type { Observation, SessionState, SessionUsage } from '../../src/core/session.ts'

interface HandSession {
  request: SessionRequest
  state: SessionState
  promptId: string | null
  usage: SessionUsage
  lastActivityAt: number | null
}

export class HandRuntime implements Runtime {
  readonly name: string
  readonly abilities: RuntimeAbilities = { resume: true, watch: false, usage: true, permissions: false }
  readonly watch: SessionWatch | null = null
  /** What `activity` answers; by default only the state. */
  activityNow: Activity | null = null
  /** Everything that was asked, in order; a prompt that is a no-op is not among them. */
  readonly opened: SessionRequest[] = []
  readonly prompts: PromptRequest[] = []
  readonly aborted: string[] = []
  availability: Availability = { kind: 'ready', detail: 'driven by hand' }
  /** When set, the next calls of this kind are refused with it. */
  refuseOpen: Problem | null = null
  refusePrompt: Problem | null = null
  /** Called after a prompt was taken; lets a test answer at once. */
  onPrompt: ((request: PromptRequest) => void) | null = null
  now: () => number = () => 0
  private readonly sessions = new Map<string, HandSession>()
  private readonly changed = new Set<(sessionId: string) => void>()
  private readonly heard = new Set<(delta: LiveDelta) => void>()

  constructor(name = 'hand') {
    this.name = name
  }

  async available(): Promise<Availability> {
    return this.availability
  }

  async open(request: SessionRequest): Promise<Result<{ sessionId: string }>> {
    if (this.refuseOpen) return refuse(this.refuseOpen)
    if (request.session) {
      if (this.sessions.has(request.session)) return ok({ sessionId: request.session })
      return refuse({ kind: 'session-missing', text: `There is no session ${request.session}.` })
    }
    const known = [...this.sessions].find(([, session]) => session.request.taskId === request.taskId)
    if (known) return ok({ sessionId: known[0] })
    this.opened.push(request)
    const sessionId = `s${this.opened.length}`
    this.sessions.set(sessionId, {
      request,
      state: { kind: 'idle', promptId: null, complete: false, text: '' },
      promptId: null,
      usage: { toolCalls: 0, tokens: 0, costMicros: null },
      lastActivityAt: null,
    })
    return ok({ sessionId })
  }

  async prompt(request: PromptRequest): Promise<Result<void>> {
    if (this.refusePrompt) return refuse(this.refusePrompt)
    const session = this.sessions.get(request.sessionId)
    if (!session) return refuse({ kind: 'session-missing', text: `There is no session ${request.sessionId}.` })
    const { state } = session
    const known = session.promptId === request.promptId
    if (known && ['idle', 'busy', 'retrying', 'starting', 'waiting'].includes(state.kind)) return ok(undefined)
    session.promptId = request.promptId
    this.prompts.push(request)
    this.set(request.sessionId, { kind: 'busy', tool: null })
    this.onPrompt?.(request)
    return ok(undefined)
  }

  async look(sessionId: string): Promise<Observation> {
    const session = this.sessions.get(sessionId)
    return {
      state: session?.state ?? { kind: 'absent' },
      at: this.now(),
      channel: 'hand',
      lastActivityAt: session?.lastActivityAt ?? null,
      usage: session?.usage ?? { toolCalls: 0, tokens: 0, costMicros: null },
    }
  }

  async abort(sessionId: string): Promise<void> {
    const session = this.sessions.get(sessionId)
    if (!session?.promptId || !['busy', 'retrying', 'waiting'].includes(session.state.kind)) return
    this.aborted.push(sessionId)
    this.set(sessionId, { kind: 'interrupted', promptId: session.promptId })
  }

  onChange(listener: (sessionId: string) => void): () => void {
    this.changed.add(listener)
    return () => this.changed.delete(listener)
  }

  async activity(sessionId: string): Promise<Activity | null> {
    if (this.activityNow) return this.activityNow
    const session = this.sessions.get(sessionId)
    if (!session) return null
    const { state, lastActivityAt } = session
    const unknown = { owner: null, hostPid: null, hostAlive: null }
    return { state, tool: null, lastProgressAt: lastActivityAt, model: 'none', ...unknown }
  }

  onDelta(listener: (delta: LiveDelta) => void): () => void {
    this.heard.add(listener)
    return () => this.heard.delete(listener)
  }

  async close(): Promise<void> {
    for (const [sessionId, { state, promptId }] of this.sessions) {
      if (promptId && state.kind === 'busy') this.set(sessionId, { kind: 'interrupted', promptId })
    }
    this.changed.clear()
    this.heard.clear()
  }

  // What the test does.

  /** The next look sees this; listeners are nudged unless `quiet`. */
  set(sessionId: string, state: SessionState, more: { usage?: Partial<SessionUsage>; quiet?: boolean } = {}): void {
    const session = this.sessions.get(sessionId)
    if (!session) throw new Error(`the test names an unknown session ${sessionId}`)
    session.state = state
    session.usage = { ...session.usage, ...more.usage }
    session.lastActivityAt = this.now()
    if (!more.quiet) for (const listener of this.changed) listener(sessionId)
  }

  /** The turn is over and the agent says this. */
  answer(sessionId: string, text: string, complete = true): void {
    this.set(sessionId, { kind: 'idle', promptId: this.promptOf(sessionId), complete, text })
  }

  fail(sessionId: string, problem: Problem, transient: boolean): void {
    this.set(sessionId, { kind: 'failed', promptId: this.promptOf(sessionId), transient, problem })
  }

  say(delta: LiveDelta): void {
    for (const listener of this.heard) listener(delta)
  }

  /** The session is gone, as after the runtime lost its data. */
  forget(sessionId: string): void {
    this.sessions.delete(sessionId)
  }

  promptOf(sessionId: string): string | null {
    return this.sessions.get(sessionId)?.promptId ?? null
  }
}
