/** The fake OpenCode server says what the real one said: the same scenario on both, compared by order and shape. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { FakeOpenCode } from './opencode.ts'
import { type EventLog, OpenCodeClient, type WireEvent } from './opencode-client.ts'
import { apiError, type FakeTurn } from './opencode-turn.ts'
import { eventsOf, outlineOf, readRecording, shapeOf, shapesOf } from './recording.ts'

const directory = '/srv/app'
const bash = { command: 'sleep 600', description: 'Runs a command', timeout: 900_000 }
const echo = { command: 'echo permitted', description: 'Runs a command' }
const colours = {
  question: 'Which colour?',
  header: 'Colour',
  options: [
    { label: 'Red', description: 'Like fire' },
    { label: 'Blue', description: 'Like the sea' },
  ],
}

class Scene {
  readonly fake = new FakeOpenCode({ password: 'a-password' })
  log: EventLog | null = null
  id = ''

  async open(): Promise<this> {
    await this.fake.open()
    onTestFinished(() => this.fake.close())
    this.log = await this.client.follow()
    return this
  }

  get client(): OpenCodeClient {
    return new OpenCodeClient(this.fake.address)
  }

  async prompt(text: string, more: Record<string, unknown> = {}): Promise<FakeTurn> {
    const body = { metadata: { openloom_task: 't_example' } }
    if (!this.id) this.id = (await this.client.get<{ id: string }>('POST /session', { body, directory })).id
    await this.send(text, more)
    return this.fake.turn(this.id)
  }

  send(text: string, more: Record<string, unknown> = {}) {
    const body = { parts: [{ type: 'text', text }], ...more }
    return this.client.call(`POST /session/${this.id}/prompt_async`, { body, directory })
  }

  reply(kind: 'permission' | 'question', path: string, body?: unknown) {
    const [ask] = this.fake.world.asksIn(directory, kind)
    return this.client.call(`POST /${kind}/${ask?.id}/${path}`, { directory, ...(body ? { body } : {}) })
  }

  async abort(): Promise<void> {
    await this.client.call(`POST /session/${this.id}/abort`)
  }

  /** What a follower heard; waits for a mark of its own, so that nothing is missing. */
  async heard(): Promise<WireEvent[]> {
    this.fake.beat()
    await this.log?.type('server.heartbeat')
    return (this.log?.events ?? []).filter(({ payload }) => payload.type !== 'server.heartbeat')
  }
}

const scenes: Record<string, (scene: Scene) => Promise<void>> = {
  text: async (scene) => {
    const turn = await scene.prompt('Say it')
    for (const word of ['Hello ', 'there, ', 'this ', 'is ', 'text.']) turn.text(word)
    turn.finish()
  },
  'hung-bash': async (scene) => {
    const turn = await scene.prompt('Hang')
    turn.tool('bash', bash)
    await scene.abort()
    const next = await scene.prompt('Go on')
    next.text('Done.')
    next.finish()
  },
  'printing-bash': async (scene) => {
    const turn = await scene.prompt('Print')
    const tool = turn.tool('bash', { command: 'for i …', description: 'Runs a command' })
    tool.prints('line 1\n')
    tool.prints('line 2\n')
    tool.ends('line 1\nline 2\n')
    turn.nextStep()
    turn.text('It printed.')
    turn.finish()
  },
  'rate-limit': async (scene) => {
    const turn = await scene.prompt('Try')
    turn.retries(1, 'too many', 2_000)
    turn.resumes()
    turn.text('After the limit.')
    turn.finish()
  },
  'bad-key': async (scene) => {
    const turn = await scene.prompt('Fail')
    turn.fails(apiError(401, 'bad key', false))
  },
  'unknown-model': async (scene) => {
    scene.id = scene.fake.world.create(directory).id
    await scene.send('Nobody', { model: { providerID: 'scripted', modelID: 'nobody' } })
  },
  'unknown-agent': async (scene) => {
    scene.id = scene.fake.world.create(directory).id
    await scene.send('Nobody', { agent: 'nobody' })
  },
  'permission-once': async (scene) => {
    const turn = await scene.prompt('Ask')
    const tool = turn.tool('bash', echo, { pending: true })
    const metadata = { command: 'echo permitted' }
    const asked = turn.asks(tool, { permission: 'bash', patterns: ['echo permitted'], metadata, always: ['echo *'] })
    await scene.reply('permission', 'reply', { reply: 'once' })
    await asked
    tool.prints('permitted\n')
    tool.ends('permitted\n')
    turn.nextStep()
    turn.text('Done.')
    turn.finish()
  },
  'permission-rejected': async (scene) => {
    const turn = await scene.prompt('Ask')
    const tool = turn.tool('bash', echo, { pending: true })
    const metadata = { command: 'echo permitted' }
    const asked = turn.asks(tool, { permission: 'bash', patterns: ['echo permitted'], metadata, always: ['echo *'] })
    await scene.reply('permission', 'reply', { reply: 'reject' })
    await asked
  },
  'permissions-at-once': async (scene) => {
    const turn = await scene.prompt('Ask')
    const commands = ['echo first', 'echo second']
    const tools = commands.map((command) => {
      const tool = turn.tool('bash', { ...echo, command }, { pending: true })
      tool.runs()
      return tool
    })
    const asks = tools.map((tool, n) => {
      const command = commands[n] ?? ''
      return turn.asks(tool, { permission: 'bash', patterns: [command], metadata: { command }, always: ['echo *'] })
    })
    await scene.reply('permission', 'reply', { reply: 'reject', message: 'Not now.' })
    await Promise.all(asks)
  },
  'ghost-permission': async (scene) => {
    const turn = await scene.prompt('Ask')
    const tool = turn.tool('bash', echo, { pending: true })
    const metadata = { command: 'echo permitted' }
    void turn.asks(tool, { permission: 'bash', patterns: ['echo permitted'], metadata, always: ['echo *'] })
    await scene.abort()
    expect(scene.fake.world.asksIn(directory, 'permission')).toHaveLength(1)
  },
  question: async (scene) => {
    const turn = await scene.prompt('Ask')
    const asked = turn.asksQuestions([colours])
    await scene.reply('question', 'reply', { answers: [['Red']] })
    expect(await asked).toEqual([['Red']])
    turn.nextStep()
    turn.text('Red it is.')
    turn.finish()
  },
  'question-in-own-words': async (scene) => {
    const turn = await scene.prompt('Ask')
    const asked = turn.asksQuestions([colours])
    await scene.reply('question', 'reply', { answers: [['Not answered yet.']] })
    await asked
    turn.nextStep()
    turn.text('I go on.')
    turn.finish()
  },
  'question-rejected': async (scene) => {
    const turn = await scene.prompt('Ask')
    const asked = turn.asksQuestions([colours])
    await scene.reply('question', 'reject')
    expect(await asked).toBeNull()
  },
  'subagent-hangs': async (scene) => {
    const parent = await scene.prompt('Delegate')
    const { turn } = parent.subagent('Child of it')
    turn.tool('bash', bash)
    await scene.abort()
  },
  'same-message-twice': async (scene) => {
    scene.id = scene.fake.world.create(directory).id
    const messageID = 'msg_own00000000000000000001'
    const turn = await scene.prompt('Once', { messageID })
    turn.text('Once.')
    turn.finish()
    await scene.send('Once', { messageID })
  },
  'cut-off': async (scene) => {
    const turn = await scene.prompt('Cut')
    turn.text('This answer is')
    turn.finish('length')
  },
  empty: async (scene) => {
    const turn = await scene.prompt('Nothing')
    turn.finish()
  },
}

describe('the fake OpenCode server', () => {
  it.each(Object.entries(scenes))('tells the same as the real one: %s', async (name, play) => {
    const scene = await new Scene().open()
    await play(scene)
    const [heard, recorded] = [await scene.heard(), eventsOf(readRecording(name))]
    // Whether a tool runs before or after it asks is a race there, and so is what a `task` tells of itself.
    const outline = (events: WireEvent[]) => outlineOf(events).filter((word) => !/tool (task|\w+ running)/.test(word))
    expect(outline(heard)).toEqual(outline(recorded))
    expect(shapesOf(heard)).toEqual(shapesOf(recorded))
  })

  it('answers the snapshot calls in the shapes of the real one', async () => {
    const scene = await new Scene().open()
    const turn = await scene.prompt('Ask')
    const tool = turn.tool('bash', echo, { pending: true })
    const metadata = { command: 'echo permitted' }
    void turn.asks(tool, { permission: 'bash', patterns: ['echo permitted'], metadata, always: ['echo *'] })
    const recorded = readRecording('permission-once').moments['asked'] ?? {}
    const [session] = (recorded['/experimental/session'] as { id: string }[]).map(({ id }) => id)
    for (const [path, then] of Object.entries(recorded)) {
      const now = await scene.client.get(`GET ${path.replace(session ?? '', scene.id)}`, { directory })
      // Titles and summaries of changes come when they are ready, and statuses are keyed by session.
      const shape = (value: unknown) =>
        [...shapeOf(value)]
          .map((line) => line.replace(/ses_\w+/, 'id'))
          .filter((line) => !/summary/.test(line))
          .sort()
      expect({ path, shape: shape(now) }).toEqual({ path, shape: shape(then) })
    }
  })

  it('has the traps of the real one', async () => {
    const scene = await new Scene().open()
    const { client, fake } = scene
    expect((await fetch(`${fake.url}/global/health`)).status).toBe(401)
    expect(await client.call('GET /api/info')).toMatchObject({ status: 200, contentType: 'text/html' })
    expect(await client.call('POST /session/nonsense/abort')).toMatchObject({ status: 200, json: true })
    expect(await client.call('GET /session/ses_nobody')).toMatchObject({ status: 404 })
    const turn = await scene.prompt('Ask')
    const tool = turn.tool('bash', echo, { pending: true })
    void turn.asks(tool, { permission: 'bash', patterns: ['echo permitted'] })
    const [ask] = fake.world.asksIn(directory, 'permission')
    const reply = { body: { reply: 'once' } }
    const elsewhere = await client.call(`POST /permission/${ask?.id}/reply`, { ...reply, directory: '/srv/other' })
    expect(elsewhere).toMatchObject({ status: 404, json: { _tag: 'PermissionNotFoundError' } })
    expect(await client.get('GET /session/status', { directory: '/srv/other' })).toEqual({})
    expect(await client.get('GET /session/status', { directory })).toEqual({ [scene.id]: { type: 'busy' } })
  })

  it('pages sessions and messages with cursors', async () => {
    const scene = await new Scene().open()
    const turn = await scene.prompt('One')
    turn.finish()
    await scene.send('Two')
    const page = (query: string) => fetch(`${scene.fake.url}${query}`, { headers: scene.client.headers })
    const last = await page(`/session/${scene.id}/message?limit=2`)
    const cursor = last.headers.get('x-next-cursor')
    const older = (await (await page(`/session/${scene.id}/message?limit=2&before=${cursor}`)).json()) as unknown[]
    expect([((await last.json()) as unknown[]).length, older.length]).toEqual([2, 1])
  })

  it('fails on demand: silent, slow, refusing, cut off, restarted', async () => {
    const scene = await new Scene().open()
    const { client, fake } = scene
    fake.fault('hang', { path: /health/, times: 1 })
    await expect(client.call('GET /global/health', { timeoutMs: 50 })).rejects.toThrow(/timeout/i)
    fake.fault({ status: 500 }, { times: 1 })
    expect(await client.call('GET /global/health')).toMatchObject({ status: 500 })
    fake.fault('reset', { times: 1 })
    await expect(client.call('GET /global/health')).rejects.toThrow()
    fake.fault({ slowMs: 20 }, { times: 1 })
    expect(await client.call('GET /global/health')).toMatchObject({ status: 200 })
    fake.dropStreams()
    await scene.log?.ended
    const turn = await scene.prompt('Hang')
    turn.tool('bash', bash)
    await fake.down()
    await expect(client.call('GET /global/health')).rejects.toThrow()
    await fake.open()
    expect(await client.get('GET /session/status', { directory })).toEqual({})
    const [, message] = await client.get<{ parts: unknown[] }[]>(`GET /session/${scene.id}/message`)
    expect(message?.parts.at(-1)).toMatchObject({ state: { status: 'running' } })
  })

  it('follows the script of the runtime contract by itself', async () => {
    const fake = await new FakeOpenCode({ auto: true }).open()
    onTestFinished(() => fake.close())
    const client = new OpenCodeClient(fake.address)
    const log = await client.follow()
    const { id } = await client.get<{ id: string }>('POST /session', { body: {}, directory })
    const prompt = (sessionId: string, text: string) =>
      client.call(`POST /session/${sessionId}/prompt_async`, { body: { parts: [{ type: 'text', text }] } })
    await prompt(id, 'Say hello.')
    await log.type('session.idle', id)
    await prompt(id, 'And now?')
    await log.type('session.idle', id, { from: log.events.length })
    const texts = fake.world.sessions
      .get(id)
      ?.messages.map(({ parts }) => parts.find(({ type }) => type === 'text')?.text)
    expect(texts).toEqual(['Say hello.', 'hello there', 'And now?', 'goodbye then'])
    const other = fake.world.create(directory).id
    await prompt(other, 'Never answer.')
    await log.type('session.status', other)
    expect(fake.isRunning(other)).toBe(true)
    const third = fake.world.create(directory).id
    await prompt(third, 'Be broken.')
    await log.type('session.error', third)
    expect(fake.turns).toBe(4)
  })
})
