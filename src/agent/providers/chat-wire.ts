/**
 * Chat completions on the wire: messages in, chunks out. Pure: it collects what
 * servers send, also what they send badly, and never repairs the arguments of a call.
 */
import { z } from 'zod'
import type { ModelEvent, ModelFinish, ModelMessage, ModelRequest } from '../../core/provider.ts'
import {
  countOf,
  dataUrl,
  endOf,
  errorOf,
  events,
  fieldsOf,
  imagesBehindResults,
  type Listed,
  noFacts,
  nothing,
  type OpenCall,
  pieceOf,
  sensible,
  type Taken,
  type Tokens,
  type Wire,
  type WireReply,
} from './wire.ts'

/** `limitKey`: how the server calls the most tokens that a reply may have. */
export const chatWire = (limitKey: 'max_tokens' | 'max_completion_tokens'): Wire => ({
  kind: 'openai',
  framing: 'events',
  keyVariables: ['OPENAI_API_KEY'],
  headers: (key): Record<string, string> => (key === null ? {} : { authorization: `Bearer ${key}` }),
  request: (request) => ({ path: '/chat/completions', body: bodyOf(request, limitKey) }),
  reply: () => new ChatReply(),
  listPath: '/models',
  list: listOf,
  seesImages: () => null,
})

function bodyOf(request: ModelRequest, limitKey: string): Record<string, unknown> {
  return {
    model: request.model,
    messages: imagesBehindResults(request.messages).map(wireMessage),
    stream: true,
    stream_options: { include_usage: true },
    ...(request.tools.length > 0
      ? { tools: request.tools.map((tool) => ({ type: 'function', function: { ...tool } })) }
      : {}),
    ...(request.temperature === null ? {} : { temperature: request.temperature }),
    ...(request.maxOutputTokens === null ? {} : { [limitKey]: request.maxOutputTokens }),
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
    case 'user': {
      if (!message.images?.length) return { role: 'user', content: message.text }
      const images = message.images.map((image) => ({ type: 'image_url', image_url: { url: dataUrl(image) } }))
      return { role: 'user', content: [{ type: 'text', text: message.text }, ...images] }
    }
    case 'system':
      return { role: 'system', content: message.text }
  }
}

const nullableText = z.string().nullish()

/** Mistral and some gateways send a list of parts; thinking is one of them. */
const contentPart = z.looseObject({ type: nullableText, text: nullableText, thinking: z.unknown().optional() })
const contentSchema = z.union([z.string(), z.array(contentPart)]).nullish()

const deltaSchema = z.looseObject({
  content: contentSchema,
  reasoning_content: nullableText,
  reasoning: nullableText,
  tool_calls: z
    .array(
      z.looseObject({
        // Some write the figure as a text, and the arguments as what they mean.
        index: z.coerce.number().nullish().catch(null),
        id: nullableText,
        function: z.looseObject({ name: nullableText, arguments: z.unknown().optional() }).nullish(),
      }),
    )
    .nullish(),
})

const chunkSchema = z.looseObject({
  error: z.unknown().optional(),
  choices: z
    .array(z.looseObject({ delta: deltaSchema.nullish(), message: deltaSchema.nullish(), finish_reason: nullableText }))
    .nullish(),
  usage: z.unknown().optional(),
})

type Chunk = z.output<typeof chunkSchema>
type WireCall = NonNullable<z.output<typeof deltaSchema>['tool_calls']>[number]

const listSchema = z.looseObject({
  data: z.array(
    z.looseObject({ id: z.string(), context_length: z.number().nullish(), max_model_len: z.number().nullish() }),
  ),
})

/** OpenRouter and vLLM also tell how much fits. */
export function listOf(answer: unknown): Listed[] | null {
  const parsed = listSchema.safeParse(answer)
  if (!parsed.success) return null
  return parsed.data.data.map((model) => {
    const contextTokens = model.context_length ?? model.max_model_len ?? null
    return { id: model.id, facts: { ...noFacts, contextTokens } }
  })
}

const finishes: Readonly<Record<string, ModelFinish>> = {
  stop: 'stop',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  length: 'length',
  content_filter: 'filter',
}

/** An empty object stands where the parts of the text are still to come. */
function argumentsIn(given: unknown): string {
  if (typeof given === 'string') return given
  const text = JSON.stringify(given ?? {})
  return text === '{}' ? '' : text
}

function saidIn(content: z.output<typeof contentSchema>): { text: string; thinking: string } {
  if (!Array.isArray(content)) return { text: content ?? '', thinking: '' }
  const plain = (thinking: unknown): string => {
    const parts = z.array(contentPart).safeParse(thinking)
    if (parts.success) return parts.data.map(({ text }) => text ?? '').join('')
    return typeof thinking === 'string' ? thinking : ''
  }
  return {
    text: content.map(({ text }) => text ?? '').join(''),
    thinking: content.map(({ thinking }) => plain(thinking)).join(''),
  }
}

interface ChatCall extends OpenCall {
  index: number | null
}

class ChatReply implements WireReply {
  private readonly calls: ChatCall[] = []
  private finish: ModelFinish | null = null
  private usage: unknown = null

  take(piece: string): Taken {
    if (piece === '[DONE]') return { kind: 'over', events: [] }
    const chunk = pieceOf(chunkSchema, piece)
    if (!chunk) return nothing
    const error = errorOf(chunk.error)
    return error ? { kind: 'error', error } : events(...this.eventsOf(chunk))
  }

  private eventsOf(chunk: Chunk): ModelEvent[] {
    if (chunk.usage) this.usage = chunk.usage
    const choice = chunk.choices?.[0]
    if (!choice) return []
    // Servers that ignore `stream` send one whole message.
    const delta = choice.delta ?? choice.message
    const said: ModelEvent[] = []
    const { text, thinking } = saidIn(delta?.content)
    const reasoning = delta?.reasoning_content || delta?.reasoning || thinking
    if (reasoning) said.push({ type: 'reasoning', delta: reasoning })
    if (text) said.push({ type: 'text', delta: text })
    for (const call of delta?.tool_calls ?? []) this.takeCall(call)
    if (choice.finish_reason) this.finish = finishes[choice.finish_reason] ?? 'stop'
    return said
  }

  private takeCall(part: WireCall): void {
    const open = this.openCallOf(part)
    open.id ??= part.id || null
    open.name ||= part.function?.name ?? ''
    open.argumentsText += argumentsIn(part.function?.arguments)
  }

  /** Servers leave out index or id, or use one index again for the next call; a new id or name opens a new call. */
  private openCallOf(part: WireCall): ChatCall {
    const index = part.index ?? null
    const sameIndex = index === null ? this.calls.at(-1) : this.calls.findLast((call) => call.index === index)
    const sameId = part.id ? this.calls.find((call) => call.id === part.id) : undefined
    const another = part.id ? sameIndex?.id !== null && sameIndex?.id !== part.id : false
    const named = Boolean(part.function?.name) && index === null && !part.id && Boolean(sameIndex?.name)
    const known = sameId ?? (another || named ? undefined : sameIndex)
    if (known) return known
    const opened: ChatCall = { index, id: null, name: '', argumentsText: '' }
    this.calls.push(opened)
    return opened
  }

  tokens(): Tokens | null {
    const usage = fieldsOf(this.usage)
    const read = fieldsOf(usage.prompt_tokens_details)
    const written = fieldsOf(usage.completion_tokens_details)
    const cacheRead = countOf(read.cached_tokens) ?? countOf(usage.prompt_cache_hit_tokens) ?? 0
    const cacheWrite = countOf(read.cache_write_tokens) ?? 0
    return sensible({
      input: (countOf(usage.prompt_tokens) ?? Number.NaN) - cacheRead - cacheWrite,
      output: countOf(usage.completion_tokens) ?? Number.NaN,
      reasoning: countOf(written.reasoning_tokens) ?? 0,
      cacheRead,
      cacheWrite,
    })
  }

  end(): ModelEvent[] | null {
    return this.finish === null ? null : endOf(this.calls, this.finish)
  }
}
