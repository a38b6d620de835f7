/**
 * What is said to an ask without a person, and whether its run waits for one: by a kept "always", by the task that
 * works in the session, by what a person said when the same call was made before. It sends nothing.
 */
import type { Ask, AskAuthority, AskReply } from '../core/ask.ts'
import type { AskPolicy } from '../core/spec.ts'
import { isAsking, type Task } from '../core/task.ts'
import { sessionBusy } from './decide.ts'
import { deferralOf, unansweredOf } from './deferred.ts'
import { isAutoAccepted, isGranted } from './rules.ts'
import type { World } from './world.ts'

export interface AskSettings {
  /** Minutes until an ask is denied, for tasks that do not say and sessions without one; null: a person is there. */
  deadlineMinutes: number | null
  /** What becomes of a run that needs a person, for tasks that do not say. */
  ask: AskPolicy
}

export type RuleSubject = Pick<Ask, 'runtime' | 'workspace' | 'scope' | 'taskId' | 'rootId' | 'request' | 'call'>

/** `from`: the ask of the same call that was answered before. */
export interface Known {
  reply: AskReply
  by: AskAuthority
  from?: Ask
}

export class AskRules {
  private readonly world: Pick<World, 'store' | 'runtimes'>
  private readonly settings: AskSettings

  constructor(world: Pick<World, 'store' | 'runtimes'>, settings: AskSettings) {
    this.world = world
    this.settings = settings
  }

  answerFor(ask: RuleSubject): Known | null {
    const { runtime, workspace, request } = ask
    const { asks } = this.world.store
    const isKept =
      request.kind === 'permission' && isGranted(request, asks.grantsFor({ runtime, workspace }, request.permission))
    if (isKept) return { reply: { kind: 'once' }, by: 'rule' }
    const spec = this.taskAtWork(ask)?.spec
    if (!spec) return null
    if (isAutoAccepted(request, spec.auto_accept)) return { reply: { kind: 'once' }, by: 'task' }
    const from = this.before(ask)
    if (from?.status === 'answered' && from.reply && from.by) {
      // What was kept of an "always" is a rule, and may have been taken back since.
      const isAllowed = from.reply.kind === 'always'
      return { reply: isAllowed ? { kind: 'once' } : from.reply, by: from.by, from }
    }
    return (spec.ask ?? this.settings.ask) === 'deny' ? { reply: nobodyIsAsked, by: 'task' } : null
  }

  /** Whether its run goes on without the answer. A plan is what its task is for. */
  isDeferring(ask: RuleSubject): boolean {
    const task = this.taskAtWork(ask)
    if (!task || ask.request.kind === 'plan' || this.isBesides(task)) return false
    return (task.spec.ask ?? this.settings.ask) === 'continue'
  }

  /** What its run hears where nobody is asked: a person is asked once, and not about any number of things. */
  unaskable(ask: RuleSubject, { isFull, ofNoCall }: { isFull: boolean; ofNoCall: boolean }): AskReply | null {
    if (!this.isDeferring(ask)) return null
    if (ofNoCall) return nobodyIsAsked
    if (this.before(ask)) return deferralOf(ask.request)
    const open = this.world.store.asks.deferredOf(ask.taskId ?? '').filter(({ status }) => status === 'open')
    return open.length < openMax && !isFull ? null : { kind: 'reject', message: tooMuch, later: true }
  }

  /** What its task asked before of exactly this call, to the last letter, and did not wait for. */
  private before({ taskId, call, scope }: RuleSubject): Ask | undefined {
    if (!taskId || call === null) return undefined
    return this.world.store.asks.deferredOf(taskId).find((ask) => ask.call === call && ask.scope === scope)
  }

  /** The task does not work now: what is asked in its session is asked by a turn of somebody else, who is there. */
  private isBesides(task: Task): boolean {
    if (task.reason?.code === sessionBusy.code) return true
    return isAsking(task) && unansweredOf(task.id, this.world.store.asks) !== null
  }

  /** A mark in a session is a claim; only the task that works in it by our own books lends it its rights. */
  private taskAtWork({ taskId, rootId }: RuleSubject): Task | null {
    const { tasks } = this.world.store
    return taskId && tasks.activeOfSession(rootId).includes(taskId) ? tasks.get(taskId) : null
  }
}

/** Of one task. Who finds more than that on a phone reads none of it. */
const openMax = 20
const tooMuch =
  'Not done, and nobody was asked: too many things that were asked before wait for a person. Go on with what needs ' +
  'none of them, or stop and say what is missing.'

const nobodyIsAsked: AskReply = {
  kind: 'reject',
  message: 'Nobody is asked while this task runs. Go on without it, or do it another way.',
  nobody: true,
}
