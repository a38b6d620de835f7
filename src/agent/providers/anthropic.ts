/** Anthropic's Messages API: prefix and last messages are marked for its cache, thinking goes back signed. */
import { z } from 'zod'
import type { ModelEvent, ModelFacts, ModelFinish, ModelMessage, ModelRequest } from '../../core/provider.ts'
import { commonShape, urlSchema } from './settings.ts'
import { type ModelSource, openSource, type ProviderDeps } from './source.ts'
import {
  argumentsOf,
  countOf,
  endOf,
  errorOf,
  events,
  fieldsOf,
  interleave,
  keep,
  keptOf,
  noFacts,
  nothing,
  type OpenCall,
  pieceOf,
  plainId,
  plainName,
  type Role,
  sensible,
  type Taken,
  type Tokens,
  turnsOf,
  type Wire,
  type WireReply,
} from './wire.ts'

const anthropicSchema = z
  .strictObject({
    kind: z.literal('anthropic'),
    base_url: urlSchema.default('https://api.anthropic.com/v1'),
    ...commonShape,
    thinking: z
      .union([z.literal('adaptive'), z.number().int().min(1_024).max(1_000_000)])
      .optional()
      .describe('Thinking before answering: as the model sees fit, or at most so many tokens (older models).'),
  })
  .meta({ id: 'AnthropicProvider', description: "Anthropic's Messages API." })

type AnthropicConfig = z.output<typeof anthropicSchema>

/** The protocol wants a limit; every model that is offered today can do this much. */
const outputTokens = 16_000

export const anthropic = {
  kind: 'anthropic',
  schema: anthropicSchema,
  create: (config: AnthropicConfig, deps: ProviderDeps): ModelSource =>
    openSource(config, anthropicWire(config.thinking ?? null), deps),
} as const

type ThinkingSetting = 'adaptive' | number | null

const anthropicWire = (thinking: ThinkingSetting): Wire => ({
  kind: 'anthropic',
  framing: 'events',
  keyVariables: ['ANTHROPIC_API_KEY'],
  headers: (key): Record<string, string> => ({
    'anthropic-version': '2023-06-01',
    ...(key === null ? {} : { 'x-api-key': key }),
  }),
  request: (request) => ({ path: '/messages', body: bodyOf(request, thinking) }),
  reply: (model) => new AnthropicReply(model),
  listPath: '/models?limit=1000',
  list(answer) {
    const parsed = listSchema.safeParse(answer)
    if (!parsed.success) return null
    return parsed.data.data.map((model) => ({ id: model.id, facts: factsOf(model.max_input_tokens) }))
  },
  seesImages: (model) => (model.startsWith('claude-') ? true : null),
})

const listSchema = z.looseObject({
  data: z.array(z.looseObject({ id: z.string(), max_input_tokens: z.number().nullish() })),
})

const factsOf = (contextTokens: number | null | undefined): ModelFacts => ({
  ...noFacts,
  contextTokens: contextTokens ?? null,
})

type Block = Record<string, unknown>

const cached = { cache_control: { type: 'ephemeral' } }

function bodyOf(request: ModelRequest, setting: ThinkingSetting): Record<string, unknown> {
  const system = request.messages.flatMap((message) => (message.role === 'system' ? [message.text] : []))
  const tools = request.tools.map(({ name, description, parameters }) => ({
    name,
    description,
    input_schema: parameters,
  }))
  const thinking = thinkingOf(request, setting)
  const budget = thinking?.type === 'enabled' ? Number(thinking.budget_tokens) : 0
  const limit = request.maxOutputTokens ?? outputTokens
  return {
    model: request.model,
    max_tokens: budget >= limit ? budget + outputTokens : limit,
    stream: true,
    ...(tools.length > 0 ? { tools: marked(tools) } : {}),
    ...(system.length > 0 ? { system: marked([{ type: 'text', text: system.join('\n\n') }]) } : {}),
    messages: markedTurns(turns(request)),
    ...(thinking ? { thinking } : {}),
    // Thinking takes no temperature.
    ...(request.temperature === null || thinking ? {} : { temperature: request.temperature }),
  }
}

/** With thinking on, calls that still wait for their results must come with the thinking before them. */
function thinkingOf(request: ModelRequest, setting: ThinkingSetting): Block | null {
  if (setting === null) return null
  const { messages, model } = request
  const turn = messages.slice(messages.findLastIndex((message) => message.role === 'user') + 1)
  const bare = turn.some(
    (one) => one.role === 'assistant' && one.calls.length > 0 && keptOf('anthropic', model, one.thinking).length === 0,
  )
  if (setting === 'adaptive') return { type: 'adaptive' }
  return bare ? null : { type: 'enabled', budget_tokens: setting }
}

function marked(list: readonly Block[]): Block[] {
  return list.map((one, index) => (index === list.length - 1 ? { ...one, ...cached } : one))
}

type Turn = ReturnType<typeof turns>[number]

/** The last two turns of the user: the next request finds the one, this one found the other. */
function markedTurns(all: readonly Turn[]): { role: string; content: Block[] }[] {
  const users = all.flatMap((turn, index) => (turn.role === 'user' ? [index] : [])).slice(-2)
  return all.map(({ role, parts }, index) => ({ role, content: users.includes(index) ? marked(parts) : parts }))
}

function turns({ messages, model }: ModelRequest): { role: string; parts: Block[] }[] {
  const written = messages.flatMap((message) => {
    if (message.role === 'system') return []
    if (message.role === 'assistant') return [{ role: 'assistant', parts: assistantBlocks(message, model) }]
    return [{ role: 'user', parts: message.role === 'tool' ? [resultBlock(message)] : userBlocks(message) }]
  })
  return turnsOf(written)
}

const textBlock = (text: string): Block => ({ type: 'text', text: text.trim() === '' ? '(empty)' : text })

const imageBlocks = ({ images = [] }: Pick<Role<'user'>, 'images'>): Block[] =>
  images.map(({ mediaType, base64 }) => ({
    type: 'image',
    source: { type: 'base64', media_type: mediaType, data: base64 },
  }))

const userBlocks = (message: Role<'user'>): Block[] => [...imageBlocks(message), textBlock(message.text)]

const resultBlock = (message: Role<'tool'>): Block => ({
  type: 'tool_result',
  tool_use_id: plainId(message.callId),
  content: [textBlock(message.text), ...imageBlocks(message)],
})

function assistantBlocks(message: Extract<ModelMessage, { role: 'assistant' }>, model: string): Block[] {
  const text = message.text.trim() === '' ? [] : [textBlock(message.text.trimEnd())]
  const calls = message.calls.map((call) => ({
    type: 'tool_use',
    id: plainId(call.id),
    name: plainName(call.name),
    input: argumentsOf(call),
  }))
  return interleave([...text, ...calls], keptOf('anthropic', model, message.thinking)) as Block[]
}

const text = z.string().nullish()
const pieceSchema = z.looseObject({
  type: z.string(),
  index: z.number().nullish(),
  message: z.looseObject({ usage: z.unknown().optional() }).nullish(),
  content_block: z
    .looseObject({ type: z.string(), id: text, name: text, input: z.unknown().optional(), text, thinking: text })
    .nullish(),
  delta: z
    .looseObject({ type: text, text, thinking: text, signature: text, partial_json: text, stop_reason: text })
    .nullish(),
  usage: z.unknown().optional(),
  error: z.unknown().optional(),
})

type Piece = z.output<typeof pieceSchema>

const finishes: Readonly<Record<string, ModelFinish>> = {
  tool_use: 'tool_calls',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  refusal: 'filter',
}

type OpenBlock =
  | { type: 'text' }
  | { type: 'call'; call: OpenCall; input: unknown }
  | { type: 'thinking'; block: Block; at: number }

class AnthropicReply implements WireReply {
  private readonly blocks = new Map<number, OpenBlock>()
  private usage: Readonly<Record<string, unknown>> = {}
  private finish: ModelFinish | null = null
  private readonly model: string

  constructor(model: string) {
    this.model = model
  }

  take(piece: string): Taken {
    const parsed = pieceOf(pieceSchema, piece)
    if (!parsed || parsed.type === 'ping') return nothing
    const error = errorOf(parsed.error)
    if (error) return { kind: 'error', error }
    if (parsed.type === 'message_stop') return { kind: 'over', events: [] }
    return events(...this.eventsOf(parsed))
  }

  private eventsOf(piece: Piece): ModelEvent[] {
    const { type, index, delta } = piece
    this.count(piece.message?.usage ?? piece.usage)
    if (type === 'message_delta' && delta?.stop_reason) this.finish = finishes[delta.stop_reason] ?? 'stop'
    if (type === 'content_block_start' && piece.content_block) return this.open(index ?? 0, piece.content_block)
    if (type === 'content_block_delta' && delta) return this.add(this.blocks.get(index ?? 0), delta)
    return []
  }

  /** Later figures are the whole so far, and leave out what has not changed. */
  private count(usage: unknown): void {
    const said = Object.entries(fieldsOf(usage)).filter(([, value]) => value !== null && value !== undefined)
    this.usage = { ...this.usage, ...Object.fromEntries(said) }
  }

  private open(index: number, block: NonNullable<Piece['content_block']>): ModelEvent[] {
    if (block.type === 'tool_use') {
      const call = { id: block.id ?? null, name: block.name ?? '', argumentsText: '' }
      this.blocks.set(index, { type: 'call', call, input: block.input ?? {} })
    } else if (block.type.endsWith('thinking')) {
      this.blocks.set(index, { type: 'thinking', block: { ...block }, at: this.shown() })
      return block.thinking ? [{ type: 'reasoning', delta: block.thinking }] : []
    } else if (block.type === 'text') {
      this.blocks.set(index, { type: 'text' })
      return block.text ? [{ type: 'text', delta: block.text }] : []
    }
    return []
  }

  /** Blocks before this one, as they will stand in the message: all text is one. */
  private shown(): number {
    const before = [...this.blocks.values()]
    return (before.some(({ type }) => type === 'text') ? 1 : 0) + this.calls().length
  }

  private add(block: OpenBlock | undefined, delta: NonNullable<Piece['delta']>): ModelEvent[] {
    if (block?.type === 'call') block.call.argumentsText += delta.partial_json ?? ''
    if (block?.type === 'thinking') {
      const { thinking = '' } = block.block as { thinking?: string }
      if (delta.thinking) block.block.thinking = thinking + delta.thinking
      if (delta.signature) block.block.signature = delta.signature
      return delta.thinking ? [{ type: 'reasoning', delta: delta.thinking }] : []
    }
    return delta.text ? [{ type: 'text', delta: delta.text }] : []
  }

  private calls(): { call: OpenCall; input: unknown }[] {
    return [...this.blocks.values()].flatMap((block) => (block.type === 'call' ? [block] : []))
  }

  tokens(): Tokens | null {
    const { usage } = this
    return sensible({
      input: countOf(usage.input_tokens) ?? Number.NaN,
      output: countOf(usage.output_tokens) ?? Number.NaN,
      // Part of the output; the server does not say how much.
      reasoning: 0,
      cacheRead: countOf(usage.cache_read_input_tokens) ?? 0,
      cacheWrite: countOf(usage.cache_creation_input_tokens) ?? 0,
    })
  }

  end(): ModelEvent[] | null {
    if (this.finish === null) return null
    const thinking = [...this.blocks.values()].flatMap((block): ModelEvent[] =>
      block.type === 'thinking' ? [{ type: 'thinking', thinking: keep('anthropic', this.model, block) }] : [],
    )
    const calls = this.calls().map(({ call, input }) => ({
      ...call,
      argumentsText: call.argumentsText || JSON.stringify(input),
    }))
    return [...thinking, ...endOf(calls, this.finish)]
  }
}
