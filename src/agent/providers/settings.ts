/** The settings that every kind of provider has. What only one protocol knows stands with that protocol. */
import { z } from 'zod'
import { priceSchema } from '../prices.ts'

const seconds = (fallback: number) => z.number().positive().max(86_400).default(fallback)
const tokens = z.number().int().min(1).max(100_000_000)

export const commonShape = {
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]*$/i)
    .max(60),
  api_key_env: z.string().min(1).optional().describe('Environment variable that holds the key.'),
  model: z.string().min(1).optional().describe('The model to use when a task names none.'),
  models: z.array(z.string().min(1)).default([]),
  price: z.record(z.string(), priceSchema).default({}).describe('Model → price per million tokens.'),
  context_tokens: z
    .union([tokens, z.record(z.string(), tokens)])
    .optional()
    .describe('What fits into a request: for all models, or model → tokens. Default: what the server says.'),
  images: z.boolean().optional().describe('Whether the models can see images. Default: as far as it is known.'),
  tools: z
    .enum(['auto', 'native', 'text'])
    .default('auto')
    .describe('How tools are called: as the protocol has it, or as text; auto: text once the model cannot do else.'),
  temperature: z.number().min(0).max(2).optional(),
  max_output_tokens: z.number().int().min(1).optional(),
  connect_seconds: seconds(10),
  first_byte_seconds: seconds(300).describe('Until the reply begins; a local model reads the prompt first.'),
  stall_seconds: seconds(90).describe('Between two pieces of a reply.'),
  retries: z.number().int().min(0).max(20).default(4),
  retry_after_seconds_max: seconds(30).describe('A server that asks for more is given up for now.'),
}

export const urlSchema = z.url({ protocol: /^https?$/ })

type Common = z.output<z.ZodObject<typeof commonShape>>

export type CommonConfig = Common & { kind: string; base_url: string }

/** What the settings say of how much fits; null: nothing. */
export function setContextOf(
  { context_tokens: context }: Pick<Common, 'context_tokens'>,
  model: string,
): number | null {
  return (typeof context === 'number' ? context : context?.[model]) ?? null
}

/** Its lists say no more than names. */
export const isOpenAi = (baseUrl: string): boolean => new URL(baseUrl).hostname === 'api.openai.com'
