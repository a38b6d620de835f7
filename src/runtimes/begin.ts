/** What a turn of the built-in runtime begins with. It begins none. */
import type { Choice } from '../agent/model-choice.ts'
import type { Policy } from '../agent/permission/engine.ts'
import { defaultRules } from '../agent/permission/rules.ts'
import type { Profile } from '../agent/profiles.ts'
import type { Transcript } from '../agent/run.ts'
import type { PromptRequest } from '../core/runtime.ts'
import type { SessionRecord } from '../core/session.ts'
import type { AnyTool } from '../core/tool.ts'

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

/** For unattended work that nobody said more about. */
export const openPolicy: Policy = { layers: { user: defaultRules }, trust: 'trusted', access: 'scoped' }
