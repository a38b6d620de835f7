/** One call as a model sent it, judged: by its schema, then by the permissions. It runs nothing and asks nobody. */
import type { z } from 'zod'
import type { AskRequest } from '../core/ask.ts'
import type { ToolCall } from '../core/session.ts'
import type { AnyTool, Subject } from '../core/tool.ts'
import { parseArguments } from './arguments.ts'
import { askDetail } from './ask-detail.ts'
import { askIdOf, replyTo } from './asks.ts'
import { type Decision, decide, type Policy, reasonOf } from './permission/engine.ts'
import { commandsOf } from './permission/shell.ts'
import { type Facet, lineFacets, otherFacet, pathFacet } from './permission/subjects.ts'
import type { Run } from './run.ts'

export type Judged =
  | { kind: 'answer'; call: ToolCall; output: string; denied?: Decision }
  | { kind: 'ask'; call: ToolCall; what: string; request: AskRequest }
  | { kind: 'run'; call: ToolCall; tool: AnyTool; input: unknown; readOnly: boolean }

/** A call that has no result yet. */
export interface Pending {
  call: ToolCall
  argumentsText: string
  /** The output limit ended the reply in the middle of it. */
  cut: boolean
  /** It was running when a process was killed. */
  begun: boolean
}

/** As much of a run as judging takes. */
export type Judging = Pick<Run, 'tools' | 'session' | 'policy' | 'profile'> & {
  transcript: Pick<Run['transcript'], 'entries'>
}

/** Judged right before its turn: the calls before it may have moved what it names. */
export async function judge(run: Judging, pending: Pending): Promise<Judged> {
  const { call, argumentsText, cut } = pending
  const answer = (output: string): Extract<Judged, { kind: 'answer' }> => ({ kind: 'answer', call, output })
  const tool = run.tools.find((one) => one.name === call.name)
  if (!tool) {
    return answer(`There is no tool "${call.name}". There are: ${run.tools.map((one) => one.name).join(', ')}.`)
  }
  const parsed = parseArguments(argumentsText)
  if (!parsed.ok) {
    const why = cut ? 'they were cut off by the output limit; make the call smaller' : parsed.fault
    return answer(`Invalid arguments for ${call.name}: ${why}. The call was not run.`)
  }
  const checked = tool.schema.safeParse(parsed.value)
  if (!checked.success) {
    return answer(`Invalid arguments for ${call.name}: ${faultsOf(checked.error)}. The call was not run.`)
  }
  const input = checked.data
  const readOnly = tool.isReadOnly(input)
  const facets = await facetsOf(run, tool.subjects?.(input) ?? [{ kind: 'other', text: '*' }])
  const asked = {
    tool: call.name,
    profile: run.profile.name,
    facets,
    onlyReads: readOnly,
    ofProject: tool.ofProject === true,
  }
  const decision = decide(run.policy, asked)
  if (decision.action === 'deny') return { ...answer(reasonOf(decision, call.name)), denied: decision }
  const may: Judged = { kind: 'run', call, tool, input, readOnly }
  if (decision.action === 'allow' || tool.isAsk) return may
  const reply = replyTo(run.transcript.entries, askIdOf(run.session.id, call))
  if (reply?.kind === 'reject') return answer(`${reply.later ? '' : 'Not permitted. '}${reply.message ?? ''}`.trim())
  return reply
    ? may
    : {
        kind: 'ask',
        call,
        what: reasonOf(decision, call.name),
        request: requestFor(pending, parsed.value, facets, decision),
      }
}

/** Whether a call that runs may touch that as well, which it learned only while it ran; what needs asking may not. */
export async function permits(run: Run, call: ToolCall, subject: Subject): Promise<boolean> {
  const facets = await facetsOf(run, [subject])
  const judged = { tool: call.name, profile: run.profile.name, facets, onlyReads: null }
  return decide(run.policy, judged).action === 'allow'
}

function faultsOf(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'arguments'}: ${issue.message}`).join('; ')
}

async function facetsOf({ policy, session }: Judging, subjects: readonly Subject[]): Promise<Facet[]> {
  const { workspace } = session
  const found = await Promise.all(
    subjects.map((subject): Promise<Facet[]> | Facet[] => {
      const { kind, text } = subject
      if (kind === 'command') {
        return lineFacets(text, commandsOf(text), { workspace, looksUpPaths: hasPaths(policy) })
      }
      if (kind === 'read' || kind === 'write') return pathFacet(workspace, subject).then((facet) => [facet])
      return [otherFacet(workspace, subject)]
    }),
  )
  return found.flat()
}

const hasPaths = ({ layers }: Policy): boolean =>
  Object.values(layers).some((rules) => rules.some((rule) => rule.path !== undefined))

type Arguments = Record<string, unknown>

/** An "always" to it covers what stands in its patterns, letter by letter. */
function requestFor(
  { call, argumentsText }: Pending,
  input: Arguments,
  facets: readonly Facet[],
  { by }: Decision,
): AskRequest {
  const named = facets.flatMap(({ line, texts, kind }) => (kind === 'other' ? [] : [line ?? texts[0] ?? '']))
  const patterns = named.length > 0 ? [...new Set(named)] : [argumentsText]
  const detail = named.length > 0 ? askDetail(input, patterns) : ''
  const personOnly = by === 'trust' ? { personOnly: true } : {}
  return { kind: 'permission', permission: call.name, patterns, always: patterns, detail, ...personOnly }
}
