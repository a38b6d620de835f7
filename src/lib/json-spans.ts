/**
 * Where the parts of a JSON text stand, so that one of them can be changed and every other byte stays. The text must
 * have been parsed before: it finds places and judges nothing.
 */

export interface Span {
  start: number
  /** Behind the last character. */
  end: number
}

const skip = (text: string, at: number): number => {
  while (/[\s,:]/.test(text[at] ?? '')) at += 1
  return at
}

function stringEnd(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === '\\') i += 1
    else if (text[i] === '"') return i + 1
  }
  return text.length
}

/** Behind the value that begins there. */
function valueEnd(text: string, start: number): number {
  if (text[start] === '"') return stringEnd(text, start)
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const char = text[at] ?? ''
    if (char === '"') at = stringEnd(text, at) - 1
    else if (char === '{' || char === '[') depth += 1
    else if (char === '}' || char === ']') {
      if (depth === 0) return at
      depth -= 1
      if (depth === 0) return at + 1
    } else if (depth === 0 && /[\s,]/.test(char)) return at
  }
  return text.length
}

/** The values of an object that begins there; of a key that stands twice the last, as parsers have it. */
export function fieldSpans(text: string, start: number): Map<string, Span> {
  const found = new Map<string, Span>()
  for (let at = skip(text, start + 1); text[at] === '"'; ) {
    const keyEnd = stringEnd(text, at)
    const from = skip(text, keyEnd)
    const end = valueEnd(text, from)
    found.set(JSON.parse(text.slice(at, keyEnd)) as string, { start: from, end })
    at = skip(text, end)
  }
  return found
}

export function itemSpans(text: string, start: number): Span[] {
  const found: Span[] = []
  for (let at = skip(text, start + 1); at < text.length && text[at] !== ']'; ) {
    const end = valueEnd(text, at)
    found.push({ start: at, end })
    at = skip(text, end)
  }
  return found
}
