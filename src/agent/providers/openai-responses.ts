/** OpenAI's Responses API, stateless: nothing is stored there, encrypted reasoning goes back with the history. */
import { z } from 'zod'
import type { ModelEvent, ModelFinish, ModelRequest } from '../../core/provider.ts'
import { listOf } from './chat-wire.ts'
import { commonShape, isOpenAi, urlSchema } from './settings.ts'
import { type ModelSource, openSource, type ProviderDeps } from './source.ts'
import {
  countOf,
  dataUrl,
  endOf,
  errorOf,
  events,
  fieldsOf,
  interleave,
  type Kept,
  keep,
  keptOf,
  nothing,
  type OpenCall,
  pieceOf,
  plainId,
  plainName,
  type Role,
  sensible,
  type Taken,
  type Tokens,
  type Wire,
  type WireReply,
} from './wire.ts'

const responsesSchema = z
  .strictObject({
    kind: z.literal('openai-responses'),
    base_url: urlSchema.default('https://api.openai.com/v1'),
    ...commonShape,
    reasons: z.boolean().optional().describe('Whether the models reason. Default: as their names say.'),
    effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']).optional().describe('How much they reason.'),
    summaries: z.boolean().default(false).describe('Show summaries of the reasoning; OpenAI gives them to some only.'),
  })
  .meta({ id: 'OpenAiResponsesProvider', description: "OpenAI's Responses API." })

type ResponsesConfig = z.output<typeof responsesSchema>

export const openaiResponses = {
  kind: 'openai-responses',
  schema: responsesSchema,
  create: (config: ResponsesConfig, deps: ProviderDeps): ModelSource => openSource(config, responsesWire(config), deps),
} as const

type Reasoning = Pick<ResponsesConfig, 'reasons' | 'effort' | 'summaries' | 'base_url'>

const responsesWire = (settings: Reasoning): Wire => ({
  kind: 'openai-responses',
  framing: 'events',
  keyVariables: ['OPENAI_API_KEY'],
  headers: (key): Record<string, string> => (key === null ? {} : { authorization: `Bearer ${key}` }),
  request: (request) => ({ path: '/responses', body: bodyOf(request, settings) }),
  reply: (model) => new ResponsesReply(model),
  listPath: '/models',
  listIsMute: isOpenAi(settings.base_url),
  list: listOf,
  seesImages: (model) => (/^(gpt-(4o|4\.1|5)|o[134](?!-mini))/.test(model) ? true : null),
})

function bodyOf(request: ModelRequest, settings: Reasoning): Record<string, unknown> {
  const { model, messages, tools, temperature, maxOutputTokens } = request
  const system = messages.flatMap((message) => (message.role === 'system' ? [message.text] : []))
  const functions = tools.map(({ name, description, parameters }) => ({
    type: 'function',
    name,
    description,
    parameters,
    strict: false,
  }))
  // Models that do not reason refuse to be asked for it.
  const reasons = settings.reasons ?? (settings.effort !== undefined || /^(o\d|gpt-5|codex)/.test(model))
  const reasoning = {
    ...(settings.effort ? { effort: settings.effort } : {}),
    ...(settings.summaries ? { summary: 'auto' } : {}),
  }
  return {
    model,
    store: false,
    stream: true,
    ...(system.length > 0 ? { instructions: system.join('\n\n') } : {}),
    input: messages.flatMap((message) => itemsOf(message, model)),
    ...(functions.length > 0 ? { tools: functions } : {}),
    ...(reasons ? { include: ['reasoning.encrypted_content'] } : {}),
    ...(reasons && Object.keys(reasoning).length > 0 ? { reasoning } : {}),
    ...(temperature === null ? {} : { temperature }),
    ...(maxOutputTokens === null ? {} : { max_output_tokens: maxOutputTokens }),
  }
}

type Item = Record<string, unknown>

function itemsOf(message: ModelRequest['messages'][number], model: string): Item[] {
  switch (message.role) {
    case 'system':
      return []
    case 'user':
      return [{ role: 'user', content: contentOf(message) }]
    case 'tool': {
      const output = message.images?.length ? contentOf(message) : message.text
      return [{ type: 'function_call_output', call_id: plainId(message.callId), output }]
    }
    case 'assistant': {
      const text = message.text === '' ? [] : [{ role: 'assistant', content: message.text }]
      const calls = message.calls.map((call) => ({
        type: 'function_call',
        call_id: plainId(call.id),
        name: plainName(call.name),
        arguments: call.argumentsText,
      }))
      return interleave([...text, ...calls], keptOf('openai-responses', model, message.thinking)) as Item[]
    }
  }
}

const contentOf = ({ text, images = [] }: Pick<Role<'user'>, 'text' | 'images'>): Item[] => [
  { type: 'input_text', text },
  ...images.map((image) => ({ type: 'input_image', image_url: dataUrl(image) })),
]

const text = z.string().nullish()

const itemSchema = z.looseObject({
  type: z.string(),
  id: text,
  call_id: text,
  name: text,
  arguments: text,
  encrypted_content: text,
  summary: z.unknown().optional(),
})

const pieceSchema = z.looseObject({
  type: z.string(),
  output_index: z.number().nullish(),
  delta: z.unknown().optional(),
  item: itemSchema.nullish(),
  error: z.unknown().optional(),
  message: text,
  code: text,
  response: z
    .looseObject({
      error: z.unknown().optional(),
      incomplete_details: z.looseObject({ reason: text }).nullish(),
      usage: z.unknown().optional(),
    })
    .nullish(),
})

type Piece = z.output<typeof pieceSchema>
type WireItem = z.output<typeof itemSchema>

class ResponsesReply implements WireReply {
  private readonly calls = new Map<number, OpenCall>()
  private readonly kept: Kept[] = []
  private readonly model: string
  private hasText = false
  private usage: unknown = null
  private finish: ModelFinish | null = null

  constructor(model: string) {
    this.model = model
  }

  take(piece: string): Taken {
    const parsed = pieceOf(pieceSchema, piece)
    if (!parsed) return nothing
    const { type, response } = parsed
    const failed = type === 'response.failed' ? (errorOf(response?.error) ?? { message: type, code: '' }) : null
    const alone = type === 'error' ? { message: parsed.message ?? type, code: parsed.code ?? '' } : null
    const error = errorOf(parsed.error) ?? failed ?? alone
    if (error) return { kind: 'error', error }
    if (response?.usage) this.usage = response.usage
    if (type === 'response.completed') this.finish = 'stop'
    if (type === 'response.incomplete') {
      this.finish = response?.incomplete_details?.reason === 'content_filter' ? 'filter' : 'length'
    }
    return this.finish ? { kind: 'over', events: [] } : events(...this.eventsOf(parsed))
  }

  private eventsOf({ type, delta, item, output_index }: Piece): ModelEvent[] {
    const at = output_index ?? 0
    const said = typeof delta === 'string' ? delta : ''
    switch (type) {
      case 'response.output_text.delta':
      case 'response.refusal.delta':
        this.hasText ||= said !== ''
        return said === '' ? [] : [{ type: 'text', delta: said }]
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
        return said === '' ? [] : [{ type: 'reasoning', delta: said }]
      case 'response.function_call_arguments.delta': {
        const call = this.calls.get(at)
        if (call) call.argumentsText += said
        return []
      }
      case 'response.output_item.added':
      case 'response.output_item.done':
        if (item) this.takeItem(item, at)
        return []
      default:
        return []
    }
  }

  /** An item comes twice: when it begins, and whole when it is done. */
  private takeItem(item: WireItem, at: number): void {
    if (item.type === 'function_call') {
      const open = this.calls.get(at)
      this.calls.set(at, {
        id: item.call_id ?? open?.id ?? null,
        name: item.name || (open?.name ?? ''),
        argumentsText: item.arguments || (open?.argumentsText ?? ''),
      })
    }
    if (item.type === 'reasoning' && item.encrypted_content) {
      const { id, summary, encrypted_content } = item
      const block = { type: 'reasoning', ...(id ? { id } : {}), summary: summary ?? [], encrypted_content }
      const before = this.kept.findIndex((one) => id && (one.block as Item).id === id)
      const kept = { at: (this.hasText ? 1 : 0) + this.calls.size, block }
      if (before < 0) this.kept.push(kept)
      else this.kept[before] = { ...kept, at: this.kept[before]?.at ?? kept.at }
    }
  }

  tokens(): Tokens | null {
    const usage = fieldsOf(this.usage)
    const read = fieldsOf(usage.input_tokens_details)
    const cacheRead = countOf(read.cached_tokens) ?? 0
    const cacheWrite = countOf(read.cache_write_tokens) ?? 0
    return sensible({
      input: (countOf(usage.input_tokens) ?? Number.NaN) - cacheRead - cacheWrite,
      output: countOf(usage.output_tokens) ?? Number.NaN,
      reasoning: countOf(fieldsOf(usage.output_tokens_details).reasoning_tokens) ?? 0,
      cacheRead,
      cacheWrite,
    })
  }

  end(): ModelEvent[] | null {
    if (this.finish === null) return null
    const thinking = this.kept.map(
      (kept): ModelEvent => ({ type: 'thinking', thinking: keep('openai-responses', this.model, kept) }),
    )
    const calls = [...this.calls].sort(([a], [b]) => a - b).map(([, call]) => call)
    return [...thinking, ...endOf(calls, this.finish)]
  }
}
