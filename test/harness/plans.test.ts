import { expect, it } from 'vitest'
import type { JournalEntry } from '../../src/core/session.ts'
import { plansOf } from '../../src/harness/plans.ts'
import { Random } from '../fakes/random.ts'

it('SA-3 hostile plans that have nothing in common keep nobody waiting, and the newest say what changed', () => {
  const random = new Random(3)
  const odd = () => Array.from({ length: 8_000 }, () => `${random.below(26)}`).join('\n')
  const texts = [...Array.from({ length: 18 }, odd), '1. Read.\n', '1. Read.\n2. Write.\n']
  const rows = texts.map((text, n) => {
    const entry: JournalEntry = { type: 'plan', runId: 'r1', callId: `c${n}`, version: n + 1, text }
    return { seq: n, at: n, entry }
  })
  const begun = performance.now()
  const [newest, ...older] = plansOf(rows)
  expect(performance.now() - begun).toBeLessThan(1_000)
  expect(newest?.change).toContain('+2. Write.')
  expect(older).toHaveLength(19)
})
