/**
 * OpenCode as a runtime: sessions on a server that is not ours to trust. What it says is evidence, never a verdict;
 * what it does not say is unknown.
 */
import type { Clock } from '../../core/clock.ts'
import type { Activity } from '../../core/diagnosis.ts'
import { ok, type Problem, type Result, refuse } from '../../core/problem.ts'
import type {
  Availability,
  LiveDelta,
  PromptRequest,
  Runtime,
  RuntimeAbilities,
  SessionBook,
  SessionRequest,
  SessionWatch,
} from '../../core/runtime.ts'
import type { Observation, SessionFact } from '../../core/session.ts'
import { oneByOneEach } from '../../lib/one-by-one.ts'
import { abortTurn } from './abort.ts'
import { Board } from './board.ts'
import { Follower, type Live } from './follower.ts'
import type { Known } from './known.ts'
import { Looker, reachMs } from './looking.ts'
import { missing, openMs, Prompter } from './prompting.ts'
import type { ServerSource } from './source.ts'
import { OpenCodeWatch, unguarded } from './watch.ts'

export interface OpenCodeOptions {
  source: ServerSource
  book: SessionBook
  clock: Clock
}

/** Troubles of a server that do not pass by themselves. */
const needsPerson = ['opencode-password', 'opencode-dialect', 'opencode-not-installed']

export class OpenCode implements Runtime {
  readonly name = 'opencode'
  readonly abilities: RuntimeAbilities = { resume: true, watch: true, usage: true, permissions: true }
  readonly watch: SessionWatch
  readonly board: Board
  readonly follower: Follower
  private readonly options: OpenCodeOptions
  private readonly changed = new Set<(sessionId: string) => void>()
  private readonly heard = new Set<(delta: LiveDelta) => void>()
  private readonly facts = new Set<(fact: SessionFact) => void>()
  private readonly looker: Looker
  private readonly prompter: Prompter
  /** Their turn was to be ended while nobody could be told. */
  private readonly unended = new Set<string>()
  /** One at a time for each task, or session. */
  private readonly alone = oneByOneEach()

  constructor(options: OpenCodeOptions) {
    this.options = options
    const { clock, source } = options
    const tell = (fact: SessionFact) => {
      for (const listener of this.facts) listener(fact)
    }
    this.board = new Board(clock, {
      fact: tell,
      changed: (sessionId) => this.nudge(sessionId),
      delta: (delta) => {
        for (const listener of this.heard) listener(delta)
      },
    })
    this.follower = new Follower({
      board: this.board,
      clock,
      address: (wanted) => source.address(wanted),
      wantsDeltas: () => this.heard.size > 0,
      onLink: (problem) => {
        const { open = false, connection } = this.follower.now ?? {}
        const warning = open && connection && !source.isOwn ? unguarded(connection.address.url) : null
        tell({ kind: 'link', problem, warning })
        for (const id of this.looker.receipts.keys()) this.nudge(id)
        if (!problem) for (const id of [...this.unended]) void this.abort(id)
        if (!problem) for (const [id, known] of this.board.sessions) if (known.counts) this.nudge(id)
      },
      onReconcile: () => void source.tidy(this.isIdle()),
    })
    const parts = { board: this.board, follower: this.follower, book: options.book, clock }
    this.looker = new Looker(parts)
    this.prompter = new Prompter({ ...parts, looker: this.looker, nudge: (sessionId) => this.nudge(sessionId) })
    source.onExit(() => this.follower.reconnect('the server ended'))
    this.watch = new OpenCodeWatch({ follower: this.follower, board: this.board, source, facts: this.facts })
  }

  async available(): Promise<Availability> {
    const live = this.follower.now ?? (await this.reachUnlessStartable())
    if (live) {
      const { connection, version } = live
      return { kind: 'ready', detail: `OpenCode ${version} at ${connection.address.url}` }
    }
    const start = this.options.source.canStart()
    if (start) return { kind: 'ready', detail: start }
    const problem = this.follower.trouble ?? { kind: 'opencode-down', text: 'OpenCode cannot be reached.' }
    return { kind: 'unavailable', transient: !needsPerson.includes(problem.kind), problem }
  }

  private async reachUnlessStartable(): Promise<Live | null> {
    if (this.options.source.canStart()) return null
    const live = await this.follower.ready(reachMs)
    return live.ok ? live.value : null
  }

  async open(request: SessionRequest): Promise<Result<{ sessionId: string }>> {
    const live = await this.follower.ready(openMs)
    if (!live.ok) return live
    // It would be left out, and the work done by whatever model comes first.
    if (request.model !== null && !/^[^/]+\/./.test(request.model)) return refuse(unnamed(request.model))
    if (request.session !== null) {
      const known = await this.looker.find(request.session, live.value)
      if (!known.ok) return known
      return known.value ? ok({ sessionId: known.value.session.id }) : refuse(missing(request.session))
    }
    return this.alone(request.taskId, () => this.openOwn(request, live.value))
  }

  private async openOwn(request: SessionRequest, { dialect }: Live): Promise<Result<{ sessionId: string }>> {
    const { book } = this.options
    const { taskId, title, workspace, agent, model } = request
    const noted = book.sessionOfTask(taskId)
    // Made before a crash that kept us from noting it: it carries the mark of its task.
    const marked = [...this.board.sessions.values()].find((known) => known.session.taskId === taskId)?.session
    if (noted?.runtime === this.name) {
      const there = await this.looker.find(noted.id)
      if (!there.ok) return there
      if (there.value) return ok({ sessionId: noted.id })
    }
    const made = marked ? ok(marked) : await dialect.create({ directory: workspace, title, taskId })
    if (!made.ok) return made
    const { id, createdAt } = made.value
    this.board.putSession(made.value)
    book.bindSession({ id, runtime: this.name, title, workspace, taskId, agent, model, createdAt })
    return ok({ sessionId: id })
  }

  prompt(request: PromptRequest): Promise<Result<void>> {
    return this.alone(request.sessionId, () => this.prompter.prompt(request))
  }

  look(sessionId: string): Promise<Observation> {
    return this.looker.look(sessionId)
  }

  async abort(sessionId: string): Promise<void> {
    const ready = await this.follower.ready(reachMs)
    if (!ready.ok) {
      // The turn goes on without us: it is ended as soon as its server can be told.
      this.unended.add(sessionId)
      return
    }
    this.unended.delete(sessionId)
    const live = ready.value
    const known = await this.looker.find(sessionId, live)
    if (known.ok && known.value) await this.endTurn(known.value, live)
  }

  private async endTurn(known: Known, live: Live): Promise<void> {
    const { id } = known.session
    await this.looker.readTurn(known, live)
    this.looker.settleReceipt(id)
    const awaited = this.prompter.awaited(known)
    const message = awaited ?? (known.turn as Known['turn'])?.user?.id
    const running = this.board.treeOf(id).some((one) => one.status.kind !== 'idle')
    const unanswered = known.turn?.user && known.turn.answer === null
    if (!running && !unanswered && !awaited) return
    if (message) this.looker.aborted.add(message)
    const { clock, source } = this.options
    await abortTurn(known, awaited, { live, board: this.board, clock, hostPid: await source.hostPid() })
    known.turn = null
    this.nudge(id)
  }

  async activity(sessionId: string): Promise<Activity | null> {
    const known = this.board.sessions.get(this.board.rootOf(sessionId))
    if (!known) return null
    const { state } = this.looker.glance(known) ?? (await this.looker.look(known.session.id))
    const tree = this.board.treeOf(known.session.id)
    const holder = tree.findLast((one) => one.tool !== null && one.tool.name !== 'task') ?? tree.find((one) => one.tool)
    const tool = holder?.tool
    const { hostPid, alive } = await this.options.source.host()
    return {
      state,
      tool: tool
        ? {
            sessionId: tool.sessionId,
            callId: tool.callId,
            name: tool.name,
            command: tool.command,
            cwd: tool.cwd ?? holder.session.workspace,
            startedAt: tool.startedAt ?? this.options.clock.now(),
            outputBytes: Buffer.byteLength(tool.output),
            outputTail: tool.output.slice(-2_000),
            lastOutputAt: tool.lastOutputAt,
          }
        : null,
      lastProgressAt: Math.max(...tree.map((one) => one.progressAt ?? 0)) || null,
      model: tree.findLast((one) => one.status.kind !== 'idle')?.model ?? 'between',
      owner: null,
      hostPid,
      hostAlive: this.follower.now ? true : alive,
    }
  }

  onChange(listener: (sessionId: string) => void): () => void {
    this.changed.add(listener)
    return () => this.changed.delete(listener)
  }

  onDelta(listener: (delta: LiveDelta) => void): () => void {
    this.heard.add(listener)
    return () => this.heard.delete(listener)
  }

  private nudge(sessionId: string): void {
    for (const listener of [...this.changed]) listener(sessionId)
  }

  private isIdle(): boolean {
    return (
      [...this.board.sessions.values()].every((known) => known.status.kind === 'idle') &&
      this.looker.receipts.size === 0
    )
  }

  async close(): Promise<void> {
    for (const sessionId of [...this.looker.receipts.keys()]) this.looker.settleReceipt(sessionId)
    this.follower.close()
    this.changed.clear()
    this.heard.clear()
    this.facts.clear()
    await this.options.source.close()
  }
}

const unnamed = (model: string): Problem => ({
  kind: 'model-unknown',
  text: `OpenCode names a model as provider/model; "${model.slice(0, 120)}" names no provider.`,
  todo: 'Write e.g. `model: anthropic/claude-sonnet-4-5`; `opencode models` lists yours.',
})
