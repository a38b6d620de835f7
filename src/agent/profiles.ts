/** The roles an agent can have: words, tools and limits. A profile narrows, it never permits. */
import type { AnyTool } from '../core/tool.ts'
import type { Rule } from './permission/rules.ts'
import { submitPlan } from './tools/submit-plan.ts'

export interface Profile {
  name: string
  prompt: string
  /** Null: all tools. */
  tools: readonly string[] | null
  /** Tools of this role and no other. */
  own?: readonly AnyTool[]
  /** The profile that carries out what it plans; absent: it plans nothing. */
  handsTo?: string
  /** Model calls in one run. */
  stepsMax: number
  /** Only tighten what the user's rules allow. */
  rules?: readonly Rule[]
}

export const profiles: readonly Profile[] = [
  {
    name: 'build',
    prompt: 'You do the work yourself: read what matters, change files, run what proves the change, then report.',
    tools: null,
    stepsMax: 100,
  },
  {
    name: 'plan',
    prompt:
      'You only plan: read and search, change nothing. Hand in a plan of numbered steps with submit_plan; a person ' +
      'says what becomes of it.',
    tools: ['read', 'glob', 'grep', 'web_fetch', 'web_search', 'ask_user'],
    own: [submitPlan],
    handsTo: 'build',
    stepsMax: 50,
  },
]
