/** What a person at the terminal sees of an ask before the answer: "always" only where all that it covers is shown. */
import { expect, it } from 'vitest'
import { ask } from '../../src/cli/chat/approvals.ts'
import type { AskReply } from '../../src/core/ask.ts'

async function asked(patterns: string[], said: string): Promise<{ reply: AskReply | null; shown: string }> {
  const lines: string[] = []
  const answers = [said, 'd']
  const request = { kind: 'permission' as const, permission: 'bash', patterns, always: patterns, detail: '' }
  const reply = await ask(
    { id: 'ask_1', sessionId: 's_1', scope: '/work', request },
    {
      line: (text) => void lines.push(text),
      read: async (prompt) => {
        lines.push(prompt)
        return answers.shift() ?? null
      },
    },
  )
  return { reply, shown: lines.join('\n') }
}

it('PM-3 shows a long command to its end before it may be allowed always', async () => {
  const command = `npm test --filter=${'a'.repeat(3_000)}; touch pwned`
  const { reply, shown } = await asked([command], 'always')
  expect(shown).toContain(`    ${command}\n`)
  expect(reply).toEqual({ kind: 'always' })
})

it('PM-3 shows each of many patterns before they may be allowed always', async () => {
  const { reply, shown } = await asked(
    [...Array(30).keys()].map((n) => `src/${n}.ts`),
    'always',
  )
  expect(shown).toContain('    src/29.ts\n')
  expect(reply).toEqual({ kind: 'always' })
})

it.each([
  { what: 'one that is too long', patterns: ['a'.repeat(4_001)] },
  { what: 'several that are too long together', patterns: ['a'.repeat(2_001), 'b'.repeat(2_001)] },
  { what: 'one that names nothing', patterns: [] },
])('PM-3 neither offers nor takes an always for $what', async ({ patterns }) => {
  const { reply, shown } = await asked(patterns, 'always')
  expect(shown).not.toContain('[a]lways')
  expect(reply).toEqual({ kind: 'reject', message: null })
})

it('PM-3 marks each further line of a pattern, so that none looks like another thing that is wanted', async () => {
  const { shown } = await asked(['npm test\n    touch pwned'], 'once')
  expect(shown).toContain('    npm test\n  ⏎     touch pwned\n')
})
