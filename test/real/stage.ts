/** Where a scenario plays: a folder of its own on the real server, everything that is called and heard noted. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CallOptions, EventLog, OpenCodeClient, Reply, SeenEvent } from '../fakes/opencode-client.ts'
import type { OpenCodeServer } from '../fakes/opencode-server.ts'
import { makeProject } from '../fakes/opencode-server.ts'
import { normalised, type Recording, type Snapshot, type TrafficLine, thinned } from '../fakes/recording.ts'

export class Stage {
  readonly server: OpenCodeServer
  readonly directory: string
  private readonly client: OpenCodeClient
  private readonly sessions: string[] = []
  private readonly traffic: TrafficLine[] = []
  private readonly moments: Record<string, Snapshot> = {}
  private readonly startedAt = Date.now()
  private log: EventLog | null = null
  private taken = 0

  constructor(server: OpenCodeServer, directory: string) {
    this.server = server
    this.directory = directory
    this.client = server.client
  }

  /** Makes the folder a project; `permission` is that of its opencode.json. */
  static async open(server: OpenCodeServer, directory: string, permission?: Record<string, unknown>): Promise<Stage> {
    makeProject(directory)
    if (permission) writeFileSync(join(directory, 'opencode.json'), JSON.stringify({ permission }))
    const stage = new Stage(server, directory)
    await stage.listen()
    return stage
  }

  private get atMs(): number {
    return Date.now() - this.startedAt
  }

  async listen(): Promise<void> {
    this.log = await this.client.follow()
    this.taken = 0
    this.traffic.push({ atMs: this.atMs, stream: 'opened' })
  }

  async deafen(): Promise<void> {
    await this.log?.close()
    this.take()
    this.traffic.push({ atMs: this.atMs, stream: 'ended' })
  }

  /** Events so far become lines, those of other folders left out. */
  private take(): void {
    const fresh = this.log?.events.slice(this.taken) ?? []
    this.taken += fresh.length
    const own = fresh.filter(({ directory, payload }) => directory === this.directory || /^server\./.test(payload.type))
    for (const { at, ...event } of own) this.traffic.push({ atMs: Math.max(0, at - this.startedAt), event })
  }

  async call(request: string, options: CallOptions = {}): Promise<Reply> {
    const reply = await this.client.call(request, { directory: this.directory, ...options })
    const line: TrafficLine = { atMs: this.atMs, call: request, status: reply.status }
    if (options.directory && options.directory !== this.directory) line.call += `?directory=${options.directory}`
    if (options.body !== undefined) line.body = options.body
    if (reply.status >= 400 || /^POST|\/diff\b/.test(request)) line.answer = reply.json ?? reply.text
    this.traffic.push(line)
    return reply
  }

  async session(body: Record<string, unknown> = {}): Promise<string> {
    const { json } = await this.call('POST /session', { body })
    const { id } = json as { id: string }
    this.sessions.push(id)
    return id
  }

  prompt(sessionId: string, text: string, more: Record<string, unknown> = {}): Promise<Reply> {
    return this.call(`POST /session/${sessionId}/prompt_async`, { body: { parts: [{ type: 'text', text }], ...more } })
  }

  abort(sessionId: string): Promise<Reply> {
    return this.call(`POST /session/${sessionId}/abort`)
  }

  /** Waits for the next event of this type: one that came after the last call of this. */
  async next(type: string, fits: (properties: Record<string, unknown>) => boolean = () => true): Promise<SeenEvent> {
    if (!this.log) throw new Error('nobody listens')
    const wanted = ({ directory, payload }: SeenEvent) =>
      directory === this.directory && payload.type === type && fits(payload.properties)
    const found = await this.log.sees(type, wanted, { from: this.heard, limitMs: 100_000 })
    this.heard = this.log.events.indexOf(found) + 1
    return found
  }
  private heard = 0

  idle(sessionId: string): Promise<SeenEvent> {
    return this.next('session.idle', (properties) => properties['sessionID'] === sessionId)
  }

  /** A tool call that runs; resolves with the part. */
  async running(tool: string): Promise<Record<string, unknown>> {
    const isRunning = ({ part }: Record<string, unknown>) => {
      const { tool: name, state } = part as { tool?: string; state?: { status: string } }
      return name === tool && state?.status === 'running'
    }
    const seen = await this.next('message.part.updated', isRunning)
    return seen.payload.properties['part'] as Record<string, unknown>
  }

  /** Lets late events arrive: only for the end of a scenario, where nothing tells that nothing follows. */
  settle(ms = 400): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms))
  }

  async children(sessionId: string): Promise<string[]> {
    const found = await this.client.get<{ id: string }[]>(`GET /session/${sessionId}/children`)
    for (const { id } of found) if (!this.sessions.includes(id)) this.sessions.push(id)
    return found.map(({ id }) => id)
  }

  async snapshot(moment: string): Promise<Snapshot> {
    const { directory } = this
    const snapshot: Snapshot = {}
    for (const path of ['/session/status', '/permission', '/question']) {
      snapshot[path] = await this.client.get(`GET ${path}`, { directory })
    }
    for (const id of [...this.sessions]) {
      await this.children(id)
    }
    for (const id of this.sessions) {
      for (const path of [`/session/${id}`, `/session/${id}/message`, `/session/${id}/children`]) {
        snapshot[path] = await this.client.get(`GET ${path}`)
      }
    }
    const all = await this.client.get<{ id: string }[]>('GET /experimental/session')
    snapshot['/experimental/session'] = all.filter(({ id }) => this.sessions.includes(id))
    this.moments[moment] = snapshot
    return snapshot
  }

  async finish(): Promise<Recording> {
    await this.settle()
    await this.deafen()
    const places = [
      [this.directory, '/srv/app'],
      [this.server.work, '/srv/start'],
      [this.server.elsewhere, '/srv/elsewhere'],
      [this.server.home, '/srv/home'],
      [this.server.folder, '/srv'],
      [this.server.modelUrl, 'http://127.0.0.1:8099/v1'],
      [this.server.url, 'http://127.0.0.1:4096'],
    ] as const
    const traffic = thinned(this.traffic).sort((a, b) => a.atMs - b.atMs)
    const recording = { traffic, moments: this.moments }
    return normalised(recording, this.startedAt, places)
  }
}
