import { type ProviderFacts, providerContract } from '../../contracts/provider.ts'

const usage = { input: 40, cacheRead: 60, cacheWrite: 0, output: 20, reasoning: 5 }
const sse: Omit<ProviderFacts, 'kind' | 'model'> = {
  contentType: 'text/event-stream',
  unauthorized: 401,
  textCalls: true,
  usage,
  shows: false,
  thinks: true,
  keyHeader: 'authorization',
}

providerContract({ ...sse, kind: 'openai', model: 'model-1', thinks: false })
providerContract({ ...sse, kind: 'openai-responses', model: 'gpt-5' })
providerContract({
  ...sse,
  kind: 'anthropic',
  model: 'claude-sonnet-4-5',
  keyHeader: 'x-api-key',
  // It does not say how much of the output was thinking.
  usage: { ...usage, reasoning: 0 },
})
providerContract({
  ...sse,
  kind: 'gemini',
  model: 'gemini-3-pro-preview',
  unauthorized: 400,
  textCalls: false,
  keyHeader: 'x-goog-api-key',
})
providerContract({
  ...sse,
  kind: 'ollama',
  model: 'qwen3:8b',
  contentType: 'application/x-ndjson',
  textCalls: false,
  usage: { input: 100, cacheRead: 0, cacheWrite: 0, output: 20, reasoning: 0 },
  shows: true,
  thinks: false,
})
