/** One append-only fact with a growing `seq`: the only source of notifications, live view and `openloom log`. */

export const eventTypes = [
  'daemon.started',
  'daemon.stopped',
  'machine.slept',
  'alarm.raised',
  'alarm.cleared',
  'settings.changed',
  'inbox.rejected',
  'inbox.noticed',
  'intake.refused',
  'task.created',
  'task.updated',
  'task.queued',
  'task.started',
  'task.running',
  'task.waiting',
  'task.paused',
  'task.verifying',
  'task.refuted',
  'task.done',
  'task.failed',
  'task.cancelled',
  'task.archived',
  'attempt.started',
  'prompt.sent',
  'checks.added',
  'base.examined',
  'check.finished',
  'check.quarantined',
  'check.released',
  'verdict.reached',
  'tampering.accepted',
  'commit.marked',
  'receipt.issued',
  'session.opened',
  'session.found',
  'session.vanished',
  'session.stalled',
  'session.revived',
  'session.child_killed',
  'session.taken_over',
  'session.aborted',
  'session.prompted',
  'session.edited',
  'session.steered',
  'session.typed',
  'session.paused',
  'session.resumed',
  'session.compacted',
  'runtime.connected',
  'runtime.lost',
  'runtime.restarted',
  'ask.raised',
  'ask.answered',
  'ask.ended',
  'permission.decided',
  'workspace.trusted',
  'workspace.ignored',
  'grant.added',
  'grant.revoked',
  'run.started',
  'run.ended',
  'message.finished',
  'tool.started',
  'tool.ended',
  'files.changed',
  'usage.recorded',
  'isolation.opened',
  'isolation.merged',
  'isolation.kept',
  'isolation.dropped',
  'isolation.conflicted',
  'delivery.failed',
  'sink.tested',
  'log.trimmed',
] as const
export type EventType = (typeof eventTypes)[number]

export interface LoomEvent {
  seq: number
  /** Epoch ms. */
  at: number
  machine: string
  type: EventType
  taskId: string | null
  sessionId: string | null
  /** Flat enough to be read by a person; at most `eventDataBytesMax` as JSON. */
  data: Record<string, unknown>
}

export const eventDataBytesMax = 64 * 1024

/** What a store write hands over; `seq`, `at` and `machine` are the store's. */
export type NewEvent = Pick<LoomEvent, 'type' | 'data'> & Partial<Pick<LoomEvent, 'taskId' | 'sessionId'>>

/** The names of the Python original, which its users' receivers filter on. */
export const originalNames = {
  'task.created': 'TASK_CREATED',
  'task.started': 'TASK_STARTED',
  'task.updated': 'TASK_UPDATED',
  'task.queued': 'TASK_UPDATED',
  'task.running': 'TASK_UPDATED',
  'task.waiting': 'TASK_UPDATED',
  'task.paused': 'TASK_UPDATED',
  'task.verifying': 'TASK_UPDATED',
  'task.refuted': 'TASK_UPDATED',
  'task.cancelled': 'TASK_UPDATED',
  'task.archived': 'TASK_UPDATED',
  'task.done': 'TASK_COMPLETED',
  'task.failed': 'TASK_FAILED',
  'session.stalled': 'SESSION_STALE_BUSY',
  'inbox.noticed': 'LOG_LINE',
  'inbox.rejected': 'LOG_LINE',
  'intake.refused': 'LOG_LINE',
  'alarm.raised': 'LOG_LINE',
  'alarm.cleared': 'LOG_LINE',
  'delivery.failed': 'LOG_LINE',
  'ask.raised': 'LOG_LINE',
  'session.child_killed': 'LOG_LINE',
  'session.taken_over': 'LOG_LINE',
  'runtime.restarted': 'LOG_LINE',
  'isolation.conflicted': 'LOG_LINE',
} as const satisfies Partial<Record<EventType, string>>

export type OriginalName = (typeof originalNames)[keyof typeof originalNames]

export function originalNameOf(type: EventType): OriginalName | null {
  return (originalNames as Partial<Record<EventType, OriginalName>>)[type] ?? null
}

/** Events a person subscribes to by default: everything that has a name in the original. */
export function isNotable(type: EventType): boolean {
  return originalNameOf(type) !== null
}

/** `*`, one of our types (`task.done`), a family (`task.*`) or a name of the original (`TASK_COMPLETED`). */
export function matchesEvent(patterns: readonly string[], type: EventType): boolean {
  return patterns.some(
    (p) =>
      (p === '*' && isNotable(type)) ||
      p === type ||
      p === originalNameOf(type) ||
      (p.endsWith('.*') && type.startsWith(p.slice(0, -1))),
  )
}
