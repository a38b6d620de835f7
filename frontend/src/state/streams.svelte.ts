/** What each task at work says and does this second. Never stored, never replayed, gone when the task ends. */
import { SvelteMap } from 'svelte/reactivity'
import type { LiveFrame } from '../../../src/server/api.ts'
import { sectionOf, taskIn } from '../model/groups.ts'
import { joinDelta, type LiveLine, lineOfEvent, lineOfStream, type StreamPart } from '../model/live-line.ts'

class Streams {
  readonly lines = new SvelteMap<string, LiveLine>()
  readonly parts = new SvelteMap<string, StreamPart[]>()

  apply(frames: readonly LiveFrame[]): void {
    for (const frame of frames) {
      if (frame.event === 'sessions') continue
      const id = frame.data.taskId
      if (!id) continue
      if (frame.event === 'delta') {
        const parts = joinDelta(this.parts.get(id) ?? [], frame.data)
        this.parts.set(id, parts)
        const line = lineOfStream(parts)
        if (line?.text) this.lines.set(id, line)
        continue
      }
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
}

export const streams = new Streams()
