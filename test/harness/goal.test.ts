/** Which goals ask for files to be changed, and which are left alone. */
import { expect, it } from 'vitest'
import { asksForChange } from '../../src/harness/goal.ts'

it.each([
  'Fix the sum',
  'please, add a test',
  'Could you please rename the folder?',
  '- Let us remove the old parser',
  "I'd like you to update the readme",
  '# Implement retries\n\nWith backoff.',
])('asks for a change: %s', (goal) => expect(asksForChange(goal)).toBe(true))

it.each([
  'Why is the sum wrong?',
  'Explain how to fix the sum',
  'Review the last commit',
  'Run the tests and tell me what fails',
  'Is it possible to add retries?',
  'The sum is wrong',
  'Was macht add()?',
  'Fixtures: what are they for?',
  '',
  '!!!',
])('does not ask for a change, or nobody can tell: %s', (goal) => expect(asksForChange(goal)).toBe(false))
