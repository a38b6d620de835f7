/** How full a context is, and of what. Pure: what the server counted last, and estimates beside it. */
import type { ContextUse } from '../core/runtime.ts'
import { type Frame, frameTokensOf } from './frame.ts'
import { planLayer } from './plans.ts'
import type { History } from './shown.ts'
import { textTokens, toolTokens } from './weigh.ts'

/** Tokens of the next request: what the server counted last, and what came since by estimate. */
export function usedTokens({ counted, tokens }: History, frameTokens: number): number {
  if (!counted) return frameTokens + tokens
  const since = tokens - counted.estimated
  const ratio = counted.tokens / Math.max(1, frameTokens + counted.estimated)
  return Math.max(0, Math.round(counted.tokens + since * (since > 0 ? Math.max(1, ratio) : ratio)))
}

export function contextUse(history: History, frame: Frame, windowTokens: number): ContextUse {
  const used = usedTokens(history, frameTokensOf(frame))
  const [instructions, memory] = [textTokens(history.instructions), textTokens(history.memory)]
  const plan = history.plan === '' ? 0 : textTokens(planLayer(history.plan))
  const sources = {
    system: Math.max(0, textTokens(frame.system) - instructions - memory - plan),
    ...{ instructions, memory, plan },
    tools: toolTokens(frame.tools),
    messages: 0,
    results: 0,
    summary: 0,
  }
  for (const { source, tokens } of history.list()) sources[source] += tokens
  // The parts are estimates: they are brought to the sum that is known.
  const sum = Object.values(sources).reduce((total, tokens) => total + tokens, 0)
  for (const source of Object.keys(sources) as (keyof typeof sources)[]) {
    sources[source] = Math.round((sources[source] * used) / Math.max(1, sum))
  }
  return { windowTokens, usedTokens: used, counted: history.counted !== null, sources }
}
