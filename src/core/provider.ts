/** A provider speaks one model protocol. It streams one model call as events and, once started, never throws. */
import type { Problem } from './problem.ts'
import type { ModelUsage, Thinking, ToolCall } from './session.ts'

export interface ModelImage {
  mediaType: string
  base64: string
}

export type ModelMessage =
  | { role: 'system'; text: string }
  | { role: 'user'; text: string; images?: ModelImage[] }
  | { role: 'assistant'; text: string; calls: ToolCall[]; thinking?: Thinking[] }
  | { role: 'tool'; callId: string; name: string; text: string; images?: ModelImage[] }

export interface ToolSchema {
  name: string
  description: string
  /** JSON Schema of the parameters. */
  parameters: Record<string, unknown>
}

export interface ModelRequest {
  model: string
  messages: ModelMessage[]
  tools: ToolSchema[]
  temperature: number | null
  maxOutputTokens: number | null
}

export type ModelFinish = 'stop' | 'tool_calls' | 'length' | 'filter'

/** Always ends with exactly one `end` or `failed`. */
export type ModelEvent =
  | { type: 'text'; delta: string }
  | { type: 'reasoning'; delta: string }
  /** Goes back with the message in the next request. */
  | { type: 'thinking'; thinking: Thinking }
  /** A call whose arguments are complete; `cut` when the reply ended in the middle of them. */
  | { type: 'call'; call: ToolCall; cut: boolean }
  | { type: 'usage'; usage: Omit<ModelUsage, 'costMicros'> }
  /** The call is being repeated after trouble; `shown` when text of the failed try was already sent on. */
  | { type: 'retry'; attempt: number; waitMs: number; problem: Problem; shown: boolean }
  | { type: 'end'; finish: ModelFinish }
  | { type: 'failed'; problem: Problem; transient: boolean; aborted: boolean }

/** What a server says of one of its models; null: it does not say. */
export interface ModelFacts {
  contextTokens: number | null
  images: boolean | null
  tools: boolean | null
}

export type ModelList = { ids: string[] } | { problem: Problem }

export interface Provider {
  readonly name: string
  readonly kind: string
  stream(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent>
  /**
   * Ids of the models on offer; a Problem when they cannot be listed. A list of that age will do; default: a new one.
   */
  models(signal: AbortSignal, ageMsMax?: number): Promise<ModelList>
  /** Asks the server about a model where that is not known yet. It does not wait long, and never throws. */
  learn?(model: string, signal: AbortSignal): Promise<void>
  /** What the server has told so far; null before it was asked. */
  facts?(model: string): ModelFacts | null
}
