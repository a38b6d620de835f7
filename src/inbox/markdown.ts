/**
 * The structure of a markdown task: front matter, title, header lines, sections. A real parser finds the blocks; their
 * text is cut from the source, so that code keeps its indentation and nothing inside goal or code is read as a key.
 */
import type { List, ListItem, Root, RootContent } from 'mdast'
import { parseBlocks } from '../lib/markdown.ts'

export interface Line {
  text: string
  line: number
}

export interface Item extends Line {
  /** Items of lists inside this one. */
  children: Item[]
}

export interface Section extends Line {
  /** Everything below the heading, as written. */
  body: string
  /** Items of its lists, or its lines where it has no list. */
  items: Item[]
  /** Text of a fenced block in YAML, where it has one. */
  yaml: Line | null
}

export interface Outline {
  frontMatter: Line | null
  title: Line | null
  /** Lines before the first section that are neither title nor list nor code. */
  header: Line[]
  /** Everything before the first section but the title, as written. */
  preamble: string
  sections: Section[]
}

/** Null when it is nested deeper than any person writes. */
export function outlineOf(source: string): Outline | null {
  const tree = parseBlocks(source)
  if (tree === null) return null
  const outline: Outline = { frontMatter: null, title: null, header: [], preamble: '', sections: [] }
  const blocks = [...tree.children]
  const first = blocks[0]
  if (first?.type === 'yaml') {
    outline.frontMatter = { text: first.value, line: lineOf(first) + 1 }
    blocks.shift()
  }
  const starts = blocks.flatMap((block, index) => (isSectionStart(block) ? [index] : []))
  const head = blocks.slice(0, starts[0] ?? blocks.length)
  readHead(outline, source, head)
  starts.forEach((start, n) => {
    outline.sections.push(sectionOf(source, blocks.slice(start, starts[n + 1] ?? blocks.length), tree))
  })
  return outline
}

const isSectionStart = (block: RootContent): boolean => block.type === 'heading' && block.depth === 2
const lineOf = (node: RootContent | ListItem): number => node.position?.start.line ?? 1
const startOf = (node: RootContent | ListItem): number => node.position?.start.offset ?? 0
const endOf = (node: RootContent | ListItem | Root): number => node.position?.end.offset ?? 0

function readHead(outline: Outline, source: string, blocks: readonly RootContent[]): void {
  const kept: string[] = []
  for (const block of blocks) {
    if (block.type === 'heading' && block.depth === 1 && !outline.title) {
      outline.title = { text: headingText(source, block), line: lineOf(block) }
      continue
    }
    if (block.type === 'paragraph') outline.header.push(...linesOf(source, block))
    else if (block.type === 'list') outline.header.push(...block.children.flatMap((item) => shortItem(source, item)))
    kept.push(source.slice(startOf(block) - indentBefore(source, startOf(block)), endOf(block)))
  }
  outline.preamble = kept.join('\n\n')
}

/** Spaces between the line's start and the block: belongs to the text of an indented code block. */
function indentBefore(source: string, offset: number): number {
  const lineStart = source.lastIndexOf('\n', offset - 1) + 1
  return /^[ \t]*$/.test(source.slice(lineStart, offset)) ? offset - lineStart : 0
}

const headingText = (source: string, node: RootContent): string =>
  source
    .slice(startOf(node), endOf(node))
    .replace(/^#+[ \t]*/, '')
    .replace(/[ \t]+#+[ \t]*$/, '')
    .trim()

function linesOf(source: string, node: RootContent): Line[] {
  const text = source.slice(startOf(node), endOf(node))
  return text.split('\n').map((part, index) => ({ text: part.trim(), line: lineOf(node) + index }))
}

function shortItem(source: string, item: ListItem): Line[] {
  const content = item.children[0]
  return content?.type === 'paragraph' ? linesOf(source, content).slice(0, 1) : []
}

function sectionOf(source: string, blocks: readonly RootContent[], tree: Root): Section {
  const [heading, ...content] = blocks
  const last = blocks.at(-1)
  const bodyStart = heading ? endOf(heading) : 0
  const body = source.slice(bodyStart, last ? endOf(last) : endOf(tree))
  const lists = content.filter((block): block is List => block.type === 'list')
  const code = content.find((block) => block.type === 'code' && /^ya?ml$/i.test(block.lang ?? ''))
  const loose = content.filter((block) => block.type === 'paragraph').flatMap((block) => linesOf(source, block))
  const items = lists.flatMap((list) => list.children.map((item) => itemOf(source, item)))
  return {
    text: heading ? headingText(source, heading) : '',
    line: heading ? lineOf(heading) : 1,
    body: body.replace(/^([ \t]*\n)+/, '').trimEnd(),
    items: items.length > 0 ? items : loose.filter((l) => l.text).map((l) => ({ ...l, children: [] })),
    yaml: code?.type === 'code' ? { text: code.value, line: lineOf(code) + 1 } : null,
  }
}

/** An item's own text (marker, box and the indentation of its continuation removed), and the items below it. */
function itemOf(source: string, item: ListItem): Item {
  const nested = item.children.filter((block): block is List => block.type === 'list')
  const own = item.children.filter((block) => block.type !== 'list')
  const column = (own[0]?.position?.start.column ?? 1) - 1
  const indent = new RegExp(`^[ \\t]{0,${column}}`)
  const texts = own.map((block) => {
    const lines = source.slice(startOf(block), endOf(block)).split('\n')
    return [lines[0], ...lines.slice(1).map((l) => l.replace(indent, ''))].join('\n')
  })
  return {
    text: texts.join('\n\n').trim(),
    line: own[0] ? lineOf(own[0]) : lineOf(item),
    children: nested.flatMap((list) => list.children.map((child) => itemOf(source, child))),
  }
}
