/**
 * The scripted model: a loopback OpenAI-compatible server that replays a script and its faults, logs every request and
 * answers 400 to ill-formed history. It says everywhere that it is scripted and reaches nothing but its caller.
 */
import { randomBytes } from 'node:crypto'
import { createWriteStream, type WriteStream } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Clock, pause } from '../core/clock.ts'
import { ProblemError } from '../core/problem.ts'
import { sha256 } from '../lib/digest.ts'
import { estimateTokens, faultOf, requestSchema, textOf, type WireRequest } from './history.ts'
import {
  type Conversation,
  candidates,
  choose,
  conversationsOf,
  type Entry,
  parseScript,
  type Script,
  type ScriptInput,
} from './script.ts'
import { charsOf, deltasOf, finishOf, usageOf, wholeMessage } from './wire.ts'

export interface ScriptedModelOptions {
  script: ScriptInput
  clock: Clock
  /** 0 or absent takes a free one. */
  port?: number
  /** JSON Lines: one row a request. */
  logPath?: string
}

export interface RequestRecord {
  at: number
  path: string
  status: number
  /** The conversation of the script that fitted. */
  conversation: string | null
  /** What was answered: `reply`, the name of a fault, or the reason of a refusal. */
  answer: string
  tokensEstimated: number
  authorization: boolean
  body: WireRequest | null
}

export interface ScriptedModel {
  /** For `base_url`, ends with `/v1`. */
  url: string
  /** The last requests, oldest first. */
  requests: readonly RequestRecord[]
  close(): Promise<void>
}

const bodyBytesMax = 64 * 1024 * 1024
const recordsMax = 1_000

export async function startScriptedModel(options: ScriptedModelOptions): Promise<ScriptedModel> {
  const script = parseScript(options.script)
  if (!script.ok) throw new ProblemError(...script.problems)
  const model = new Model(script.value, options)
  const server = createServer((request, response) => {
    model.serve(request, response).catch((error: unknown) => {
      // The client is gone in the middle of its request or reply; there is nobody left to tell.
      response.destroy(error instanceof Error ? error : undefined)
    })
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests: model.records,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
      await model.close()
    },
  }
}

interface Refusal {
  status: number
  code: string
  message: string
  retryAfter?: number | undefined
}

class Model {
  readonly records: RequestRecord[] = []
  private readonly given = new Map<string, number>()
  private readonly conversations: Conversation[]
  private readonly script: Script
  private readonly clock: Clock
  private readonly log: WriteStream | null

  constructor(script: Script, options: ScriptedModelOptions) {
    this.script = script
    this.clock = options.clock
    this.conversations = conversationsOf(script)
    this.log = options.logPath ? createWriteStream(options.logPath, { flags: 'a', mode: 0o600 }) : null
  }

  async close(): Promise<void> {
    const { log } = this
    if (log) await new Promise<void>((resolve) => log.end(() => resolve()))
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?')[0] ?? '/'
    response.setHeader('server', 'openloom-scripted-model')
    const body = await readBody(request)
    const key = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1]
    const record: RequestRecord = {
      at: this.clock.now(),
      path,
      status: 200,
      conversation: null,
      answer: 'reply',
      tokensEstimated: 0,
      authorization: key !== undefined,
      body: null,
    }
    if (this.script.api_key !== undefined && key !== this.script.api_key) {
      return this.refuse(response, record, { status: 401, code: 'invalid_api_key', message: 'wrong API key' })
    }
    if (path.endsWith('/models')) return this.answer(response, record, this.modelList())
    if (path.endsWith('/api/show')) return this.answer(response, record, this.description())
    if (path.endsWith('/chat/completions') && request.method === 'POST') return this.complete(response, record, body)
    return this.refuse(response, record, { status: 404, code: 'not_found', message: `nothing at ${path}` })
  }

  private async complete(response: ServerResponse, record: RequestRecord, body: string): Promise<void> {
    const parsed = requestSchema.safeParse(parseJson(body))
    if (!parsed.success) {
      const message = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')
      return this.refuse(response, record, { status: 400, code: 'invalid_request', message })
    }
    const wanted = parsed.data
    record.body = wanted
    record.tokensEstimated = estimateTokens(JSON.stringify(wanted.messages).length)
    const refusal = this.refusalOf(wanted, record)
    if (refusal) return this.refuse(response, record, refusal)
    const entry = this.pick(wanted, record)
    if (!entry) {
      const message = 'the script holds no further reply for this conversation'
      return this.refuse(response, record, { status: 400, code: 'script_ended', message })
    }
    const gone = goneSignal(response)
    if (entry.delay_ms) await pause(this.clock, entry.delay_ms, gone)
    const fault = refusalOfFault(entry, wanted)
    if (fault) return this.refuse(response, record, fault)
    this.note(record, entry.fault ?? 'reply')
    if (wanted.stream) return this.stream(response, entry, { wanted, gone, tokens: record.tokensEstimated })
    sendJson(response, 200, this.wholeAnswer(wanted, entry, record.tokensEstimated))
  }

  private refusalOf(wanted: WireRequest, record: RequestRecord): Refusal | null {
    if (!this.script.models.includes(wanted.model)) {
      return { status: 404, code: 'model_not_found', message: `there is no model ${wanted.model}` }
    }
    const fault = faultOf(wanted.messages)
    if (fault) return { status: 400, code: 'invalid_history', message: fault }
    if (record.tokensEstimated > this.script.context_tokens) {
      const message = `maximum context length is ${this.script.context_tokens} tokens, got ${record.tokensEstimated}`
      return { status: 400, code: 'context_length_exceeded', message }
    }
    return null
  }

  private pick(wanted: WireRequest, record: RequestRecord): Entry | null {
    const { messages } = wanted
    const first = messages.find((message) => message.role === 'user')
    const system = messages[0]?.role === 'system' ? textOf(messages[0]) : ''
    const conversation = this.conversations.find(
      (one) => (one.match?.test(first ? textOf(first) : '') ?? true) && (one.system?.test(system) ?? true),
    )
    if (!conversation) return null
    record.conversation = conversation.name
    const before = messages.flatMap((message, index) => {
      const previous = messages[index - 1]
      return message.role === 'assistant' && previous ? [textOf(previous)] : []
    })
    const last = messages.at(-1)
    const found = candidates(conversation, [...before, last ? textOf(last) : ''])
    // Faults are counted at one place of one conversation; what its client adds meanwhile (a nudge) is no new place.
    const place = sha256(JSON.stringify([system, first && textOf(first), before.length]))
    const keyOf = (entry: Entry) => `${place}:${conversation.replies.indexOf(entry)}`
    const entry = choose(conversation, found, (one) => this.given.get(keyOf(one)) ?? 0)
    if (entry?.fault) this.given.set(keyOf(entry), (this.given.get(keyOf(entry)) ?? 0) + 1)
    return entry
  }

  private async stream(
    response: ServerResponse,
    entry: Entry,
    { wanted, gone, tokens }: { wanted: WireRequest; gone: AbortSignal; tokens: number },
  ): Promise<void> {
    const salt = randomBytes(4).toString('hex')
    const send = (more: Record<string, unknown>) => {
      const chunk = {
        id: `scripted-${salt}`,
        object: 'chat.completion.chunk',
        created: 0,
        model: wanted.model,
        ...more,
      }
      response.write(`data: ${JSON.stringify(chunk)}\n\n`)
    }
    const choice = (delta: unknown, finish: string | null) => ({
      choices: [{ index: 0, delta, finish_reason: finish }],
    })
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.flushHeaders()
    send(choice({ role: 'assistant' }, null))
    const deltas = entry.fault === 'empty' ? [] : deltasOf(entry, salt)
    for (const [index, delta] of deltas.entries()) {
      if (index > 0 && entry.chunk_ms) await pause(this.clock, entry.chunk_ms, gone)
      if (gone.aborted) return
      send(choice(delta, null))
      if (entry.fault === 'bad_json') response.write('data: {"choices": [{"delta": {"content"\n\n')
    }
    if (entry.fault === 'stall') return
    if (entry.fault === 'drop') {
      // What was written must leave before the socket is cut.
      await new Promise((resolve) => setImmediate(resolve))
      response.destroy()
      return
    }
    send(choice({}, finishOf(entry)))
    if (wanted.stream_options?.include_usage) send({ choices: [], usage: this.usage(entry, tokens) })
    response.end('data: [DONE]\n\n')
  }

  private wholeAnswer(wanted: WireRequest, entry: Entry, tokens: number): Record<string, unknown> {
    const salt = randomBytes(4).toString('hex')
    const message = entry.fault === 'empty' ? { role: 'assistant', content: null } : wholeMessage(entry, salt)
    return {
      id: `scripted-${salt}`,
      object: 'chat.completion',
      created: 0,
      model: wanted.model,
      choices: [{ index: 0, message, finish_reason: finishOf(entry) }],
      usage: this.usage(entry, tokens),
    }
  }

  private usage(entry: Entry, promptTokens: number) {
    return usageOf(entry, { prompt: promptTokens, completion: estimateTokens(charsOf(entry)) })
  }

  private modelList(): Record<string, unknown> {
    const data = this.script.models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'openloom-scripted' }))
    return { object: 'list', data }
  }

  private description(): Record<string, unknown> {
    return {
      license: 'This is a scripted model: it replays a file and understands nothing.',
      details: { family: 'scripted', format: 'script' },
      model_info: { 'general.architecture': 'scripted', 'scripted.context_length': this.script.context_tokens },
      capabilities: ['completion', 'tools'],
    }
  }

  private answer(response: ServerResponse, record: RequestRecord, body: Record<string, unknown>): void {
    this.note(record, 'reply')
    sendJson(response, 200, body)
  }

  private refuse(response: ServerResponse, record: RequestRecord, refusal: Refusal): void {
    record.status = refusal.status
    this.note(record, `${refusal.code}: ${refusal.message}`)
    if (refusal.retryAfter !== undefined) response.setHeader('retry-after', String(refusal.retryAfter))
    const { message, code } = refusal
    sendJson(response, refusal.status, { error: { message: `scripted model: ${message}`, type: code, code } })
  }

  private note(record: RequestRecord, answer: string): void {
    record.answer = answer
    this.records.push(record)
    if (this.records.length > recordsMax) this.records.shift()
    this.log?.write(`${JSON.stringify(record)}\n`)
  }
}

function refusalOfFault(entry: Entry, wanted: WireRequest): Refusal | null {
  const message = entry.message ?? `the script says ${entry.fault}`
  switch (entry.fault) {
    case '429':
      return { status: 429, code: 'rate_limit_exceeded', message, retryAfter: entry.retry_after }
    case '500':
      return { status: 500, code: 'server_error', message }
    case 'http':
      return { status: entry.status ?? 500, code: 'scripted_fault', message, retryAfter: entry.retry_after }
    case 'no_tools':
      if (!wanted.tools?.length) return null
      return { status: 400, code: 'tools_unsupported', message: 'this model does not support tools' }
    default:
      return null
  }
}

function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  return gone.signal
}

function sendJson(response: ServerResponse, status: number, body: Record<string, unknown>): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length
    if (size > bodyBytesMax) throw new Error('the request is too long')
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
