/** What is shown of sinks and deliveries. Pure; the daemon says what happened. */
import type { SinkLook } from '../../../src/core/sink.ts'
import { count, relative } from './format.ts'
import type { Look } from './words.ts'

/** One word for a sink: what was lost, what waits, what came through; silence is no success. */
export function lookOfSink({ dead, pending, nextDueAt, delivered }: SinkLook, now: number): Look {
  if (dead > 0) return { word: `${count(dead, 'dead letter')}`, tone: 'danger', mark: 'cross' }
  if (pending > 0) {
    const next = nextDueAt === null ? '' : `, next try ${nextDueAt <= now ? 'now' : relative(nextDueAt, now)}`
    return { word: `${count(pending, 'delivery', 'deliveries')} waiting${next}`, tone: 'attention', mark: 'ring' }
  }
  if (delivered.length === 0) return { word: 'nothing sent yet', tone: 'idle', mark: 'dash' }
  return { word: 'delivering', tone: 'ok', mark: 'closed' }
}

export interface Arrival {
  sink: string
  seq: number
  type: string
  taskId: string | null
  title: string | null
  at: number
  tookMs: number
  detail: string
}

/** What reached its receivers, all sinks together, the newest first. */
export function arrivalsOf(sinks: readonly SinkLook[], max: number): Arrival[] {
  return sinks
    .flatMap(({ id, delivered }) => delivered.map((one) => ({ ...one, sink: id })))
    .sort((a, b) => b.at - a.at || b.seq - a.seq)
    .slice(0, max)
}

/** An event of this kind may have led to a delivery; those of a turn's every step never do. */
export const mayBeTold = (type: string): boolean => !/^(run|message|tool|usage|files|check|prompt)\./.test(type)
