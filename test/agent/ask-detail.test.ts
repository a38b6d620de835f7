/** Tables of what a person reads before allowing a call. */
import { expect, it } from 'vitest'
import { askDetail } from '../../src/agent/ask-detail.ts'

const edit = { old_string: 'a\n@@ b', new_string: 'c\n' }

it.each<[string, Record<string, unknown>, string[], string]>([
  ['a command says no more than its line', { command: 'npm test' }, ['npm test'], ''],
  ['the rest of a call stands beside it', { command: 'ls', timeout_ms: 5 }, ['ls'], 'timeout_ms: 5'],
  [
    'a new file is its lines, none of which passes for a heading',
    { file_path: 'a.md', content: '# A\n@@ -1 +1 @@\n' },
    ['a.md'],
    '@@ the whole content @@\n+# A\n+@@ -1 +1 @@',
  ],
  [
    'a file outside is named as the agent named it',
    { file_path: '../a.md', content: '' },
    ['/home/a.md'],
    'file_path: ../a.md\n@@ the whole content @@',
  ],
  [
    'a change is what goes and what comes',
    { file_path: 'a.md', edits: [edit, { ...edit, replace_all: true }, 'odd'] },
    ['a.md'],
    '@@ edit 1 of 3 @@\n-a\n-@@ b\n+c\n@@ edit 2 of 3, in every place @@\n-a\n-@@ b\n+c\nedit 3 of 3: "odd"',
  ],
  ['one change is told like several', { file_path: 'a.md', ...edit }, ['a.md'], '@@ the change @@\n-a\n-@@ b\n+c'],
  ['a long text is set off', { prompt: 'one\ntwo' }, [], 'prompt:\n one\n two'],
])('%s', (_what, input, named, shown) => expect(askDetail(input, named)).toBe(shown))

it('what is too long is cut in the middle, and how much is said', () => {
  const shown = askDetail({ content: 'x'.repeat(20_000) }, [])
  expect(shown.length).toBeLessThan(8_100)
  expect(shown).toMatch(/\d+ characters left out/)
})
