/** One question to a model, answered in text. No tools, no history; who asks judges what comes back. */
import type { Problem } from '../core/problem.ts'
import type { ModelEvent, ModelMessage } from '../core/provider.ts'
import type { ModelUsage } from '../core/session.ts'
import type { Choice } from './model-choice.ts'
import { costMicros } from './prices.ts'

export interface TextRequest extends Pick<Choice, 'source' | 'model' | 'temperature'> {
  messages: ModelMessage[]
  outputTokensMax: number
  charsMax: number
  /** For the debug log of the run that asks, where one is written. */
  record?: ((line: Record<string, unknown>) => void) | undefined
}

export interface TextAnswer {
  text: string
  usage: ModelUsage | null
  /** Why there is no whole answer. */
  problem: Problem | null
}

export async function askText(request: TextRequest, signal: AbortSignal): Promise<TextAnswer> {
  const { record, source, model, temperature, messages, outputTokensMax } = request
  const call = { model, messages, tools: [], temperature, maxOutputTokens: outputTokensMax }
  record?.({ type: 'request', provider: source.provider.name, ...call })
  const answer = await answerTo(request, source.provider.stream(call, signal))
  record?.({ type: 'response', ...answer })
  return answer
}

async function answerTo({ source, charsMax }: TextRequest, events: AsyncIterable<ModelEvent>): Promise<TextAnswer> {
  let text = ''
  let usage: ModelUsage | null = null
  for await (const event of events) {
    if (event.type === 'text') text = (text + event.delta).slice(0, charsMax)
    if (event.type === 'retry') text = ''
    if (event.type === 'usage') {
      usage = { ...event.usage, costMicros: costMicros(source.price[event.usage.model], event.usage) }
    }
    if (event.type === 'failed') return { text, usage, problem: event.problem }
  }
  return { text, usage, problem: null }
}
