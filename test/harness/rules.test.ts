import { describe, expect, it } from 'vitest'
import { type AskRequest, patternCharsMax } from '../../src/core/ask.ts'
import { isAutoAccepted, isGranted } from '../../src/harness/rules.ts'

const request = (permission: string, patterns: string[], detail = patterns.join(' && ')): AskRequest => ({
  ...{ kind: 'permission', permission, patterns, always: ['*'], detail },
})
const bash = (...patterns: string[]) => request('bash', patterns)
const git = ['bash git *']

describe('auto_accept', () => {
  it.each([
    { what: 'everything', by: true, asked: bash('rm -rf /') },
    { what: 'a glob', by: git, asked: bash('git status') },
    { what: 'the very line, whatever it holds', by: ['bash git log | head'], asked: bash('git log | head') },
    { what: 'a path', by: ['edit src/*'], asked: request('edit', ['src/a.ts']) },
    {
      what: 'two files, each by a glob of its own',
      by: ['edit src/*', 'edit docs/*'],
      asked: request('edit', ['src/a.ts', 'docs/a.md']),
    },
  ])('covers $what', ({ by, asked }) => expect(isAutoAccepted(asked, by)).toBe(true))

  it.each([
    { what: 'anything when it is off', by: false, asked: bash('git status') },
    { what: 'anything when it is not said', by: undefined, asked: bash('git status') },
    { what: 'another command', by: git, asked: bash('github-cli') },
    { what: 'another permission', by: git, asked: request('edit', ['git status']) },
    { what: 'one of two patterns', by: git, asked: bash('git status', 'rm x') },
    { what: 'a second command behind ;', by: git, asked: bash('git status; rm -rf /') },
    { what: 'a second command behind &', by: git, asked: bash('git status & rm -rf /') },
    { what: 'a pipe', by: git, asked: bash('git log | sh') },
    { what: 'a substitution', by: git, asked: bash('git log $(rm x)') },
    { what: 'backticks', by: git, asked: bash('git log `rm x`') },
    { what: 'a redirection', by: git, asked: bash('git log > ~/.bashrc') },
    { what: 'a second line', by: git, asked: bash('git log\nrm x') },
    { what: 'a line of which it was shown only a part', by: git, asked: request('bash', ['git log'], 'git log > ~/x') },
    { what: 'no pattern at all', by: ['bash *'], asked: bash() },
    { what: 'what is too long to be read', by: ['bash *'], asked: bash('a'.repeat(patternCharsMax + 1)) },
    { what: 'a question', by: true, asked: { kind: 'question', questions: [] } as AskRequest },
  ])('does not cover $what', ({ by, asked }) => expect(isAutoAccepted(asked, by)).toBe(false))
})

describe('a grant', () => {
  const granted = new Set(['git status', 'npm *'])
  it('covers what was allowed, letter by letter', () => {
    expect(isGranted(bash('git status'), granted)).toBe(true)
    expect(isGranted(bash('npm *'), granted)).toBe(true)
    expect(isGranted(bash('npm test'), granted)).toBe(false)
    expect(isGranted(bash('git status '), granted)).toBe(false)
  })
  it('covers an ask only with all its patterns, and with at least one', () => {
    expect(isGranted(bash('git status', 'rm x'), granted)).toBe(false)
    expect(isGranted(bash(), granted)).toBe(false)
  })
})
