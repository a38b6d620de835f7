/** What is asked of the daemon's HTTP API. */
import type { TaskStatus } from '../../src/core/task.ts'
import type { Restored, SessionItem, Undone } from '../../src/server/api.ts'

export interface TaskQuery {
  verdict?: string
  workspace?: string
  runtime?: string
  /** Epoch ms. */
  since?: number | null
  statuses?: readonly (TaskStatus | string)[]
  q?: string
  order?: string
  limit?: number
  after?: string | null
}

export interface UsageQuery {
  by?: string
  /** A word of the daemon (`today`, `month`, `30d`) or epoch ms; absent: without end. */
  since?: string | number
  until?: number
  limit?: number
}

/** Nulls: the usual profile, the model of the runtime. */
export interface NewSession {
  workspace: string
  title: string
  agent: string | null
  model: string | null
}

/** What is sent to a session, and what comes back. */
export interface SessionEdits {
  abort: { body: object; answer: { pausedTaskId: string | null } }
  prompt: { body: { text: string }; answer: unknown }
  steer: { body: { text: string }; answer: unknown }
  compact: { body: object; answer: { done: boolean } }
  rename: { body: { title: string }; answer: SessionItem }
  model: { body: { model: string | null }; answer: SessionItem }
  profile: { body: { profile: string | null }; answer: SessionItem }
  archive: { body: { archived: boolean }; answer: SessionItem }
  fork: { body: { at?: number }; answer: SessionItem }
  undo: { body: { files: boolean }; answer: Undone }
  restore: { body: { paths?: string[] }; answer: Restored }
}

/** What is sent twice under one key is done once. */
export const freshKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('')
