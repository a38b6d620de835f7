/**
 * One turn of a fake OpenCode session, driven by hand: what its model and tools do next is said by the test. The events
 * come in the order that was recorded.
 */
import type { FakeMessage, FakeSession, FakeWorld, Json } from './opencode-world.ts'

export interface PermissionAsk {
  permission: string
  patterns: string[]
  metadata?: Json
  always?: string[]
}

export interface FakeQuestion {
  question: string
  header: string
  options: { label: string; description: string }[]
  multiple?: boolean
}

export const abortedError = { name: 'MessageAbortedError', data: { message: 'Aborted' } }

/** As the provider of a refused key, or any other answer that is an error, makes it. */
export const apiError = (statusCode: number, message: string, isRetryable = statusCode >= 429): Json => ({
  name: 'APIError',
  data: {
    message,
    statusCode,
    isRetryable,
    responseHeaders: {
      connection: 'keep-alive',
      'content-type': 'application/json',
      date: 'removed',
      'keep-alive': 'timeout=60',
      server: 'openloom-scripted-model',
      'transfer-encoding': 'chunked',
    },
    responseBody: JSON.stringify({ error: { message } }),
    metadata: { url: 'http://127.0.0.1:8099/v1/chat/completions' },
  },
})

const scripted = { modelID: 'scripted-model', providerID: 'scripted' }
const snapshot = '0'.repeat(39).concat('2')

export class FakeTurn {
  readonly session: FakeSession
  /** The assistant's message of the step that runs. */
  message: FakeMessage
  isOver = false
  private readonly world: FakeWorld
  private textPart: (Json & { id: string; type: 'text'; text: string }) | null = null
  private readonly tools: FakeTool[] = []

  constructor(world: FakeWorld, session: FakeSession) {
    this.world = world
    this.session = session
    world.setStatus(session, { type: 'busy' })
    this.message = world.addAssistant(session, this.lastUser)
    if (this.prompt) world.summarise(session, this.prompt)
    world.setStatus(session, { type: 'busy' })
  }

  private get lastUser(): string {
    return this.prompt?.info.id ?? ''
  }

  private get prompt(): FakeMessage | undefined {
    return this.session.messages.findLast(({ info }) => info.role === 'user')
  }

  private put(part: Json & { type: string }, id = this.world.id('prt')): void {
    this.world.putPart(this.session, this.message, { id, ...part })
  }

  private get hasBegun(): boolean {
    return this.message.parts.length > 0
  }

  private begin(): void {
    if (!this.hasBegun) this.put({ snapshot, type: 'step-start' })
  }

  /** A piece of text as it streams. */
  text(delta: string): void {
    this.begin()
    if (!this.textPart) {
      this.textPart = { id: this.world.id('prt'), type: 'text', text: '', time: { start: this.world.clock.now() } }
      this.world.putPart(this.session, this.message, { ...this.textPart })
    }
    this.textPart.text += delta
    const { id: partID } = this.textPart
    // What a look between two deltas finds.
    const stored = this.message.parts.find(({ id }) => id === partID)
    if (stored) stored['text'] = this.textPart.text
    this.world.emit(this.session, 'message.part.delta', {
      messageID: this.message.info.id,
      partID,
      field: 'text',
      delta,
    })
  }

  private endText(): void {
    const { textPart } = this
    if (!textPart) return
    const time = { ...(textPart['time'] as Json), end: this.world.clock.now() }
    this.world.putPart(this.session, this.message, { ...textPart, time })
    this.textPart = null
  }

  /** A call that runs at once; `pending` ones run when they have asked. */
  tool(name: string, input: Json, { pending = false } = {}): FakeTool {
    this.begin()
    this.endText()
    const tool = new FakeTool(this.world, this.session, { message: this.message, name, input })
    this.tools.push(tool)
    if (!pending) tool.runs(name === 'bash' ? { metadata: { output: '' } } : {})
    return tool
  }

  /** A `task` call and the turn of the session that it starts. */
  subagent(prompt: string): { tool: FakeTool; turn: FakeTurn } {
    const tool = this.tool('task', { description: prompt, prompt, subagent_type: 'general' }, { pending: true })
    const { directory, id } = this.session
    const permission = [{ permission: 'task', pattern: '*', action: 'deny' }]
    const title = `${prompt} (@general subagent)`
    const child = this.world.create(directory, { parentID: id, title, agent: 'general', permission })
    const metadata = { parentSessionId: id, sessionId: child.id, model: { ...scripted } }
    tool.runs({ title: prompt, metadata })
    this.world.addUser(child, { parts: [{ type: 'text', text: prompt }] })
    const turn = new FakeTurn(this.world, child)
    this.children.push(turn)
    return { tool, turn }
  }
  private readonly children: FakeTurn[] = []

  /** Resolves with the reply. A rejection without message ends the turn, as the real server does. */
  async asks(tool: FakeTool, ask: PermissionAsk): Promise<Json | null> {
    const { permission, patterns, metadata = {}, always = ['*'] } = ask
    const body = { permission, patterns, metadata, always, tool: this.callOf(tool) }
    const asked = this.world.ask(this.session, 'permission', body)
    if (!tool.isRunning) tool.runs()
    const reply = await asked
    if (reply?.['reply'] !== 'reject') tool.mark({ output: '' })
    if (reply?.['reply'] === 'reject') {
      const feedback = reply['message'] ? ` with the following feedback: ${String(reply['message'])}` : '.'
      tool.fails(`The user rejected permission to use this specific tool call${feedback}`)
      if (!reply['message']) this.finish('tool-calls', { quietly: true })
    }
    return reply
  }

  /** Resolves with the answers, null when the question was rejected, which ends the turn. */
  async asksQuestions(questions: FakeQuestion[]): Promise<string[][] | null> {
    const tool = this.tool('question', { questions }, { pending: true })
    const asked = this.world.ask(this.session, 'question', { questions, tool: this.callOf(tool) })
    tool.runs()
    const reply = await asked
    const answers = reply?.['answers'] as string[][] | undefined
    if (answers) tool.ends('User has answered your questions.', { answers })
    else {
      tool.fails('The user dismissed this question')
      this.finish('tool-calls', { quietly: true })
    }
    return answers ?? null
  }

  private callOf(tool: FakeTool): Json {
    return { messageID: this.message.info.id, callID: tool.callId }
  }

  retries(attempt: number, text: string, nextInMs: number): void {
    const next = this.world.clock.now() + nextInMs
    this.world.setStatus(this.session, { type: 'retry', attempt, message: text, next })
  }

  /** After a retry: at it again. */
  resumes(): void {
    this.world.setStatus(this.session, { type: 'busy' })
  }

  private endStep(finish: string): void {
    const { world, session, message } = this
    this.begin()
    this.endText()
    const tokens = { total: 120, input: 80, output: 20, reasoning: 0, cache: { write: 0, read: 20 } }
    this.put({ reason: finish, snapshot, type: 'step-finish', tokens, cost: 0.000122 })
    Object.assign(message.info, { cost: 0.000122, tokens, finish })
    world.changed(session, message)
    message.info.time.completed = world.clock.now()
    world.changed(session, message)
    if (this.prompt) world.summarise(session, this.prompt, this.diffs)
  }

  /** What the turn did to files so far, as `/session/{id}/diff?messageID=` tells it. */
  readonly diffs: Json[] = []

  /** Ends the step with its tool calls and begins the next one; prompts that came meanwhile join here. */
  nextStep(): void {
    this.endStep('tool-calls')
    this.world.setStatus(this.session, { type: 'busy' })
    this.message = this.world.addAssistant(this.session, this.lastUser)
    this.world.setStatus(this.session, { type: 'busy' })
  }

  finish(finish = 'stop', { quietly = false } = {}): void {
    this.endStep(finish)
    if (!quietly) this.world.setStatus(this.session, { type: 'busy' })
    this.idle()
  }

  private idle(): void {
    this.isOver = true
    this.world.setStatus(this.session, { type: 'idle' })
    this.world.emit(this.session, 'session.idle', {})
  }

  /** Ends by an error: idle is told twice, before and after the message says so. */
  fails(error: Json): void {
    const { world, session, message } = this
    for (const child of this.children) if (!child.isOver) child.fails(error)
    world.emit(session, 'session.error', { error })
    this.idle()
    this.endText()
    for (const tool of this.tools) tool.isCut()
    Object.assign(message.info, { error })
    message.info.time.completed = world.clock.now()
    world.changed(session, message)
    this.idle()
  }

  /** The asks of the turn stay in the lists as ghosts. */
  aborts(): void {
    this.fails(abortedError)
  }
}

/** A call of a tool, from `pending` on. */
export class FakeTool {
  readonly callId: string
  private readonly world: FakeWorld
  private readonly session: FakeSession
  private readonly message: FakeMessage
  private readonly part: Json & { id: string; type: string }
  private readonly input: Json
  private state: Json

  constructor(
    world: FakeWorld,
    session: FakeSession,
    { message, name, input }: { message: FakeMessage; name: string; input: Json },
  ) {
    this.world = world
    this.session = session
    this.message = message
    const id = world.id('prt')
    this.callId = id.replace('prt', 'call')
    this.part = { id, type: 'tool', tool: name, callID: this.callId }
    this.input = input
    this.state = { status: 'pending', input: {}, raw: '' }
    this.put()
  }

  runs(more: { title?: string; metadata?: Json } = {}): void {
    this.state = { ...more, status: 'running', input: this.input, time: { start: this.world.clock.now() } }
    this.put()
  }

  private put(): void {
    this.world.putPart(this.session, this.message, { ...this.part, state: structuredClone(this.state) })
  }

  get isRunning(): boolean {
    return this.state['status'] === 'running'
  }

  /** What the tool says of itself while it runs. */
  mark(metadata: Json): void {
    Object.assign(this.state, { metadata: { ...(this.state['metadata'] as Json | undefined), ...metadata } })
    this.put()
  }

  prints(text: string): void {
    const before = (this.state['metadata'] as { output?: string } | undefined)?.output ?? ''
    this.mark({ output: before + text })
  }

  private end(change: Json): void {
    const { input, metadata, time } = this.state
    const kept = metadata === undefined ? {} : { metadata }
    this.state = { input, ...kept, ...change, time: { ...(time as Json), end: this.world.clock.now() } }
    this.put()
  }

  ends(output: string, metadata: Json = {}): void {
    const { name, exit } = { name: this.part['tool'], exit: this.part['tool'] === 'bash' ? { output, exit: 0 } : {} }
    this.end({ status: 'completed', output, metadata: { ...exit, ...metadata, truncated: false }, title: String(name) })
  }

  fails(error: string): void {
    this.end({ status: 'error', error })
  }

  /** An abort: a bash that ran counts as completed and says so in its output, everything else as an error. */
  isCut(): void {
    if (!this.isRunning) return
    const { tool } = this.part
    if (tool === 'task') return this.fails('Task cancelled')
    if (tool !== 'bash' || this.state['metadata'] === undefined) {
      return this.end({ status: 'error', error: 'Tool execution aborted', metadata: { interrupted: true } })
    }
    const output = '(no output)\n\n<shell_metadata>\nUser aborted the command\n</shell_metadata>'
    this.end({ status: 'completed', output, metadata: { output, exit: null, truncated: false }, title: 'bash' })
  }
}
