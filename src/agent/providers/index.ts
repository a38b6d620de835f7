/** The kinds of providers there are. A new one is one file and one line here. */
import { anthropic } from './anthropic.ts'
import { gemini } from './gemini.ts'
import { ollama } from './ollama.ts'
import { openai } from './openai.ts'
import { openaiResponses } from './openai-responses.ts'
import type { CommonConfig } from './settings.ts'
import type { ModelSource, ProviderDeps } from './source.ts'

export type { ModelSource, ProviderDeps } from './source.ts'
export { isTransient } from './trouble.ts'

export const providerKinds = [openai, openaiResponses, anthropic, gemini, ollama] as const

type Schemas<K> = K extends readonly [infer First, ...infer Rest]
  ? First extends { schema: infer S }
    ? [S, ...Schemas<Rest>]
    : never
  : []

export const providerSchemas = providerKinds.map((kind) => kind.schema) as Schemas<typeof providerKinds>

interface ProviderKind {
  kind: string
  create(config: CommonConfig, deps: ProviderDeps): ModelSource
}

/** `config` has been parsed by the schema of its kind. */
export function createSource(config: CommonConfig, deps: ProviderDeps): ModelSource {
  const kinds: readonly ProviderKind[] = providerKinds as readonly unknown[] as readonly ProviderKind[]
  const kind = kinds.find((one) => one.kind === config.kind)
  if (!kind) throw new Error(`no provider kind ${config.kind}`)
  return kind.create(config, deps)
}
