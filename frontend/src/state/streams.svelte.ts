/** What each task and session at work says and does this second. Never stored, gone when it stands in a transcript. */
import { SvelteMap } from 'svelte/reactivity'
import type { LiveFrame } from '../../../src/server/api.ts'
import { sectionOf, taskIn } from '../model/groups.ts'
import { joinDelta, type LiveLine, lineOfEvent, lineOfStream, type StreamPart } from '../model/live-line.ts'

const sessionsMax = 100

/** Since which event, as the transcript counts it. */
interface Said {
  since: number
  parts: StreamPart[]
}

class Streams {
  readonly lines = new SvelteMap<string, LiveLine>()
  readonly parts = new SvelteMap<string, StreamPart[]>()
  readonly #said = new Map<string, Said>()

  /** For a page of it that is opened in the middle. */
  saidIn(sessionId: string): Said {
    return this.#said.get(sessionId) ?? { since: 0, parts: [] }
  }

  apply(frames: readonly LiveFrame[]): void {
    for (const frame of frames) {
      if (frame.event === 'sessions') continue
      if (frame.event === 'saying') {
        this.#said.clear()
        this.parts.clear()
        for (const { taskId, sessionId, since, parts } of frame.data) {
          this.#say(sessionId, { since, parts })
          if (taskId) this.#tell(taskId, parts)
        }
        continue
      }
      const id = frame.data.taskId
      if (frame.event === 'delta') {
        const { sessionId, since } = frame.data
        const before = this.saidIn(sessionId)
        this.#say(sessionId, { since, parts: joinDelta(before.since === since ? before.parts : [], frame.data) })
        if (id) this.#tell(id, joinDelta(this.parts.get(id) ?? [], frame.data))
        continue
      }
      if (!id) continue
      const line = lineOfEvent(frame.data)
      if (line) this.lines.set(id, line)
      // What was streamed stands in the timeline from here on.
      if (frame.data.type === 'message.finished' || frame.data.type === 'attempt.started') this.parts.delete(id)
      const task = taskIn(frame.data)
      if (task && sectionOf(task.status) !== 'running') {
        this.lines.delete(id)
        this.parts.delete(id)
      }
    }
  }

  #say(sessionId: string, said: Said): void {
    this.#said.delete(sessionId)
    this.#said.set(sessionId, said)
    const [oldest = ''] = this.#said.keys()
    if (this.#said.size > sessionsMax) this.#said.delete(oldest)
  }

  #tell(taskId: string, parts: StreamPart[]): void {
    this.parts.set(taskId, parts)
    const line = lineOfStream(parts)
    if (line?.text) this.lines.set(taskId, line)
  }
}

export const streams = new Streams()
