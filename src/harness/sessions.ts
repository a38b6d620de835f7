/**
 * What a person may see of a session and do to it, whoever started it: transcript, diff, abort, a prompt. The harness's
 * own prompts go elsewhere (act.ts); a session that a task works in is left to that task.
 */
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import type { ContextUse, Runtime } from '../core/runtime.ts'
import type { TranscriptPage } from '../core/session.ts'
import { sha256 } from '../lib/digest.ts'
import { newId } from '../lib/id.ts'
import type { KnownSession } from '../store/watched.ts'
import type { Commands } from './commands.ts'
import type { SessionDiff } from './file-changes.ts'
import { isPromptedHere } from './session-edits.ts'
import { transcriptOf } from './transcript.ts'
import type { World } from './world.ts'

type Here = Pick<World, 'store' | 'runtimes' | 'clock' | 'log'>

const openMax = 200

export class SessionCommands {
  private readonly world: Here
  private readonly commands: Pick<Commands, 'run'>

  constructor(world: Here, commands: Pick<Commands, 'run'>) {
    this.world = world
    this.commands = commands
  }

  /** The session that an id, or the start of one, names. */
  one(part: string): Result<KnownSession> {
    const [session, another, ...more] = this.world.store.watched.find(part)
    if (!session) return refuse(unknownSession(part))
    if (!another) return ok(session)
    const text = `Several sessions begin so: ${[session, another, ...more].map(({ id }) => id).join(', ')}.`
    return refuse({ kind: 'ambiguous-id', text, todo: 'Give more of the id.' })
  }

  async transcript(
    session: KnownSession,
    page: { before: string | null; limit: number },
  ): Promise<Result<TranscriptPage>> {
    const runtime = this.world.runtimes.get(session.runtime)
    if (runtime?.watch) return runtime.watch.transcript(session.id, page)
    const isLeft = session.state === 'interrupted'
    return ok(transcriptOf(this.world.store.sessions.entries(session.id), { ...page, isLeft }))
  }

  /** Its runtime, and not our journal, tells what was said and changed in it. */
  isWatched({ runtime }: KnownSession): boolean {
    return this.world.runtimes.get(runtime)?.watch !== null
  }

  /** Why the last turn of one of our own has no whole answer. */
  async unfinished({ id, runtime, state }: KnownSession): Promise<Problem | null> {
    const host = this.world.runtimes.get(runtime)
    // Of the others the reason is elsewhere, or still to come: not all rows are read for them.
    if (!host || host.watch || (state !== 'idle' && state !== 'failed' && state !== 'waiting')) return null
    const seen = (await host.look(id)).state
    return seen.kind === 'failed' ? seen.problem : seen.kind === 'idle' ? (seen.unfinished ?? null) : null
  }

  /** None: its runtime keeps them to itself. */
  profilesOf({ runtime }: KnownSession): string[] {
    return this.world.runtimes.get(runtime)?.profiles?.map(({ name }) => name) ?? []
  }

  async diff(session: KnownSession): Promise<Result<SessionDiff>> {
    const watch = this.world.runtimes.get(session.runtime)?.watch
    if (!watch) return refuse(noDiff(session.runtime))
    const diff = await watch.diff(session.id)
    return diff.ok ? ok({ items: diff.value, uncovered: [] }) : diff
  }

  /** Ends its turn. A task that works in it is paused: it would only prompt again. */
  async abort(session: KnownSession): Promise<Result<{ pausedTaskId: string | null }>> {
    const runtime = this.reachable(session)
    if (!runtime.ok) return runtime
    const taskId = this.taskAtWork(session)
    if (taskId) {
      const paused = await this.commands.run('pause', taskId)
      if (!paused.ok) return paused
    }
    await runtime.value.abort(session.id)
    this.tell(session, 'session.aborted', { by: 'person' })
    return ok({ pausedTaskId: taskId })
  }

  /** The same `key` again is the same prompt: it is said once. */
  async prompt(session: KnownSession, text: string, key: string | null = null): Promise<Result<{ promptId: string }>> {
    const runtime = this.reachable(session)
    if (!runtime.ok) return runtime
    const taskId = this.taskAtWork(session)
    if (taskId) return refuse(taskWorks(taskId))
    const promptId = key === null ? newId('p', this.world.clock.now()) : promptIdOf(session.id, key)
    const sent = await runtime.value.prompt({ sessionId: session.id, promptId, text, limits: unlimited })
    if (!sent.ok) return sent
    this.tell(session, 'session.prompted', { by: 'person', text: text.slice(0, 500) })
    return ok({ promptId })
  }

  /** Into the turn that runs, also that of a task: it is heard before the next model call. */
  async steer(session: KnownSession, text: string, key?: string): Promise<Result<void>> {
    const runtime = this.able(session, 'steer')
    if (!runtime.ok) return runtime
    const said = await runtime.value.steer(session.id, text, key)
    if (said.ok) this.tell(session, 'session.steered', { by: 'person', text: text.slice(0, 500) })
    return said
  }

  /** After the call in flight. A task that works in it waits meanwhile. */
  async pause(session: KnownSession): Promise<Result<void>> {
    const runtime = this.able(session, 'pause')
    if (!runtime.ok) return runtime
    const paused = await runtime.value.pause(session.id)
    if (paused.ok) this.tell(session, 'session.paused', { by: 'person' })
    return paused
  }

  /** A task that works in it enters its turn again by itself, with what is left of its limits. */
  async resume(session: KnownSession): Promise<Result<void>> {
    const runtime = this.able(session, 'resume')
    if (!runtime.ok) return runtime
    const resumed = await runtime.value.resume(session.id)
    if (!resumed.ok) return resumed
    this.tell(session, 'session.resumed', { by: 'person' })
    const { promptId } = resumed.value
    if (promptId === null || this.taskAtWork(session)) return ok(undefined)
    return runtime.value.prompt({ sessionId: session.id, promptId, text: '', limits: unlimited })
  }

  /**
   * Turns that a person began here and that were open when the daemon ended go on. Those of tasks are the supervisor's;
   * those of a terminal belong to a program that may still be running.
   */
  async goOn(): Promise<void> {
    const { store, runtimes, log } = this.world
    for (const session of store.watched.page({ states: ['busy'], roots: false, limit: openMax }).items) {
      const runtime = runtimes.get(session.runtime)
      if (!runtime || this.isWatched(session) || this.taskAtWork(session)) continue
      const { id: sessionId } = session
      const { state } = await runtime.look(sessionId)
      if (state.kind !== 'interrupted' || !isPromptedHere(state.promptId)) continue
      const sent = await runtime.prompt({ sessionId, promptId: state.promptId, text: '', limits: unlimited })
      if (!sent.ok) log.warn({ sessionId, problems: sent.problems }, 'an open turn cannot go on')
    }
  }

  async compact(session: KnownSession): Promise<Result<{ done: boolean }>> {
    const runtime = this.able(session, 'compact')
    if (!runtime.ok) return runtime
    const made = await runtime.value.compact(session.id)
    if (made.ok) this.tell(session, 'session.compacted', { by: 'person', done: made.value.done })
    return made
  }

  async context(session: KnownSession): Promise<Result<ContextUse>> {
    const runtime = this.able(session, 'context')
    return runtime.ok ? runtime.value.context(session.id) : runtime
  }

  private able<A extends 'steer' | 'pause' | 'resume' | 'compact' | 'context'>(
    session: KnownSession,
    ability: A,
  ): Result<Runtime & Required<Pick<Runtime, A>>> {
    const runtime = this.reachable(session)
    if (!runtime.ok) return runtime
    return can(runtime.value, ability) ? ok(runtime.value) : refuse(unable(session.runtime, ability))
  }

  private reachable(session: KnownSession): Result<Runtime> {
    const runtime = this.world.runtimes.get(session.runtime)
    if (!runtime) return refuse(noRuntime(session.runtime))
    return session.goneAt === null ? ok(runtime) : refuse(isGone)
  }

  private taskAtWork(session: KnownSession): string | null {
    const { watched, tasks } = this.world.store
    return tasks.activeOfSession(watched.rootOf(session).id)[0] ?? null
  }

  private tell(session: KnownSession, type: Told, data: Record<string, unknown>) {
    const { id: sessionId, taskId, title } = session
    this.world.store.ledger.note({ type, sessionId, taskId, data: { title, ...data } })
  }
}

type Told = 'session.aborted' | 'session.prompted' | `session.${'steered' | 'paused' | 'resumed' | 'compacted'}`

const can = <A extends keyof Runtime>(runtime: Runtime, ability: A): runtime is Runtime & Required<Pick<Runtime, A>> =>
  runtime[ability] !== undefined

const unable = (runtime: string, ability: string): Problem => ({
  kind: 'not-able',
  text: `The runtime ${runtime} cannot ${ability} a session.`,
})

const unlimited = { toolCalls: null, tokens: null }

const promptIdOf = (sessionId: string, key: string): string =>
  `k_${sha256(JSON.stringify([sessionId, key])).slice(0, 24)}`

const unknownSession = (id: string): Problem => ({
  kind: 'unknown-session',
  text: `There is no session ${id.slice(0, 120)}.`,
  todo: 'List the sessions with `openloom sessions`.',
})

const noDiff = (runtime: string): Problem => ({
  kind: 'no-diff',
  text: `The runtime ${runtime} does not tell what a session changed.`,
  todo: 'Look with git diff in its folder.',
})

const noRuntime = (runtime: string): Problem => ({
  kind: 'no-runtime',
  text: `The runtime ${runtime} is not configured any more.`,
})

const isGone: Problem = { kind: 'session-gone', text: 'Its runtime does not know this session any more.' }

const taskWorks = (taskId: string): Problem => ({
  kind: 'task-at-work',
  text: `Task ${taskId} works in this session.`,
  todo: `Pause it first: openloom pause ${taskId}.`,
})
