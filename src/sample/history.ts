/** Judges the messages of a request as the strictest servers do. It never repairs what it judges. */
import { z } from 'zod'

const text = z.union([
  z.string(),
  z
    .array(z.looseObject({ type: z.string(), text: z.string().optional() }))
    .transform((parts) => parts.map((part) => part.text ?? '').join('')),
])

/** As OpenAI has it for functions. */
const functionName = z.string().regex(/^[\w-]{1,64}$/)

const call = z.object({
  id: z.string().min(1),
  type: z.literal('function'),
  function: z.object({ name: functionName, arguments: z.string() }),
})

const messageSchema = z.discriminatedUnion('role', [
  z.object({ role: z.literal('system'), content: text }),
  z.object({ role: z.literal('developer'), content: text }),
  z.object({ role: z.literal('user'), content: text }),
  z.object({ role: z.literal('assistant'), content: text.nullish(), tool_calls: z.array(call).optional() }),
  z.object({ role: z.literal('tool'), content: text, tool_call_id: z.string().min(1) }),
])

export type WireMessage = z.output<typeof messageSchema>

export const requestSchema = z.looseObject({
  model: z.string(),
  messages: z.array(messageSchema),
  stream: z.boolean().optional(),
  stream_options: z.object({ include_usage: z.boolean().optional() }).nullish(),
  tools: z.array(z.unknown()).optional(),
})

export type WireRequest = z.output<typeof requestSchema>

/** What is wrong with the history, or null. */
export function faultOf(messages: readonly WireMessage[]): string | null {
  if (messages.length === 0) return 'messages is empty'
  const open = new Set<string>()
  for (const [index, message] of messages.entries()) {
    const at = `messages[${index}]`
    if (message.role !== 'tool' && open.size > 0) {
      return `${at}: the calls ${[...open].join(', ')} before it have no result`
    }
    const fault = messageFault(message, index, open)
    if (fault) return `${at}: ${fault}`
  }
  if (open.size > 0) return `the calls ${[...open].join(', ')} have no result`
  const last = messages.at(-1)
  return last?.role === 'user' || last?.role === 'tool' ? null : `the last message has the role ${last?.role}`
}

/** Also keeps `open`, the ids of calls that wait for their result. */
function messageFault(message: WireMessage, index: number, open: Set<string>): string | null {
  switch (message.role) {
    case 'system':
    case 'developer':
      if (index > 0) return 'a system message after the first place'
      return message.content.trim() === '' ? 'the system message is empty' : null
    case 'user':
      return message.content.trim() === '' ? 'the user message is empty' : null
    case 'tool':
      return open.delete(message.tool_call_id) ? null : `no call ${message.tool_call_id} waits for this result`
    case 'assistant': {
      const calls = message.tool_calls ?? []
      if (calls.length === 0) return (message.content ?? '').trim() === '' ? 'the assistant message is empty' : null
      for (const { id, function: called } of calls) {
        if (open.has(id)) return `two calls have the id ${id}`
        if (!isJsonObject(called.arguments)) return `the arguments of call ${id} are no JSON object`
        open.add(id)
      }
      return null
    }
  }
}

function isJsonObject(argumentsText: string): boolean {
  try {
    const value: unknown = JSON.parse(argumentsText)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

export const textOf = (message: WireMessage): string => message.content ?? ''

/** Four characters a token: what the log and the limit of the context go by. */
export const estimateTokens = (chars: number): number => Math.ceil(chars / 4)
