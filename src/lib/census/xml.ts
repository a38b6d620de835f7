/**
 * The tags of an XML text, one after the other: just what a report of tests needs. It knows no entity but the five that
 * every text has, refuses a document type with declarations, and stops at what is not well formed.
 */

export interface Tag {
  kind: 'open' | 'close' | 'empty'
  name: string
  attributes: ReadonlyMap<string, string>
}

const depthMax = 100
const attributesMax = 100

const opening = /<([A-Za-z_][\w:.-]{0,200})/y
const closing = /<\/([A-Za-z_][\w:.-]{0,200})\s*>/y
const attribute = /\s+([A-Za-z_][\w:.-]{0,200})\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y
const tagEnd = /\s*(\/?)>/y

/** What is skipped whole, by how it begins. */
const asides: readonly [string, string][] = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
]

/** Reads one element with all that is in it. False: it is not well formed, or ends too early. */
export function readElement(text: string, from: number, see: (tag: Tag) => void): boolean {
  const open: string[] = []
  for (let at = text.indexOf('<', from); at >= 0; at = text.indexOf('<', at)) {
    const aside = asides.find(([begin]) => text.startsWith(begin, at))
    if (aside) {
      const end = text.indexOf(aside[1], at + aside[0].length)
      if (end < 0) return false
      at = end + aside[1].length
      continue
    }
    const close = matchAt(closing, text, at)
    if (close) {
      if (open.pop() !== close[1]) return false
      see({ kind: 'close', name: close[1] ?? '', attributes: new Map() })
      at += close[0].length
    } else {
      const tag = tagAt(text, at)
      if (!tag || open.length >= depthMax) return false
      if (tag.kind === 'open') open.push(tag.name)
      see(tag)
      at = tag.end
    }
    if (open.length === 0) return true
  }
  return false
}

function tagAt(text: string, from: number): (Tag & { end: number }) | null {
  const head = matchAt(opening, text, from)
  if (!head) return null
  const attributes = new Map<string, string>()
  let at = from + head[0].length
  for (let one = matchAt(attribute, text, at); one; one = matchAt(attribute, text, at)) {
    if (attributes.size >= attributesMax) return null
    attributes.set(one[1] ?? '', decoded(one[2] ?? one[3] ?? ''))
    at += one[0].length
  }
  const end = matchAt(tagEnd, text, at)
  if (!end) return null
  return { kind: end[1] ? 'empty' : 'open', name: head[1] ?? '', attributes, end: at + end[0].length }
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

const decoded = (text: string): string =>
  text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]{2,4}));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return named[name] ?? whole
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })
