/** Google's Gemini API (generateContent, streamed). Thought signatures go back with the parts they came with. */
import { z } from 'zod'
import type { ModelEvent, ModelFinish, ModelRequest } from '../../core/provider.ts'
import { commonShape, urlSchema } from './settings.ts'
import { type ModelSource, openSource, type ProviderDeps } from './source.ts'
import {
  argumentsOf,
  countOf,
  endOf,
  errorOf,
  events,
  fieldsOf,
  type Kept,
  keep,
  keptOf,
  type Listed,
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

const geminiSchema = z
  .strictObject({
    kind: z.literal('gemini'),
    base_url: urlSchema.default('https://generativelanguage.googleapis.com/v1beta'),
    ...commonShape,
  })
  .meta({ id: 'GeminiProvider', description: "Google's Gemini API." })

export const gemini = {
  kind: 'gemini',
  schema: geminiSchema,
  create: (config: z.output<typeof geminiSchema>, deps: ProviderDeps): ModelSource =>
    openSource(config, geminiWire, deps),
} as const

const geminiWire: Wire = {
  kind: 'gemini',
  framing: 'events',
  keyVariables: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
  headers: (key): Record<string, string> => (key === null ? {} : { 'x-goog-api-key': key }),
  request: (request) => ({
    path: `/models/${encodeURIComponent(request.model)}:streamGenerateContent?alt=sse`,
    body: bodyOf(request),
  }),
  reply: (model) => new GeminiReply(model),
  listPath: '/models?pageSize=1000',
  list: listOf,
  seesImages: (model) => (model.startsWith('gemini-') ? true : null),
}

const listSchema = z.looseObject({
  models: z.array(
    z.looseObject({
      name: z.string(),
      inputTokenLimit: z.number().nullish(),
      supportedGenerationMethods: z.array(z.string()).nullish(),
    }),
  ),
})

function listOf(answer: unknown): Listed[] | null {
  const parsed = listSchema.safeParse(answer)
  if (!parsed.success) return null
  const speaking = parsed.data.models.filter(
    (model) => model.supportedGenerationMethods?.includes('generateContent') ?? true,
  )
  return speaking.map((model) => ({
    id: model.name.replace(/^models\//, ''),
    facts: { ...noFacts, contextTokens: model.inputTokenLimit ?? null },
  }))
}

type Part = Record<string, unknown>

function bodyOf(request: ModelRequest): Record<string, unknown> {
  const { messages, model, tools, temperature, maxOutputTokens } = request
  const system = messages.flatMap((message) => (message.role === 'system' ? [{ text: message.text }] : []))
  const declared = tools.map(({ name, description, parameters }) => ({
    name,
    description,
    parametersJsonSchema: parameters,
  }))
  const generationConfig = {
    ...(temperature === null ? {} : { temperature }),
    ...(maxOutputTokens === null ? {} : { maxOutputTokens }),
    // Older models refuse to be asked for their thoughts.
    ...(/^gemini-(2\.5|[3-9])/.test(model) ? { thinkingConfig: { includeThoughts: true } } : {}),
  }
  return {
    ...(system.length > 0 ? { systemInstruction: { parts: system } } : {}),
    contents: turnsOf(messages.flatMap((message) => turnOf(message, model))),
    ...(declared.length > 0 ? { tools: [{ functionDeclarations: declared }] } : {}),
    ...(Object.keys(generationConfig).length > 0 ? { generationConfig } : {}),
  }
}

function turnOf(message: ModelRequest['messages'][number], model: string): { role: string; parts: Part[] }[] {
  switch (message.role) {
    case 'system':
      return []
    case 'user':
      return [{ role: 'user', parts: [{ text: message.text }, ...imageParts(message)] }]
    case 'tool': {
      const response = {
        id: plainId(message.callId),
        name: plainName(message.name),
        response: { result: message.text },
      }
      return [{ role: 'user', parts: [{ functionResponse: response }, ...imageParts(message)] }]
    }
    case 'assistant':
      return [{ role: 'model', parts: modelParts(message, model) }]
  }
}

const imageParts = ({ images = [] }: Pick<Role<'user'>, 'images'>): Part[] =>
  images.map(({ mediaType, base64 }) => ({ inlineData: { mimeType: mediaType, data: base64 } }))

/** What Google documents for calls of another model: without it, its newer models refuse them. */
const foreign = 'skip_thought_signature_validator'

function modelParts(message: Role<'assistant'>, model: string): Part[] {
  const kept = keptOf('gemini', model, message.thinking)
  const text = message.text === '' ? [] : [{ text: message.text }]
  const calls = message.calls.map((call) => ({
    functionCall: { id: plainId(call.id), name: plainName(call.name), args: argumentsOf(call) },
  }))
  const firstCall = text.length
  const strict = /^gemini-[3-9]/.test(model) && !kept.some((one) => one.at >= firstCall)
  return [...text, ...calls].map((part, at) => {
    const signature = kept.find((one) => one.at === at)?.block
    const thoughtSignature = signature ?? (strict && at === firstCall ? foreign : undefined)
    return thoughtSignature === undefined ? part : { ...part, thoughtSignature }
  })
}

const text = z.string().nullish()

const pieceSchema = z.looseObject({
  error: z.unknown().optional(),
  promptFeedback: z.looseObject({ blockReason: text }).nullish(),
  candidates: z
    .array(
      z.looseObject({
        finishReason: text,
        content: z
          .looseObject({
            parts: z
              .array(
                z.looseObject({
                  text,
                  thought: z.boolean().nullish(),
                  thoughtSignature: text,
                  functionCall: z.looseObject({ id: text, name: text, args: z.unknown().optional() }).nullish(),
                }),
              )
              .nullish(),
          })
          .nullish(),
      }),
    )
    .nullish(),
  usageMetadata: z.unknown().optional(),
})

const finishes: Readonly<Record<string, ModelFinish>> = {
  MAX_TOKENS: 'length',
  SAFETY: 'filter',
  RECITATION: 'filter',
  BLOCKLIST: 'filter',
  PROHIBITED_CONTENT: 'filter',
  SPII: 'filter',
  LANGUAGE: 'filter',
}

class GeminiReply implements WireReply {
  private readonly calls: OpenCall[] = []
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
    const error = errorOf(parsed.error)
    if (error) return { kind: 'error', error }
    if (parsed.usageMetadata) this.usage = parsed.usageMetadata
    if (parsed.promptFeedback?.blockReason) this.finish = 'filter'
    const candidate = parsed.candidates?.[0]
    const said = (candidate?.content?.parts ?? []).flatMap((part): ModelEvent[] => {
      if (part.functionCall) {
        const { id, name, args } = part.functionCall
        this.calls.push({ id: id ?? null, name: name ?? '', argumentsText: JSON.stringify(args ?? {}) })
      }
      const shown = !part.thought && Boolean(part.text)
      this.hasText ||= shown
      if (part.thoughtSignature) this.keep(part.thoughtSignature, Boolean(part.functionCall))
      if (!part.text) return []
      return [{ type: part.thought ? 'reasoning' : 'text', delta: part.text }]
    })
    if (candidate?.finishReason) this.finish = finishes[candidate.finishReason] ?? 'stop'
    return events(...said)
  }

  /** It belongs to its call; else to the text, which goes back as one part. */
  private keep(signature: string, ofCall: boolean): void {
    const at = ofCall ? (this.hasText ? 1 : 0) + this.calls.length - 1 : 0
    if (ofCall || this.hasText) this.kept.push({ at, block: signature })
  }

  tokens(): Tokens | null {
    const usage = fieldsOf(this.usage)
    const cacheRead = countOf(usage.cachedContentTokenCount) ?? 0
    const reasoning = countOf(usage.thoughtsTokenCount) ?? 0
    const prompt = (countOf(usage.promptTokenCount) ?? Number.NaN) + (countOf(usage.toolUsePromptTokenCount) ?? 0)
    // A figure of 0 is left out.
    const output = (countOf(usage.candidatesTokenCount) ?? 0) + reasoning
    return sensible({ input: prompt - cacheRead, output, reasoning, cacheRead, cacheWrite: 0 })
  }

  end(): ModelEvent[] | null {
    if (this.finish === null) return null
    const thinking = this.kept.map(
      (kept): ModelEvent => ({ type: 'thinking', thinking: keep('gemini', this.model, kept) }),
    )
    return [...thinking, ...endOf(this.calls, this.finish)]
  }
}
