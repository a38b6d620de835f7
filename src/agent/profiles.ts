/** The roles an agent can have: words, tools and limits. A profile narrows, it never permits. */
import type { Rule } from './permission/rules.ts'

export interface Profile {
  name: string
  prompt: string
  /** Null: all tools. */
  tools: readonly string[] | null
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
    prompt: 'You only plan: read and search, change nothing, and answer with a plan of numbered steps.',
    tools: ['read', 'glob', 'grep', 'web_fetch', 'web_search', 'ask_user'],
    stepsMax: 50,
  },
]
