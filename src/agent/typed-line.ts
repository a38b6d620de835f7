/**
 * A shell line that a person typed into a session: under the permissions of the agent, in its sandbox, and the agent is
 * told of it. What the agent would have to ask for, the person has said by typing it; what is denied stays denied.
 */
import { mkdir } from 'node:fs/promises'
import type { Clock } from '../core/clock.ts'
import { typedText } from '../core/runtime.ts'
import type { Journal, SessionRecord } from '../core/session.ts'
import type { AnyTool, ToolResult } from '../core/tool.ts'
import { failpoint } from '../lib/failpoint.ts'
import { newId } from '../lib/id.ts'
import { killTree } from '../lib/process.ts'
import type { Sandbox } from '../lib/sandbox/sandbox.ts'
import type { Checkpoint } from './checkpoint.ts'
import { judge } from './judge.ts'
import type { Policy } from './permission/engine.ts'
import type { Profile } from './profiles.ts'

export interface TypedPlace {
  session: SessionRecord
  journal: Pick<Journal, 'append'>
  policy: Policy
  profile: Profile
  tools: readonly AnyTool[]
  sandbox: Sandbox
  env: Readonly<Record<string, string>>
  owner: string
  outputDir: string
  clock: Clock
  /** Keeps what files were; absent: nobody will want them back. */
  checkpoint?: Checkpoint
  /** Output as it comes. */
  live(text: string): void
}

const timeoutMs = 120_000

/** `ran`: it was not refused before it began. */
export interface TypedResult extends ToolResult {
  ran: boolean
}

export async function runTyped(place: TypedPlace, line: string, signal: AbortSignal): Promise<TypedResult> {
  const { session, policy, tools, clock, outputDir } = place
  const id = newId('typed', clock.now())
  const argumentsText = JSON.stringify({ command: line, timeout: timeoutMs })
  const call = { id, name: 'bash', argumentsText }
  const judged = await judge(
    { ...place, transcript: { entries: [] } },
    { call, argumentsText, cut: false, begun: false },
  )
  if (judged.kind === 'answer') return { ok: false, output: judged.output, ran: false }
  const tool = tools.find(({ name }) => name === 'bash')
  if (!tool) return { ok: false, output: 'The agent has no shell here.', ran: false }
  const owner = `${place.owner}/${id}`
  const writable = policy.trust !== 'read-only'
  const confinement = place.sandbox.confine({ workspace: session.workspace, writable, owner })
  await mkdir(outputDir, { recursive: true, mode: 0o700 })
  const shared = { env: place.env, access: policy.access, live: place.live, seen: new Map<string, string>() }
  const context = { workspace: session.workspace, outputDir, owner, confinement, clock, signal, ...shared }
  const input = tool.schema.parse({ command: line, timeout: timeoutMs })
  const mayChange = !tool.isReadOnly(input)
  const checkpoint = mayChange ? place.checkpoint : undefined
  await checkpoint?.before(id)
  const begins = { type: 'typing' as const, runId: id, line, ...(checkpoint ? { looked: true as const } : {}) }
  if (mayChange) place.journal.append(session.id, begins)
  const result = await tool.run(input, context)
  await killTree(undefined, owner)
  failpoint('typed.ran')
  const changed = (await checkpoint?.after({ runId: id, callId: id })) ?? []
  const text = typedText(line, result.output || '(no output)')
  place.journal.append(session.id, { type: 'note', runId: id, text, ran: { line, ok: result.ok } }, ...changed)
  return { ...result, ran: true }
}
