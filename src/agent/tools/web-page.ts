/**
 * An HTML page as markdown or plain text: its article where it has one. The page is hostile; this runs in a thread of
 * its own (lib/beside.ts), because nesting alone can keep a parser busy for minutes. No script of the page is run.
 */
import { z } from 'zod'

export const pageFormats = ['markdown', 'text'] as const

const jobSchema = z.object({ html: z.string(), url: z.string(), format: z.enum(pageFormats) })
export type PageJob = z.output<typeof jobSchema>

export interface Page {
  title: string
  text: string
}

/** Less than that is no article: an index, a form, a page of an application. */
const articleCharsMin = 200
const elementsMax = 100_000
const noise = 'script, style, noscript, template, iframe, svg, nav, footer, header, aside, form > input'

export async function readPage(job: unknown): Promise<Page> {
  const { html, url, format } = jobSchema.parse(job)
  const { parseHTML } = await import('linkedom')
  const { document } = parseHTML(/<html[\s>]/i.test(html) ? html : `<html><body>${html}</body></html>`)
  const title = (document.title ?? '').replace(/\s+/g, ' ').trim().slice(0, 300)
  makeAbsolute(document, url)
  const body = document.body.cloneNode(true) as typeof document.body
  const article = await articleOf(document)
  if (article !== null) return { title, text: await markdownOf(article, format) }
  for (const node of body.querySelectorAll(noise)) node.remove()
  return { title, text: await markdownOf(body.innerHTML, format) }
}

async function articleOf(document: Document): Promise<string | null> {
  const { Readability } = await import('@mozilla/readability')
  try {
    const found = new Readability(document, { maxElemsToParse: elementsMax }).parse()
    return found?.content && (found.textContent ?? '').trim().length >= articleCharsMin ? found.content : null
  } catch (error) {
    // Its way to say that there are too many elements.
    if (error instanceof Error && error.message.startsWith('Aborting parsing')) return null
    throw error
  }
}

/** Links of a page mean something without it only in full; those that run code or carry data mean nothing. */
function makeAbsolute(document: Document, base: string): void {
  for (const [selector, name] of [
    ['a[href]', 'href'],
    ['img[src]', 'src'],
  ] as const) {
    for (const element of document.querySelectorAll(selector)) {
      const target = absolute(element.getAttribute(name) ?? '', base)
      if (target && /^(https?|mailto):$/.test(target.protocol)) element.setAttribute(name, target.href)
      else element.removeAttribute(name)
    }
  }
}

const absolute = (href: string, base: string): URL | null => (URL.canParse(href, base) ? new URL(href, base) : null)

async function markdownOf(html: string, format: PageJob['format']): Promise<string> {
  const [{ default: Turndown }, { gfm }] = await Promise.all([
    import('turndown'),
    import('@joplin/turndown-plugin-gfm'),
  ])
  const service = new Turndown({ headingStyle: 'atx', codeBlockStyle: 'fenced', bulletListMarker: '-' })
  service.use(gfm)
  if (format === 'text') {
    service.addRule('link', { filter: 'a', replacement: (content) => content })
    service.addRule('image', { filter: 'img', replacement: () => '' })
  }
  return service
    .turndown(html)
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}
