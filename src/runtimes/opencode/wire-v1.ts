/**
 * The shapes of OpenCode 1.x on the wire, as far as they are used, and their translation. Unknown fields are ignored,
 * unknown events are nothing; a shape that does not fit is a problem of the server, never a crash.
 */
import { z } from 'zod'
import type { FileDiff, ModelUsage, WatchedSession } from '../../core/session.ts'
import { redact } from './connection.ts'
import {
  type RemoteAsk,
  type RemoteEntry,
  type RemoteError,
  type RemoteEvent,
  type RemoteMessage,
  type RemotePart,
  type RemoteStatus,
  type RemoteTool,
  refusedError,
} from './remote.ts'

const count = z.number().catch(0)
const tokens = z.object({
  input: count,
  output: count,
  reasoning: count,
  cache: z.object({ read: count, write: count }).catch({ read: 0, write: 0 }),
})
const text = z.string().catch('')

export const sessionShape = z.object({
  id: z.string(),
  directory: z.string(),
  parentID: z.string().optional(),
  title: text,
  agent: z.string().optional().catch(undefined),
  model: z.object({ id: z.string(), providerID: z.string() }).optional().catch(undefined),
  metadata: z
    .object({ openloom: z.object({ task: z.string() }) })
    .optional()
    .catch(undefined),
  cost: z.number().optional().catch(undefined),
  tokens: tokens.optional().catch(undefined),
  time: z.object({ created: z.number(), updated: z.number() }),
})

const errorShape = z.object({
  name: z.string(),
  data: z
    .object({ message: text, statusCode: z.number().optional(), isRetryable: z.boolean().optional() })
    .catch({ message: '' }),
})

const messageShape = z.object({
  id: z.string(),
  sessionID: z.string(),
  role: z.enum(['user', 'assistant']),
  parentID: z.string().optional(),
  time: z.object({ created: z.number(), completed: z.number().optional() }),
  finish: z.string().optional(),
  error: errorShape.optional().catch(undefined),
  cost: count.optional(),
  tokens: tokens.optional().catch(undefined),
  modelID: z.string().optional(),
  providerID: z.string().optional(),
})

const toolState = z.object({
  status: z.enum(['pending', 'running', 'completed', 'error']),
  input: z.record(z.string(), z.unknown()).catch({}),
  output: z.string().optional().catch(undefined),
  error: z.string().optional().catch(undefined),
  metadata: z.object({ output: z.string().optional(), sessionId: z.string().optional() }).optional().catch(undefined),
  time: z.object({ start: z.number().optional() }).optional().catch(undefined),
})

const partShape = z.object({
  messageID: z.string(),
  sessionID: z.string(),
  type: z.string(),
  text: z.string().optional().catch(undefined),
  synthetic: z.boolean().optional().catch(undefined),
  tool: z.string().optional(),
  callID: z.string().optional(),
  state: toolState.optional().catch(undefined),
})

export const entryShape = z.object({ info: messageShape, parts: z.array(partShape).catch([]) })

export const statusShape = z.union([
  z.object({ type: z.literal('retry'), attempt: count, message: text, next: count }),
  z.object({ type: z.enum(['busy', 'idle']) }),
])

const askingTool = z
  .object({ messageID: z.string(), callID: z.string().nullish().catch(null) })
  .nullish()
  .catch(null)

const askerOf = ({ id, sessionID, tool }: { id: string; sessionID: string; tool?: z.output<typeof askingTool> }) => ({
  ...{ id, sessionId: sessionID },
  messageId: tool?.messageID ?? null,
  callId: tool?.callID ?? null,
})

export const permissionShape = z.object({
  tool: askingTool,
  id: z.string(),
  sessionID: z.string(),
  permission: text,
  patterns: z.array(z.string()).catch([]),
  always: z.array(z.string()).catch([]),
  metadata: z.record(z.string(), z.unknown()).catch({}),
})

export const questionShape = z.object({
  tool: askingTool,
  id: z.string(),
  sessionID: z.string(),
  questions: z
    .array(
      z.object({
        question: text,
        header: text,
        multiple: z.boolean().catch(false),
        options: z.array(z.object({ label: text, description: text })).catch([]),
      }),
    )
    .catch([]),
})

export const diffShape = z.object({
  file: z.string(),
  patch: text,
  additions: count,
  deletions: count,
  status: text,
})

export function sessionOf(wire: z.output<typeof sessionShape>): WatchedSession {
  const { tokens: used, cost } = wire
  return {
    id: wire.id,
    parentId: wire.parentID ?? null,
    title: wire.title.slice(0, 500),
    workspace: wire.directory,
    taskId: wire.metadata?.openloom.task ?? null,
    agent: wire.agent ?? null,
    model: wire.model ? `${wire.model.providerID}/${wire.model.id}` : null,
    createdAt: wire.time.created,
    updatedAt: wire.time.updated,
    total: used ? countOf(used, cost ?? 0) : null,
  }
}

function countOf(used: z.output<typeof tokens>, cost: number) {
  const { input, output, reasoning, cache } = used
  const any = input + output + reasoning + cache.read + cache.write > 0
  // A model without a price costs 0 on the wire: that is "unknown", not "free".
  const costMicros = cost > 0 || !any ? Math.round(cost * 1e6) : null
  return { input, output, reasoning, cacheRead: cache.read, cacheWrite: cache.write, costMicros }
}

export function messageOf(wire: z.output<typeof messageShape>): RemoteMessage {
  const usage: ModelUsage | null =
    wire.role === 'assistant' && wire.tokens
      ? { model: wire.modelID ?? '', provider: wire.providerID ?? '', ...countOf(wire.tokens, wire.cost ?? 0) }
      : null
  return {
    id: wire.id,
    sessionId: wire.sessionID,
    role: wire.role,
    parentId: wire.parentID ?? null,
    at: wire.time.created,
    endedAt: wire.time.completed ?? null,
    finish: wire.finish ?? null,
    error: wire.error ? errorOf(wire.error) : null,
    usage,
  }
}

export const abortedError = 'MessageAbortedError'

/** What ends otherwise on 1.18.33: a turn that is aborted before its first step, one that may not go on in circles. */
function nameOf({ name, data: { message } }: z.output<typeof errorShape>): string {
  if (message.includes('fibers interrupted')) return abortedError
  return message.startsWith('The user rejected permission to use this specific tool call') ? refusedError : name
}

export const errorOf = (wire: z.output<typeof errorShape>): RemoteError => ({
  name: nameOf(wire),
  // The rest is the stack of the server.
  text: redact((wire.data.message.split('\n')[0] ?? '').replace(/^Error: |^(\w+): \1$/, '')),
  status: wire.data.statusCode ?? null,
  retryable: wire.data.isRetryable ?? null,
})

export function partOf(wire: z.output<typeof partShape>): RemotePart {
  const synthetic = wire.synthetic === true || wire.type === 'compaction'
  const place = { messageId: wire.messageID, sessionId: wire.sessionID, synthetic }
  if (wire.type === 'text' || wire.type === 'reasoning') {
    return { ...place, what: { kind: wire.type, text: wire.text ?? '' } }
  }
  if (wire.type !== 'tool' || !wire.state) return { ...place, what: { kind: 'other' } }
  const { status, input, output, error, metadata, time } = wire.state
  const tool: RemoteTool = {
    callId: wire.callID ?? '',
    name: wire.tool ?? '',
    state: status,
    command: typeof input.command === 'string' ? input.command : null,
    cwd: typeof input.workdir === 'string' ? input.workdir : null,
    input: JSON.stringify(input),
    output: output ?? error ?? metadata?.output ?? '',
    startedAt: time?.start ?? null,
    childId: metadata?.sessionId ?? null,
  }
  return { ...place, what: { kind: 'tool', tool } }
}

export const entryOf = (wire: z.output<typeof entryShape>): RemoteEntry => ({
  message: messageOf(wire.info),
  parts: wire.parts.map(partOf),
})

export function statusOf(wire: z.output<typeof statusShape>): RemoteStatus {
  if (wire.type !== 'retry') return { kind: wire.type }
  return { kind: 'retrying', attempt: wire.attempt, nextAt: wire.next, text: redact(wire.message) }
}

export function permissionOf(wire: z.output<typeof permissionShape>, scope: string): RemoteAsk {
  const { permission, patterns, always, metadata } = wire
  const told = metadata.diff ?? metadata.command ?? metadata.url ?? metadata.filepath
  const detail = (typeof told === 'string' ? told : JSON.stringify(metadata)).slice(0, 8_000)
  const request = { kind: 'permission' as const, permission, patterns, always, detail }
  // Whether it may make the same calls again and again.
  const ofNoCall = permission === 'doom_loop' ? { ofNoCall: true as const } : {}
  return { ...askerOf(wire), scope, request, ...ofNoCall }
}

export function questionOf(wire: z.output<typeof questionShape>, scope: string): RemoteAsk {
  const questions = wire.questions.map(({ question, ...rest }) => ({ text: question, ...rest }))
  const request = { kind: 'question' as const, questions }
  return { ...askerOf(wire), scope, request }
}

export function diffOf(wire: z.output<typeof diffShape>): FileDiff {
  const status = wire.status === 'added' || wire.status === 'deleted' ? wire.status : 'changed'
  const { additions, deletions } = wire
  return { path: wire.file, status, additions, deletions, patch: wire.patch.slice(0, 200_000) }
}

const envelope = z.object({
  directory: text,
  payload: z.object({ type: z.string(), properties: z.record(z.string(), z.unknown()).catch({}) }),
})

/** Frames that come by the thousand and say little; told by their head, so that they are not parsed. */
const headChars = 400
const sessionIdIn = /"sessionID":"([\w-]+)"/

export function parseFrame(frame: string, deltas: boolean): RemoteEvent | null {
  const head = frame.slice(0, headChars)
  if (head.includes('"type":"sync"')) return null
  if (!deltas && head.includes('"type":"message.part.delta"')) {
    const sessionId = sessionIdIn.exec(head)?.[1]
    return sessionId ? { kind: 'delta', sessionId, field: 'text', text: '' } : null
  }
  let value: unknown
  try {
    value = JSON.parse(frame)
  } catch {
    // Half a frame of a server that died: the snapshot after the gap says what it would have said.
    return null
  }
  const parsed = envelope.safeParse(value)
  return parsed.success ? eventOf(parsed.data) : null
}

const props = {
  session: z.object({ info: sessionShape }),
  status: z.object({ sessionID: z.string(), status: statusShape }),
  id: z.object({ sessionID: z.string() }),
  error: z.object({ sessionID: z.string().optional(), error: errorShape }),
  message: z.object({ info: messageShape }),
  part: z.object({ part: partShape }),
  delta: z.object({ sessionID: z.string(), field: text, delta: text }),
  ended: z.object({ requestID: z.string(), sessionID: text }),
}

function eventOf({ directory, payload }: z.output<typeof envelope>): RemoteEvent | null {
  const { type, properties } = payload
  const read = <T>(shape: z.ZodType<T>, make: (value: T) => RemoteEvent | null): RemoteEvent | null => {
    const parsed = shape.safeParse(properties)
    return parsed.success ? make(parsed.data) : null
  }
  switch (type) {
    case 'server.connected':
    case 'server.heartbeat':
      return { kind: 'beat' }
    case 'server.instance.disposed':
      return { kind: 'disposed', directory }
    case 'session.created':
    case 'session.updated':
      return read(props.session, ({ info }) => ({ kind: 'session', session: sessionOf(info) }))
    case 'session.deleted':
      return read(props.session, ({ info }) => ({ kind: 'deleted', sessionId: info.id }))
    case 'session.status':
      return read(props.status, (p) => ({
        kind: 'status',
        sessionId: p.sessionID,
        directory,
        status: statusOf(p.status),
      }))
    case 'session.idle':
      return read(props.id, (p) => ({
        kind: 'status',
        sessionId: p.sessionID,
        directory,
        status: { kind: 'idle' },
      }))
    case 'session.error':
      return read(props.error, (p) => ({ kind: 'error', sessionId: p.sessionID ?? null, error: errorOf(p.error) }))
    case 'message.updated':
      return read(props.message, ({ info }) => ({ kind: 'message', message: messageOf(info) }))
    case 'message.part.updated':
      return read(props.part, ({ part }) => ({ kind: 'part', part: partOf(part) }))
    case 'message.part.delta':
      return read(props.delta, (p) => ({
        kind: 'delta',
        sessionId: p.sessionID,
        field: p.field === 'reasoning' ? 'reasoning' : 'text',
        text: p.delta,
      }))
    case 'permission.asked':
      return read(permissionShape, (p) => ({ kind: 'ask', ask: permissionOf(p, directory) }))
    case 'question.asked':
      return read(questionShape, (p) => ({ kind: 'ask', ask: questionOf(p, directory) }))
    case 'permission.replied':
    case 'question.replied':
    case 'question.rejected':
      return read(props.ended, (p) => ({ kind: 'ask.ended', askId: p.requestID, sessionId: p.sessionID }))
    default:
      return null
  }
}
