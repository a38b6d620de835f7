/**
 * The shapes that the HTTP API answers. The dashboard and the CLI import these types and nothing else of the server.
 */
import type { LoomEvent } from '../core/event.ts'
import type { Task, TaskItem } from '../core/task.ts'
import type { AttemptRecord } from '../core/verdict.ts'

/** `GET /api/tasks?status=&q=&limit=&after=`: newest first; `next` is the cursor for `after`, null at the end. */
export interface TaskPage {
  items: TaskItem[]
  next: string | null
}

/** `GET /api/tasks/{id}`; `id` may be any unambiguous prefix. */
export interface TaskDetail {
  task: Task
  attempts: AttemptRecord[]
}

/** `GET /api/tasks/{id}/events?after=&limit=` and `GET /api/events?after=&limit=` with `Accept: application/json`. */
export interface EventPage {
  items: LoomEvent[]
  /** Highest `seq` of the page, for the next `after`; null when there is nothing newer. */
  next: number | null
}

/** `GET /api/state`: what the page's frame shows; small, and re-read only after a reconnect. */
export interface DaemonState {
  version: string
  startedAt: number
  /** Highest event when this was read: connect the stream with `Last-Event-ID: <seq>` and nothing is missed. */
  seq: number
  /** True while the daemon runs on the scripted sample model; the page says so in plain sight. */
  sample: boolean
  draining: boolean
  inbox: { dir: string; watching: boolean }
  runtimes: { name: string; ready: boolean; detail: string }[]
  sinks: { id: string; kind: string; label: string; pending: number; dead: number }[]
  counts: Record<string, number>
  alarms: { code: string; text: string; since: number }[]
}

/** The stream `GET /api/live` (SSE). `event: event` frames carry a LoomEvent and its `seq` as SSE id; `Last-Event-ID`
 * (header, or `?after=`) resumes. `event: delta` frames have no id and are never replayed. */
export type LiveFrame =
  | { event: 'event'; data: LoomEvent }
  | {
      event: 'delta'
      data: { taskId: string | null; sessionId: string; kind: 'text' | 'reasoning' | 'tool'; text: string }
    }

/** RFC 9457 `application/problem+json` of every refusal. */
export interface ProblemBody {
  type: string
  title: string
  status: number
  detail: string
  problems: { kind: string; text: string; todo?: string; line?: number }[]
}
