import { describe, expect, it } from 'vitest'
import { parseDocument } from 'yaml'
import { dropYaml, lineChange, putYaml, type YamlPath } from '../../src/lib/yaml-edit.ts'

const text = `# top comment
concurrency:   # how many
  tasks: 2     # two

# models here
models:
  providers:
    - { kind: ollama,   name: ollama, model: "x" }   # local
  # after
notify:
  sinks:
  - kind: file
    dir: notices

defaults:
  limits: {attempts: 2}
retention:
# the end
`
const provider = { kind: 'anthropic', name: 'anthropic', api_key_env: 'ANTHROPIC_API_KEY' }
const added = (...lines: string[]) => ({ removed: [], added: lines })
const edits: [string, YamlPath, string | number | object, { removed: string[]; added: string[] }][] = [
  ['in its place', ['concurrency', 'tasks'], 4, { removed: ['  tasks: 2     # two'], added: ['  tasks: 4     # two'] }],
  [
    'into braces',
    ['defaults', 'limits', 'minutes'],
    30,
    { removed: ['  limits: {attempts: 2}'], added: ['  limits: {attempts: 2, minutes: 30}'] },
  ],
  [
    'behind the last of a list',
    ['models', 'providers', 1],
    provider,
    added('    - { kind: anthropic, name: anthropic, api_key_env: ANTHROPIC_API_KEY }'),
  ],
  [
    'into a list at the level of its key',
    ['notify', 'sinks', 0, 'events'],
    ['task.*'],
    added('    events: ["task.*"]'),
  ],
  ['beside others', ['defaults', 'runtime'], 'opencode', added('  runtime: opencode')],
  ['below a name with nothing behind it', ['retention', 'days'], 30, added('  days: 30')],
  ['deep and new', ['stale_busy', 'every_seconds'], 5, added('stale_busy:', '  every_seconds: 5')],
]

describe('a value in YAML', () => {
  it.each(edits)('is put %s, and no other byte changes', (_, path, value, expected) => {
    const made = putYaml(text, path, value)
    expect(lineChange(text, made)).toMatchObject(expected)
    expect(parseDocument(made).getIn(path, false)).toBeDefined()
  })

  it.each(edits.filter(([, , , { removed }]) => removed.length === 0))(
    'put %s goes away without a trace',
    (_, path, value) => {
      const back = dropYaml(putYaml(text, path, value), path)
      // An empty name cannot be told from one that became empty.
      expect(back).toBe(path[0] === 'retention' ? text.replace('retention:\n', '') : text)
    },
  )

  it('is put into a file that is not there, empty, all comment, without an end, or from Windows', () => {
    expect(putYaml('', ['a', 'b'], 1)).toBe('a:\n  b: 1\n')
    expect(putYaml('# mine\n', ['a', 'b'], 'yes')).toBe('# mine\na:\n  b: "yes"\n')
    expect(putYaml('c: 1', ['a'], 'x y')).toBe('c: 1\na: "x y"\n')
    expect(putYaml('c: 1\r\n', ['a', 'b'], 2)).toBe('c: 1\r\na:\r\n  b: 2\r\n')
    expect(putYaml('{}\n', ['a', 'b'], 2)).toBe('{ a: { b: 2 } }\n')
  })

  it('takes what is empty without it along, and leaves the comments', () => {
    expect(dropYaml('a:\n  b: 1\n', ['a', 'b'])).toBe('')
    expect(dropYaml('# mine\na:\n  b: 1 # gone\n# end\n', ['a', 'b'])).toBe('# mine\n# end\n')
    expect(dropYaml('a: { b: 1, c: 2, d: 3 }\n', ['a', 'c'])).toBe('a: { b: 1, d: 3 }\n')
    expect(dropYaml('a: { b: 1, c: 2 }\n', ['a', 'b'])).toBe('a: { c: 2 }\n')
  })

  it('is right also where the text is of a form that cannot be edited in place', () => {
    const odd = 'a:\n- x\n- y\nb: |\n  long\n  text\n? c\n: 1\n'
    expect(parseDocument(putYaml(odd, ['a'], ['z'])).toJS()).toEqual({ a: ['z'], b: 'long\ntext\n', c: 1 })
    expect(parseDocument(putYaml(odd, ['c'], 2)).toJS()).toMatchObject({ c: 2 })
    expect(parseDocument(dropYaml(odd, ['b'])).toJS()).toEqual({ a: ['x', 'y'], c: 1 })
    expect(parseDocument(putYaml('b: |\n  long\n', ['a'], 1)).toJS()).toEqual({ a: 1, b: 'long\n' })
  })
})
