/** Any endpoint that speaks OpenAI's chat completions. */
import { z } from 'zod'
import { chatWire } from './chat-wire.ts'
import { commonShape, isOpenAi, urlSchema } from './settings.ts'
import { type ModelSource, openSource, type ProviderDeps } from './source.ts'

export const openaiSchema = z
  .strictObject({ kind: z.literal('openai').default('openai'), base_url: urlSchema, ...commonShape })
  .meta({ id: 'OpenAiProvider', description: 'An OpenAI-compatible endpoint.' })

export type OpenAiConfig = z.output<typeof openaiSchema>

export const openai = {
  kind: 'openai',
  schema: openaiSchema,
  create(config: OpenAiConfig, deps: ProviderDeps): ModelSource {
    // OpenAI itself refuses the older name for its newer models; others know only that.
    const own = isOpenAi(config.base_url)
    const wire = chatWire(own ? 'max_completion_tokens' : 'max_tokens')
    return openSource(config, { ...wire, listIsMute: own }, deps)
  },
} as const
