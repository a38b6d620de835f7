/** Looking into JSON that anybody may have written: every step may find something else, and then finds nothing. */

export const fieldOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined

export const listOf = (value: unknown, key: string): readonly unknown[] | null => {
  const found = fieldOf(value, key)
  return Array.isArray(found) ? found : null
}

export const textOf = (value: unknown, key: string): string => {
  const found = fieldOf(value, key)
  return typeof found === 'string' ? found : ''
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What `go test -json` says most of the time, and nobody counts. */
const chatter = '"Action":"output"'

/** The JSON objects of an output: one that may have other lines around it, or one a line. */
export function* objectsOf(text: string): Generator<unknown> {
  const start = text.search(/^[ \t]*\{/m)
  const end = text.lastIndexOf('}')
  if (start < 0 || end < start) return
  const whole = parsed(text.slice(start, end + 1))
  if (whole !== undefined) yield whole
  else {
    for (const line of linesOf(text)) {
      const value = line.startsWith('{') && !line.includes(chatter) ? parsed(line) : undefined
      if (value !== undefined) yield value
    }
  }
}

/** One after the other: an array of them would hold the text a second time. */
export function* linesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const found = text.indexOf('\n', at)
    const end = found < 0 ? text.length : found
    yield text.slice(at, text[end - 1] === '\r' && end > at ? end - 1 : end)
    at = end + 1
  }
}
