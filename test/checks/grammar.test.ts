import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { checkers, checkSchema, describeCheck, isCheckLine, parseCheckLine } from '../../src/checks/index.ts'
import { taskSpecSchema } from '../../src/core/spec.ts'

const parsed = (line: string) => {
  const result = parseCheckLine(line)
  return result.ok ? result.value : result.problems.map((problem) => problem.text).join(' ')
}

describe('the one-line form', () => {
  it.each([
    ['run: npm test', { kind: 'command', run: 'npm test', exit_code: 0, timeout_seconds: 300, cwd: '.' }],
    ['run: `npm test -- --grep "a: b"`', { kind: 'command', run: 'npm test -- --grep "a: b"' }],
    ['`run: npm test`', { kind: 'command', run: 'npm test' }],
    ['command: echo `date` `id`', { kind: 'command', run: 'echo `date` `id`' }],
    ['file: src/retry.ts', { kind: 'file_exists', path: 'src/retry.ts' }],
    ['File:   "my file.md"  ', { kind: 'file_exists', path: 'my file.md' }],
    ['no file: dist', { kind: 'file_absent', path: 'dist' }],
    ['changed: src/a.ts', { kind: 'file_changed', path: 'src/a.ts' }],
    ['contains: README.md /retry policy/', { kind: 'file_contains', path: 'README.md', regex: 'retry policy' }],
    ['contains: README.md /a\\/b/im', { kind: 'file_contains', regex: 'a\\/b', flags: 'im' }],
    ['contains: README.md "two words"', { kind: 'file_contains', text: 'two words' }],
    ['contains: "a b.md" bare words', { kind: 'file_contains', path: 'a b.md', text: 'bare words' }],
    ['count: src/**/*.ts >= 3', { kind: 'glob_count', glob: 'src/**/*.ts', min: 3 }],
    ['count: *.md == 0', { kind: 'glob_count', min: 0, max: 0 }],
    ['count: *.md > 1', { kind: 'glob_count', min: 2 }],
    ['count: *.md', { kind: 'glob_count', glob: '*.md' }],
    [
      'json: package.json $.version == "1.0"',
      { kind: 'json_path', path: 'package.json', at: '$.version', equals: '1.0' },
    ],
    ['json: package.json scripts.test', { kind: 'json_path', at: 'scripts.test' }],
    ['json: c.json $.total["lines pct"] >= 80', { kind: 'json_path', at: '$.total["lines pct"]', min: 80 }],
    ['yaml: a.yaml $.jobs[0].name == build', { kind: 'yaml_path', equals: 'build' }],
    ['yaml: a.yaml $.on == {"push": [1, null]}', { kind: 'yaml_path', equals: { push: [1, null] } }],
    ['checklist: docs/tasks.md', { kind: 'checklist', path: 'docs/tasks.md' }],
    ['git clean', { kind: 'git_clean' }],
    [
      'git diff: inside src/** test/**; outside package.json',
      { kind: 'git_diff', inside: ['src/**', 'test/**'], outside: ['package.json'] },
    ],
    ['http: http://127.0.0.1:3000/health 200', { kind: 'http', url: 'http://127.0.0.1:3000/health', status: 200 }],
    ['http: http://localhost/ 503 "sorry"', { kind: 'http', status: 503, contains: 'sorry' }],
    ['file_exists: a', { kind: 'file_exists', path: 'a' }],
  ])('%s', (line, expected) => {
    expect(parsed(line)).toMatchObject(expected)
  })

  it.each([
    ['walk: the dog', 'does not open with the word of a check'],
    ['the tests pass', 'does not open with the word of a check'],
    ['run:', 'A command is missing'],
    ['file:', 'A path is missing'],
    ['file: ../secrets', 'must stay inside'],
    ['file: a/../../b', 'must stay inside'],
    ['contains: README.md', 'Write a path and then'],
    ['contains: README.md /(/', 'Invalid regular expression'],
    ['contains: README.md /a/gg', 'Flags are'],
    ['count: src/*.ts about 3', 'Write the bound'],
    ['count: *a*b*c*d*e', 'three stars'],
    ['count: +(a|aa)+(a|aa)', 'are known'],
    ['count: ../*', 'inside the workspace'],
    ['json: package.json $..version', 'Write the place'],
    ['json: package.json a >= many', 'needs a number'],
    ['git clean: now', 'Nothing may follow'],
    ['git diff: within src', 'not "within"'],
    ['http: ftp://example.org/', 'Only http'],
    ['http: http://user:pw@localhost/', 'password'],
    ['http: nowhere', 'not a URL'],
  ])('says what is wrong with %s', (line, why) => {
    expect(parsed(line)).toContain(why)
  })

  it('comes back from its own description, whatever the check', () => {
    const lines = [
      ...['run: npm test', 'file: "my file.md"', 'no file: dist', 'contains: README.md /a b/i', 'contains: a "x \\"y"'],
      ...['changed: src/a.ts', 'count: *.ts >= 1 <= 3', 'count: *.ts == 2', 'json: p.json $.a[0] == {"b":1}'],
      ...['yaml: a.yaml $ >= 3', 'checklist: a.md', 'git clean', 'git diff: inside src/** a/*; outside b'],
      ...['http: http://localhost:1/ 204 "x"'],
    ]
    for (const line of lines) {
      const once = parseCheckLine(line)
      if (!once.ok) throw new Error(`${line}: ${once.problems[0]?.text}`)
      expect(parseCheckLine(describeCheck(once.value))).toEqual(once)
    }
  })

  it('is known from a sentence by its colon', () => {
    expect(['run: x', 'git clean', '`file: a`', 'Git diff: inside a'].map(isCheckLine)).toEqual([
      true,
      true,
      true,
      true,
    ])
    expect(['run the tests', 'file an issue: now', 'note: x', ''].map(isCheckLine)).toEqual([
      false,
      false,
      false,
      false,
    ])
  })
})

describe('the full form', () => {
  it('refuses an unknown kind with the known ones, and a misspelt field', () => {
    expect(checkSchema.safeParse({ kind: 'vibes' }).error?.issues[0]?.message).toContain('file_exists')
    expect(checkSchema.safeParse({ kind: 'command', run: 'x', timeout: 3 }).error?.issues[0]?.message).toContain(
      'timeout',
    )
    expect(checkSchema.safeParse({ kind: 'command', run: 'x', timeout_seconds: 3601 }).success).toBe(false)
    expect(checkSchema.safeParse({ kind: 'file_contains', path: 'a', text: 'x', regex: 'y' }).success).toBe(false)
  })

  it('takes argv as a list and a name for people', () => {
    const spec = checkSchema.parse({ kind: 'command', run: ['node', '--test', 'a b'], name: 'unit tests' })
    expect(describeCheck(spec)).toBe('unit tests')
    expect(describeCheck({ ...spec, name: undefined })).toBe('run: node --test "a b"')
  })

  it('fits into the schema of a task and becomes JSON Schema', () => {
    const schema = z.toJSONSchema(taskSpecSchema(checkSchema), { io: 'input' })
    expect(Object.keys(schema.$defs ?? {}).filter((name) => /^Check[A-Z]/.test(name))).toHaveLength(checkers.length)
  })

  it('is the same after a turn through JSON, so that the store may keep it', () => {
    for (const spec of [
      { kind: 'git_diff', inside: 'src/**' },
      { kind: 'glob_count', glob: '*' },
    ]) {
      const once = checkSchema.parse(spec)
      expect(checkSchema.parse(JSON.parse(JSON.stringify(once)))).toEqual(once)
    }
  })
})
