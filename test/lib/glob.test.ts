import { expect, it } from 'vitest'
import { globFault, globMatcher } from '../../src/lib/glob.ts'

it.each([
  ['src/**/*.ts', ['src/a.ts', 'src/b/.c.ts'], ['src/a.js', 'a.ts']],
  ['*.{md,txt}', ['a.md', '.b.txt'], ['a/b.md', 'a.ts']],
  ['[ab]?.c', ['ab.c'], ['cb.c', 'a.c']],
  ['src/a b.ts', ['src/a b.ts'], ['src/a']],
])('%s matches what it says', (pattern, yes, no) => {
  expect(globFault(pattern)).toBeNull()
  expect([...yes, ...no].filter(globMatcher([pattern]))).toEqual(yes)
})

it.each(['', '/etc/*', '../*', 'a/../b', '!a', '+(a|aa)', '@(a)', 'a\\b', '{1..9}', 'a*b*c*d*e', '**/a/**/b/**/c/**'])(
  'refuses %s',
  (pattern) => {
    expect(globFault(pattern)).toMatch(/\.$/)
  },
)

it.each(['*a*a*', '**/a/**/a/**', '{a,aa}{a,aa}{a,aa}*b', '***', '?*?*?*?'])(
  'the worst of %s costs little',
  (pattern) => {
    expect(globFault(pattern)).toBeNull()
    const matches = globMatcher([pattern])
    const names = [`${'a'.repeat(254)}!`, 'a/'.repeat(2_000), `${'a'.repeat(250)}/`.repeat(16)]
    const startedAt = performance.now()
    for (const name of names) matches(name)
    expect(performance.now() - startedAt).toBeLessThan(1_000)
  },
)
