/**
 * The block structure of markdown that somebody else wrote: headings, lists, boxes, code, front matter. No inline
 * grammar: the text of a block is cut from the source by its position.
 */
import type { Root } from 'mdast'
import { fromMarkdown } from 'mdast-util-from-markdown'
import { frontmatterFromMarkdown } from 'mdast-util-frontmatter'
import { gfmTaskListItemFromMarkdown } from 'mdast-util-gfm-task-list-item'
import { frontmatter } from 'micromark-extension-frontmatter'
import { gfmTaskListItem } from 'micromark-extension-gfm-task-list-item'

/**
 * Emphasis, links, underlined headings and quotes cost quadratic time on hostile text: 64 kB of `*a_ ` took half a
 * minute, as much of `a`/`=` lines a whole one.
 */
const blocksOnly = {
  disable: {
    null: [
      ...['labelStartLink', 'labelStartImage', 'labelEnd', 'attention', 'autolink', 'htmlText', 'codeText'],
      ...['characterReference', 'characterEscape', 'definition', 'blockQuote', 'setextUnderline', 'hardBreakEscape'],
    ],
  },
}

const nestingMax = 40
const opening = /^(?:[ \t]*(?:[-*+]|\d{1,9}[.)])(?=[ \t]))+/

/** Null when a line opens more lists, or is indented deeper, than any person writes: that is quadratic too. */
export function parseBlocks(text: string): Root | null {
  for (const line of text.split('\n')) {
    const marks = opening.exec(line)?.[0].match(/\S+/g)?.length ?? 0
    if (marks > nestingMax || /^[ \t]{160}[ \t]*([-*+]|\d{1,9}[.)])[ \t]/.test(line)) return null
  }
  return fromMarkdown(text, {
    extensions: [frontmatter(['yaml']), gfmTaskListItem(), blocksOnly],
    mdastExtensions: [frontmatterFromMarkdown(['yaml']), gfmTaskListItemFromMarkdown()],
  })
}
