/**
 * Chat completions on the wire: messages in, chunks out. Pure: it collects what
 * servers send, also what they send badly, and never repairs the arguments of a call.
 */
import { z } from 'zod'
import type { ModelEvent, ModelFinish, ModelMessage, ModelRequest } from '../../core/provider.ts'
import type { ModelUsage, ToolCall } from '../../core/session.ts'

export function bodyOf(request: ModelRequest): Record<string, unknown> {
  return {
    model: request.model,
    messages: request.messages.map(wireMessage),
    stream: true,
    stream_options: { include_usage: true },
    ...(request.tools.length > 0
      ? { tools: request.tools.map((tool) => ({ type: 'function', function: { ...tool } })) }
      : {}),
    ...(request.temperature === null ? {} : { temperature: request.temperature }),
    ...(request.maxOutputTokens === null ? {} : { max_tokens: request.maxOutputTokens }),
  }
}

function wireMessage(message: ModelMessage): Record<string, unknown> {
  switch (message.role) {
    case 'tool':
      return { role: 'tool', tool_call_id: message.callId, content: message.text }
    case 'assistant': {
      if (message.calls.length === 0) return { role: 'assistant', content: message.text }
      const calls = message.calls.map((call) => ({
        id: call.id,
        type: 'function',
        function: { name: call.name, arguments: call.argumentsText },
      }))
      return { role: 'assistant', content: message.text || null, tool_calls: calls }
    }
    default:
      return { role: message.role, content: message.text }
  }
}

const nullableText = z.string().nullish()

const deltaSchema = z.looseObject({
  content: nullableText,
  reasoning_content: nullableText,
  reasoning: nullableText,
  tool_calls: z
    .array(
      z.looseObject({
        index: z.number().nullish(),
        id: nullableText,
        function: z.looseObject({ name: nullableText, arguments: nullableText }).nullish(),
      }),
    )
    .nullish(),
})

const tokens = z.number().nullish()

const chunkSchema = z.looseObject({
  error: z.unknown().optional(),
  choices: z
    .array(z.looseObject({ delta: deltaSchema.nullish(), message: deltaSchema.nullish(), finish_reason: nullableText }))
    .nullish(),
  usage: z
    .looseObject({
      prompt_tokens: tokens,
      completion_tokens: tokens,
      prompt_cache_hit_tokens: tokens,
      prompt_tokens_details: z.looseObject({ cached_tokens: tokens, cache_write_tokens: tokens }).nullish(),
      completion_tokens_details: z.looseObject({ reasoning_tokens: tokens }).nullish(),
    })
    .nullish(),
})

type Chunk = z.output<typeof chunkSchema>
type WireCall = NonNullable<z.output<typeof deltaSchema>['tool_calls']>[number]

/** A chunk, or null for text that is none. */
export function parseChunk(data: string): Chunk | null {
  try {
    const parsed = chunkSchema.safeParse(JSON.parse(data))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

/** Message and code of the error object that servers put into a body or a stream. */
export function errorOf(error: unknown): { message: string; code: string } | null {
  if (error === undefined || error === null) return null
  if (typeof error !== 'object') return { message: String(error), code: '' }
  const { message, code, type } = error as { message?: unknown; code?: unknown; type?: unknown }
  return { message: typeof message === 'string' ? message : JSON.stringify(error), code: String(code ?? type ?? '') }
}

const finishes: Readonly<Record<string, ModelFinish>> = {
  stop: 'stop',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  length: 'length',
  content_filter: 'filter',
}

interface OpenCall {
  index: number | null
  id: string | null
  name: string
  argumentsText: string
}

/** Collects the chunks of one reply. Text and reasoning go out as they come; calls only when the reply is complete. */
export class Reply {
  private readonly calls: OpenCall[] = []
  private finish: ModelFinish | null = null
  private usage: Chunk['usage'] = null

  /** What can be said at once. */
  take(chunk: Chunk): ModelEvent[] {
    if (chunk.usage) this.usage = chunk.usage
    const choice = chunk.choices?.[0]
    if (!choice) return []
    // Servers that ignore `stream` send one whole message.
    const delta = choice.delta ?? choice.message
    const events: ModelEvent[] = []
    const reasoning = delta?.reasoning_content || delta?.reasoning
    if (reasoning) events.push({ type: 'reasoning', delta: reasoning })
    if (delta?.content) events.push({ type: 'text', delta: delta.content })
    for (const call of delta?.tool_calls ?? []) this.takeCall(call)
    if (choice.finish_reason) this.finish = finishes[choice.finish_reason] ?? 'stop'
    return events
  }

  private takeCall(part: WireCall): void {
    const open = this.openCallOf(part)
    open.id ??= part.id || null
    open.name ||= part.function?.name ?? ''
    open.argumentsText += part.function?.arguments ?? ''
  }

  /** Servers leave out index or id, or use one index again for the next call; a new id or name opens a new call. */
  private openCallOf(part: WireCall): OpenCall {
    const index = part.index ?? null
    const sameIndex = index === null ? this.calls.at(-1) : this.calls.findLast((call) => call.index === index)
    const sameId = part.id ? this.calls.find((call) => call.id === part.id) : undefined
    const another = part.id ? sameIndex?.id !== null && sameIndex?.id !== part.id : false
    const named = Boolean(part.function?.name) && index === null && !part.id && Boolean(sameIndex?.name)
    const known = sameId ?? (another || named ? undefined : sameIndex)
    if (known) return known
    const opened: OpenCall = { index, id: null, name: '', argumentsText: '' }
    this.calls.push(opened)
    return opened
  }

  usageOf(model: string, provider: string): Omit<ModelUsage, 'costMicros'> | null {
    const { usage } = this
    if (!usage) return null
    const cacheRead = usage.prompt_tokens_details?.cached_tokens ?? usage.prompt_cache_hit_tokens ?? 0
    const cacheWrite = usage.prompt_tokens_details?.cache_write_tokens ?? 0
    return {
      model,
      provider,
      input: Math.max(0, (usage.prompt_tokens ?? 0) - cacheRead - cacheWrite),
      output: usage.completion_tokens ?? 0,
      reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0,
      cacheRead,
      cacheWrite,
    }
  }

  /** The calls and the end, or null when the reply never said that it was finished. */
  end(newCallId: () => string): ModelEvent[] | null {
    if (this.finish === null) return null
    const cutAt = this.finish === 'length' ? this.calls.length - 1 : -1
    const calls = this.calls.map((call, position): ModelEvent => {
      const cut = position === cutAt && !isJson(call.argumentsText)
      return { type: 'call', call: closed(call, newCallId), cut }
    })
    const finish = calls.length > 0 && this.finish === 'stop' ? 'tool_calls' : this.finish
    return [...calls, { type: 'end', finish }]
  }
}

const closed = (call: OpenCall, newCallId: () => string): ToolCall => ({
  id: call.id ?? newCallId(),
  name: call.name,
  argumentsText: call.argumentsText,
})

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
