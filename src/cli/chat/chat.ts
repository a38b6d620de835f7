/**
 * A conversation at the terminal: lines in, the run of the agent out, one session that remembers. What is typed decides
 * what happens next; the agent's words never do.
 */
import type { PendingAsk } from '../../core/ask.ts'
import type { Result } from '../../core/problem.ts'
import type { SessionRecord } from '../../core/session.ts'
import { listFiles } from '../../lib/file-list.ts'
import { childEnvironment } from '../../lib/process.ts'
import type { KnownSession } from '../../store/watched.ts'
import { lostWords } from '../lost.ts'
import { type Runner, titleOf } from '../runner.ts'
import { paint, safe } from '../terminal.ts'
import { ask } from './approvals.ts'
import type { History } from './history.ts'
import { Lines } from './lines.ts'
import { type Chat, faultOf, slashesOf } from './slash.ts'
import { View } from './view.ts'

export interface ChatOptions {
  workspace: string
  agent: string | null
  model: string | null
  namedModel(wanted: string): Promise<Result<string>>
  session: string | null
  /** Go on where the last one in this folder stopped. */
  continues: boolean
  history: History
  env: NodeJS.ProcessEnv
  open(): Promise<Runner>
}

const prompt = '› '
const filesMax = 20_000
const shownMax = 20
const queuedMax = 20

export class Conversation implements Chat {
  readonly workspace: string
  model: string | null
  autoApproves = false
  opened: Runner | null = null
  private readonly options: ChatOptions
  private readonly lines: Lines
  private readonly view = new View(process.stdout)
  private readonly opening: Promise<Runner>
  private readonly queued: string[] = []
  private readonly asking = new Set<string>()
  private asksInOrder: Promise<void> = Promise.resolve()
  private sessionId: string | null = null
  private running: AbortController | null = null
  private files: Promise<string[]> | null = null
  private warned = false
  private over = false

  constructor(options: ChatOptions) {
    this.options = options
    this.workspace = options.workspace
    this.model = options.model
    this.lines = new Lines({
      input: process.stdin,
      output: process.stdout,
      history: options.history.load(),
      complete: (line) => this.complete(line),
      onInterrupt: (line) => this.interrupt(line),
      onTyping: (typing) => (typing ? this.view.hold() : this.view.release()),
      onUnasked: (line) => this.steer(line),
    })
    this.opening = options.open().then((runner) => this.attach(runner))
    // Whoever needs it hears of its failure.
    this.opening.catch(() => this.leave())
  }

  get isTerminal(): boolean {
    return this.lines.isTerminal
  }

  runner(): Promise<Runner> {
    return this.opening
  }

  private attach(runner: Runner): Runner {
    this.opened = runner
    this.sessionId = this.found(runner)
    runner.deltas.onDelta((delta) => {
      if (delta.sessionId === this.sessionId) this.view.delta(delta)
    })
    runner.events.onEvent((event) => {
      if (event.sessionId === this.sessionId) this.view.event(event)
    })
    runner.runtime.asks?.onAsk((fact) => {
      if (fact.kind === 'ask') this.asked(runner, fact.ask)
      else runner.talk.asks.ended(runner.runtime.name, fact.askId)
    })
    return runner
  }

  /** The session to go on in. */
  private found(runner: Runner): string | null {
    const { session, continues } = this.options
    if (session === null) return continues ? runner.newestIn(this.workspace) : null
    const [known] = runner.store.watched.find(session).filter((one) => one.runtime === runner.runtime.name)
    if (!known) this.say(paint('yellow', `There is no session ${safe(session)}; a new one begins.`))
    return known?.id ?? null
  }

  /** Until the person leaves. */
  async talk(): Promise<void> {
    if (this.options.session !== null || this.options.continues) await this.tellLost()
    while (!this.over) {
      const line = this.queued.shift() ?? (await this.lines.read(prompt))
      if (line === null) break
      this.warned = false
      const text = line.trim()
      if (text === '') continue
      this.options.history.add(text)
      if (text.startsWith('/')) await this.slash(text)
      else if (text.startsWith('!')) await this.type(text.slice(1).trim())
      else await this.turn(text)
      if (this.isTerminal && this.queued.length === 0 && !this.over) this.say('')
    }
    this.lines.close()
    await (await this.opening).close()
  }

  /** Whoever goes on in a session hears first what in it is not known. */
  private async tellLost(): Promise<void> {
    const { talk } = await this.runner()
    const session = await this.session()
    const words = session ? await lostWords(talk, session) : []
    if (words.length === 0) return
    if (this.isTerminal) process.stdout.write('\n')
    this.say(words.join('\n'))
  }

  say(text: string): void {
    this.view.line(text)
  }

  /** Told to from outside. */
  end(): void {
    this.running?.abort(new Error('cancelled'))
    this.leave()
  }

  leave(): void {
    this.over = true
    this.lines.close()
  }

  /** The session that is gone on in; null: the next prompt begins one. */
  enter(sessionId: string | null): void {
    this.sessionId = sessionId
    if (sessionId === null) this.say(paint('dim', 'A new session.'))
  }

  async session(): Promise<KnownSession | null> {
    return this.sessionId === null ? null : (await this.runner()).store.watched.get(this.sessionId)
  }

  /** What permissions are looked up by, before there is a session. */
  place(): SessionRecord {
    const { agent, workspace } = this.options
    const none = { title: '', taskId: null, createdAt: 0 }
    return { ...none, id: this.sessionId ?? 'none', runtime: 'builtin', workspace, agent, model: this.model }
  }

  namedModel(wanted: string): Promise<Result<string>> {
    return this.options.namedModel(wanted)
  }

  async defaultModel(): Promise<string> {
    const found = await (await this.runner()).runtime.available()
    return found.kind === 'ready' ? found.detail : found.problem.text
  }

  private async slash(text: string): Promise<void> {
    const [name = '', ...rest] = text.slice(1).split(/\s+/)
    const found = slashesOf(this).find((one) => one.name === name)
    if (found) await found.run(this, rest.join(' ').trim())
    else this.say(paint('yellow', `There is no /${safe(name)}; /help shows what there is.`))
  }

  private async turn(text: string): Promise<void> {
    const runner = await this.runner()
    const id = await this.begin(runner, text)
    if (id === null) return
    await this.whileRunning(async (signal) => {
      let { state } = await runner.turn(id, text, signal)
      const moved = signal.aborted ? null : runner.movedTo(id)
      if (moved) {
        this.enter(moved.sessionId)
        this.say(paint('dim', `The plan is carried out in a session of its own: ${safe(moved.sessionId)}`))
        state = (await runner.follow(moved, signal)).state
      }
      this.view.fresh()
      if (signal.aborted) this.say(paint('dim', 'Stopped.'))
      else if (state.kind === 'failed') this.say(faultOf(state.problem))
      else if (state.kind === 'idle' && state.unfinished) this.say(faultOf(state.unfinished))
    })
  }

  /** The session to speak in; made when the first thing is said. */
  private async begin({ talk }: Runner, text: string): Promise<string | null> {
    if (this.sessionId !== null) return this.sessionId
    const { agent } = this.options
    const given = { title: titleOf(text), agent, model: this.model }
    const made = await talk.edits.create(this.workspace, given)
    if (made.ok) this.sessionId = made.value.id
    else for (const problem of made.problems) this.say(faultOf(problem))
    return this.sessionId
  }

  /** A shell line of the person's own. */
  private async type(line: string): Promise<void> {
    if (line === '') return
    const runner = await this.runner()
    const id = await this.begin(runner, line)
    const session = id === null ? null : runner.store.sessions.session(id)
    if (!session) return
    await this.whileRunning(async (signal) => {
      const live = (text: string) => this.view.delta({ kind: 'text', text })
      const { ok, output } = await runner.talk.type(session, line, { signal, live })
      this.view.fresh()
      if (!ok) this.say(paint('yellow', safe(output)))
    })
  }

  private async whileRunning(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const running = new AbortController()
    this.running = running
    try {
      await work(running.signal)
    } finally {
      this.running = null
    }
  }

  /** Ctrl-C. False: leave. */
  private interrupt(line: string): boolean {
    if (this.running) {
      this.running.abort(new Error('cancelled'))
      return true
    }
    if (line !== '') {
      this.lines.clear()
      return true
    }
    if (this.warned) {
      this.over = true
      return false
    }
    this.warned = true
    process.stdout.write(paint('dim', '\nCtrl-C again leaves.\n'))
    this.lines.again()
    return true
  }

  /** A line that was typed while the agent works: told to it where that is possible, else said next. */
  private async steer(line: string): Promise<void> {
    const { runtime } = await this.runner()
    const text = line.trim()
    const steered = this.sessionId !== null && runtime.steer && !/^[/!]/.test(text)
    const told = steered && this.sessionId !== null ? await runtime.steer?.(this.sessionId, text) : null
    if (told?.ok) return this.say(paint('dim', `» ${safe(text)}`))
    if (this.queued.length >= queuedMax) {
      const why = `${queuedMax} lines wait already; say it again when this turn is over.`
      return this.say(paint('yellow', `Not taken: ${safe(text)}\n  ${why}`))
    }
    this.queued.push(text)
    this.say(paint('dim', `» ${safe(text)} (when this turn is over)`))
  }

  private asked(runner: Runner, pending: PendingAsk): void {
    const { asks } = runner.talk
    const key = { runtime: runner.runtime.name, id: pending.id }
    asks.report(key.runtime, pending)
    const isOpen = () => runner.store.asks.get(key)?.status === 'open' && !runner.store.asks.get(key)?.reply
    if (!isOpen() || this.asking.has(pending.id)) return
    const { request } = pending
    if (this.autoApproves && request.kind === 'permission' && !request.personOnly) {
      void asks.answer(key, { kind: 'once' })
      return
    }
    this.asking.add(pending.id)
    const signal = this.running?.signal
    this.asksInOrder = this.asksInOrder.then(async () => {
      const read = (words: string) => {
        if (this.lines.isHalfTyped) this.say(paint('dim', '  Send your line or empty it, then answer.'))
        return this.lines.answer(words, signal)
      }
      const reply = isOpen() ? await ask(pending, { line: (text) => this.say(text), read }) : null
      this.asking.delete(pending.id)
      const said = reply ?? { kind: 'reject' as const, message: 'Nobody is there to answer.' }
      if (signal?.aborted) return
      const done = await asks.answer(key, said)
      // Somebody else was quicker, or the store failed: the run must not wait for ever.
      if (!done.ok) await runner.runtime.asks?.answer(pending, said)
    })
  }

  /** Names of commands and files. */
  private async complete(line: string): Promise<[string[], string]> {
    if (/^\/\S*$/.test(line)) {
      const names = slashesOf(this).map(({ name }) => `/${name}`)
      return [names.filter((name) => name.startsWith(line)), line]
    }
    const [, word] = /(?:^|\s)@(\S*)$/.exec(line) ?? []
    if (word === undefined) return [[], line]
    const env = childEnvironment(this.options.env, [])
    this.files ??= listFiles(this.workspace, { env, owner: `chat-${process.pid}`, max: filesMax })
    const files = await this.files
    // The next completion sees files that came since.
    this.files = null
    const wanted = word.toLowerCase()
    const starts = files.filter((name) => name.startsWith(word))
    const found = starts.length > 0 ? starts : files.filter((name) => name.toLowerCase().includes(wanted))
    const named = found.filter((name) => name === safe(name) && !/\s/.test(name)).slice(0, shownMax)
    return [named.map((name) => `@${name}`), `@${word}`]
  }
}
