/** Every kind of sink, as an array: the configuration's union and the daemon's sinks derive from it. */
import type { Clock } from '../core/clock.ts'
import type { Sink } from '../core/sink.ts'
import { createFileSink, fileSchema } from './file.ts'
import { createWebhookSink, webhookSchema } from './webhook.ts'

export interface SinkDeps {
  clock: Clock
}

export const sinkKinds = [
  { kind: 'file', schema: fileSchema, create: createFileSink },
  { kind: 'webhook', schema: webhookSchema, create: createWebhookSink },
] as const

type AnyConfig = { kind: string }

/** One sink for each configuration. Two for the same address are two sinks: the later one is numbered. */
export function createSinks(configs: readonly AnyConfig[], deps: SinkDeps): Sink[] {
  const taken = new Map<string, number>()
  return configs.map((config) => {
    const kind = sinkKinds.find((one) => one.kind === config.kind)
    if (!kind) throw new Error(`no sink of kind ${config.kind}`)
    const sink = (kind.create as (config: AnyConfig, deps: SinkDeps) => Sink)(config, deps)
    const times = (taken.get(sink.id) ?? 0) + 1
    taken.set(sink.id, times)
    return times === 1 ? sink : { ...sink, id: `${sink.id}-${times}` }
  })
}
