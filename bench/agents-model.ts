/**
 * One model for agents of any kind: over three protocols it asks for the same steps, one at a time, in the words of
 * each
 * agent's own tools, and then says that it is done. It answers at once, so that all of the time is the agent's.
 * Scripted, on loopback, and nothing else.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ToolDescription {
  name: string
  properties: Record<string, { type?: unknown }>
}

interface Asked {
  tools: ToolDescription[]
  /** Results of tools that the conversation holds. */
  results: number
}

export interface AgentModel {
  /** Without `/v1`. */
  url: string
  /** What the steps are. */
  kind: 'shell' | 'read'
  /** Requests that offered tools. */
  requests: number
  close(): Promise<void>
}

type Json = Record<string, unknown>

const list = (value: unknown): Json[] => (Array.isArray(value) ? value : [])

/** What each protocol calls the parts of a request, and how it streams one call or a text. */
interface Protocol {
  path: string
  asked(body: Json): Asked
  say(call: Call | null, n: number): string
}

const tool = (name: unknown, parameters: unknown): ToolDescription => ({
  name: String(name),
  properties: ((parameters as Json)?.['properties'] ?? {}) as ToolDescription['properties'],
})

const sse = (...events: Json[]): string => events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')
const named = (...events: Json[]): string =>
  events.map((event) => `event: ${event['type']}\ndata: ${JSON.stringify(event)}\n\n`).join('')

const chat: Protocol = {
  path: '/chat/completions',
  asked: (body) => ({
    tools: list(body['tools']).map(({ function: f }) => tool((f as Json)['name'], (f as Json)['parameters'])),
    results: list(body['messages']).filter(({ role }) => role === 'tool').length,
  }),
  say(call, n) {
    const tool_calls = call && [
      { index: 0, id: `call_${n}`, type: 'function', function: { name: call.name, arguments: call.input } },
    ]
    const chunk = (delta: Json, finish_reason: string | null) => ({
      id: `c_${n}`,
      object: 'chat.completion.chunk',
      model: 'scripted-model',
      choices: [{ index: 0, delta, finish_reason }],
    })
    const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
    const said = tool_calls ? { role: 'assistant', tool_calls } : { role: 'assistant', content: 'done' }
    const end = { ...chunk({}, call ? 'tool_calls' : 'stop'), usage }
    return `${sse(chunk(said, null), end)}data: [DONE]\n\n`
  },
}

const responses: Protocol = {
  path: '/responses',
  asked: (body) => ({
    tools: list(body['tools']).map(({ name, parameters }) => tool(name, parameters)),
    results: list(body['input']).filter(({ type }) => type === 'function_call_output').length,
  }),
  say(call, n) {
    const item = call
      ? { type: 'function_call', id: `fc_${n}`, call_id: `call_${n}`, name: call.name, arguments: call.input }
      : { type: 'message', id: `m_${n}`, role: 'assistant', content: [{ type: 'output_text', text: 'done' }] }
    const usage = { input_tokens: 10, output_tokens: 5, total_tokens: 15 }
    return named(
      { type: 'response.created', response: { id: `r_${n}` } },
      { type: 'response.output_item.done', output_index: 0, item },
      { type: 'response.completed', response: { id: `r_${n}`, usage, output: [item] } },
    )
  },
}

const messages: Protocol = {
  path: '/messages',
  asked: (body) => ({
    tools: list(body['tools']).map(({ name, input_schema }) => tool(name, input_schema)),
    results: list(body['messages'])
      .flatMap(({ content }) => list(content))
      .filter(({ type }) => type === 'tool_result').length,
  }),
  say(call, n) {
    const start = call ? { type: 'tool_use', id: `toolu_${n}`, name: call.name, input: {} } : { type: 'text', text: '' }
    const delta = call ? { type: 'input_json_delta', partial_json: call.input } : { type: 'text_delta', text: 'done' }
    const message = { id: `msg_${n}`, type: 'message', role: 'assistant', model: 'scripted-model', content: [] }
    const usage = { input_tokens: 10, output_tokens: 5 }
    return named(
      { type: 'message_start', message: { ...message, stop_reason: null, usage } },
      { type: 'content_block_start', index: 0, content_block: start },
      { type: 'content_block_delta', index: 0, delta },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: call ? 'tool_use' : 'end_turn' }, usage },
      { type: 'message_stop' },
    )
  },
}

interface Call {
  name: string
  input: string
}

/** The path that the prompt names. */
function fileIn(text: string): string {
  const end = text.indexOf('/lines.txt')
  if (end < 0) return ''
  return `${text.slice(Math.max(text.lastIndexOf(' ', end), text.lastIndexOf('"', end)) + 1, end)}/lines.txt`
}

const oneOf = (tools: readonly ToolDescription[], names: readonly string[]): ToolDescription | undefined =>
  names.map((name) => tools.find((one) => one.name === name)).find((one) => one !== undefined)

/** Another line of the same file at each step. An agent without a tool for that reads with its shell. */
function readCall(tools: readonly ToolDescription[], n: number, file: string): Call | null {
  const reader = oneOf(tools, ['read', 'Read'])
  if (!reader) return shellCall(tools, `sed -n ${n + 1}p '${file}'`)
  const key = reader.properties['filePath'] ? 'filePath' : 'file_path'
  return { name: reader.name, input: JSON.stringify({ [key]: file, offset: n + 1, limit: 1 }) }
}

function shellCall(tools: readonly ToolDescription[], command: string): Call | null {
  const shell = oneOf(tools, ['bash', 'Bash', 'exec_command', 'shell_command', 'shell'])
  if (!shell) return null
  const { name, properties } = shell
  if (properties['cmd']) return { name, input: JSON.stringify({ cmd: command }) }
  const isList = properties['command']?.type === 'array'
  const description = properties['description'] ? { description: 'step' } : {}
  return { name, input: JSON.stringify({ command: isList ? ['bash', '-c', command] : command, ...description }) }
}

export async function startAgentModel(steps: number): Promise<AgentModel> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => answer(request.url ?? '', Buffer.concat(parts).toString(), response))
  })
  let replies = 0
  const answer = (url: string, text: string, response: ServerResponse) => {
    const path = url.split('?')[0] ?? ''
    const protocol = [chat, responses, messages].find((one) => path.endsWith(one.path))
    if (!protocol) {
      const models = { data: [{ id: 'scripted-model', object: 'model' }], models: [] }
      const known = path.endsWith('/models')
      response
        .writeHead(known ? 200 : 404, { 'content-type': 'application/json' })
        .end(known ? JSON.stringify(models) : '{}')
      return
    }
    const { tools, results } = protocol.asked(JSON.parse(text))
    const file = fileIn(text)
    const step = () => (model.kind === 'read' ? readCall(tools, results, file) : shellCall(tools, `true ${results}`))
    const call = results < steps ? step() : null
    if (tools.length > 0) model.requests += 1
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(protocol.say(call, ++replies))
  }
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const model: AgentModel = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    kind: 'shell',
    requests: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return model
}
