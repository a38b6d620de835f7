/** Markdown of agents as a small tree of words. It knows no HTML: what it does not know stays the text it was. */
import type { Nodes, Parent, PhrasingContent, RootContent } from 'mdast'
import { fromMarkdown } from 'mdast-util-from-markdown'
import { prose } from './text.ts'

export type Inline =
  | { kind: 'text'; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'strong'; inside: Inline[] }
  | { kind: 'em'; inside: Inline[] }
  /** `host` where the words of the link do not say where it leads. */
  | { kind: 'link'; href: string; host: string | null; inside: Inline[] }
  /** Never loaded: a link that names where the picture lies. */
  | { kind: 'image'; href: string; text: string }
  | { kind: 'break' }

export type Block =
  | { kind: 'paragraph'; inside: Inline[] }
  | { kind: 'heading'; level: number; inside: Inline[] }
  | { kind: 'code'; lang: string; text: string }
  | { kind: 'list'; start: number | null; items: Block[][] }
  | { kind: 'quote'; inside: Block[] }
  | { kind: 'table'; head: Inline[][]; rows: Inline[][][] }
  | { kind: 'rule' }

const depthMax = 12
/** Many marks or lines in one piece cost the parser the square of their number; people write neither. */
const tooNested = /^[ \t]*(?:(?:[>*+-]|\d+[.)])[ \t]*){24}/m
const marksMax = 2_000
const linesMax = 2_000

export function parseMarkdown(written: string): Block[] {
  const text = prose(written)
  const tooMany = count(text, /[*_[\]`<&\\]/g) > marksMax || count(text, /\n/g) > linesMax
  if (tooMany || tooNested.test(text)) return [plain(text)]
  return blocks(fromMarkdown(text).children, text, 0)
}

const count = (text: string, marks: RegExp): number => text.match(marks)?.length ?? 0

const plain = (text: string): Block => ({ kind: 'paragraph', inside: [{ kind: 'text', text }] })

function blocks(nodes: readonly RootContent[], source: string, depth: number): Block[] {
  return nodes.flatMap((node) => block(node, source, depth) ?? [])
}

function block(node: RootContent, source: string, depth: number): Block | null {
  if (depth > depthMax) return plain(sourceOf(node, source))
  switch (node.type) {
    case 'paragraph':
      return tableOf(sourceOf(node, source)) ?? { kind: 'paragraph', inside: inlines(node) }
    case 'heading':
      return { kind: 'heading', level: node.depth, inside: inlines(node) }
    case 'code':
      return { kind: 'code', lang: (node.lang ?? '').toLowerCase(), text: node.value }
    case 'blockquote':
      return { kind: 'quote', inside: blocks(node.children, source, depth + 1) }
    case 'list': {
      const items = node.children.map((item) => blocks(item.children, source, depth + 1))
      return { kind: 'list', start: node.ordered ? (node.start ?? 1) : null, items }
    }
    case 'thematicBreak':
      return { kind: 'rule' }
    case 'definition':
      return null
    default:
      return plain(sourceOf(node, source))
  }
}

const sourceOf = ({ position }: Nodes, source: string): string =>
  source.slice(position?.start.offset ?? 0, position?.end.offset ?? 0)

const inlines = (parent: Parent): Inline[] => (parent.children as PhrasingContent[]).flatMap(inline)

function inline(node: PhrasingContent): Inline[] {
  switch (node.type) {
    case 'text':
      return addressed(node.value)
    case 'inlineCode':
      return [{ kind: 'code', text: node.value }]
    case 'strong':
    case 'emphasis':
      return [{ kind: node.type === 'strong' ? 'strong' : 'em', inside: inlines(node) }]
    case 'link':
      return linked(node.url, inlines(node))
    case 'image': {
      const href = safeHref(node.url)
      const text = node.alt || 'picture'
      return [href ? { kind: 'image', href, text } : { kind: 'text', text }]
    }
    case 'break':
      return [{ kind: 'break' }]
    case 'html':
      return [{ kind: 'text', text: node.value }]
    default:
      return 'children' in node ? inlines(node) : []
  }
}

/** Only what a person may follow without harm; anything else is no link. */
export function safeHref(url: string): string | null {
  if (!/^(https?:\/\/|mailto:)/i.test(url) || !URL.canParse(url)) return null
  const parsed = new URL(url)
  // A name before the @ makes one host look like another.
  return parsed.username || parsed.password ? null : parsed.href
}

function linked(url: string, inside: Inline[]): Inline[] {
  const href = safeHref(url)
  if (!href) return inside
  const { host, protocol } = new URL(href)
  const claims = wordsOf(inside).includes('.') && protocol !== 'mailto:'
  return [{ kind: 'link', href, host: claims && !wordsOf(inside).includes(host) ? host : null, inside }]
}

export function wordsOf(inside: readonly Inline[]): string {
  return inside.map((one) => ('inside' in one ? wordsOf(one.inside) : 'text' in one ? one.text : '\n')).join('')
}

/** Bare addresses as links, the words around them as words. */
function addressed(text: string): Inline[] {
  return text.split(/(\bhttps?:\/\/[^\s<>"'`]*[^\s<>"'`.,;:!?)\]}])/g).flatMap((part, n): Inline[] => {
    if (part === '') return []
    const href = n % 2 === 1 ? safeHref(part) : null
    const inside: Inline[] = [{ kind: 'text', text: part }]
    return href ? [{ kind: 'link', href, host: null, inside }] : inside
  })
}

const columnsMax = 40

/** A table as GitHub writes it, which plain markdown takes for a paragraph. */
function tableOf(text: string): Block | null {
  const [first = '', second = '', ...rest] = text.split('\n')
  if (!first.includes('|') || !/^[\s|:-]*-[\s|:-]*$/.test(second) || !second.includes('|')) return null
  const head = cellsOf(first)
  if (head.length > columnsMax || cellsOf(second).length !== head.length) return null
  const rows = rest.map((line) => head.map((_, n) => words(cellsOf(line)[n] ?? '')))
  return { kind: 'table', head: head.map(words), rows }
}

/** A bar in code or behind a backslash parts nothing. No other zero comes through `prose`. */
const bar = '\0'

function cellsOf(line: string): string[] {
  const bare = line
    .trim()
    .replace(/^\|/, '')
    .replace(/(?<!\\)\|$/, '')
  const parted = bare.replace(/`[^`]*`|\\\|/g, (part) => part.replaceAll('\\|', '|').replaceAll('|', bar))
  return parted.split('|').map((cell) => cell.trim().replaceAll(bar, '|'))
}

function words(cell: string): Inline[] {
  const [only] = fromMarkdown(cell).children
  return only?.type === 'paragraph' ? inlines(only) : [{ kind: 'text', text: cell }]
}
