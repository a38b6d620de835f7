/** The written form of tool calls and their results, and its parser. Pure; it executes nothing and repairs nothing. */
import type { ModelMessage, ModelRequest, ToolSchema } from '../core/provider.ts'
import type { ToolCall } from '../core/session.ts'

const open = '<tool_call>'
const close = '</tool_call>'

const rules = `You have tools. To call one, end your message with one block a call, exactly in this form:

${open}
{"name": "the tool", "arguments": {"parameter": "value"}}
${close}

Write nothing behind the last block: the results come in the next message. Without a block your turn is over.
The tools, each with the JSON Schema of its arguments:`

const instructions = (tools: readonly ToolSchema[]): string =>
  [rules, ...tools.map((t) => JSON.stringify(t))].join('\n')

/** The same conversation without a single call in it: calls and results are text. */
export function asText(request: ModelRequest): ModelRequest {
  const messages: ModelMessage[] = []
  for (const message of request.messages) {
    const written = writtenMessage(message)
    const last = messages.at(-1)
    // Templates of small models want the two sides to take turns.
    if (written.role === 'user' && last?.role === 'user') {
      const images = [...(last.images ?? []), ...(written.images ?? [])]
      messages[messages.length - 1] = {
        role: 'user',
        text: `${last.text}\n\n${written.text}`,
        ...(images.length > 0 ? { images } : {}),
      }
    } else messages.push(written)
  }
  if (request.tools.length === 0) return { ...request, messages }
  const text = instructions(request.tools)
  const [first, ...rest] = messages
  const system: ModelMessage =
    first?.role === 'system' ? { role: 'system', text: `${first.text}\n\n${text}` } : { role: 'system', text }
  const others = first?.role === 'system' ? rest : messages
  return { ...request, messages: [system, ...others], tools: [] }
}

function writtenMessage(message: ModelMessage): ModelMessage {
  if (message.role === 'assistant') {
    const calls = message.calls.map(writtenCall)
    return { role: 'assistant', text: [message.text, ...calls].filter(Boolean).join('\n'), calls: [] }
  }
  if (message.role !== 'tool') return message
  // What a tool gives back must not be able to end its own frame.
  const inside = message.text.replaceAll('</tool_result', '<\\/tool_result')
  const text = `<tool_result name=${JSON.stringify(message.name)}>\n${inside}\n</tool_result>`
  return { role: 'user', text, ...(message.images ? { images: message.images } : {}) }
}

const writtenCall = ({ name, argumentsText }: ToolCall): string =>
  `${open}\n{"name": ${JSON.stringify(name)}, "arguments": ${argumentsText.trim() || '{}'}}\n${close}`

export interface WrittenCall {
  name: string
  argumentsText: string
  /** The reply ended in the middle of it. */
  open: boolean
}

/** Where a call may begin in a text that is still coming: what stands before can be shown. */
export function safeLength(text: string): number {
  const at = text.indexOf(open)
  if (at >= 0) return at
  for (let length = Math.min(open.length - 1, text.length); length > 0; length--) {
    if (open.startsWith(text.slice(-length))) return text.length - length
  }
  return text.length
}

/**
 * The blocks from the first one on, as long as nothing but space is between them: behind anything else stands what the
 * model imagined, results included.
 */
export function writtenCalls(text: string): { before: string; calls: WrittenCall[]; after: string } {
  const first = text.indexOf(open)
  if (first < 0) return { before: text, calls: [], after: '' }
  const calls: WrittenCall[] = []
  let rest = text.slice(first)
  while (rest.trimStart().startsWith(open)) {
    const inside = rest.trimStart().slice(open.length)
    const end = inside.indexOf(close)
    calls.push(callOf(end < 0 ? inside : inside.slice(0, end), end < 0))
    rest = end < 0 ? '' : inside.slice(end + close.length)
  }
  return { before: text.slice(0, first), calls, after: rest.trim() }
}

/** What cannot be read keeps its text, so that whoever answers the call can name the fault. */
function callOf(block: string, isOpen: boolean): WrittenCall {
  const text = block.trim().replace(/^```\w*\s*|\s*```$/g, '')
  try {
    const value: unknown = JSON.parse(text)
    const { name, arguments: given, parameters } = value as Record<string, unknown>
    const args = given ?? parameters ?? {}
    const argumentsText = typeof args === 'string' ? args : JSON.stringify(args)
    if (typeof name === 'string') return { name, argumentsText, open: false }
  } catch {
    // Said below, with the text as it is.
  }
  return { name: /"name"\s*:\s*"([^"]{1,64})"/.exec(text)?.[1] ?? 'tool_call', argumentsText: text, open: isOpen }
}
