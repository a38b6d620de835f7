/** What every request of a run has beside its messages: the system message and the tools. Made once a run. */
import { z } from 'zod'
import type { ToolSchema } from '../core/provider.ts'
import type { AnyTool } from '../core/tool.ts'
import { readBranch, systemPrompt } from './prompt.ts'
import type { Run } from './run.ts'
import type { History } from './shown.ts'
import { textTokens, toolTokens } from './weigh.ts'

export interface Frame {
  system: string
  tools: ToolSchema[]
}

export async function openFrame(
  { profile, session, platform, tools }: Pick<Run, 'profile' | 'session' | 'platform' | 'tools'>,
  { instructions, memory, plan }: Pick<History, 'instructions' | 'memory' | 'plan'>,
): Promise<Frame> {
  const branch = await readBranch(session.workspace)
  const layers = { instructions, memory, plan, branch }
  return { system: systemPrompt({ profile, session, platform, ...layers }), tools: schemasOf(tools) }
}

const schemasOf = (tools: readonly AnyTool[]): ToolSchema[] => tools.map((tool) => ({ ...schemaOf(tool) }))

/** Made once: a tool never changes, and each turn asks for all of them. */
const made = new WeakMap<AnyTool, ToolSchema>()

function schemaOf(tool: AnyTool): ToolSchema {
  const known = made.get(tool)
  if (known) return known
  const { name, description, schema } = tool
  const { $schema, ...parameters } = z.toJSONSchema(schema, { io: 'input' })
  const fresh = { name, description, parameters }
  made.set(tool, fresh)
  return fresh
}

export const frameTokensOf = ({ system, tools }: Frame): number => textTokens(system) + toolTokens(tools)
