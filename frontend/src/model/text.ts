/** Text from agents, files and tools, made safe to look at. It escapes no HTML: it is only ever shown as text. */

// Named, because a control character inside a pattern is invisible to its reader.
const esc = String.fromCodePoint(0x1b)
const bell = String.fromCodePoint(0x07)
// What a terminal would obey (CSI and OSC sequences) is noise in a page.
const terminalSequences = new RegExp(`${esc}(?:\\[[0-9;?]*[ -/]*[@-~]|\\][^${esc}${bell}]*(?:${bell}|${esc}\\\\))`, 'g')
const controls = /(?![\n\t])\p{Cc}/gu
// Overrides of direction reach past their own words. Joiners stay: Persian and emoji are written with them.
const overrides = /[\u202a-\u202e\u2066-\u2069\ufeff]/g
// In a command even a joiner can make one word read as another.
const deceivers = /\p{Cf}/gu

const named = (c: string) => `⟨U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`

/** A C0 control has a picture of its own (␀ to ␟). */
function pictured(c: string): string {
  const code = c.codePointAt(0) ?? 0
  return code < 0x20 ? String.fromCodePoint(0x2400 + code) : named(c)
}

/** Prose: what cannot be seen is dropped. */
export function prose(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(terminalSequences, '').replace(controls, '').replace(overrides, '')
}

/** Prose with what stands between backticks apart: a command, a name, a path. */
export function proseParts(text: string): { isCode: boolean; text: string }[] {
  const parts = prose(text).split(/`([^`\n]+)`/)
  return parts.map((part, n) => ({ isCode: n % 2 === 1, text: part })).filter((part) => part.text !== '')
}

/** Evidence and commands: what cannot be seen is shown as a name, because it may be the point. */
export function verbatim(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(terminalSequences, '')
    .replace(controls, pictured)
    .replace(deceivers, named)
}

export function firstLine(text: string): string {
  return (
    prose(text)
      .split('\n')
      .find((line) => line.trim() !== '')
      ?.trim() ?? ''
  )
}

/** The end of a stream as one line, for a list row. */
export function lastLine(text: string, charsMax = 140): string {
  const line = prose(text).trimEnd().split('\n').at(-1)?.trim() ?? ''
  return line.length > charsMax ? `…${line.slice(-charsMax)}` : line
}
