/** What a turn of the built-in runtime begins with. It begins none. */
import type { Choice } from '../agent/model-choice.ts'
import type { Policy } from '../agent/permission/engine.ts'
import { defaultRules, deniesAll } from '../agent/permission/rules.ts'
import type { Profile } from '../agent/profiles.ts'
import type { Transcript } from '../agent/run.ts'
import type { Problem } from '../core/problem.ts'
import type { PromptRequest } from '../core/runtime.ts'
import type { SessionRecord, SessionUsage } from '../core/session.ts'
import type { AnyTool } from '../core/tool.ts'
import { deniedTools, unknownTools } from './builtin-problems.ts'

export interface Begin {
  session: SessionRecord
  profile: Profile
  request: PromptRequest
  transcript: Transcript
  choice: Choice
  policy: Policy
  /** Tools of the project. */
  own: readonly AnyTool[]
  resumed: boolean
  /** Lets other programs speak in the session. */
  release(): void
}

/** What a run has left of the limits of its turn for the next one. */
export function leftOf(limits: PromptRequest['limits'], before: SessionUsage, now: SessionUsage) {
  const left = (limit: number | null, used: number) => (limit === null ? null : Math.max(0, limit - used))
  return {
    toolCalls: left(limits.toolCalls, now.toolCalls - before.toolCalls),
    tokens: left(limits.tokens, now.tokens - before.tokens),
  }
}

/** With no more tools than the prompt leaves it. */
export function narrowed(profile: Profile | undefined, { tools }: PromptRequest): Profile | undefined {
  if (!profile || !tools) return profile
  return { ...profile, tools: tools.filter((name) => profile.tools?.includes(name) ?? true) }
}

interface Offered {
  known: readonly AnyTool[]
  policy: Policy
  profile: Profile
}

/** Why a prompt cannot have the tools that it counts on: nobody has them, or rules deny every call of them. */
export function unusableTools({ tools = [] }: PromptRequest, { known, policy, profile }: Offered): Problem | null {
  const names = new Set(known.map(({ name }) => name))
  const lacking = tools.filter((name) => !names.has(name))
  if (lacking.length > 0) return unknownTools(lacking)
  const layers = Object.values(policy.layers)
  const denied = tools.filter((tool) => layers.some((rules) => deniesAll(rules, { tool, profile: profile.name })))
  return denied.length > 0 ? deniedTools(denied) : null
}

/** For unattended work that nobody said more about. */
export const openPolicy: Policy = { layers: { user: defaultRules }, trust: 'trusted', access: 'scoped' }
