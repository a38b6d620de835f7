/** What becomes of the words, the code and the calls of an agent before they are shown; attackers among them. */
import { describe, expect, it } from 'vitest'
import { languageOf, tokensOf } from '../../frontend/src/model/highlight.ts'
import { type Block, type Inline, parseMarkdown, safeHref, wordsOf } from '../../frontend/src/model/markdown.ts'
import { fullPath, joinPage, sharesOf } from '../../frontend/src/model/sessions.ts'
import { copyOf, pointOf, shownOf } from '../../frontend/src/model/tool-call.ts'
import type { TranscriptMessage } from '../../src/core/session.ts'

const inside = (text: string): Inline[] => {
  const [first] = parseMarkdown(text)
  return first?.kind === 'paragraph' ? first.inside : []
}
const kindsOf = (blocks: readonly Block[]): string[] => blocks.map(({ kind }) => kind)

describe('markdown', () => {
  it('becomes blocks', () => {
    const text =
      '# Title\n\nwords\n\n- one\n- two\n\n3. three\n\n> said\n\n---\n\n```ts\nlet a\n```\n\n| a |\n|---|\n| 1 |'
    const blocks = parseMarkdown(text)
    expect(kindsOf(blocks)).toEqual([...['heading', 'paragraph', 'list', 'list', 'quote', 'rule', 'code', 'table']])
    expect(blocks[3]).toMatchObject({ start: 3 })
    expect(blocks[6]).toEqual({ kind: 'code', lang: 'ts', text: 'let a' })
  })

  it('of a table keeps bars that are escaped or code, and its number of columns', () => {
    const [table] = parseMarkdown('a | b\n--|:-:\n`x|y` | 1 \\| 2 | more\n | | only')
    const cells = table?.kind === 'table' ? table.rows.map((row) => row.map(wordsOf)) : []
    expect(cells).toEqual([
      ['x|y', '1 | 2'],
      ['', 'only'],
    ])
    expect(kindsOf(parseMarkdown('a | b\n--|--|--\n1 | 2'))).toEqual(['paragraph'])
  })

  it('leaves HTML the text that it was', () => {
    expect(parseMarkdown('<script>alert(1)</script>')).toEqual([
      { kind: 'paragraph', inside: [{ kind: 'text', text: '<script>alert(1)</script>' }] },
    ])
    expect(wordsOf(inside('a <b onclick=x>bold</b>'))).toBe('a <b onclick=x>bold</b>')
  })

  it.each([
    ['javascript:alert(1)'],
    ['JaVaScRiPt:alert(1)'],
    ['data:text/html,x'],
    ['file:///etc/passwd'],
    ['//evil.example'],
    ['/api/tasks'],
    ['https://good.example@evil.example/'],
    ['https://'],
  ])('does not follow %s', (url) => {
    expect(safeHref(url)).toBeNull()
    expect(inside(`[words](<${url}>)`)).toEqual([{ kind: 'text', text: 'words' }])
  })

  it('names the host of a link whose words name another', () => {
    expect(inside('[good.example](https://evil.example/x)')).toMatchObject([{ kind: 'link', host: 'evil.example' }])
    expect(inside('[here](https://evil.example/x)')).toMatchObject([{ host: null }])
    expect(inside('see https://a.example/x_y, then')).toMatchObject([
      { text: 'see ' },
      { kind: 'link', href: 'https://a.example/x_y', host: null },
      { text: ', then' },
    ])
  })

  it('never loads a picture', () => {
    expect(inside('![a](https://evil.example/p.png)')).toEqual([
      { kind: 'image', href: 'https://evil.example/p.png', text: 'a' },
    ])
    expect(inside('![a](data:image/png;base64,AA)')).toEqual([{ kind: 'text', text: 'a' }])
  })

  it.each(['> ', '- ', '1. ', '*a ', '[', '![', '[a](', '`', '<a ', '&amp', '_', 'a\n', '\\', '~~~\n', '|', '  '])(
    'is done in a moment with 20,000 characters of %j, and loses none of them',
    (piece) => {
      const text = piece.repeat(20_000 / piece.length)
      const before = performance.now()
      expect(parseMarkdown(text).length).toBeLessThan(20_000)
      expect(performance.now() - before).toBeLessThan(2_000)
    },
  )

  it('that is nested too deep is shown as it was written', () => {
    const text = `${'> '.repeat(40)}deep`
    expect(parseMarkdown(text)).toEqual([{ kind: 'paragraph', inside: [{ kind: 'text', text }] }])
  })
})

describe('code', () => {
  const colours = (text: string, name: string) =>
    tokensOf(text, name).flatMap((token) => (token.kind === 'plain' ? [] : [[token.kind, token.text]]))

  it('is coloured by its language, and no character is lost', () => {
    expect(colours('const a = "x" // 1', 'ts')).toEqual([
      ['word', 'const'],
      ['string', '"x"'],
      ['note', '// 1'],
    ])
    expect(colours('def f(): # no\n  return 12', 'py')).toEqual([
      ['word', 'def'],
      ['note', '# no'],
      ['word', 'return'],
      ['number', '12'],
    ])
    expect(colours('SELECT 1 -- x', 'sql')).toEqual([
      ['word', 'SELECT'],
      ['number', '1'],
      ['note', '-- x'],
    ])
    const text = 'let s = `a {b} "c` /* open'
    expect(
      tokensOf(text, 'js')
        .map((token) => token.text)
        .join(''),
    ).toBe(text)
  })
  it('of an unknown language stays plain', () => {
    expect(tokensOf('const a', 'constructor')).toEqual([{ kind: 'plain', text: 'const a' }])
    expect(languageOf('/a.b/src/x.test.ts')).toBe('ts')
  })
})

describe('a call', () => {
  const of = (input: unknown) => ({ input: typeof input === 'string' ? input : JSON.stringify(input) })
  it('says its point in a line', () => {
    expect(pointOf(of({ description: 'd', command: 'ls\nrm x' }))).toBe('ls')
    expect(pointOf(of({ filePath: '/a' }))).toBe('/a')
    expect(pointOf(of({ other: 'x', n: 1 }))).toBe('x')
    expect(pointOf(of('{"cut of'))).toBe('{"cut of')
  })
  it('shows the change that it asks for, in both spellings', () => {
    const lines = ['-a', '+b', '+c']
    const text = (input: unknown) => shownOf(of(input)).change.map((line) => line.text)
    expect(text({ file_path: '/x.ts', old_string: 'a', new_string: 'b\nc' })).toEqual(lines)
    expect(text({ filePath: '/x.ts', oldString: 'a', newString: 'b\nc' })).toEqual(lines)
    expect(text({ file_path: '/x', edits: [{ old_string: 'a', new_string: 'b\nc' }, null, 3] })).toEqual(lines)
    expect(text({ file_path: '/x', content: 'one\ntwo\n' })).toEqual(['+one', '+two'])
  })
  it('shows a command as it is, and what else there is as JSON', () => {
    expect(shownOf(of({ command: 'ls' }))).toMatchObject({ text: 'ls', lang: 'sh' })
    expect(shownOf(of({ pattern: 'x' }))).toMatchObject({ text: '{\n  "pattern": "x"\n}', lang: 'json' })
    expect(shownOf(of('[1]'))).toMatchObject({ text: '[1]' })
  })
})

describe('a transcript', () => {
  const said = (id: string, text = id): TranscriptMessage => ({
    ...{ id, role: 'user', at: 1, endedAt: 1, model: null, problem: null },
    parts: [{ kind: 'text', text }],
  })
  it('that is read again keeps what is as it was, and the older pages', () => {
    const shown = ['1', '2', '3'].map((id) => said(id))
    const { messages, joined } = joinPage(shown, [said('2'), said('3', 'other'), said('4')])
    expect(joined).toBe(true)
    expect(messages.map(({ id }) => id)).toEqual(['1', '2', '3', '4'])
    expect([messages[0], messages[1]]).toEqual([shown[0], shown[1]])
    expect(messages[1]).toBe(shown[1])
    expect(messages[2]).not.toBe(shown[2])
  })
  it('of which a turn was taken back ends where it ends now', () => {
    const shown = ['1', '2', '3'].map((id) => said(id))
    expect(joinPage(shown, [said('1')]).messages.map(({ id }) => id)).toEqual(['1'])
    expect(joinPage(shown, [])).toEqual({ messages: [], joined: false })
  })
  it('is copied without what was only thought', () => {
    const call = { kind: 'tool', callId: 'c', name: 'bash', input: '{}', output: 'out', state: 'completed' } as const
    const parts = [
      { kind: 'reasoning' as const, text: 'hm' },
      { kind: 'text' as const, text: 'Hi' },
    ]
    expect(copyOf({ parts: [...parts, { ...call, childId: null }] })).toBe('Hi\n\nbash {}\n\nout')
  })
})

it('a context is told by its sources, the most first', () => {
  const sources = { system: 10, instructions: 0, memory: 0, plan: 0, tools: 30, messages: 20, results: 0, summary: 0 }
  const shares = sharesOf({ windowTokens: 200, usedTokens: 60, counted: true, sources })
  expect(shares.map(({ name, percent }) => [name, percent])).toEqual([
    ['tools', 15],
    ['messages', 10],
    ['system', 5],
  ])
})

it('a path of a diff is below the folder of its session unless it is whole', () => {
  expect(fullPath('/srv/app/', 'a/b.ts')).toBe('/srv/app/a/b.ts')
  expect(fullPath('/srv/app', '/tmp/x')).toBe('/tmp/x')
})
