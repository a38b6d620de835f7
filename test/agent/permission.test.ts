import { describe, expect, it } from 'vitest'
import { decide, defaultRules, ruleSchema, subjectOf } from '../../src/agent/permission.ts'
import { fits } from '../../src/lib/wildcard.ts'

const rules = [
  { action: 'allow' },
  { tool: 'bash', action: 'ask' },
  { tool: 'bash', pattern: 'npm *', action: 'allow' },
  { tool: 'bash', pattern: 'npm publish*', action: 'deny' },
  { tool: 'write', pattern: 'docs/*', action: 'deny' },
  { tool: 'write', pattern: 'docs/draft?.md', action: 'allow' },
].map((rule) => ruleSchema.parse(rule))

describe('PM-1 rules: the last that fits decides', () => {
  it.each([
    ['read', 'a', 'allow'],
    ['bash', 'ls', 'ask'],
    ['bash', 'npm test', 'allow'],
    ['bash', 'npm publish --tag x', 'deny'],
    ['write', 'src/a', 'allow'],
    ['write', 'docs/deep/a', 'deny'],
    ['write', 'docs/draft1.md', 'allow'],
  ])('%s %s: %s', (tool, subject, action) => {
    expect(decide(rules, tool, subject)).toBe(action)
  })

  it('ask a person when none fits', () => {
    expect(decide([], 'read', 'a')).toBe('ask')
    expect(decide(defaultRules, 'bash', 'anything')).toBe('allow')
  })

  it.each([
    ['*', '', true],
    ['a*c', 'abbbc', true],
    ['a*c', 'abbbd', false],
    ['a?c', 'abc', true],
    ['a.c', 'abc', false],
    ['**', 'x', true],
    ['', 'x', false],
  ])('%j against %j', (pattern, text, expected) => {
    expect(fits(pattern, text)).toBe(expected)
  })

  it('take no exponential time for a hostile pattern', () => {
    const startedAt = performance.now()
    expect(fits(`${'*a'.repeat(200)}b`, 'a'.repeat(20_000))).toBe(false)
    expect(performance.now() - startedAt).toBeLessThan(1_000)
  })

  it('compare commands and paths', () => {
    expect(subjectOf({ command: 'ls' })).toEqual({ kind: 'command', text: 'ls' })
    expect(subjectOf({ file_path: 'a' })).toEqual({ kind: 'path', text: 'a' })
    expect(subjectOf({ pattern: '*', path: 'src' })).toEqual({ kind: 'path', text: 'src' })
    expect(subjectOf({ id: 'bg' })).toEqual({ kind: 'none', text: '*' })
  })
})
