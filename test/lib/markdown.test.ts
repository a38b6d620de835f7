import { expect, it } from 'vitest'
import { parseBlocks } from '../../src/lib/markdown.ts'

const times = (n: number, text: string) => text.repeat(n)

it('finds front matter, headings, boxes and code, and nothing inside a line', () => {
  const tree = parseBlocks('---\na: 1\n---\n# T *x*\n\n- [x] a\n- [ ] b\n\n```\n- [ ] c\n```\n')
  expect(tree?.children.map((node) => node.type)).toEqual(['yaml', 'heading', 'list', 'code'])
})

it.each([
  ['list in list', times(60, '- ')],
  ['numbered list in list', times(60, '1. ')],
  ['indentation', `${times(200, ' ')}- a`],
])('refuses %s beyond what a person writes', (_, text) => {
  expect(parseBlocks(`${text}x\n`)).toBeNull()
})

it.each([
  ['a rule of dashes', times(100, '-')],
  ['emphasis', times(4_000, '*a_ ')],
  ['links', times(4_000, '[a](')],
  ['underlined headings', times(2_000, 'a\n=\n')],
  ['quotes', `${times(4_000, '> ')}x`],
  ['lists forty deep', times(20, `${times(39, '- ')}a\n`)],
  ['ever deeper lists', Array.from({ length: 75 }, (_, i) => `${times(i * 2, ' ')}- a\n`).join('')],
])('reads hostile %s in bounded time', (_, text) => {
  const startedAt = performance.now()
  expect(parseBlocks(text)?.type).toBe('root')
  expect(performance.now() - startedAt).toBeLessThan(2_000)
})
