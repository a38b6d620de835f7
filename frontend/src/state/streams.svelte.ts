/** What each task and session at work says and does this second. Never stored, gone when it stands in a transcript. */
import { SvelteMap } from 'svelte/reactivity'
import type { LiveFrame } from '../../../src/server/api.ts'
import { sectionOf, taskIn } from '../model/groups.ts'
import { endsSaying, joinDelta, type LiveLine, lineOfEvent, lineOfStream, type StreamPart } from '../model/live-line.ts'

const sessionsMax = 100

class Streams {
  readonly lines = new SvelteMap<string, LiveLine>()
  readonly parts = new SvelteMap<string, StreamPart[]>()
  readonly #said = new Map<string, StreamPart[]>()

  /** For a page of it that is opened in the middle. */
  saidIn(sessionId: string): StreamPart[] {
    return this.#said.get(sessionId) ?? []
  }

  apply(frames: readonly LiveFrame[]): void {
    for (const frame of frames) {
      if (frame.event === 'sessions') continue
      if (frame.event === 'saying') {
        this.#said.clear()
        this.parts.clear()
        for (const { taskId, sessionId, parts } of frame.data) this.#say(sessionId, taskId, parts)
        continue
      }
      const { taskId: id, sessionId } = frame.data
      if (frame.event === 'delta') {
        const joined = (before: StreamPart[] | undefined) => joinDelta(before ?? [], frame.data)
        this.#say(frame.data.sessionId, null, joined(this.#said.get(frame.data.sessionId)))
        if (id) this.#tell(id, joined(this.parts.get(id)))
        continue
      }
      if (sessionId && endsSaying.test(frame.data.type)) this.#said.delete(sessionId)
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

  #say(sessionId: string, taskId: string | null, parts: StreamPart[]): void {
    this.#said.set(sessionId, parts)
    const [oldest = ''] = this.#said.keys()
    if (this.#said.size > sessionsMax) this.#said.delete(oldest)
    if (taskId) this.#tell(taskId, parts)
  }

  #tell(taskId: string, parts: StreamPart[]): void {
    this.parts.set(taskId, parts)
    const line = lineOfStream(parts)
    if (line?.text) this.lines.set(taskId, line)
  }
}

export const streams = new Streams()
