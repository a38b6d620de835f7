/** One model call of a run: streams it on, collects it, and says how it ended. It runs no tool. */
import type { Problem } from '../core/problem.ts'
import type { ModelMessage, ToolSchema } from '../core/provider.ts'
import type { ModelUsage, Thinking, ToolCall } from '../core/session.ts'
import { failpoint } from '../lib/failpoint.ts'
import { withPictures } from './pictures.ts'
import { costMicros } from './prices.ts'
import type { Run } from './run.ts'

export interface ModelReply {
  text: string
  reasoning: string
  calls: ToolCall[]
  thinking: Thinking[]
  usages: ModelUsage[]
  end: { kind: 'finished'; finish: string } | { kind: 'failed'; problem: Problem } | { kind: 'aborted' }
}

/** Of a request that was not sent. */
export function unasked(problem: Problem): ModelReply {
  return { text: '', reasoning: '', calls: [], thinking: [], usages: [], end: { kind: 'failed', problem } }
}

export async function callModel(run: Run, said: ModelMessage[], tools: ToolSchema[]): Promise<ModelReply> {
  const reply: ModelReply = { text: '', reasoning: '', calls: [], thinking: [], usages: [], end: { kind: 'aborted' } }
  const messages = await withPictures(run, said)
  const request = { model: run.model, messages, tools, temperature: run.temperature, maxOutputTokens: null }
  run.debug?.record(run.id, { type: 'request', provider: run.source.provider.name, ...request })
  for await (const event of run.source.provider.stream(request, run.signal)) {
    failpoint('agent.model.event')
    switch (event.type) {
      case 'text':
        reply.text += event.delta
        run.onDelta('text', event.delta)
        break
      case 'reasoning':
        reply.reasoning += event.delta
        run.onDelta('reasoning', event.delta)
        break
      case 'thinking':
        reply.thinking.push(event.thinking)
        break
      case 'call':
        reply.calls.push(event.call)
        break
      case 'usage': {
        const price = run.source.price[event.usage.model]
        reply.usages.push({ ...event.usage, costMicros: costMicros(price, event.usage) })
        break
      }
      case 'retry':
        // What was shown belongs to the failed try: it is marked for whoever saw it, and is no part of the reply.
        if (event.shown) run.onDelta('text', '\n[cut off; the model is asked again]\n')
        reply.text = ''
        reply.reasoning = ''
        reply.calls = []
        reply.thinking = []
        run.onState({
          tool: null,
          retry: { attempt: event.attempt, nextAt: run.clock.now() + event.waitMs, problem: event.problem },
        })
        break
      case 'end':
        reply.end = { kind: 'finished', finish: event.finish }
        break
      case 'failed':
        reply.end = event.aborted ? { kind: 'aborted' } : { kind: 'failed', problem: event.problem }
        break
    }
  }
  run.debug?.record(run.id, { type: 'response', ...reply })
  return reply
}
