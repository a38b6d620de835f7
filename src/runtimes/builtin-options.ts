/** What the built-in runtime is given: by the configuration, by the daemon or a single run, by tests. Types only. */
import type { ModelDebug } from '../agent/debug-log.ts'
import type { FormatSettings } from '../agent/format.ts'
import type { GuideFolders } from '../agent/instructions.ts'
import type { Purposes } from '../agent/model-settings.ts'
import type { Policy } from '../agent/permission/engine.ts'
import type { Profile } from '../agent/profiles.ts'
import type { ModelSource } from '../agent/providers/index.ts'
import type { RoomSettings } from '../agent/window.ts'
import type { AskRequest } from '../core/ask.ts'
import type { Clock } from '../core/clock.ts'
import type { Journal, SessionRecord } from '../core/session.ts'
import type { AnyTool } from '../core/tool.ts'
import type { Sandbox } from '../lib/sandbox/sandbox.ts'

export interface BuiltinOptions extends Partial<GuideFolders> {
  /** Default: builtin. */
  name?: string
  journal: Journal
  /** In order of preference; the first gives the default model. */
  providers: readonly ModelSource[]
  /** `model` or `provider/model`; null: the first model of the first provider. */
  defaultModel: string | null
  /** Model and temperature by purpose; a run's is the name of its profile. */
  purposes?: Purposes
  clock: Clock
  /** For child processes: already an allow-list. */
  env: Readonly<Record<string, string>>
  /** A folder below it for each session's whole outputs. */
  outputRoot: string
  /** Takes the turns of a session for this program; null: another one has them. Absent: there is no other. */
  claim?(sessionId: string): (() => void) | null
  /** Places that no tool reads or changes, wherever a workspace lies. Absent: there are none. */
  hidden?: readonly string[]
  /** A folder below it for what each session's files were; absent: that is not kept. */
  checkpointRoot?: string
  /** Owner of all child processes; the daemon's own name. */
  owner: string
  /** What the commands of the agent run in; absent: nothing. */
  sandbox?: Sandbox
  /** What fits into a request, and when room is made in it. Absent: the defaults of the settings. */
  room?: RoomSettings
  /** How files that are written are formatted. Absent: not at all. */
  formats?: FormatSettings
  /** Gives a session another title unless it has got one meanwhile. Absent: titles stay as they are. */
  retitle?(sessionId: string, from: string, to: string): void
  /** Hears what is said to models and back. */
  debug?: ModelDebug
  /** Asked at the start of each run. Absent: what is inside the workspace is allowed. */
  policyOf?(session: SessionRecord): Promise<Policy>
  /** Whether there is anybody who answers; if not, an ask ends the run. */
  attended?: boolean
  /** Whether a person has said "always" to this; absent: whoever is asked looks that up. */
  granted?(session: SessionRecord, request: AskRequest): boolean
  profiles?: readonly Profile[]
  tools?: readonly AnyTool[]
  platform?: string
  /** Tells a person of something about a session that costs the run nothing. */
  notice?(session: SessionRecord, text: string): void
  /** For bugs that would otherwise be silent. */
  log(text: string): void
}
