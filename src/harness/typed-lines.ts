/**
 * Shell lines that a person types into a session of our own agent, one at a time and while it rests. What may run, and
 * in what it is confined, is for the agent's own permissions to say: they come as `run`.
 */

import { ok, type Result, refuse } from '../core/problem.ts'
import type { LiveDelta } from '../core/runtime.ts'
import type { SessionRecord } from '../core/session.ts'
import type { KnownSession } from '../store/watched.ts'
import type { SessionEdits } from './session-edits.ts'
import type { World } from './world.ts'

interface Running {
  signal: AbortSignal
  live(text: string): void
}

/** `ran`: it was not refused before it began. */
export interface LineEnd {
  ok: boolean
  ran: boolean
  output: string
}

export type RunLine = (session: SessionRecord, line: string, running: Running) => Promise<LineEnd>

export class TypedLines {
  private readonly world: Pick<World, 'store'>
  private readonly edits: Pick<SessionEdits, 'alone'>
  private readonly run: RunLine
  private readonly running = new Map<string, Promise<unknown>>()
  private readonly heard = new Set<(delta: LiveDelta) => void>()
  private readonly over = new AbortController()

  constructor(world: Pick<World, 'store'>, edits: Pick<SessionEdits, 'alone'>, run: RunLine) {
    this.world = world
    this.edits = edits
    this.run = run
  }

  onDelta(listener: (delta: LiveDelta) => void): () => void {
    this.heard.add(listener)
    return () => this.heard.delete(listener)
  }

  /** Ends when the line does, or whoever asked is gone. */
  type(known: KnownSession, line: string, signal: AbortSignal): Promise<Result<LineEnd>> {
    return this.edits.alone(known, () => this.typed(known, line, signal))
  }

  private async typed(known: KnownSession, line: string, signal: AbortSignal): Promise<Result<LineEnd>> {
    const { id } = known
    const session = this.world.store.sessions.session(id)
    if (!session || this.running.has(id) || this.over.signal.aborted) return refuse(atWork)
    const live = (text: string) => {
      for (const listener of this.heard) listener({ sessionId: id, kind: 'tool', text })
    }
    const ran = this.run(session, line, { signal: AbortSignal.any([signal, this.over.signal]), live })
    this.running.set(id, ran)
    try {
      const { ok: passed, ran: began, output } = await ran
      const { taskId, title } = known
      const data = { title, by: 'person', line: line.slice(0, 500), ok: passed }
      this.world.store.ledger.note({ type: 'session.typed', sessionId: id, taskId, data })
      return ok({ ok: passed, ran: began, output })
    } finally {
      this.running.delete(id)
    }
  }

  async close(): Promise<void> {
    this.over.abort(new Error('the daemon ends'))
    await Promise.allSettled(this.running.values())
  }
}

const atWork = {
  kind: 'session-at-work',
  text: 'A line runs in this session.',
  todo: 'Wait for its end, or stop it.',
}
