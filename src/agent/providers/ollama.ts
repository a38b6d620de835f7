/** Ollama's own protocol: one JSON text a line, and a context as large as the model and the settings allow. */
import { z } from 'zod'
import type { ModelEvent, ModelFacts, ModelFinish, ModelMessage, ModelRequest } from '../../core/provider.ts'
import { commonShape, setContextOf, urlSchema } from './settings.ts'
import { type ModelSource, openSource, type ProviderDeps } from './source.ts'
import {
  argumentsOf,
  countOf,
  endOf,
  errorOf,
  events,
  imagesBehindResults,
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

const ollamaSchema = z
  .strictObject({
    kind: z.literal('ollama'),
    base_url: urlSchema.default('http://127.0.0.1:11434'),
    ...commonShape,
  })
  .meta({ id: 'OllamaProvider', description: "Ollama's own protocol." })

type OllamaConfig = z.output<typeof ollamaSchema>

/** A context takes memory whether it is used or not: models that could have more get this unless settings say so. */
const contextTokensMax = 32_768

export const ollama = {
  kind: 'ollama',
  schema: ollamaSchema,
  create: (config: OllamaConfig, deps: ProviderDeps): ModelSource => openSource(config, ollamaWire(config), deps),
} as const

const ollamaWire = (config: OllamaConfig): Wire => ({
  kind: 'ollama',
  framing: 'lines',
  keyVariables: ['OLLAMA_API_KEY'],
  headers: (key): Record<string, string> => (key === null ? {} : { authorization: `Bearer ${key}` }),
  request: (request, facts) => {
    const contextTokens = setContextOf(config, request.model) ?? facts?.contextTokens ?? null
    return { path: '/api/chat', body: bodyOf(request, contextTokens) }
  },
  reply: () => new OllamaReply(),
  listPath: '/api/tags',
  list(answer) {
    const parsed = listSchema.safeParse(answer)
    return parsed.success ? parsed.data.models.map(({ name }) => ({ id: name, facts: noFacts })) : null
  },
  show: { request: (model) => ({ path: '/api/show', body: { model } }), facts: factsOf },
  seesImages: () => null,
})

const listSchema = z.looseObject({ models: z.array(z.looseObject({ name: z.string() })) })

const showSchema = z.looseObject({
  model_info: z.record(z.string(), z.unknown()).nullish(),
  capabilities: z.array(z.string()).nullish(),
})

function factsOf(answer: unknown): ModelFacts | null {
  const parsed = showSchema.safeParse(answer)
  if (!parsed.success) return null
  const { model_info: info, capabilities } = parsed.data
  const told = Object.entries(info ?? {}).find(([key]) => key.endsWith('.context_length'))?.[1]
  const can = (what: string) => (capabilities ? capabilities.includes(what) : null)
  return {
    contextTokens: typeof told === 'number' && told > 0 ? Math.min(told, contextTokensMax) : null,
    images: can('vision'),
    tools: can('tools'),
  }
}

/** Without `num_ctx` the server takes a small default, and cuts what does not fit in silence. */
function bodyOf(request: ModelRequest, contextTokens: number | null): Record<string, unknown> {
  const { model, messages, tools, temperature, maxOutputTokens } = request
  const options = {
    ...(contextTokens === null ? {} : { num_ctx: contextTokens }),
    ...(temperature === null ? {} : { temperature }),
    ...(maxOutputTokens === null ? {} : { num_predict: maxOutputTokens }),
  }
  return {
    model,
    messages: imagesBehindResults(messages).map(wireMessage),
    stream: true,
    ...(tools.length > 0 ? { tools: tools.map((tool) => ({ type: 'function', function: { ...tool } })) } : {}),
    ...(Object.keys(options).length > 0 ? { options } : {}),
  }
}

function wireMessage(message: ModelMessage): Record<string, unknown> {
  switch (message.role) {
    case 'tool':
      return { role: 'tool', tool_name: message.name, content: message.text }
    case 'assistant': {
      const calls = message.calls.map((call) => ({ function: { name: call.name, arguments: argumentsOf(call) } }))
      return { role: 'assistant', content: message.text, ...(calls.length > 0 ? { tool_calls: calls } : {}) }
    }
    case 'user': {
      const images = message.images?.map(({ base64 }) => base64)
      return { role: 'user', content: message.text, ...(images?.length ? { images } : {}) }
    }
    case 'system':
      return { role: 'system', content: message.text }
  }
}

const text = z.string().nullish()

const pieceSchema = z.looseObject({
  error: z.unknown().optional(),
  message: z
    .looseObject({
      content: text,
      thinking: text,
      tool_calls: z
        .array(
          z.looseObject({
            id: text,
            function: z.looseObject({ name: text, arguments: z.unknown().optional() }).nullish(),
          }),
        )
        .nullish(),
    })
    .nullish(),
  done: z.boolean().nullish(),
  done_reason: text,
  prompt_eval_count: z.unknown().optional(),
  eval_count: z.unknown().optional(),
})

class OllamaReply implements WireReply {
  private readonly calls: OpenCall[] = []
  private finish: ModelFinish | null = null
  private usage: Tokens | null = null

  take(piece: string): Taken {
    const parsed = pieceOf(pieceSchema, piece)
    if (!parsed) return nothing
    const error = errorOf(parsed.error)
    if (error) return { kind: 'error', error }
    const { message } = parsed
    const said: ModelEvent[] = []
    if (message?.thinking) said.push({ type: 'reasoning', delta: message.thinking })
    if (message?.content) said.push({ type: 'text', delta: message.content })
    for (const { id, function: called } of message?.tool_calls ?? []) {
      const given = called?.arguments ?? {}
      const argumentsText = typeof given === 'string' ? given : JSON.stringify(given)
      this.calls.push({ id: id ?? null, name: called?.name ?? '', argumentsText })
    }
    if (!parsed.done) return events(...said)
    this.finish = parsed.done_reason === 'length' ? 'length' : 'stop'
    // A figure of 0 is left out.
    const [input, output] = [countOf(parsed.prompt_eval_count) ?? 0, countOf(parsed.eval_count) ?? 0]
    this.usage = sensible({ input, output, reasoning: 0, cacheRead: 0, cacheWrite: 0 })
    return { kind: 'over', events: said }
  }

  tokens(): Tokens | null {
    return this.usage
  }

  end(): ModelEvent[] | null {
    return this.finish === null ? null : endOf(this.calls, this.finish)
  }
}
