/** Judges a request of each model protocol as its strictest server does: null, or what is wrong with the history. */
import { faultOf, requestSchema } from '../../src/sample/history.ts'

type Json = Record<string, unknown>

const isName = (name: unknown): boolean => typeof name === 'string' && /^[\w-]{1,64}$/.test(name)

const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : [])

export const strictFaults: Readonly<Record<string, (body: Json) => string | null>> = {
  openai: (body) => faultOf(requestSchema.parse(body).messages),
  'openai-responses': ({ input }) => responsesFault(list(input)),
  anthropic: ({ messages }) => anthropicFault(list(messages)),
  gemini: ({ contents }) => geminiFault(list(contents)),
  ollama: ({ messages }) => ollamaFault(list(messages)),
}

/** Each call has one output, before anybody else speaks. */
function responsesFault(items: Json[]): string | null {
  const open = new Set<unknown>()
  const known = new Set<unknown>()
  for (const [index, { type, call_id: id, name, arguments: text, role }] of items.entries()) {
    if (type === 'function_call') {
      if (!isName(name)) return `items[${index}]: bad name`
      if (known.has(id)) return `items[${index}]: two calls have the id ${id}`
      JSON.parse(String(text))
      known.add(id)
      open.add(id)
    } else if (type === 'function_call_output') {
      if (!open.delete(id)) return `items[${index}]: no call ${id} waits for this output`
    } else if (role === 'user' && open.size > 0) return `items[${index}]: calls have no output`
  }
  const last = items.at(-1)
  if (open.size > 0) return 'calls have no output'
  return last?.role === 'user' || last?.type === 'function_call_output' ? null : 'the last item is not for the model'
}

/** Turns alternate, begin and end with the user, and results of all calls open the turn behind them. */
function anthropicFault(messages: Json[]): string | null {
  let calls: unknown[] = []
  for (const [index, { role, content }] of messages.entries()) {
    const at = `messages[${index}]`
    if (role !== (index % 2 === 0 ? 'user' : 'assistant')) return `${at}: the turns do not alternate`
    const blocks = list(content)
    if (blocks.length === 0) return `${at}: it is empty`
    if (blocks.some(({ type, text }) => type === 'text' && String(text).trim() === '')) return `${at}: empty text`
    if (role === 'user') {
      const results = blocks.filter(({ type }) => type === 'tool_result').map((block) => block.tool_use_id)
      if (JSON.stringify(results) !== JSON.stringify(calls)) return `${at}: results do not fit the calls before`
      if (blocks.slice(0, results.length).some(({ type }) => type !== 'tool_result')) return `${at}: results come late`
      calls = []
    } else {
      const uses = blocks.filter(({ type }) => type === 'tool_use')
      if (!uses.every(({ id, name }) => isName(name) && isName(id))) return `${at}: bad name or id`
      calls = uses.map(({ id }) => id)
    }
    if (new Set(calls).size !== calls.length) return `${at}: two calls have one id`
  }
  return messages.at(-1)?.role === 'user' ? null : 'the last turn is not of the user'
}

/** As many responses as calls, in the turn right behind them. */
function geminiFault(contents: Json[]): string | null {
  let calls: unknown[] = []
  for (const [index, { role, parts }] of contents.entries()) {
    const at = `contents[${index}]`
    if (role !== (index % 2 === 0 ? 'user' : 'model')) return `${at}: the turns do not alternate`
    const named = (key: string) => list(parts).flatMap((part) => (part[key] ? [(part[key] as Json).name] : []))
    if (list(parts).length === 0) return `${at}: it is empty`
    if (role === 'user') {
      if (JSON.stringify(named('functionResponse')) !== JSON.stringify(calls)) return `${at}: responses do not fit`
      calls = []
    } else {
      calls = named('functionCall')
      if (!calls.every(isName)) return `${at}: bad name`
    }
  }
  return contents.at(-1)?.role === 'user' ? null : 'the last turn is not of the user'
}

/** It has no ids: results follow their calls in order, by name. */
function ollamaFault(messages: Json[]): string | null {
  let names: unknown[] = []
  for (const [index, message] of messages.entries()) {
    const at = `messages[${index}]`
    if (message.role === 'tool') {
      if (names.shift() !== (message.tool_name ?? message.name)) return `${at}: no such call waits`
      continue
    }
    if (names.length > 0) return `${at}: calls have no result`
    names = list(message.tool_calls).map((call) => (call.function as Json).name)
    if (!names.every(isName)) return `${at}: bad name`
    if (names.length === 0 && String(message.content).trim() === '') return `${at}: it is empty`
  }
  const last = messages.at(-1)
  return names.length === 0 && last?.role !== 'assistant' ? null : 'the last message is not for the model'
}
