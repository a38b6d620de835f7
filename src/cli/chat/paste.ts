/**
 * What is pasted at a terminal, told apart from what is typed (bracketed paste): it becomes part of the one line that
 * is edited, and none of its characters is a key. Line breaks and tabs stand in it as signs until the line is sent.
 */
import { StringDecoder } from 'node:string_decoder'

const begin = '\u001b[200~'
const end = '\u001b[201~'
export const pasteOn = '\u001b[?2004h'
export const pasteOff = '\u001b[?2004l'

const newline = '␤'
const tab = '␉'

/** As a line can show it. */
export const signedOf = (text: string): string =>
  text
    .replaceAll(/\r\n?|\n/g, newline)
    .replaceAll('\t', tab)
    .replaceAll(/\p{Cc}/gu, '')

/** As it was meant; of the same length. */
export const meantBy = (line: string): string => line.replaceAll(newline, '\n').replaceAll(tab, '\t')

/** What keys there are in what a terminal sends, piece by piece. */
export class Pastes {
  private readonly decoder = new StringDecoder('utf8')
  private isPasting = false
  /** May be the beginning of a mark, or of a line break. */
  private rest = ''

  keysOf(chunk: Buffer): string {
    let text = this.rest + this.decoder.write(chunk)
    let keys = ''
    for (;;) {
      const mark = this.isPasting ? end : begin
      const at = text.indexOf(mark)
      if (at < 0) break
      keys += this.keys(text.slice(0, at))
      text = text.slice(at + mark.length)
      this.isPasting = !this.isPasting
    }
    const kept = this.keptOf(text)
    this.rest = text.slice(text.length - kept)
    return keys + this.keys(text.slice(0, text.length - kept))
  }

  private keys(text: string): string {
    return this.isPasting ? signedOf(text) : text
  }

  /** How many characters of its end may go on in the next piece. */
  private keptOf(text: string): number {
    if (this.isPasting && text.endsWith('\r')) return 1
    const mark = this.isPasting ? end : begin
    for (let length = Math.min(mark.length - 1, text.length); length > 0; length--) {
      if (text.endsWith(mark.slice(0, length))) return length
    }
    return 0
  }
}
