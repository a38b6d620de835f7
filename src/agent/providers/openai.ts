/**
 * Any OpenAI-compatible endpoint, by hand: it retries in plain sight, watches for stalls, follows no redirect, and
 * never lets the key out.
 */
import { randomBytes } from 'node:crypto'
import { createParser } from 'eventsource-parser'
import type { Agent, Dispatcher } from 'undici'
import { z } from 'zod'
import { pause } from '../../core/clock.ts'
import { type Problem, reasonOf } from '../../core/problem.ts'
import type { ModelEvent, ModelRequest, Provider } from '../../core/provider.ts'
import { backoffMs } from '../../lib/backoff.ts'
import { priceSchema } from '../prices.ts'
import { bodyOf, errorOf, parseChunk, Reply } from './chat-wire.ts'
import type { ModelSource, ProviderDeps } from './source.ts'
import type { Trouble } from './trouble.ts'
import * as trouble from './trouble.ts'

const seconds = (fallback: number) => z.number().positive().max(86_400).default(fallback)

export const openaiSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9._-]*$/i)
      .max(60),
    kind: z.literal('openai').default('openai'),
    base_url: z.url({ protocol: /^https?$/ }),
    api_key_env: z.string().min(1).optional().describe('Environment variable that holds the key.'),
    model: z.string().min(1).optional().describe('The model to use when a task names none.'),
    models: z.array(z.string().min(1)).default([]),
    price: z.record(z.string(), priceSchema).default({}).describe('Model → price per million tokens.'),
    temperature: z.number().min(0).max(2).optional(),
    max_output_tokens: z.number().int().min(1).optional(),
    connect_seconds: seconds(10),
    first_byte_seconds: seconds(300).describe('Until the reply begins; a local model reads the prompt first.'),
    stall_seconds: seconds(90).describe('Between two pieces of a reply.'),
    retries: z.number().int().min(0).max(20).default(4),
    retry_after_seconds_max: seconds(30).describe('A server that asks for more is given up for now.'),
  })
  .meta({ id: 'OpenAiProvider', description: 'An OpenAI-compatible endpoint.' })

export type OpenAiConfig = z.output<typeof openaiSchema>

const replyBytesMax = 64 * 1024 * 1024
const errorBytesMax = 16 * 1024
const errorCharsMax = 600
const listBytesMax = 4 * 1024 * 1024
const waits = { firstMs: 500, factor: 2, maxMs: 20_000 }

export const openai = {
  kind: 'openai',
  schema: openaiSchema,
  create(config: OpenAiConfig, deps: ProviderDeps): ModelSource {
    const models = [...new Set([...(config.model ? [config.model] : []), ...config.models])]
    return { provider: new OpenAi(config, deps), models, price: config.price }
  },
} as const

class OpenAi implements Provider {
  readonly kind = 'openai'
  readonly name: string
  private readonly config: OpenAiConfig
  private readonly deps: ProviderDeps
  private readonly key: string | null
  private readonly baseUrl: string
  private agent: Promise<Agent> | null = null

  constructor(config: OpenAiConfig, deps: ProviderDeps) {
    this.name = config.name
    this.config = config
    this.deps = deps
    this.key = keyOf(config, deps.env)
    this.baseUrl = config.base_url.replace(/\/+$/, '')
  }

  async *stream(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent> {
    for (let attempt = 1; ; attempt++) {
      let shown = false
      const failed = yield* this.once(request, signal, () => {
        shown = true
      })
      if (!failed) return
      const waitMs = this.waitBefore(failed, attempt)
      if (signal.aborted) return yield failureOf(trouble.abortedTrouble())
      if (waitMs === null) return yield failureOf(failed)
      yield { type: 'retry', attempt: attempt + 1, waitMs, problem: failed.problem, shown }
      await pause(this.deps.clock, waitMs, signal)
      if (signal.aborted) return yield failureOf(trouble.abortedTrouble())
    }
  }

  /** Null: give up. */
  private waitBefore(failed: Trouble, attempt: number): number | null {
    if (!failed.transient || failed.aborted || attempt > this.config.retries) return null
    const asked = failed.retryAfterMs
    if (asked === null) return backoffMs(waits, attempt)
    return asked > this.config.retry_after_seconds_max * 1000 ? null : asked
  }

  /** One try. Null when the reply is complete; until then only text, reasoning and usage have gone out. */
  private async *once(
    request: ModelRequest,
    signal: AbortSignal,
    onShown: () => void,
  ): AsyncGenerator<ModelEvent, Trouble | null> {
    const watch = new Watch(this.deps, signal)
    let begun = false
    try {
      watch.expect(this.config.first_byte_seconds)
      const response = await this.ask('POST', '/chat/completions', { body: this.bodyOf(request), signal: watch.signal })
      if (response.statusCode >= 400) return await this.refusalOf(response)
      begun = true
      const reply = new Reply()
      for await (const data of replyChunks(response, () => watch.expect(this.config.stall_seconds))) {
        const chunk = parseChunk(data)
        // A chunk that is no JSON is the server's slip; what it held is lost, the reply goes on.
        if (!chunk) continue
        const error = errorOf(chunk.error)
        if (error) return this.clean(trouble.streamTrouble(error.message, error.code))
        const events = reply.take(chunk)
        if (events.length > 0) onShown()
        yield* events
      }
      const usage = reply.usageOf(request.model, this.name)
      if (usage) yield { type: 'usage', usage }
      const end = reply.end(newCallId)
      if (!end) return trouble.truncated()
      yield* end
      return null
    } catch (error) {
      return this.clean(this.troubleOf(error, watch, begun))
    } finally {
      watch.end()
    }
  }

  private bodyOf(request: ModelRequest): string {
    const { temperature, max_output_tokens: maxOutput } = this.config
    return JSON.stringify(
      bodyOf({
        ...request,
        temperature: request.temperature ?? temperature ?? null,
        maxOutputTokens: request.maxOutputTokens ?? maxOutput ?? null,
      }),
    )
  }

  private troubleOf(error: unknown, watch: Watch, begun: boolean): Trouble {
    if (watch.stalledAfter !== null) return trouble.stalled(watch.stalledAfter)
    if (watch.signal.aborted) return trouble.abortedTrouble()
    if (error instanceof FloodError) return trouble.flooded(replyBytesMax)
    return begun ? trouble.cutOff(reasonOf(error)) : trouble.unreachable(this.baseUrl, reasonOf(error))
  }

  async models(signal: AbortSignal): Promise<{ ids: string[] } | { problem: Problem }> {
    try {
      const response = await this.ask('GET', '/models', { signal })
      if (response.statusCode >= 400) return { problem: (await this.refusalOf(response)).problem }
      const text = await readText(response.body, listBytesMax)
      const parsed = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })) }).safeParse(parseJson(text))
      if (parsed.success) return { ids: parsed.data.data.map((model) => model.id) }
      return { problem: { kind: 'model-list-strange', text: `${this.baseUrl}/models is no list of models.` } }
    } catch (error) {
      return { problem: this.clean(trouble.unreachable(this.baseUrl, reasonOf(error))).problem }
    }
  }

  private async ask(
    method: 'GET' | 'POST',
    path: string,
    { body, signal }: { body?: string; signal: AbortSignal },
  ): Promise<Dispatcher.ResponseData> {
    this.agent ??= openAgent(this.config)
    const agent = await this.agent
    signal.throwIfAborted()
    const response = await agent.request({
      ...splitUrl(`${this.baseUrl}${path}`),
      method,
      signal,
      ...(body === undefined ? {} : { body }),
      headers: {
        accept: 'text/event-stream, application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(this.key === null ? {} : { authorization: `Bearer ${this.key}` }),
      },
    })
    // Who reads the body sees its errors; one that is left in the middle must not raise them to the process.
    response.body.on('error', () => response.body.destroy())
    return response
  }

  private async refusalOf(response: Dispatcher.ResponseData): Promise<Trouble> {
    const text = await readText(response.body, errorBytesMax)
    const error = errorOf((parseJson(text) as { error?: unknown } | null)?.error)
    const detail = (error ? `${error.message} ${error.code ? `[${error.code}]` : ''}` : text).trim()
    const retryAfter = response.headers['retry-after']
    const header = Array.isArray(retryAfter) ? (retryAfter[0] ?? null) : (retryAfter ?? null)
    const short = detail.replace(/\s+/g, ' ').slice(0, errorCharsMax).replace(/\.$/, '')
    return this.clean(trouble.httpTrouble(response.statusCode, short, header, this.deps.clock.now()))
  }

  /** Servers echo keys in their errors. */
  private clean(dirty: Trouble): Trouble {
    const { key } = this
    if (!key) return dirty
    return { ...dirty, problem: { ...dirty.problem, text: dirty.problem.text.replaceAll(key, '[key]') } }
  }
}

function failureOf({ problem, transient, aborted }: Trouble): ModelEvent {
  return { type: 'failed', problem, transient: transient && !aborted, aborted: aborted ?? false }
}

const newCallId = () => `call_${randomBytes(6).toString('hex')}`

/** Order: the variable that the provider names, then the two global ones; none means a server that wants no key. */
function keyOf(config: OpenAiConfig, env: ProviderDeps['env']): string | null {
  const named = config.api_key_env ? env[config.api_key_env] : undefined
  return named || env.OPENLOOM_API_KEY || env.OPENAI_API_KEY || null
}

/** Loaded at first use: it costs 100 ms and 20 MB. Watch holds the limits; `bodyTimeout` only ends what it drains. */
async function openAgent(config: OpenAiConfig): Promise<Agent> {
  const { Agent } = await import('undici')
  return new Agent({
    connect: { timeout: config.connect_seconds * 1000 },
    headersTimeout: 0,
    bodyTimeout: (config.stall_seconds + 10) * 1000,
    keepAliveTimeout: 30_000,
  })
}

function splitUrl(url: string): { origin: string; path: string } {
  const { origin, pathname, search } = new URL(url)
  return { origin, path: pathname + search }
}

/** Aborts when the caller does, or when the next piece does not come in time. */
class Watch {
  stalledAfter: number | null = null
  private readonly stop = new AbortController()
  private readonly deps: ProviderDeps
  private readonly outer: AbortSignal
  private timer: { cancel(): void } | null = null
  private readonly onAbort = () => this.stop.abort(this.outer.reason)

  constructor(deps: ProviderDeps, outer: AbortSignal) {
    this.deps = deps
    this.outer = outer
    outer.addEventListener('abort', this.onAbort, { once: true })
    if (outer.aborted) this.onAbort()
  }

  get signal(): AbortSignal {
    return this.stop.signal
  }

  expect(seconds: number): void {
    this.timer?.cancel()
    this.timer = this.deps.clock.after(seconds * 1000, () => {
      this.stalledAfter = seconds
      this.stop.abort(new Error('stalled'))
    })
  }

  end(): void {
    this.timer?.cancel()
    this.outer.removeEventListener('abort', this.onAbort)
  }
}

class FloodError extends Error {}

/** The data of each server-sent event; of a JSON answer, the whole of it. */
async function* replyChunks(response: Dispatcher.ResponseData, onPiece: () => void): AsyncGenerator<string> {
  if (String(response.headers['content-type']).includes('application/json')) {
    yield await readText(response.body, replyBytesMax)
    return
  }
  const { body } = response
  const found: string[] = []
  const parser = createParser({ onEvent: (event) => found.push(event.data) })
  const decoder = new TextDecoder()
  let size = 0
  let done = false
  try {
    for await (const piece of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      onPiece()
      size += piece.length
      if (size > replyBytesMax) throw new FloodError()
      parser.feed(decoder.decode(piece, { stream: true }))
      for (const data of found.splice(0)) {
        done = data === '[DONE]'
        if (done) return
        yield data
      }
    }
  } finally {
    // Said to be over, but the server may still hold the connection: it is drained for the next request, not waited
    // for.
    if (done) body.resume()
    else body.destroy()
  }
}

async function readText(body: AsyncIterable<Buffer>, bytesMax: number): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body) {
    parts.push(part)
    size += part.length
    if (size >= bytesMax) break
  }
  return Buffer.concat(parts).subarray(0, bytesMax).toString('utf8')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
