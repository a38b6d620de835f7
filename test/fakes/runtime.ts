/**
 * A runtime driven by hand: the test says what a look sees. It records what it was asked and does no work of its own.
 */
import type { AskReply, AskRequest, PendingAsk } from '../../src/core/ask.ts'
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
import type {
  FileDiff,
  ModelUsage,
  Observation,
  SessionFact,
  SessionState,
  SessionUsage,
  TranscriptPage,
  WatchedSession,
} from '../../src/core/session.ts'

interface HandSession {
  request: SessionRequest
  state: SessionState
  promptId: string | null
  usage: SessionUsage
  lastActivityAt: number | null
}

/** What a runtime tells of its sessions, told by the test. It keeps no state of its own. */
export class HandWatch implements SessionWatch {
  started = false
  readonly answers: { id: string; sessionId: string; scope: string; reply: AskReply }[] = []
  /** When set, answers are refused with it. */
  refuseAnswer: Problem | null = null
  /** When set, an answer arrives only after this. */
  holdAnswer: Promise<void> | null = null
  page: TranscriptPage = { messages: [], next: null }
  diffs: FileDiff[] = []
  wrong: Problem[] = []
  readonly restarts: string[] = []
  private readonly listeners = new Set<(fact: SessionFact) => void>()

  start(): void {
    this.started = true
  }

  onFact(listener: (fact: SessionFact) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  async transcript(): Promise<Result<TranscriptPage>> {
    return ok(this.page)
  }

  async diff(): Promise<Result<FileDiff[]>> {
    return ok(this.diffs)
  }

  async answer(ask: Pick<PendingAsk, 'id' | 'sessionId' | 'scope'>, reply: AskReply): Promise<Result<void>> {
    this.answers.push({ ...ask, reply })
    await this.holdAnswer
    return this.refuseAnswer ? refuse(this.refuseAnswer) : ok(undefined)
  }

  async troubles(): Promise<Problem[]> {
    return this.wrong
  }

  async restart(reason: string): Promise<Result<void>> {
    this.restarts.push(reason)
    return ok(undefined)
  }

  // What the test does.

  tell(...facts: SessionFact[]): void {
    for (const fact of facts) for (const listener of this.listeners) listener(fact)
  }

  session(id: string, part: Partial<WatchedSession> = {}): void {
    this.tell({ kind: 'session', session: watchedFrom(id, part) })
  }

  /** Asks for a permission: by default to run a harmless command. */
  permission(id: string, sessionId: string, part: Partial<Extract<AskRequest, { kind: 'permission' }>> = {}) {
    const { permission = 'bash', patterns = ['git status'], detail = patterns.join(' && '), personOnly } = part
    const always = [`${permission} *`]
    const only = personOnly ? { personOnly } : {}
    const request = { kind: 'permission' as const, permission, patterns, always, detail, ...only }
    this.tell({ kind: 'ask', ask: { id, sessionId, scope: '/work', request } })
  }

  usage(sessionId: string, messageId: string, at: number, usage: Partial<ModelUsage>): void {
    const nothing = { input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0, costMicros: 0 }
    const whole = { model: 'm', provider: 'p', ...nothing, ...usage }
    this.tell({ kind: 'usage', sessionId, messageId, at, usage: whole })
  }
}

export const watchedFrom = (id: string, part: Partial<WatchedSession> = {}): WatchedSession => ({
  id,
  parentId: null,
  title: `Session ${id}`,
  workspace: '/work',
  taskId: null,
  agent: null,
  model: 'p/m',
  createdAt: 0,
  updatedAt: 0,
  total: null,
  ...part,
})

export class HandRuntime implements Runtime {
  readonly name: string
  readonly abilities: RuntimeAbilities = { resume: true, watch: false, usage: true, permissions: false }
  readonly watch: HandWatch | null
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

  constructor(name = 'hand', { watch = null }: { watch?: HandWatch | null } = {}) {
    this.name = name
    this.watch = watch
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
