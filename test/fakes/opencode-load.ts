/**
 * A flood over `/global/event` of a fake OpenCode server: many busy sessions, mostly deltas; and the count of what was
 * sent, so that a follower can be checked. It measures nothing itself.
 */
import type { FakeOpenCode } from './opencode.ts'
import { FakeTurn } from './opencode-turn.ts'
import type { Json } from './opencode-world.ts'

export interface LoadOptions {
  sessions: number
  eventsPerSecond: number
  /** Folders that the sessions are spread over. */
  folders?: number
}

export interface LoadCount {
  total: number
  byType: Record<string, number>
  /** Events that could not be sent because the follower did not read: it is too slow. */
  heldBack: number
}

const tickMs = 10
/** Of 100 events so many are no deltas. */
const partsPer100 = 4
const statusesPer100 = 1

interface Target {
  directory: string
  project: string
  sessionID: string
  messageID: string
  partID: string
  text: string
}

export class Load {
  readonly count: LoadCount = { total: 0, byType: {}, heldBack: 0 }
  private readonly fake: FakeOpenCode
  private readonly options: LoadOptions
  private readonly targets: Target[] = []
  private timer: ReturnType<typeof setInterval> | null = null
  private startedAt = 0

  constructor(fake: FakeOpenCode, options: LoadOptions) {
    this.fake = fake
    this.options = options
  }

  /** Makes the sessions, each in the middle of a turn that streams text. Before anybody follows it is quick. */
  prepare(): void {
    const { world } = this.fake
    const { sessions, folders = 10 } = this.options
    for (let index = 0; index < sessions; index++) {
      const directory = `/srv/app-${index % folders}`
      const session = world.create(directory, { title: `Session ${index}` })
      world.addUser(session, { parts: [{ type: 'text', text: 'Go' }] })
      const turn = new FakeTurn(world, session)
      turn.text('')
      const partID = turn.message.parts.at(-1)?.id ?? ''
      const { id: messageID } = turn.message.info
      const project = world.projectOf(directory)
      this.targets.push({ directory, project, sessionID: session.id, messageID, partID, text: '' })
    }
  }

  start(): void {
    this.startedAt = performance.now()
    this.timer = setInterval(() => this.tick(), tickMs)
  }

  stop(): LoadCount {
    if (this.timer) clearInterval(this.timer)
    this.timer = null
    return this.count
  }

  /** What is due by now; a late tick makes up for it. */
  private tick(): void {
    const seconds = (performance.now() - this.startedAt) / 1_000
    const due = Math.floor(seconds * this.options.eventsPerSecond) - this.count.total - this.count.heldBack
    if (due <= 0) return
    const lines = Array.from({ length: due }, (_, index) => this.line(this.count.total + index))
    if (this.fake.isChoked) {
      this.count.heldBack += due
      return
    }
    this.fake.send(lines.map(({ text }) => text).join(''))
    this.count.total += due
    for (const { type } of lines) this.count.byType[type] = (this.count.byType[type] ?? 0) + 1
  }

  private line(index: number): { type: string; text: string } {
    const target = this.targets[index % this.targets.length] as Target
    const kind = Math.floor(index / this.targets.length + index) % 100
    const [type, properties] = this.event(target, kind)
    const payload = { id: `evt_${String(index).padStart(10, '0')}load`, type, properties }
    const { directory, project } = target
    return { type, text: `data: ${JSON.stringify({ directory, project, payload })}\n\n` }
  }

  private event(target: Target, kind: number): [string, Json] {
    const { sessionID, messageID, partID } = target
    if (kind < statusesPer100) return ['session.status', { sessionID, status: { type: 'busy' } }]
    if (kind < statusesPer100 + partsPer100) {
      const part = { id: partID, messageID, sessionID, type: 'text', text: target.text, time: { start: 1 } }
      return ['message.part.updated', { sessionID, part, time: 1 }]
    }
    target.text = `${target.text}word `.slice(-200)
    return ['message.part.delta', { sessionID, messageID, partID, field: 'text', delta: 'word ' }]
  }
}
