/**
 * The built-in runtime: sessions of our own agent loop, in this process, with the journal as their only memory. What is
 * not in the journal did not happen.
 */
import { join } from 'node:path'
import { AskBoard } from '../agent/asks.ts'
import { openCheckpoint } from '../agent/checkpoint.ts'
import { createFormat } from '../agent/format.ts'
import { lastTurnOf, standingOf, usageOf } from '../agent/history.ts'
import { guideFoldersOf } from '../agent/instructions.ts'
import { LocalTools } from '../agent/local-tools.ts'
import { runAgent } from '../agent/loop.ts'
import { type Choice, chooseModel, type ModelChoices } from '../agent/model-choice.ts'
import { type Profile, profiles } from '../agent/profiles.ts'
import { Readiness } from '../agent/readiness.ts'
import { type LiveState, parked, type Run, Transcript } from '../agent/run.ts'
import { liveState, restingState } from '../agent/states.ts'
import { entitle } from '../agent/titles.ts'
import { createTools } from '../agent/tools/index.ts'
import { busyElsewhere, type LiveTurn, type Resting, Turns } from '../agent/turns.ts'
import { roomDefaults } from '../agent/window.ts'
import { noWishes } from '../agent/wishes.ts'
import type { AskRequest } from '../core/ask.ts'
import { pause } from '../core/clock.ts'
import type { Activity } from '../core/diagnosis.ts'
import { ok, type Result, reasonOf, refuse } from '../core/problem.ts'
import type {
  Availability,
  LiveDelta,
  PromptRequest,
  Runtime,
  RuntimeAbilities,
  SessionRequest,
} from '../core/runtime.ts'
import type { Observation, SessionRecord, SessionState } from '../core/session.ts'
import type { AnyTool, Confinement } from '../core/tool.ts'
import { BlobIds } from '../lib/blob-ids.ts'
import { newId } from '../lib/id.ts'
import { type Place, unconfined } from '../lib/sandbox/sandbox.ts'
import { type Begin, leftOf, narrowed, openPolicy, unusableTools } from './begin.ts'
import type { BuiltinOptions } from './builtin-options.ts'
import { busy, isClosed, isPaused, missing, unknownAgent } from './builtin-problems.ts'
import { Nudges } from './nudges.ts'

const answerMs = 5_000
const abortMs = 10_000
const titleMs = 30_000

interface Live extends LiveTurn {
  promptId: string
  stop: AbortController
  state: LiveState
  toolSince: number
  owner: string
  lastActivityAt: number
}

export function createBuiltin(options: BuiltinOptions): Runtime {
  return new Builtin(options)
}

class Builtin implements Runtime {
  readonly name: string
  readonly abilities: RuntimeAbilities = { resume: true, watch: false, usage: true, permissions: true }
  readonly watch = null
  readonly asks: AskBoard
  private readonly options: BuiltinOptions
  private readonly tools: readonly AnyTool[]
  private readonly own: LocalTools
  readonly profiles: readonly Profile[]
  private readonly choices: ModelChoices
  private readonly live = new Map<string, Live>()
  private readonly turns: Turns
  private readonly blobIds = new BlobIds()
  private readonly readiness: Readiness
  private readonly nudges: Nudges
  private readonly heard = new Set<(delta: LiveDelta) => void>()
  private readonly over = new AbortController()

  constructor(options: BuiltinOptions) {
    this.options = options
    this.nudges = new Nudges(options.clock)
    this.name = options.name ?? 'builtin'
    this.tools = options.tools ?? createTools()
    this.profiles = options.profiles ?? profiles
    const known = [...this.tools, ...this.profiles.flatMap(({ own = [] }) => own)]
    this.own = new LocalTools({
      ...{ env: options.env, owner: options.owner, taken: new Set(known.map(({ name }) => name)) },
      confine: (session) => this.confine(session, { writable: false, owner: session.id }),
      notice: (session, text) => options.notice?.(session, text),
    })
    this.asks = new AskBoard(options)
    const { providers: sources, purposes = {}, defaultModel: fallback } = options
    this.choices = { sources, purposes, fallback }
    this.readiness = new Readiness({
      clock: options.clock,
      first: () => sources[0],
      choose: (signal) => this.choose(this.profiles[0], null, signal),
      within: (work) => this.within(answerMs, work),
    })
    this.turns = new Turns({
      ...{ journal: options.journal, clock: options.clock },
      live: (sessionId) => this.live.get(sessionId),
      resting: (sessionId) => this.resting(sessionId),
      claim: options.claim ?? (() => () => undefined),
      nudge: (sessionId) => this.nudges.now(sessionId),
    })
  }

  available(): Promise<Availability> {
    return this.readiness.available()
  }

  private choose(profile: Profile | undefined, model: string | null, signal: AbortSignal): Promise<Result<Choice>> {
    return chooseModel(this.choices, { model, purpose: profile?.name ?? '' }, signal)
  }

  /** Calls to the outside that have no limit of their own. */
  private async within<T>(limitMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new AbortController()
    const timer = this.options.clock.after(limitMs, () => stop.abort(new Error(`no answer in ${limitMs} ms`)))
    try {
      return await work(AbortSignal.any([stop.signal, this.over.signal]))
    } finally {
      timer.cancel()
    }
  }

  async open(request: SessionRequest): Promise<Result<{ sessionId: string }>> {
    const { journal, clock } = this.options
    if (request.session !== null) {
      const found = journal.session(request.session)
      return found?.runtime === this.name ? ok({ sessionId: found.id }) : refuse(missing(request.session))
    }
    const names = this.profiles.map((profile) => profile.name)
    if (request.agent !== null && !this.profileOf(request.agent)) return refuse(unknownAgent(request.agent, names))
    const made = journal.sessionOfTask(request.taskId)
    if (made?.runtime === this.name) return ok({ sessionId: made.id })
    const { taskId, title, workspace, agent, model } = request
    const createdAt = clock.now()
    const id = newId('s', createdAt)
    journal.createSession({ id, runtime: this.name, title, workspace, taskId, agent, model, createdAt })
    return ok({ sessionId: id })
  }

  private profileOf(agent: string | null): Profile | undefined {
    return agent === null ? this.profiles[0] : this.profiles.find((profile) => profile.name === agent)
  }

  async prompt(request: PromptRequest): Promise<Result<void>> {
    const session = this.options.journal.session(request.sessionId)
    const profile = narrowed(this.profileOf(session?.agent ?? null), request)
    if (!session || !profile) return refuse(missing(request.sessionId))
    const chosen = await this.within(answerMs, (signal) => this.choose(profile, session.model, signal))
    if (!chosen.ok) return chosen
    const policy = (await this.options.policyOf?.(session)) ?? openPolicy
    const own = await this.own.of(session, policy)
    const unusable = unusableTools(request, { known: [...this.tools, ...own], policy, profile })
    if (unusable) return refuse(unusable)
    // From here to the end nothing is awaited: of two calls with one id only the first can get further.
    if (this.over.signal.aborted) return refuse(isClosed)
    const running = this.live.get(session.id)
    if (running?.promptId === request.promptId) return ok(undefined)
    if (running) return refuse(busy(session.id))
    const release = this.turns.take(session.id)
    if (!release) return refuse(busyElsewhere(session.id))
    try {
      return this.begin({ session, profile, request, choice: chosen.value, policy, own, release })
    } catch (error) {
      // A journal that cannot be read or written now must not keep the session from everybody for good.
      release()
      throw error
    }
  }

  private begin(given: Omit<Begin, 'transcript' | 'resumed'>): Result<void> {
    const { session, request, release } = given
    const transcript = new Transcript(this.options.journal, session.id)
    const standing = standingOf(transcript.entries, request.promptId)
    const isHeld = standing === 'open' && lastTurnOf(transcript.entries)?.paused === true
    if (standing === 'over' || isHeld) {
      release()
      return isHeld ? refuse(isPaused) : ok(undefined)
    }
    if (standing === 'new') {
      this.asks.forget(session.id, transcript.entries)
      transcript.append({ type: 'prompt', promptId: request.promptId, text: request.text })
    }
    this.start({ ...given, transcript, resumed: standing === 'open' })
    return ok(undefined)
  }

  private async resting(sessionId: string): Promise<Result<Resting>> {
    const session = this.options.journal.session(sessionId)
    const profile = this.profileOf(session?.agent ?? null)
    if (session?.runtime !== this.name || !profile) return refuse(missing(sessionId))
    const chosen = await this.within(answerMs, (signal) => this.choose(profile, session.model, signal))
    if (!chosen.ok) return chosen
    return ok({ ...chosen.value, ...this.surroundings(session, profile) })
  }

  private surroundings(session: SessionRecord, profile: Profile, own: readonly AnyTool[] = []) {
    const { debug, platform = process.platform, room = roomDefaults } = this.options
    const all = [...this.tools, ...own]
    const open = profile.tools === null ? all : all.filter((tool) => profile.tools?.includes(tool.name))
    const tools = [...open, ...(profile.own ?? [])]
    return { session, profile, tools, platform, room, choices: this.choices, ...(debug ? { debug } : {}) }
  }

  private start(begin: Begin): void {
    const { session, request, transcript } = begin
    const live: Live = {
      promptId: request.promptId,
      stop: new AbortController(),
      transcript,
      wishes: noWishes(),
      state: { tool: null, retry: null },
      toolSince: this.options.clock.now(),
      owner: '',
      lastActivityAt: this.options.clock.now(),
      done: Promise.resolve(),
    }
    this.live.set(session.id, live)
    live.done = this.work(begin, live)
      .catch((error: unknown) => {
        // A bug, or a journal that cannot be written. The run has no end in the journal, so it is seen as interrupted.
        this.options.log(`run of session ${session.id} broke: ${reasonOf(error)}`)
      })
      .then(() => {
        this.live.delete(session.id)
        begin.release()
        this.nudges.now(session.id)
        const { retitle, journal, clock, log, debug } = this.options
        const within = <T>(work: (signal: AbortSignal) => Promise<T>) => this.within(titleMs, work)
        const run = { ...begin, ...begin.choice, choices: this.choices }
        if (retitle) void entitle(run, { retitle, journal, clock, log, within, debug })
      })
    this.nudges.now(session.id)
  }

  /** The runs of one turn: one that has its plan accepted leaves the turn to the next. */
  private async work(begin: Begin, live: Live): Promise<void> {
    let next: Begin | null = begin
    while (next) {
      const run = this.runOf(next, live)
      const before = live.transcript.usage
      const end = await runAgent(run)
      const isHanded = end !== null && typeof end === 'object'
      const limits = leftOf(next.request.limits, before, live.transcript.usage)
      next = isHanded ? await this.handOver({ ...next, request: { ...next.request, limits } }, end.profile, run) : null
    }
  }

  /** The same way that a restarted daemon would enter the turn. Null: that one will, or there is no model for it. */
  private async handOver(begin: Begin, name: string, { id: runId, signal: over }: Run): Promise<Begin | null> {
    const { journal, policyOf } = this.options
    const profile = narrowed(this.profileOf(name), begin.request)
    if (!profile) throw new Error(`there is no profile ${name}`)
    journal.setProfile(begin.session.id, name)
    const session = { ...begin.session, agent: name }
    const chosen = await this.within(answerMs, (signal) => this.choose(profile, session.model, signal))
    if (!chosen.ok) {
      if (over.reason === parked) return null
      const problem = chosen.problems[0] ?? null
      begin.transcript.append({ type: 'run.ended', runId, reason: 'provider_error', text: '', problem })
      return null
    }
    const policy = (await policyOf?.(session)) ?? openPolicy
    const live = this.live.get(session.id)
    if (live) live.wishes = { ...live.wishes, over: false }
    return { ...begin, session, profile, choice: chosen.value, policy, resumed: true }
  }

  /** Sets off what a person wants carried out in a session of its own; again: nothing happens. */
  private async beginFresh(
    from: SessionRecord,
    { sessionId, promptId, text }: { sessionId: string; promptId: string; text: string },
    agent: string | null,
  ): Promise<Result<void>> {
    const { journal, clock } = this.options
    const made = { ...from, id: sessionId, taskId: null, agent, createdAt: clock.now() }
    if (!journal.session(sessionId)) journal.createSession(made)
    return this.prompt({ sessionId, promptId, text, limits: { toolCalls: null, tokens: null } })
  }

  private runOf({ session, profile, request, transcript, choice, policy, own, resumed }: Begin, live: Live): Run {
    const { clock, env, outputRoot, checkpointRoot: root, owner, attended, granted, formats } = this.options
    const id = newId('r', clock.now())
    live.owner = `${owner}/${id}`
    return {
      id,
      promptId: request.promptId,
      resumed,
      ...choice,
      ...this.surroundings(session, profile, own),
      ...guideFoldersOf(this.options),
      policy: { ...policy, layers: { ...policy.layers, profile: profile.rules ?? [] } },
      asks: attended ? this.asks : null,
      ...(granted ? { granted: (request: AskRequest) => granted(session, request) } : {}),
      ...(attended ? { beginFresh: (fresh) => this.beginFresh(session, fresh, profile.handsTo ?? null) } : {}),
      limits: request.limits,
      transcript,
      clock,
      env,
      owner: live.owner,
      confinement: this.confine(session, { writable: policy.trust !== 'read-only', owner: id }),
      format: formats ? createFormat(formats, policy.accepted ?? false) : null,
      outputDir: join(outputRoot, session.id),
      hidden: this.options.hidden ?? [],
      ...(root ? { checkpoint: openCheckpoint(session, { root, env, owner: live.owner, ids: this.blobIds }) } : {}),
      signal: live.stop.signal,
      wishes: live.wishes,
      onState: (state) => {
        if (state.tool !== live.state.tool) live.toolSince = clock.now()
        // Who goes from one call to the next is at work before and after: nobody has to look at once.
        const isSteady = [live.state, state].every(({ retry, asks }) => retry === null && asks === undefined)
        live.state = state
        live.lastActivityAt = clock.now()
        if (isSteady) this.nudges.soon(session.id)
        else this.nudges.now(session.id)
      },
      onDelta: (kind, text) => {
        live.lastActivityAt = clock.now()
        for (const listener of this.heard) listener({ sessionId: session.id, kind, text })
      },
    }
  }

  private confine({ workspace }: SessionRecord, how: Pick<Place, 'writable' | 'owner'>): Confinement {
    return this.options.sandbox?.confine({ workspace, ...how }) ?? unconfined
  }

  async look(sessionId: string): Promise<Observation> {
    const { journal, clock } = this.options
    const at = clock.now()
    const live = this.live.get(sessionId)
    if (live) {
      const { usage } = live.transcript
      return { state: liveState(live.state), at, channel: 'live', lastActivityAt: live.lastActivityAt, usage }
    }
    const found = journal.session(sessionId)?.runtime === this.name
    const rows = found ? journal.entries(sessionId) : []
    const entries = rows.map((row) => row.entry)
    const state: SessionState = found ? restingState(entries) : { kind: 'absent' }
    return { state, at, channel: 'journal', lastActivityAt: rows.at(-1)?.at ?? null, usage: usageOf(entries) }
  }

  steer = (...given: Parameters<Turns['steer']>) => this.turns.steer(...given)
  pause = (...given: Parameters<Turns['pause']>) => this.turns.pause(...given)
  resume = (...given: Parameters<Turns['resume']>) => this.turns.resume(...given)
  compact = (...given: Parameters<Turns['compact']>) => this.turns.compact(...given)
  context = (...given: Parameters<Turns['context']>) => this.turns.context(...given)

  async activity(sessionId: string): Promise<Activity | null> {
    const live = this.live.get(sessionId)
    if (!live) return null
    const { state, toolSince, lastActivityAt, owner } = live
    const call = { sessionId, callId: '', command: null, cwd: null, outputBytes: 0, outputTail: '' }
    const tool = state.tool === null ? null : { ...call, name: state.tool, startedAt: toolSince, lastOutputAt: null }
    const host = { owner, hostPid: process.pid, hostAlive: true }
    return { state: liveState(state), tool, lastProgressAt: lastActivityAt, model: 'between', ...host }
  }

  async abort(sessionId: string): Promise<void> {
    const live = this.live.get(sessionId)
    // Told before the calls are closed: afterwards nobody could tell which of them asked.
    const open = live?.transcript.entries ?? this.options.journal.entries(sessionId).map((row) => row.entry)
    this.asks.forget(sessionId, open)
    if (!live) return this.turns.cancel(sessionId)
    live.stop.abort(new Error('cancelled'))
    await this.ended(live)
  }

  private async ended(live: Live): Promise<void> {
    const over = new AbortController()
    await Promise.race([live.done, pause(this.options.clock, abortMs, over.signal)])
    over.abort()
  }

  onChange(listener: (sessionId: string) => void): () => void {
    return this.nudges.listen(listener)
  }

  onDelta(listener: (delta: LiveDelta) => void): () => void {
    this.heard.add(listener)
    return () => this.heard.delete(listener)
  }

  async close(): Promise<void> {
    this.over.abort(parked)
    this.turns.close()
    const all = [...this.live.values()]
    for (const live of all) live.stop.abort(parked)
    await Promise.all(all.map((live) => this.ended(live)))
    this.nudges.close()
    this.heard.clear()
  }
}
