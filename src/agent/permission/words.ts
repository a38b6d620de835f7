/** What a word of a shell line says before the shell has run: its text, with a mark where only the shell will know. */
import type { DoubleQuotedChild, Word, WordPart } from 'unbash'

/** Stands for any text. A private character: a line that holds it itself is never read. */
export const unknown = '\uE000'

export const isLiteral = (text: string): boolean => !text.includes(unknown)

/** Quotes and escapes are gone; expansions, globs and braces are `unknown`. */
export function textOf(word: Word): string {
  // Without parts there is nothing but text, escapes and perhaps a tilde; its value is what the command gets.
  const text = word.parts === undefined ? word.value : word.parts.map(partText).join('')
  return /^~[^/]/.test(word.text) ? unknown + text.replace(/^[^/]*/, '') : text
}

function partText(part: WordPart | DoubleQuotedChild): string {
  switch (part.type) {
    case 'Literal':
    case 'SingleQuoted':
    case 'AnsiCQuoted':
      return part.value
    case 'DoubleQuoted':
      return part.parts.map(partText).join('')
    default:
      return unknown
  }
}

/** One line that reads back as these words: what holds a blank is quoted, so that one word is never taken for two. */
export const quoted = (words: readonly string[]): string =>
  words.map((word) => (word === '' || /\s/.test(word) ? `'${word.replaceAll("'", "'\\''")}'` : word)).join(' ')

/** What no reader sees: controls, blanks that are none for a shell, changes of direction, private characters. */
export const isReadable = (line: string): boolean => !/[^\P{C}\n\t]|[^\P{Z} ]/u.test(line)
