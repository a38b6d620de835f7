/** One entry of a script as the chunks of a streamed chat completion, or as one whole answer. Pure. */
import type { Entry } from './script.ts'

export interface WireDelta {
  content?: string
  reasoning_content?: string
  tool_calls?: { index: number; id?: string; type?: 'function'; function: { name?: string; arguments: string } }[]
}

export interface WireUsage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: { cached_tokens: number }
  completion_tokens_details: { reasoning_tokens: number }
}

const pieceChars = 16

/** Pieces that end at spaces; joined they are the text again. */
export function piecesOf(text: string): string[] {
  return text.match(new RegExp(`[\\s\\S]{1,${pieceChars}}\\S*\\s*`, 'g')) ?? []
}

function chunksOf(value: string | string[] | undefined, paced: boolean): string[] {
  if (value === undefined) return []
  if (Array.isArray(value)) return value
  return paced ? piecesOf(value) : [value]
}

export function finishOf(entry: Entry): string {
  return entry.finish ?? (entry.tool_calls?.length ? 'tool_calls' : 'stop')
}

export function callsOf(entry: Entry): { id: string | undefined; name: string; argumentsText: string }[] {
  const calls = (entry.tool_calls ?? []).map((call) => ({
    id: call.id,
    name: call.name,
    argumentsText: call.raw ?? JSON.stringify(call.arguments ?? {}),
  }))
  return entry.fault === 'split_args' ? shiftArguments(calls) : calls
}

/** As servers do that cut parallel arguments at the wrong place: each call takes the first characters of the next. */
function shiftArguments<T extends { argumentsText: string }>(calls: T[]): T[] {
  const shift = 3
  return calls.map((call, index) => {
    const own = index === 0 ? call.argumentsText : call.argumentsText.slice(shift)
    return { ...call, argumentsText: own + (calls[index + 1]?.argumentsText.slice(0, shift) ?? '') }
  })
}

/** `salt` makes the ids of calls unique across replies. */
export function deltasOf(entry: Entry, salt: string): WireDelta[] {
  const paced = (entry.chunk_ms ?? 0) > 0
  const reasoning = chunksOf(entry.reasoning, paced).map((part) => ({ reasoning_content: part }))
  const text = chunksOf(entry.text, paced).map((part) => ({ content: part }))
  const calls = callsOf(entry).flatMap((call, index): WireDelta[] => {
    const pieces = paced ? piecesOf(call.argumentsText) : [call.argumentsText]
    const id = call.id ?? `call_${salt}_${index}`
    return [
      { tool_calls: [{ index, id, type: 'function', function: { name: call.name, arguments: pieces[0] ?? '' } }] },
      ...pieces.slice(1).map((piece) => ({ tool_calls: [{ index, function: { arguments: piece } }] })),
    ]
  })
  return [...reasoning, ...text, ...calls]
}

export function charsOf(entry: Entry): number {
  const text = chunksOf(entry.text, false).join('') + chunksOf(entry.reasoning, false).join('')
  return callsOf(entry).reduce((sum, call) => sum + call.name.length + call.argumentsText.length, text.length)
}

export function usageOf(entry: Entry, estimated: { prompt: number; completion: number }): WireUsage {
  const prompt = entry.usage?.prompt_tokens ?? estimated.prompt
  const completion = entry.usage?.completion_tokens ?? estimated.completion
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: entry.usage?.cached_tokens ?? 0 },
    completion_tokens_details: { reasoning_tokens: entry.usage?.reasoning_tokens ?? 0 },
  }
}

/** The answer to a request without `stream`. */
export function wholeMessage(entry: Entry, salt: string): Record<string, unknown> {
  const calls = callsOf(entry).map((call, index) => ({
    id: call.id ?? `call_${salt}_${index}`,
    type: 'function',
    function: { name: call.name, arguments: call.argumentsText },
  }))
  const reasoning = chunksOf(entry.reasoning, false).join('')
  return {
    role: 'assistant',
    content: chunksOf(entry.text, false).join('') || null,
    ...(reasoning ? { reasoning_content: reasoning } : {}),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  }
}
