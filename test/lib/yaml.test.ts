import { describe, expect, it } from 'vitest'
import { parseYaml, type YamlOptions } from '../../src/lib/yaml.ts'

const options: YamlOptions = { sizeBytesMax: 256 * 1024 }
const kinds = (text: string, more: Partial<YamlOptions> = {}) => {
  const parsed = parseYaml(text, { ...options, ...more })
  return parsed.ok ? 'ok' : parsed.problems.map((p) => `${p.kind}:${p.line}`).join(' ')
}

describe('a YAML text', () => {
  it('becomes plain data', () => {
    const parsed = parseYaml('\ufeffname: x\r\nsteps:\r\n  - a\r\n  - {b: [1, 2.5, true, null]}\r\n', options)
    expect(parsed).toMatchObject({
      ok: true,
      value: { value: { name: 'x', steps: ['a', { b: [1, 2.5, true, null] }] } },
    })
  })

  it('knows the line of every part, and of the deepest existing one', () => {
    const parsed = parseYaml('name: x\nchecks:\n  - kind: command\n    run: npm test\n  - kind: odd\n', options)
    if (!parsed.ok) throw new Error('does not parse')
    const { lineOf } = parsed.value
    expect([['name'], ['checks', 0, 'run'], ['checks', 1], ['checks', 1, 'missing'], []].map(lineOf)).toEqual([
      1, 4, 5, 5, 1,
    ])
  })

  it('counts its lines from where it begins in the file', () => {
    expect(kinds('a: 1\na: 2\n', { firstLine: 2 })).toBe('yaml-duplicate:3')
  })

  it.each([
    ['a key twice', 'a: 1\nb: 2\na: 3\n', 'yaml-duplicate:3'],
    ['a key twice in flow style', '{a: 1, a: 2}', 'yaml-duplicate:1'],
    ['__proto__', 'a:\n  __proto__: {x: 1}\n', 'yaml-key:2'],
    ['constructor and prototype', 'constructor:\n  prototype: 1\n', 'yaml-key:1 yaml-key:2'],
    ['a quoted __proto__', '"__proto__": 1', 'yaml-key:1'],
    ['a list as key', '? [a]\n: b\n', 'yaml-key:1'],
    ['an alias', 'a: &x 1\nb: *x\n', 'yaml-alias:2'],
    ['an unknown tag', 'a: !!js/function "x"\n', 'yaml-invalid:1'],
    ['two documents', 'a: 1\n---\nb: 2\n', 'yaml-invalid:2'],
    ['an open quote', 'a: "x\n', 'yaml-invalid:2'],
    ['too many values', `[${'1,'.repeat(10_001)}]`, 'yaml-too-large:1'],
    ['too many bytes', `# ${'x'.repeat(300_000)}`, 'yaml-too-large:1'],
  ])('with %s is refused at its line', (_, text, expected) => {
    expect(kinds(text)).toBe(expected)
  })

  it('with aliases is read where they are allowed, up to their number', () => {
    expect(kinds('a: &x 1\nb: *x\n', { aliasesMax: 10 })).toBe('ok')
    const laughs = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}]`).join('\n')
    expect(kinds(`l0: &l0 lol\n${laughs}\n`, { aliasesMax: 100 })).toContain('yaml-alias')
  })

  it.each([
    ['[', (n: number) => '['.repeat(n)],
    ['{a: ', (n: number) => '{a: '.repeat(n)],
    ['- ', (n: number) => `${'- '.repeat(n)}x`],
    ['? ', (n: number) => `${'? '.repeat(n)}x`],
    ['indentation', (n: number) => Array.from({ length: n }, (_, i) => `${' '.repeat(i)}a:\n`).join('')],
    ['lists in maps', (n: number) => Array.from({ length: n }, (_, i) => `${' '.repeat(i)}- a:\n`).join('')],
  ])('nested by "%s" is refused before a parser sees it, as often as it is tried', (_, nested) => {
    for (let round = 0; round < 5; round++) expect(kinds(nested(700))).toContain('yaml-too-deep')
  })

  it('nested within the limit is read; brackets inside text do not count', () => {
    expect(kinds(`${'['.repeat(30)}${']'.repeat(30)}`)).toBe('ok')
    expect(kinds(`a: |\n  ${'['.repeat(900)}\nb: "${'{'.repeat(900)}" # ${'['.repeat(900)}\n`)).toBe('ok')
  })

  it('of the worst allowed kind never blocks for long', () => {
    const keys = Array.from({ length: 4_900 }, (_, i) => `key${i}: ${'v'.repeat(30)}\n`).join('')
    // Of the processor, not of the wall clock: what else the machine does is not its doing.
    const before = process.cpuUsage()
    expect(kinds(keys)).toBe('ok')
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1_000).toBeLessThan(1_000)
  })
})
