/** JSON that two machines write alike (RFC 8785: sorted keys, no spaces), and a reader that takes no key twice. */

/** Throws for what JSON cannot hold: a digest of half a value would be a lie. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object') throw new Error(`${typeof value} has no JSON`)
  const members = Object.entries(value)
    .filter(([, part]) => part !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([key, part]) => `${JSON.stringify(key)}:${canonicalJson(part)}`).join(',')}}`
}

/** Each string of a JSON text once; the second group is there when it is a key. */
const strings = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?/gs

const depthMax = 64

/**
 * The value, or null when the text is no JSON, is nested too deep to be meant, or names a key twice in one object: two
 * readers would see two values.
 */
export function parseStrictJson(text: string): { value: unknown } | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  let keys = 0
  for (const [, colon] of text.matchAll(strings)) if (colon !== undefined) keys++
  return keys === countKeys(value) ? { value } : null
}

/** Walks with a list of its own: hostile nesting must not end the stack. Null: too deep. */
function countKeys(whole: unknown): number | null {
  let count = 0
  const left = [{ value: whole, depth: 0 }]
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    const { value, depth } = one
    if (typeof value !== 'object' || value === null) continue
    if (depth > depthMax) return null
    const parts: unknown[] = Object.values(value)
    if (!Array.isArray(value)) count += parts.length
    for (const part of parts) left.push({ value: part, depth: depth + 1 })
  }
  return count
}
