/** Plans in words: what became of a call that hands one in, what stands in it, and when it is long. */
import { expect, it } from 'vitest'
import { headingOf, linesOfLong, planCallLook, planIn } from '../../frontend/src/model/plans.ts'
import { submitPlan } from '../../src/agent/tools/submit-plan.ts'
import type { PlanWord } from '../../src/core/tool.ts'
import { toolWorld } from '../fakes/tool-world.ts'

it.each<[PlanWord | null, string]>([
  [{ kind: 'execute' }, 'accepted'],
  [{ kind: 'moved', sessionId: 's_1', trouble: null }, 'in a fresh session'],
  [{ kind: 'feedback', text: 'more' }, 'sent back'],
  [{ kind: 'reject', message: null }, 'rejected'],
  [null, 'not looked at'],
])('SU-6 a plan of which was said %j is shown as %s', async (word, shown) => {
  const world = await toolWorld([submitPlan])
  world.context.reviewPlan = async () => word
  const { ok, output } = await world.use('submit_plan', { plan: '# One' })
  expect(planCallLook({ state: ok ? 'completed' : 'error', output }).word).toBe(shown)
})

it('a call says its plan, unless it is another tool, cut off or something else', () => {
  const input = JSON.stringify({ plan: '## One\n\nMore.' })
  expect(planIn({ name: 'submit_plan', input })).toBe('## One\n\nMore.')
  const others = [input.slice(0, 9), '[]', 'null', '{"plan":1}'].map((cut) =>
    planIn({ name: 'submit_plan', input: cut }),
  )
  expect([...others, planIn({ name: 'write', input })]).toEqual([null, null, null, null, null])
  expect(planCallLook({ state: 'running', output: '' }).word).toBe('waits for your word')
  expect(headingOf('\n## **One**, two\n')).toBe('One, two')
  expect([linesOfLong('a\nb'), linesOfLong('x\n'.repeat(50))]).toEqual([0, 51])
})
