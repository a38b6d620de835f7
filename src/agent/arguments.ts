/** The arguments of calls as models send them. It parses and re-splits; it never fills in what is missing. */
import type { ToolCall } from '../core/session.ts'

export type Arguments = { ok: true; value: Record<string, unknown> } | { ok: false; fault: string }

/** No text at all means no arguments. */
export function parseArguments(text: string): Arguments {
  if (text.trim() === '') return { ok: true, value: {} }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return { ok: true, value: value as Record<string, unknown> }
    }
    const what = value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value
    return { ok: false, fault: `the arguments must be a JSON object, not ${what}` }
  } catch (error) {
    return { ok: false, fault: `the arguments are not valid JSON (${error instanceof Error ? error.message : error})` }
  }
}

/**
 * The argument texts of the calls of one reply. Some servers cut the texts of parallel calls at the wrong place: when
 * one does not parse, all are joined and split again at whole objects, and that counts only if it fits exactly.
 */
export function argumentTexts(calls: readonly ToolCall[]): string[] {
  const texts = calls.map((call) => call.argumentsText)
  if (texts.length < 2 || texts.every((text) => parseArguments(text).ok)) return texts
  const objects = wholeObjects(texts.join(''))
  const recovered = objects?.length === texts.length && objects.every((text) => parseArguments(text).ok)
  return recovered ? (objects ?? texts) : texts
}

/** The top-level `{…}` of a text that holds nothing else, or null. */
function wholeObjects(text: string): string[] | null {
  const found: string[] = []
  let depth = 0
  let start = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (inString) {
      if (char === '\\') i++
      else if (char === '"') inString = false
    } else if (char === '"') {
      if (depth === 0) return null
      inString = true
    } else if (char === '{') {
      if (depth++ === 0) start = i
    } else if (char === '}') {
      if (--depth < 0) return null
      if (depth === 0) found.push(text.slice(start, i + 1))
    } else if (depth === 0 && !/\s/.test(char ?? '')) return null
  }
  return depth === 0 && !inString ? found : null
}
