/**
 * Answers what sessions ask: by a kept "always", by the task's auto_accept, by a person, or by a deadline. A reply is
 * stored, then sent; one that was stored and not sent is sent by the next start. It never chooses an answer itself.
 */
import {
  type Ask,
  type AskAuthority,
  type AskReply,
  checkedReply,
  type Grant,
  type PendingAsk,
  replyFrom,
  type WrittenReply,
} from '../core/ask.ts'
import type { Timer } from '../core/clock.ts'
import { ok, type Problem, type Result, reasonOf, refuse } from '../core/problem.ts'
import type { AskPort } from '../core/runtime.ts'
import { isEnded } from '../core/task.ts'
import type { AskKey } from '../store/asks.ts'
import { placeOf, titleOf } from './ask-places.ts'
import { alreadyAnswered, ambiguous, gone, noRuntime, stopping, unkeepable, unknownAsk } from './ask-problems.ts'
import { AskRules, type AskSettings, type Known } from './ask-rules.ts'
import { answered, boundedRequest, ended, raised } from './ask-words.ts'
import { deferralOf, tellAnswers } from './deferred.ts'
import type { World } from './world.ts'

export type AskWorld = Pick<World, 'store' | 'runtimes' | 'clock' | 'log' | 'isolation'>

/** Refusals of the runtime after which only a person tries again. */
const triesMax = 5
const deadlineAgainMs = 60_000
const openMax = 1_000
const minuteMs = 60_000
const longestTimerMs = 24 * 3_600_000

export class AskDesk {
  private readonly world: AskWorld
  private readonly settings: AskSettings
  private readonly rules: AskRules
  /** Replies on their way, by key. */
  private readonly sending = new Map<string, Promise<Result<Ask>>>()
  private readonly deadlines = new Map<string, Timer>()
  /** Reported by their runtime in this life of the daemon. */
  private readonly reported = new Set<string>()
  /** Left while a reply was on its way. */
  private readonly left = new Set<string>()
  /** Answered by a rule, so that nobody was told. */
  private readonly untold = new Set<string>()
  private readonly tries = new Map<string, number>()
  private closed = false
  private unhear: (() => void) | null = null

  constructor(world: AskWorld, settings: AskSettings) {
    this.world = world
    this.settings = settings
    this.rules = new AskRules(world, settings)
  }

  /** Takes up the deadlines of what was open before, and what a kill between a task's end and its asks left. */
  start(): void {
    for (const ask of this.openAsks()) {
      const task = ask.deferred && ask.taskId ? this.world.store.tasks.get(ask.taskId) : null
      if (task && isEnded(task.status)) this.taskEnded(task.id)
      else this.armDeadline(ask)
    }
    this.unhear = this.world.store.ledger.onEvent(({ type, taskId, sessionId }) => {
      if (taskId && taskEnds.has(type)) this.taskEnded(taskId)
      // Asked before it was noted that the turn which asks is one of the task.
      if (type === 'task.running' && sessionId)
        for (const ask of this.openAsks({ rootId: sessionId })) this.consider(ask)
    })
  }

  /** A reply that is on its way stays stored; the next start sends it again if it is still asked for. */
  close(): void {
    this.closed = true
    this.unhear?.()
    for (const timer of this.deadlines.values()) timer.cancel()
    this.deadlines.clear()
  }

  /** A runtime says that this is asked; any number of times. */
  report(runtime: string, pending: PendingAsk): void {
    if (this.closed) return
    const { asks } = this.world.store
    const key = { runtime, id: pending.id }
    const before = asks.get(key)
    // Its run has not heard yet that it is to go on, and a person was quicker.
    if (before?.status === 'answered')
      return before.deferred ? this.goOn(before, deferralOf(before.request)) : undefined
    this.reported.add(nameOf(key))
    if (before?.status === 'open') return this.consider(this.placed(before))
    const request = boundedRequest(pending.request)
    const { ofNoCall = false, ...told } = pending
    const row = { ...told, call: pending.call ?? null, request, runtime, ...placeOf(runtime, pending, this.world) }
    const known = this.rules.answerFor(row)
    const isFull = this.openAsks({ runtime }).length >= openMax
    const unaskable = known ? null : this.rules.unaskable(row, { isFull, ofNoCall })
    if (unaskable) return this.goOn(row, unaskable)
    if (isFull) {
      this.world.log.warn({ runtime, ask: pending.id }, 'too many open asks; one is left out until others are answered')
      return
    }
    const ask = asks.open(row, known ? null : raised({ ...row, ...fresh }, titleOf(row.sessionId, this.world)))
    if (known) {
      this.untold.add(nameOf(ask))
      this.unasked(ask, known)
    } else {
      this.armDeadline(ask)
      this.defer(ask)
    }
  }

  /** The runtime does not ask any more. */
  ended(runtime: string, id: string): void {
    const ask = this.world.store.asks.get({ runtime, id })
    // Its call is over where nobody waited for the answer; a person is asked all the same.
    if (this.closed || !ask || ask.status !== 'open' || ask.deferred) return
    if (this.sending.has(nameOf(ask))) this.left.add(nameOf(ask))
    else this.leave(ask)
  }

  /** The session of these asks is gone. */
  sessionGone(runtime: string, sessionId: string): void {
    for (const ask of this.openAsks({ runtime })) {
      if (ask.sessionId !== sessionId) continue
      if (ask.deferred) this.leave(ask)
      else this.ended(runtime, ask.id)
    }
  }

  /** The runtime has told everything it knows: what was open before and was not told has left meanwhile. */
  settled(runtime: string): void {
    for (const ask of this.openAsks({ runtime })) if (!this.reported.has(nameOf(ask))) this.ended(runtime, ask.id)
  }

  /** Sessions became known: asks that were there before them get their place, and their rules. */
  sessionsAdded(runtime: string, ids: readonly string[]): void {
    if (ids.length === 0) return
    for (const ask of this.openAsks({ runtime })) {
      const now = this.placed(ask)
      if (now !== ask) this.consider(now)
    }
  }

  /** A person answers. Saying the same twice is one answer; something else meanwhile is refused with who answered. */
  async answer(key: AskKey, reply: AskReply): Promise<Result<Ask>> {
    const ask = this.world.store.asks.get(key)
    if (!ask) return refuse(unknownAsk(key.id))
    if (ask.status === 'gone') return refuse(gone)
    if (ask.reply) {
      if (JSON.stringify(ask.reply) !== JSON.stringify(reply)) return refuse(alreadyAnswered(ask))
      return ask.status === 'answered' ? ok(ask) : this.deliver(ask)
    }
    const checked = checkedReply(ask.request, reply)
    if (!checked.ok) return checked
    const faults = reply.kind === 'always' ? unkeepable(ask) : []
    return faults.length > 0 ? refuse(...faults) : this.begin(ask, { reply, by: 'person' })
  }

  /** The same for an answer in words: an id or its start, and texts that may name options. */
  async answerWritten(part: string, written: WrittenReply): Promise<Result<Ask>> {
    const found = this.one(part)
    if (!found.ok) return found
    const reply = replyFrom(found.value.request, written)
    return reply.ok ? this.answer(found.value, reply.value) : reply
  }

  /** The ask that an id, or the start of one, names. */
  one(part: string): Result<Ask> {
    const [ask, another, ...more] = this.world.store.asks.find(part)
    if (!ask) return refuse(unknownAsk(part))
    return another ? refuse(ambiguous([ask, another, ...more].map(({ id }) => id))) : ok(ask)
  }

  revoke(part: string): Result<Grant> {
    const [grant, another, ...more] = this.world.store.asks.findGrants(part)
    const todo = 'List them with `openloom asks --grants`.'
    if (!grant) return refuse({ kind: 'unknown-grant', text: 'There is no such grant.', todo })
    if (another) return refuse(ambiguous([grant, another, ...more].map(({ id }) => id)))
    this.world.store.asks.revoke(grant)
    return ok(grant)
  }

  /** Sends what was meant to be sent, or asks the rules again. */
  private consider(ask: Ask): void {
    if (ask.reply) return void this.deliver(ask)
    const known = this.mayTry(ask) ? this.rules.answerFor(ask) : null
    if (known) return this.unasked(ask, known)
    if (!this.deadlines.has(nameOf(ask))) this.armDeadline(ask)
    this.defer(ask)
  }

  /** The run is told to go on; the ask stays open for a person. Again after a crash, where it may not have heard it. */
  private defer(ask: Ask): void {
    if (!ask.deferred && !this.rules.isDeferring(ask)) return
    if (!ask.deferred) this.world.store.asks.defer(ask)
    this.goOn(ask, deferralOf(ask.request))
  }

  private goOn(
    { runtime, id, sessionId, scope }: Pick<Ask, 'runtime' | 'id' | 'sessionId' | 'scope'>,
    reply: AskReply,
  ): void {
    const said = this.portOf(runtime)?.answer({ id, sessionId, scope }, reply)
    said?.catch((error: unknown) => this.world.log.error({ ask: id, error: reasonOf(error) }, 'a run still waits'))
  }

  /** Nothing of it is asked any more, and no later life of it uses an answer of this one. */
  private taskEnded(taskId: string): void {
    const { asks } = this.world.store
    try {
      for (const ask of asks.deferredOf(taskId)) if (ask.status === 'open' && !ask.reply) this.leave(ask)
      asks.forgetDeferred(taskId)
    } catch (error) {
      this.world.log.error({ task: taskId, error: reasonOf(error) }, 'what it asked could not be closed')
    }
  }

  private mayTry(ask: Ask): boolean {
    return (this.tries.get(nameOf(ask)) ?? 0) < triesMax
  }

  /** Without a person who waits for the outcome. */
  private unasked(ask: Ask, known: Known): void {
    this.begin(ask, known).catch((error: unknown) => {
      this.world.log.error({ ask: ask.id, by: known.by, error: reasonOf(error) }, 'an answer could not be stored')
      this.armDeadline(ask, deadlineAgainMs)
    })
  }

  private async begin(ask: Ask, { reply, by, from }: Known): Promise<Result<Ask>> {
    // What was allowed once is done once; a no, and words, may be heard again.
    const { asks } = this.world.store
    const once = from && reply.kind === 'once' ? from : null
    asks.intend(ask, { reply, by, ...(once ? { from: once } : {}) })
    const sent = await this.deliver({ ...ask, reply, by })
    // The call was over before it heard it.
    if (once && asks.get(ask)?.reply === null) asks.giveBack(once)
    return sent
  }

  private deliver(ask: Ask): Promise<Result<Ask>> {
    const name = nameOf(ask)
    const known = this.sending.get(name)
    if (known !== undefined) return known
    const sending = this.send(ask)
      .catch((error: unknown) => {
        this.world.log.error({ ask: ask.id, error: reasonOf(error) }, 'an answer could not be sent')
        return refuse({ kind: 'answer-failed', text: `The answer could not be sent: ${reasonOf(error)}.` })
      })
      .finally(() => this.sending.delete(name))
    this.sending.set(name, sending)
    return sending
  }

  private async send(ask: Ask): Promise<Result<Ask>> {
    const { reply, by } = ask
    if (!reply || !by) throw new Error(`nothing to send for ${ask.id}`)
    const { id, sessionId, scope } = ask
    // "always" of a runtime covers more than was shown and is forgotten by its restart: ours is kept here.
    const wire: AskReply = reply.kind === 'always' ? { kind: 'once' } : reply
    const heard = ask.deferred ? ok(undefined) : await this.portOf(ask.runtime)?.answer({ id, sessionId, scope }, wire)
    const sent = heard ?? refuse(noRuntime(ask.runtime))
    if (this.closed) return refuse(stopping)
    return sent.ok ? ok(this.conclude(ask, reply, by)) : this.refused(ask, sent.problems)
  }

  private conclude(ask: Ask, reply: AskReply, by: AskAuthority): Ask {
    const { store } = this.world
    store.ledger.transact(() => {
      store.asks.end(ask, 'answered', answered(ask, reply, by))
      if (reply.kind === 'always' && ask.request.kind === 'permission') {
        store.asks.grant(ask, ask.request.permission, ask.request.patterns)
      }
    })
    this.forget(ask)
    if (ask.deferred && ask.taskId) this.tell({ ...ask, id: ask.taskId, sessionId: ask.rootId })
    // What was just allowed for good may be asked elsewhere at this moment.
    if (reply.kind === 'always')
      for (const other of this.openAsks({ runtime: ask.runtime })) if (!other.reply) this.consider(other)
    return { ...ask, status: 'answered', endedAt: this.world.clock.now() }
  }

  private tell(task: Parameters<typeof tellAnswers>[0]): void {
    tellAnswers(task, this.world).catch((error: unknown) => {
      this.world.log.error({ task: task.id, error: reasonOf(error) }, 'an answer waits for the next turn')
    })
  }

  private refused(ask: Ask, problems: readonly Problem[]): Result<Ask> {
    const { asks } = this.world.store
    const name = nameOf(ask)
    asks.intend(ask, null)
    this.tries.set(name, (this.tries.get(name) ?? 0) + 1)
    if (this.left.has(name)) {
      this.leave({ ...ask, reply: null })
      return refuse(...problems)
    }
    if (ask.by !== 'person') this.world.log.warn({ ask: ask.id, by: ask.by, problems }, 'an answer was refused')
    if (this.untold.delete(name) || ask.by === 'rule' || ask.by === 'task') {
      asks.tell(ask, raised(ask, titleOf(ask.sessionId, this.world)))
    }
    this.armDeadline({ ...ask, reply: null, by: null }, deadlineAgainMs)
    return refuse(...problems)
  }

  /** Left by itself. A reply that was stored and perhaps sent before a crash is taken as the one that came. */
  private leave(ask: Ask): void {
    const { asks } = this.world.store
    if (ask.reply && ask.by) this.conclude(ask, ask.reply, ask.by)
    else {
      asks.end(ask, 'gone', ended(ask))
      this.forget(ask)
    }
  }

  private forget(ask: Ask): void {
    const name = nameOf(ask)
    this.deadlines.get(name)?.cancel()
    this.deadlines.delete(name)
    for (const set of [this.left, this.untold, this.reported, this.tries]) set.delete(name)
  }

  /** `soonest`: not before that many ms. */
  private armDeadline(ask: Ask, soonest = 0): void {
    const name = nameOf(ask)
    this.deadlines.get(name)?.cancel()
    this.deadlines.delete(name)
    const minutes = this.deadlineOf(ask)
    if (minutes === null || this.closed) return
    const leftMs = Math.max(soonest, ask.askedAt + minutes * minuteMs - this.world.clock.now())
    const timer = this.world.clock.after(Math.min(leftMs, longestTimerMs), () => this.expire(ask))
    this.deadlines.set(name, timer)
  }

  /** When an ask is denied because nobody answered; null: it waits. */
  deadlineAt(ask: Ask): number | null {
    const minutes = ask.status === 'open' ? this.deadlineOf(ask) : null
    return minutes === null ? null : ask.askedAt + minutes * minuteMs
  }

  private deadlineOf({ taskId }: Ask): number | null {
    const spec = taskId ? this.world.store.tasks.get(taskId)?.spec : undefined
    return spec?.ask_deadline_minutes ?? this.settings.deadlineMinutes
  }

  private expire(key: AskKey): void {
    const ask = this.world.store.asks.get(key)
    if (this.closed || !ask || ask.status !== 'open' || ask.reply) return
    const minutes = this.deadlineOf(ask)
    if (minutes === null) return
    if (ask.askedAt + minutes * minuteMs > this.world.clock.now()) return this.armDeadline(ask)
    const message = `Nobody answered within ${minutes} minutes. Go on without it, or do it another way.`
    this.unasked(ask, { reply: { kind: 'reject', message }, by: 'deadline' })
  }

  /** The ask where it belongs now; the very same object when nothing is new. */
  private placed(ask: Ask): Ask {
    const place = placeOf(ask.runtime, ask, this.world)
    const same = place.rootId === ask.rootId && place.taskId === ask.taskId && place.workspace === ask.workspace
    if (same) return ask
    this.world.store.asks.place(ask, place)
    const moved = { ...ask, ...place }
    this.armDeadline(moved)
    return moved
  }

  private portOf(runtime: string): Pick<AskPort, 'answer'> | null | undefined {
    const host = this.world.runtimes.get(runtime)
    return host?.asks ?? host?.watch
  }

  private openAsks(of: Partial<Pick<Ask, 'runtime' | 'rootId'>> = {}): Ask[] {
    return this.world.store.asks.list({ status: 'open', limit: openMax, ...of })
  }
}

const fresh = { status: 'open', reply: null, by: null, deferred: null, askedAt: 0, endedAt: null } as const

const taskEnds: ReadonlySet<string> = new Set(['task.done', 'task.failed', 'task.cancelled'])

const nameOf = ({ runtime, id }: AskKey): string => `${runtime} ${id}`
