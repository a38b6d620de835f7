/**
 * A sink delivers events somewhere. The courier (notify/courier.ts)
 * owns order, cursor and retries; a sink only delivers.
 */
import type { EventType, LoomEvent } from './event.ts'
import type { Problem } from './problem.ts'
import type { Task } from './task.ts'

/** What is sent: the original's fields (`event`, `task_id`, `timestamp` in s, `store_version`, `data`) and ours. */
export interface Notice {
  schema_version: '2.0'
  /** Stable across retries: `evt_<machine>_<seq>`. */
  id: string
  event: string
  type: EventType
  task_id: string | null
  task_name: string | null
  /** Epoch seconds. */
  timestamp: number
  timestamp_iso: string
  store_version: number
  data: Record<string, unknown>
}

export type Delivery =
  | { kind: 'delivered'; detail: string }
  /** `retry` false: repeating cannot help (410, bad address). `afterMs`: what the receiver asked for. */
  | { kind: 'refused'; retry: boolean; afterMs: number | null; problem: Problem }

export interface Sink {
  /** Unique and stable: the cursor in the store hangs on it. Holds no secret. */
  readonly id: string
  readonly kind: string
  /** Shown to people, secrets removed. */
  readonly label: string
  wants(event: LoomEvent): boolean
  /** Ends within its own deadline or when `signal` aborts. Never throws for trouble of the receiver. */
  deliver(notice: Notice, signal: AbortSignal): Promise<Delivery>
}

export interface NoticeSource {
  event: LoomEvent
  task: Task | null
}

/** One delivery that reached its receiver, as long as the daemon remembers it. */
export interface Delivered {
  seq: number
  type: EventType
  taskId: string | null
  /** Of the task. */
  title: string | null
  /** Epoch ms of the answer, and how long it took. */
  at: number
  tookMs: number
  /** What the receiver said. */
  detail: string
}

/** A sink as a person looks at it. */
export interface SinkLook {
  id: string
  kind: string
  label: string
  /** Deliveries that wait for another try, and the instant of the next one. */
  pending: number
  nextDueAt: number | null
  dead: number
  /** The newest first; since the daemon started. */
  delivered: Delivered[]
}

/** What a test notification came to. */
export interface SinkTested {
  ok: boolean
  tookMs: number
  text: string
  todo: string | null
}
