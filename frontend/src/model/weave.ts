/** The weave: what each stretch of a task's time was spent on, from its events. The segments leave no gap. */
import type { LoomEvent } from '../../../src/core/event.ts'
import type { Verdict } from '../../../src/core/verdict.ts'
import { duration } from './format.ts'

export const segmentKinds = [
  'queued',
  'model',
  'tool',
  'verifying',
  'person',
  'limited',
  'waiting',
  'hung',
  'paused',
  'asleep',
] as const
export type SegmentKind = (typeof segmentKinds)[number]

export const segmentWords: Record<SegmentKind, string> = {
  queued: 'queued',
  model: 'model',
  tool: 'tool',
  verifying: 'verifying',
  person: 'waiting for you',
  limited: 'rate limited',
  waiting: 'waiting',
  hung: 'hung',
  paused: 'paused',
  asleep: 'machine asleep',
}

export interface Segment {
  kind: SegmentKind
  from: number
  to: number
}

export interface Knot {
  at: number
  verdict: Verdict
}

export interface Weave {
  from: number
  to: number
  segments: Segment[]
  knots: Knot[]
}

const kindByEvent: Partial<Record<LoomEvent['type'], SegmentKind | 'over'>> = {
  'task.created': 'queued',
  'task.queued': 'queued',
  'task.started': 'model',
  'task.running': 'model',
  'task.refuted': 'model',
  'task.verifying': 'verifying',
  'task.waiting': 'waiting',
  'task.paused': 'paused',
  'task.done': 'over',
  'task.failed': 'over',
  'task.cancelled': 'over',
  'task.archived': 'over',
}

/** Signs of life after a hang. */
const goesOn: ReadonlySet<LoomEvent['type']> = new Set<LoomEvent['type']>([
  'session.revived',
  'session.taken_over',
  'session.child_killed',
  'run.started',
  'message.finished',
  'tool.started',
  'tool.ended',
])

/** A person, a limit of the provider, or trouble that passes. */
function waitingFor({ data }: Mark): SegmentKind {
  const { code = '' } = (data?.['reason'] ?? {}) as { code?: string }
  if (code.startsWith('needs-')) return 'person'
  return /rate-limit|overload/.test(code) ? 'limited' : 'waiting'
}

type Mark = Pick<LoomEvent, 'type' | 'at'> & { data?: LoomEvent['data'] }

const said: Partial<Record<LoomEvent['type'], true>> = {
  'session.stalled': true,
  'verdict.reached': true,
  'machine.slept': true,
}

/** Whether the weave is another one after such an event. */
export const drawn = (type: LoomEvent['type']): boolean => type in kindByEvent || goesOn.has(type) || type in said

const toldKeys = ['reason', 'quietSince', 'verdict', 'sleptMs']

/** The marks and one more: of its data only what is drawn, and nothing where it says what the last one said. */
export function withMark(marks: Mark[], { type, at, data }: Mark): Mark[] {
  const last = marks.at(-1)
  if (last?.type === type && type in kindByEvent && type !== 'task.waiting') return marks
  const told = toldKeys.flatMap((key) => (data?.[key] === undefined ? [] : [[key, data[key]] as const]))
  return [...marks, { type, at, ...(told.length > 0 ? { data: Object.fromEntries(told) } : {}) }]
}

/** Segments of the events in order of time, up to `now`; an ended task's weave ends where it ended. */
export function weaveOf(events: readonly Mark[], now: number): Weave {
  const segments: Segment[] = []
  const knots: Knot[] = []
  const naps: Segment[] = []
  let current: SegmentKind | 'over' | null = null
  let since = 0
  let toolsOpen = 0
  const change = (kind: SegmentKind | 'over', at: number) => {
    if (current === kind) return
    if (current && current !== 'over' && at > since) segments.push({ kind: current, from: since, to: at })
    current = kind
    since = at
  }
  for (const event of events) {
    const kind = event.type === 'task.waiting' ? waitingFor(event) : kindByEvent[event.type]
    if (kind) {
      toolsOpen = 0
      change(kind, event.at)
    } else if (event.type === 'tool.started' && (current === 'model' || current === 'tool')) {
      toolsOpen++
      change('tool', event.at)
    } else if (event.type === 'tool.ended' && current === 'tool') {
      toolsOpen = Math.max(0, toolsOpen - 1)
      if (toolsOpen === 0) change('model', event.at)
    } else if (event.type === 'session.stalled' && (current === 'model' || current === 'tool')) {
      // It stood still before anybody was told.
      const quietSince = Number(event.data?.['quietSince'] ?? event.at)
      change('hung', Math.min(event.at, Math.max(since, quietSince)))
    } else if (current === 'hung' && goesOn.has(event.type)) {
      toolsOpen = event.type === 'tool.started' ? 1 : 0
      change(event.type === 'tool.started' ? 'tool' : 'model', event.at)
    } else if (event.type === 'machine.slept') {
      naps.push({ kind: 'asleep', from: event.at - Number(event.data?.['sleptMs'] ?? 0), to: event.at })
    } else if (event.type === 'verdict.reached') {
      knots.push({ at: event.at, verdict: event.data?.['verdict'] as Verdict })
    }
  }
  if (current && current !== 'over' && now > since) segments.push({ kind: current, from: since, to: now })
  const whole = naps.reduce(laidOver, segments)
  return { from: whole[0]?.from ?? now, to: whole.at(-1)?.to ?? now, segments: whole, knots }
}

/** Whatever a task was at when the machine fell asleep, it was at nothing until it woke up. */
function laidOver(segments: readonly Segment[], nap: Segment): Segment[] {
  const parts = segments.flatMap((one) => [
    { ...one, to: Math.min(one.to, nap.from) },
    { ...nap, from: Math.max(one.from, nap.from), to: Math.min(one.to, nap.to) },
    { ...one, from: Math.max(one.from, nap.to) },
  ])
  const whole: Segment[] = []
  for (const part of parts.filter(({ from, to }) => to > from)) {
    const last = whole.at(-1)
    // A nap that lies over two segments is one nap.
    if (last?.kind === part.kind && last.to === part.from) last.to = part.to
    else whole.push(part)
  }
  return whole
}

/** The part of a weave between two instants; segments that cross an edge are cut there. */
export function cutWeave(weave: Weave, from: number, to: number): Weave {
  const segments = weave.segments
    .filter((segment) => segment.to > from && segment.from < to)
    .map((segment) => ({ ...segment, from: Math.max(segment.from, from), to: Math.min(segment.to, to) }))
  const knots = weave.knots.filter((knot) => knot.at >= from && knot.at <= to)
  return { from: segments[0]?.from ?? from, to: segments.at(-1)?.to ?? to, segments, knots }
}

/** One weave per attempt, cut where the next attempt begins; time before the first belongs to the first. */
export function weaveByAttempt(weave: Weave, starts: readonly number[]): Weave[] {
  return starts.map((start, index) =>
    cutWeave(weave, index === 0 ? Math.min(weave.from, start) : start, starts[index + 1] ?? weave.to),
  )
}

export interface Share {
  kind: SegmentKind
  ms: number
}

export function sharesOf(weave: Weave): Share[] {
  return segmentKinds
    .map((kind) => ({
      kind,
      ms: weave.segments.filter((s) => s.kind === kind).reduce((sum, s) => sum + s.to - s.from, 0),
    }))
    .filter((share) => share.ms > 0)
}

/** The same account in words, for whoever cannot see the bar. */
export function describeWeave(weave: Weave): string {
  const shares = sharesOf(weave).map((share) => `${segmentWords[share.kind]} ${duration(share.ms)}`)
  const verdicts = weave.knots.map((knot) => knot.verdict)
  return [...shares, ...verdicts].join(', ') || 'nothing yet'
}

export interface Span {
  ms: number
  word: string
  tickMs: number
}

const minute = 60_000
const hour = 60 * minute
const spans: readonly Span[] = [
  { ms: 5 * minute, word: '5 minutes', tickMs: minute },
  { ms: 30 * minute, word: '30 minutes', tickMs: 10 * minute },
  { ms: hour, word: 'hour', tickMs: 15 * minute },
  { ms: 3 * hour, word: '3 hours', tickMs: hour },
  { ms: 6 * hour, word: '6 hours', tickMs: 2 * hour },
]
const longest: Span = { ms: 12 * hour, word: '12 hours', tickMs: 3 * hour }

/** The shortest span that holds all there is since `earliest`: twelve hours of which eleven are empty say little. */
export const spanOf = (earliest: number, now: number): Span => spans.find(({ ms }) => now - earliest < ms) ?? longest
