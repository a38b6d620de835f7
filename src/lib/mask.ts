/**
 * Command lines of strangers made fit to be shown: one line, no control characters, short, and without what looks like
 * a secret. A net with holes, for texts that should not hold secrets in the first place.
 */

/** Anchored at the start of a word, so that no text is read twice. */
const secretName =
  '(?<![\\w-])([\\w-]*(?:token|secret|passw(?:or)?d|passphrase|pwd|api-?key|credentials?|key|auth)[\\w-]{0,20})'
const value = `("[^"]*"|'[^']*'|[^\\s"'&;|]+)`

const rules: readonly (readonly [RegExp, string])[] = [
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/@'"]+@/gi, '$1[hidden]@'],
  [/\b(authorization|proxy-authorization|cookie|x-api-key)(\s*:\s*)[^'"]+/gi, '$1$2[hidden]'],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, '$1 [hidden]'],
  [new RegExp(`${secretName}(\\s*[=:]\\s*)${value}`, 'gi'), '$1$2[hidden]'],
  [new RegExp(`(?<=\\s--?)${secretName.replace('(?<![\\w-])', '')}(\\s+)${value}`, 'gi'), '$1$2[hidden]'],
  [/(\s(?:-u|--user)[\s=]+[^\s:]+):[^\s'"]+/g, '$1:[hidden]'],
  [/\b(?:sk|pk|rk)-[\w-]{12,}|\bgh[pousr]_\w{16,}|\bgithub_pat_\w+|\bxox[a-z]-[\w-]{8,}/g, '[hidden]'],
  [/\bAKIA\w{12,}|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, '[hidden]'],
]

/** Read no further than this, whatever was written. */
const readCharsMax = 4_000

export function plainLine(text: string, charsMax: number): string {
  const line = text
    .slice(0, readCharsMax)
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029\s]+/gu, ' ')
    .trim()
  return line.length > charsMax ? `${line.slice(0, charsMax - 1)}…` : line
}

/** As `plainLine`, and what looks like a secret is hidden. */
export function maskLine(text: string, charsMax: number): string {
  const masked = rules.reduce((line, [pattern, shown]) => line.replace(pattern, shown), plainLine(text, readCharsMax))
  return plainLine(masked, charsMax)
}
