/** One model protocol, seen from the transport: a request as JSON, pieces of a reply as events. It does no I/O. */
import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type {
  ModelEvent,
  ModelFacts,
  ModelFinish,
  ModelImage,
  ModelMessage,
  ModelRequest,
} from '../../core/provider.ts'
import type { ModelUsage, Thinking, ToolCall } from '../../core/session.ts'
import { sha256 } from '../../lib/digest.ts'
import { parseArguments } from '../arguments.ts'

export type Tokens = Omit<ModelUsage, 'costMicros' | 'model' | 'provider'>

export interface WireError {
  message: string
  code: string
}

/** What one piece of a reply says. */
export type Taken =
  | { kind: 'events'; events: ModelEvent[] }
  | { kind: 'error'; error: WireError }
  /** The protocol says that nothing follows, whether or not the connection stays open. */
  | { kind: 'over'; events: ModelEvent[] }

/** Collects one reply. Text and reasoning go out as they come; calls only when the reply is complete. */
export interface WireReply {
  take(piece: string): Taken
  tokens(): Tokens | null
  /** The calls and the end, or null when the reply never said that it was finished. */
  end(): ModelEvent[] | null
}

export interface Listed {
  id: string
  facts: ModelFacts
}

export interface WireCall {
  path: string
  body: Record<string, unknown>
}

export interface Wire {
  kind: string
  /** Of a streamed reply: server-sent events, or one JSON text a line. */
  framing: 'events' | 'lines'
  /** Variables that hold the key where the provider names none. */
  keyVariables: readonly string[]
  headers(key: string | null): Record<string, string>
  /** `facts`: what the server said of this model. */
  request(request: ModelRequest, facts: ModelFacts | null): WireCall
  /** `model`: that was asked for. */
  reply(model: string): WireReply
  listPath: string
  /** Whether the list is known to say nothing of what fits into a model. */
  listIsMute?: boolean
  /** Null: that is no list of models. */
  list(answer: unknown): Listed[] | null
  /** A request that asks about one model, where the list does not tell. */
  show?: { request(model: string): WireCall; facts(answer: unknown): ModelFacts | null }
  /** What is known of a model without asking; null: nothing. */
  seesImages(model: string): boolean | null
}

export const events = (...list: ModelEvent[]): Taken => ({ kind: 'events', events: list })
export const nothing: Taken = { kind: 'events', events: [] }

export const noFacts: ModelFacts = { contextTokens: null, images: null, tools: null }

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

export const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Parses one piece; null for text that is none: the server's slip, what it held is lost, the reply goes on. */
export function pieceOf<T>(schema: z.ZodType<T>, piece: string): T | null {
  const parsed = schema.safeParse(parseJson(piece))
  return parsed.success ? parsed.data : null
}

/** Message and code of the error object that servers put into a body or a stream. */
export function errorOf(error: unknown): WireError | null {
  if (error === undefined || error === null) return null
  if (typeof error !== 'object') return { message: String(error), code: '' }
  const { message, code, type, status } = error as Record<string, unknown>
  const text = typeof message === 'string' ? message : JSON.stringify(error)
  return { message: text, code: String(code ?? type ?? status ?? '') }
}

/** What should be an object of figures; anything else has none. */
export const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {}

const countMax = 100_000_000

/** A number of tokens as servers write it; null: it is not there, NaN: it makes no sense. */
export function countOf(value: unknown): number | null {
  if (value === undefined || value === null) return null
  const count = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  return typeof count === 'number' && Number.isInteger(count) && count >= 0 && count <= countMax ? count : Number.NaN
}

/** Usage never decides about a reply: what makes no sense, or counts nothing, is as good as none. */
export function sensible(tokens: Tokens): Tokens | null {
  const figures = Object.values(tokens)
  return figures.every((figure) => figure >= 0) && figures.some((figure) => figure > 0) ? tokens : null
}

export const newCallId = (): string => `call_${randomBytes(6).toString('hex')}`

export interface OpenCall {
  id: string | null
  name: string
  argumentsText: string
}

/** The last call is cut when the output limit ended the reply in the middle of it. */
export function endOf(calls: readonly OpenCall[], finish: ModelFinish): ModelEvent[] {
  const cutAt = finish === 'length' ? calls.length - 1 : -1
  const closed = calls.map((call, position): ModelEvent => {
    const cut = position === cutAt && !isJson(call.argumentsText)
    const { id, name, argumentsText } = call
    return { type: 'call', call: { id: id || newCallId(), name, argumentsText }, cut }
  })
  return [...closed, { type: 'end', finish: calls.length > 0 && finish === 'stop' ? 'tool_calls' : finish }]
}

/** Ids and names of calls that another protocol made may hold what this one refuses. */
export const plainId = (id: string): string => (/^[\w-]{1,64}$/.test(id) ? id : `call_${sha256(id).slice(0, 24)}`)
export const plainName = (name: string): string => name.replace(/[^\w-]/g, '_').slice(0, 64) || 'unknown'

/** Arguments for protocols that carry them as an object. */
export function argumentsOf(call: ToolCall): Record<string, unknown> {
  const parsed = parseArguments(call.argumentsText)
  return parsed.ok ? parsed.value : { _not_json: call.argumentsText }
}

export type Role<R extends ModelMessage['role']> = Extract<ModelMessage, { role: R }>

/** For protocols with strict turns: what one side says in a row is one turn. */
export function turnsOf<T>(turns: readonly { role: string; parts: T[] }[]): { role: string; parts: T[] }[] {
  const merged: { role: string; parts: T[] }[] = []
  for (const { role, parts } of turns) {
    const last = merged.at(-1)
    if (last?.role === role) last.parts.push(...parts)
    else merged.push({ role, parts: [...parts] })
  }
  return merged.filter((turn) => turn.parts.length > 0)
}

/** For protocols whose results hold no images: they follow all results of the reply in a message of the user. */
export function imagesBehindResults(messages: readonly ModelMessage[]): ModelMessage[] {
  const placed: ModelMessage[] = []
  let waiting: { callId: string; images: ModelImage[] }[] = []
  const place = () => {
    for (const { callId, images } of waiting)
      placed.push({ role: 'user', text: `Images of the call ${callId}:`, images })
    waiting = []
  }
  for (const message of messages) {
    if (message.role !== 'tool') place()
    if (message.role === 'tool' && message.images?.length) {
      waiting.push({ callId: message.callId, images: message.images })
      const { images: _, ...plain } = message
      placed.push(plain)
    } else placed.push(message)
  }
  place()
  return placed
}

export const dataUrl = ({ mediaType, base64 }: ModelImage): string => `data:${mediaType};base64,${base64}`

const keptSchema = z.strictObject({ model: z.string(), at: z.number(), block: z.unknown() })

/** A block of a reply that goes back as it is, and before which of the reply's other blocks it stood. */
export interface Kept {
  at: number
  block: unknown
}

export const keep = (kind: string, model: string, { at, block }: Kept): Thinking => ({
  provider: kind,
  data: JSON.stringify({ model, at, block }),
})

/** What this kind of provider kept of a reply of the same model: another model would refuse or ignore it. */
export function keptOf(kind: string, model: string, thinking: readonly Thinking[] = []): Kept[] {
  return thinking.flatMap((one) => {
    const parsed = one.provider === kind ? pieceOf(keptSchema, one.data) : null
    return parsed?.model === model ? [{ at: parsed.at, block: parsed.block }] : []
  })
}

/** Puts kept blocks back where they stood. */
export function interleave(blocks: readonly unknown[], kept: readonly Kept[]): unknown[] {
  const placed = blocks.flatMap((block, at) => [...kept.filter((one) => one.at === at).map((one) => one.block), block])
  return [...placed, ...kept.filter((one) => one.at >= blocks.length).map((one) => one.block)]
}
