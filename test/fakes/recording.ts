/**
 * Recorded traffic of an OpenCode server as golden folders: `traffic.jsonl` (calls and events in order, with relative
 * times) and one JSON file a moment. Everything of the machine is rewritten; noise is left out.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WireEvent } from './opencode-client.ts'

export type TrafficLine =
  | { atMs: number; event: WireEvent }
  /** Bodies only where they are JSON and small. */
  | { atMs: number; call: string; status: number; body?: unknown; answer?: unknown }
  | { atMs: number; stream: 'opened' | 'ended' }

/** What the snapshot calls answered at one moment; keys as they are called. */
export type Snapshot = Record<string, unknown>

export interface Recording {
  traffic: TrafficLine[]
  moments: Record<string, Snapshot>
}

export const fixtures = new URL('../fixtures/opencode/', import.meta.url).pathname

export function writeRecording(name: string, { traffic, moments }: Recording): void {
  const folder = join(fixtures, name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'traffic.jsonl'), traffic.map((line) => `${JSON.stringify(line)}\n`).join(''))
  for (const [moment, snapshot] of Object.entries(moments)) {
    writeFileSync(join(folder, `${moment}.json`), `${JSON.stringify(snapshot, null, 1)}\n`)
  }
}

export function readRecording(name: string): Recording {
  const folder = join(fixtures, name)
  const lines = readFileSync(join(folder, 'traffic.jsonl'), 'utf8').trim().split('\n')
  const moments = readdirSync(folder).filter((file) => file.endsWith('.json'))
  return {
    traffic: lines.map((line) => JSON.parse(line) as TrafficLine),
    moments: Object.fromEntries(
      moments.map((file) => [file.replace(/\.json$/, ''), JSON.parse(readFileSync(join(folder, file), 'utf8'))]),
    ),
  }
}

export const eventsOf = (recording: Recording): WireEvent[] =>
  recording.traffic.flatMap((line) => ('event' in line ? [line.event] : []))

const noise = /^(plugin|catalog|reference|integration|pty|project|models-dev|lsp)\.|^server\.heartbeat$/
const deltasKept = 3

/** Without start-up noise, and with the first durable copy and the first few deltas of each part only. */
export function thinned(traffic: readonly TrafficLine[]): TrafficLine[] {
  const deltas = new Map<unknown, number>()
  let copies = 0
  return traffic.filter((line) => {
    if (!('event' in line)) return true
    const { type, properties } = line.event.payload
    if (noise.test(type)) return false
    if (type === 'sync') return copies++ === 0
    if (type !== 'message.part.delta') return true
    const count = (deltas.get(properties['partID']) ?? 0) + 1
    deltas.set(properties['partID'], count)
    return count <= deltasKept
  })
}

const epochMs = Date.UTC(2026, 0, 5, 8, 0, 0)
const idPattern = /\b(ses|msg|prt|per|que|evt|call)_[0-9A-Za-z_]{6,}/g
const hashPattern = /\b[0-9a-f]{40}\b/g
const slugPattern = /("slug":")[a-z-]+/g
const stampPattern = /\b1[78]\d{11}\b/g
const isoPattern = /\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g
const headerPattern = /("(?:date|etag|x-request-id)":")[^"]*/g

/** Ids by order of appearance, instants from a fixed epoch on, and no path, port or name of the machine. */
export function normalised<T>(value: T, startedAt: number, places: readonly (readonly [string, string])[]): T {
  const known = new Map<string, string>()
  const counts = new Map<string, number>()
  const numbered = (kind: string, id: string, width: number) => {
    const name = known.get(id)
    if (name) return name
    const count = (counts.get(kind) ?? 0) + 1
    counts.set(kind, count)
    const made = `${kind}${kind ? '_' : ''}${String(count).padStart(width, '0')}`
    known.set(id, made)
    return made
  }
  let text = JSON.stringify(value)
  for (const [from, to] of places) text = text.replaceAll(from, to)
  text = text
    .replace(idPattern, (id, kind: string) => (id.startsWith('msg_own') ? id : numbered(kind, id, 4)))
    .replace(hashPattern, (hash) => numbered('', hash, 40))
    .replace(stampPattern, (stamp) => String(epochMs + Math.max(0, Number(stamp) - startedAt)))
    .replace(isoPattern, '2026-01-05T08:00:00.000Z')
    .replace(slugPattern, '$1an-example')
    .replace(headerPattern, '$1removed')
  return JSON.parse(text) as T
}

/** Key paths and types of a value, e.g. `part.state.status: string`. Lists count by the union of their members. */
export function shapeOf(value: unknown, path = ''): Set<string> {
  if (Array.isArray(value)) {
    const members = value.flatMap((member) => [...shapeOf(member, `${path}[]`)])
    return new Set(members.length > 0 ? members : [`${path}[]`])
  }
  if (value !== null && typeof value === 'object') {
    const inner = Object.entries(value).flatMap(([key, member]) => [...shapeOf(member, path ? `${path}.${key}` : key)])
    return new Set(inner.length > 0 ? inner : [`${path}: {}`])
  }
  return new Set([`${path}: ${value === null ? 'null' : typeof value}`])
}

/** Told by the file system or by a race; their presence, order and absence mean nothing. */
export const fleeting = /^(file\.|session\.(updated|diff)|server\.|sync$|todo\.)/

/** What our side relies on: which types come, and the shape of each; not how often or how fast. */
export function shapesOf(events: readonly WireEvent[]): Record<string, string[]> {
  const shapes: Record<string, Set<string>> = {}
  for (const { payload } of events) {
    const { type, properties } = payload
    if (!fleeting.test(type)) shapes[type] = new Set([...(shapes[type] ?? []), ...shapeOf(properties)])
  }
  return Object.fromEntries(Object.entries(shapes).map(([type, shape]) => [type, [...shape].sort()]))
}

interface Told {
  status?: { type: string }
  info?: { role?: string; finish?: string; error?: { name: string }; time?: { completed?: number } }
  part?: { type: string; tool?: string; state?: { status: string } }
}

/** The events as short words in order, e.g. `session.status busy`; what is fleeting or repeats at once is left out. */
export function outlineOf(events: readonly WireEvent[]): string[] {
  const words = events.flatMap(({ payload: { type, properties } }) => {
    const { status, info, part } = (properties ?? {}) as Told
    // The summary of changes reaches the user's message whenever it is ready.
    if (fleeting.test(type) || (info?.role === 'user' && 'summary' in info)) return []
    const ended = info?.time?.completed === undefined ? undefined : 'completed'
    const details = [status?.type, info?.role, info?.finish, info?.error?.name, ended]
    return [[type, ...details, part?.type, part?.tool, part?.state?.status].filter(Boolean).join(' ')]
  })
  return words.filter((word, index) => word !== words[index - 1])
}
