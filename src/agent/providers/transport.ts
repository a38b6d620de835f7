/**
 * What all model protocols have in common on the way to their server, by hand: it retries in plain sight, watches for
 * stalls, follows no redirect, and never lets the key out. It knows no protocol.
 */
import type { Agent, Dispatcher } from 'undici'
import { pause } from '../../core/clock.ts'
import { reasonOf } from '../../core/problem.ts'
import type { ModelEvent, ModelFacts, ModelList, ModelRequest, Provider } from '../../core/provider.ts'
import { backoffMs } from '../../lib/backoff.ts'
import { FloodError, piecesOf, type Reading, readText } from './frames.ts'
import { KeyFilter, withoutKey } from './key-filter.ts'
import { keyOf, type ProviderDeps } from './keys.ts'
import { type CommonConfig, setContextOf } from './settings.ts'
import type { Trouble } from './trouble.ts'
import * as trouble from './trouble.ts'
import { Watch } from './watch.ts'
import { errorOf, nothing, parseJson, type Tokens, type Wire, type WireCall } from './wire.ts'

const replyBytesMax = 64 * 1024 * 1024
const errorBytesMax = 16 * 1024
const errorCharsMax = 600
const listBytesMax = 4 * 1024 * 1024
const showSeconds = 10
const listSeconds = 0.3
/** So many times as long as it may be silent, a reply may send signs of life that say nothing. */
const quietStalls = 10
/** A server that let us wait and did not say is left in peace for that long: the request comes next. */
const missedSeconds = 15
const waitedMs = 1_000
const waits = { firstMs: 500, factor: 2, maxMs: 20_000 }

/** Of a whole reply whose server did not say: no call uses nothing, so that all 0 is unknown. */
const uncounted: Tokens = { input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0 }

export class HttpProvider implements Provider {
  readonly kind: string
  readonly name: string
  private readonly config: CommonConfig
  private readonly wire: Wire
  private readonly deps: ProviderDeps
  private readonly baseUrl: string
  private readonly told = new Map<string, ModelFacts>()
  private key: Promise<string | null> | null = null
  /** Every key that was sent, to take it out of what servers echo. */
  private readonly sent = new Set<string>()
  private agent: Promise<Agent> | null = null
  /** Models that the server told of; '' stands for its list. */
  private readonly asked = new Set<string>()
  /** When a model was asked about last, after a wait for nothing. */
  private readonly missed = new Map<string, number>()
  private listed: { at: number; ids: string[] } | null = null

  constructor(config: CommonConfig, wire: Wire, deps: ProviderDeps) {
    this.kind = wire.kind
    this.name = config.name
    this.config = config
    this.wire = wire
    this.deps = deps
    this.baseUrl = config.base_url.replace(/\/+$/, '')
  }

  facts(model: string): ModelFacts | null {
    return this.told.get(model) ?? null
  }

  async *stream(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent> {
    if (this.wire.show) await this.learn(request.model, signal)
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
    const watch = new Watch(this.deps.clock, signal)
    const { stall_seconds: stallSeconds } = this.config
    const quietSecondsMax = stallSeconds * quietStalls
    let saidAt = this.deps.clock.monotonic()
    let begun = false
    let filter: KeyFilter | null = null
    try {
      watch.expect(this.config.first_byte_seconds)
      filter = KeyFilter.of(await this.readKey())
      const response = await this.post(this.wire.request(this.whole(request), this.facts(request.model)), watch.signal)
      if (response.statusCode >= 400) return await this.refusalOf(response)
      begun = true
      saidAt = this.deps.clock.monotonic()
      const reply = this.wire.reply(request.model)
      let over = false
      const reading: Reading = {
        framing: this.wire.framing,
        bytesMax: replyBytesMax,
        // Signs of life keep a reply that thinks, but not for ever.
        onBytes: () => {
          const leftSeconds = quietSecondsMax - (this.deps.clock.monotonic() - saidAt) / 1000
          if (leftSeconds < stallSeconds) watch.expect(Math.max(0, leftSeconds), quietSecondsMax)
          else watch.expect(stallSeconds)
        },
        isOver: () => over,
      }
      for await (const piece of piecesOf(response, reading)) {
        const taken = reply.take(piece)
        if (taken.kind === 'error') {
          yield* filter?.rest() ?? []
          return this.clean(trouble.streamTrouble(this.shortOf(taken.error.message), taken.error.code))
        }
        if (taken !== nothing) saidAt = this.deps.clock.monotonic()
        if (taken.events.length > 0) onShown()
        yield* filter?.take(taken.events) ?? taken.events
        over = taken.kind === 'over'
        if (over) break
      }
      yield* filter?.rest() ?? []
      const end = reply.end()
      const tokens = reply.tokens() ?? (end ? uncounted : null)
      if (tokens) yield { type: 'usage', usage: { model: request.model, provider: this.name, ...tokens } }
      if (!end) return trouble.truncated()
      yield* filter?.take(end) ?? end
      return null
    } catch (error) {
      yield* filter?.rest() ?? []
      return this.clean(this.troubleOf(error, watch, begun))
    } finally {
      watch.end()
    }
  }

  private whole(request: ModelRequest): ModelRequest {
    const { temperature, max_output_tokens: maxOutput } = this.config
    return {
      ...request,
      temperature: request.temperature ?? temperature ?? null,
      maxOutputTokens: request.maxOutputTokens ?? maxOutput ?? null,
    }
  }

  private troubleOf(error: unknown, watch: Watch, begun: boolean): Trouble {
    if (watch.stalledAfter !== null) return trouble.stalled(watch.stalledAfter)
    if (watch.signal.aborted) return trouble.abortedTrouble()
    if (error instanceof FloodError) return trouble.flooded(replyBytesMax)
    return begun ? trouble.cutOff(reasonOf(error)) : trouble.unreachable(this.baseUrl, reasonOf(error))
  }

  async models(signal: AbortSignal, ageMsMax = 0): Promise<ModelList> {
    const now = this.deps.clock.monotonic()
    if (this.listed && now - this.listed.at < ageMsMax) return { ids: this.listed.ids }
    try {
      const response = await this.ask('GET', this.wire.listPath, { signal })
      if (response.statusCode >= 400) return { problem: (await this.refusalOf(response)).problem }
      const list = this.wire.list(parseJson(await readText(response.body, listBytesMax)))
      if (!list) {
        const text = `${this.baseUrl}${this.wire.listPath} is no list of models.`
        return { problem: { kind: 'model-list-strange', text } }
      }
      for (const { id, facts } of list) if (!this.told.has(id) || !this.wire.show) this.told.set(id, facts)
      this.listed = { at: now, ids: list.map(({ id }) => id) }
      return { ids: this.listed.ids }
    } catch (error) {
      return { problem: this.clean(trouble.unreachable(this.baseUrl, reasonOf(error))).problem }
    }
  }

  /** Asks what fits into a model, once; nothing where that is known or set. No answer is no reason to stop. */
  async learn(model: string, signal: AbortSignal): Promise<void> {
    const { wire, asked, told } = this
    if (wire.show) {
      const missedAt = this.missed.get(model) ?? Number.NEGATIVE_INFINITY
      const isRested = this.deps.clock.monotonic() - missedAt > missedSeconds * 1_000
      const isKnown = asked.has(model) || told.get(model)?.contextTokens
      if (isRested && !isKnown) await this.askAbout(model, wire.show, signal)
    } else if (!wire.listIsMute && !asked.has('') && !this.listed && setContextOf(this.config, model) === null) {
      await this.askList(signal)
    }
  }

  private async askAbout(model: string, show: NonNullable<Wire['show']>, signal: AbortSignal): Promise<void> {
    const { clock } = this.deps
    const startedAt = clock.monotonic()
    const watch = new Watch(clock, signal)
    try {
      watch.expect(showSeconds)
      const response = await this.post(show.request(model), watch.signal)
      const facts = show.facts(parseJson(await readText(response.body, listBytesMax)))
      if (response.statusCode >= 400 || !facts) return
      this.told.set(model, facts)
      this.asked.add(model)
    } catch {
      // The request itself will meet the same trouble, and says so.
      const now = clock.monotonic()
      if (now - startedAt >= waitedMs && !signal.aborted) this.missed.set(model, now)
    } finally {
      watch.end()
    }
  }

  /** Nobody waits long for a list: one that is slow is not asked for again. A server that was away may have come. */
  private async askList(signal: AbortSignal): Promise<void> {
    const watch = new Watch(this.deps.clock, signal)
    try {
      await Promise.all([this.connected(), this.readKey()])
      watch.expect(listSeconds)
      const listed = await this.models(watch.signal)
      const kind = 'problem' in listed ? listed.problem.kind : ''
      const mayCome = kind === 'model-unreachable' || kind === 'model-key-refused'
      if (watch.stalledAfter !== null || !mayCome) this.asked.add('')
    } catch {
      // The request itself will meet the same trouble, and says so.
      return
    } finally {
      watch.end()
    }
  }

  private post({ path, body }: WireCall, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    return this.ask('POST', path, { body: JSON.stringify(body), signal })
  }

  private async ask(
    method: 'GET' | 'POST',
    path: string,
    { body, signal }: { body?: string; signal: AbortSignal },
  ): Promise<Dispatcher.ResponseData> {
    const agent = await this.connected()
    const key = await this.readKey()
    signal.throwIfAborted()
    const response = await agent.request({
      ...splitUrl(`${this.baseUrl}${path}`),
      method,
      signal,
      ...(body === undefined ? {} : { body }),
      headers: {
        accept: 'text/event-stream, application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...this.wire.headers(key),
      },
    })
    // Who reads the body sees its errors; one that is left in the middle must not raise them to the process.
    response.body.on('error', () => response.body.destroy())
    return response
  }

  private connected(): Promise<Agent> {
    this.agent ??= openAgent(this.config)
    return this.agent
  }

  private async readKey(): Promise<string | null> {
    const { api_key_env: variable, name: secret } = this.config
    this.key ??= keyOf({ variable, secret, common: this.wire.keyVariables }, this.deps)
    try {
      const key = await this.key
      if (key !== null) this.sent.add(key)
      return key
    } catch (error) {
      // A keychain that was locked may be open the next time.
      this.key = null
      throw error
    }
  }

  private async refusalOf(response: Dispatcher.ResponseData): Promise<Trouble> {
    const text = await readText(response.body, errorBytesMax)
    const error = errorOf((parseJson(text) as { error?: unknown } | null)?.error)
    const detail = (error ? `${error.message} ${error.code ? `[${error.code}]` : ''}` : text).trim()
    const retryAfter = response.headers['retry-after']
    // Google says it in the body.
    const asked = /"retryDelay"\s*:\s*"(\d+)/.exec(text)?.[1] ?? null
    const header = Array.isArray(retryAfter) ? (retryAfter[0] ?? null) : (retryAfter ?? asked)
    return this.clean(trouble.httpTrouble(response.statusCode, this.shortOf(detail), header, this.deps.clock.now()))
  }

  /** What a server says of trouble, on one line. Behind a cut or a fold no key would be known any more. */
  private shortOf(detail: string): string {
    return this.withoutKeys(detail).replace(/\s+/g, ' ').slice(0, errorCharsMax).replace(/\.$/, '')
  }

  /** Servers echo keys in their errors. And a key that was refused may be replaced by a person: it is read anew. */
  private clean(dirty: Trouble): Trouble {
    if (dirty.problem.kind === 'model-key-refused') this.key = null
    return { ...dirty, problem: { ...dirty.problem, text: this.withoutKeys(dirty.problem.text) } }
  }

  private withoutKeys(text: string): string {
    return [...this.sent].reduce(withoutKey, text)
  }
}

function failureOf({ problem, transient, aborted }: Trouble): ModelEvent {
  return { type: 'failed', problem, transient: transient && !aborted, aborted: aborted ?? false }
}

/** Loaded at first use: it costs 100 ms and 20 MB. Watch holds the limits; `bodyTimeout` only ends what it drains. */
async function openAgent(config: CommonConfig): Promise<Agent> {
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
