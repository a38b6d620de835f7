/** Which tasks stand together on the home view, and what one event does to the rows. Pure; the state classes keep. */

import type { LoomEvent } from '../../../src/core/event.ts'
import type { TaskItem, TaskStatus } from '../../../src/core/task.ts'
import type { TaskFilter } from './routes.ts'

export const sections = ['needs', 'running', 'queued', 'finished'] as const
export type Section = (typeof sections)[number]

export const sectionStatuses: Record<Section, readonly TaskStatus[]> = {
  needs: ['paused', 'failed', 'waiting'],
  running: ['starting', 'running', 'verifying'],
  queued: ['queued'],
  finished: ['done', 'cancelled'],
}

/** Rows per section, as many as `GET /api/home` has; the rest is one click away in "all tasks". */
export const rowsMax: Record<Section, number> = { needs: 100, running: 100, queued: 8, finished: 20 }

export const sectionTitles: Record<Section, string> = {
  needs: 'Needs you',
  running: 'Running',
  queued: 'Queued',
  finished: 'Lately finished',
}

export function sectionOf(status: TaskStatus): Section | null {
  return sections.find((section) => sectionStatuses[section].includes(status)) ?? null
}

export type Layout = Record<Section, string[]>

const lastMove = (item: TaskItem) => item.endedAt ?? item.updatedAt

/** A row's place follows when it came into its section, so that rows at work do not dance with every update. */
const order: Record<Section, (a: TaskItem, b: TaskItem) => number> = {
  needs: (a, b) => lastMove(b) - lastMove(a),
  running: (a, b) => (b.startedAt ?? b.createdAt) - (a.startedAt ?? a.createdAt),
  queued: (a, b) => b.createdAt - a.createdAt,
  finished: (a, b) => lastMove(b) - lastMove(a),
}

export function layoutOf(items: Iterable<TaskItem>): Layout {
  const found: Record<Section, TaskItem[]> = { needs: [], running: [], queued: [], finished: [] }
  for (const item of items) {
    const section = sectionOf(item.status)
    if (section) found[section].push(item)
  }
  const ids = (section: Section) =>
    found[section].sort((a, b) => order[section](a, b) || (a.id < b.id ? 1 : -1)).map((item) => item.id)
  return { needs: ids('needs'), running: ids('running'), queued: ids('queued'), finished: ids('finished') }
}

/** How many ids stand elsewhere in `next`, or are new there: what waits behind the "3 new" line. */
export function movedCount(shown: Layout, next: Layout): number {
  let moved = 0
  for (const section of sections) {
    const before = new Set(shown[section])
    moved += next[section].filter((id) => !before.has(id)).length
  }
  return moved
}

/** The task in an event, when it carries one. The stream is our own daemon's, still no shape is taken on trust. */
export function taskIn(event: LoomEvent): TaskItem | null {
  const task = event.data['task'] as TaskItem | undefined
  const whole = event.type.startsWith('task.') && typeof task?.id === 'string' && typeof task.status === 'string'
  return whole ? task : null
}

/** Where an event says that its task came from. */
export function fromIn(event: LoomEvent): TaskStatus | null {
  const from = event.data['from']
  return (
    Object.values(sectionStatuses)
      .flat()
      .find((status) => status === from) ?? null
  )
}

/** The row after an event: the newer of the two, because a list read after the event's instant already knows more. */
export function newer(row: TaskItem | undefined, incoming: TaskItem): TaskItem {
  return row && row.updatedAt > incoming.updatedAt ? row : incoming
}

/** How long ago a task was made at most: word in the address, words on the page, and its length. */
export const spans = [
  { since: '24h', words: 'the last day', ms: 86_400_000 },
  { since: '7d', words: 'the last week', ms: 7 * 86_400_000 },
  { since: '30d', words: 'the last month', ms: 30 * 86_400_000 },
] as const

/** Behind "No task": what was asked for. */
export function filterText({ q, status, verdict, workspace, runtime, since }: TaskFilter): string {
  const or = (words: string) => words.replaceAll(',', ' or ')
  const span = spans.find((one) => one.since === since)
  return [
    q && ` with “${q}” in its title or workspace`,
    status && ` that is ${or(status)}`,
    verdict && ` with the verdict ${or(verdict)}`,
    workspace && ` in ${workspace}`,
    runtime && ` of ${runtime}`,
    span && ` of ${span.words}`,
  ]
    .filter(Boolean)
    .join('')
}
