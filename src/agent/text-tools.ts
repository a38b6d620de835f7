/**
 * A provider whose model calls tools by text where it cannot do else: because the settings say so, because the server
 * refused tools, or because the model wrote its calls twice instead of making them. The loop sees calls as ever.
 */
import type { ModelEvent, ModelFinish, ModelRequest, Provider } from '../core/provider.ts'
import { newCallId } from './providers/wire.ts'
import { asText, safeLength, type WrittenCall, writtenCalls } from './text-calls.ts'

export type ToolMode = 'auto' | 'native' | 'text'

const ignoredMax = 2

/** What servers say when tools are the trouble. */
const refusals = [
  /(not|n't|no) support.{0,40}(tool|function)/i,
  /(tool|function)s?\b.{0,60}(unsupported|not? (be )?support)/i,
  /enable-auto-tool-choice/,
]

/** What was learned of one model, as long as the process lives. */
interface Learned {
  mode: 'unknown' | 'native' | 'text'
  ignored: number
}

export function withTextTools(inner: Provider, mode: ToolMode): Provider {
  if (mode === 'native') return inner
  const learned = new Map<string, Learned>()
  const of = (model: string): Learned => {
    const known = learned.get(model) ?? { mode: mode === 'text' ? 'text' : 'unknown', ignored: 0 }
    learned.set(model, known)
    return known
  }
  return {
    name: inner.name,
    kind: inner.kind,
    models: (signal, ageMsMax) => inner.models(signal, ageMsMax),
    learn: async (model, signal) => inner.learn?.(model, signal),
    facts: (model) => inner.facts?.(model) ?? null,
    async *stream(request, signal) {
      const known = of(request.model)
      const hasTools = request.tools.length > 0
      if (hasTools && known.mode !== 'native' && inner.facts?.(request.model)?.tools === false) known.mode = 'text'
      if (known.mode !== 'text') {
        if (!hasTools || known.mode === 'native') return yield* natively(inner.stream(request, signal), known)
        const refused = yield* guessing(inner.stream(request, signal), request, known)
        if (!refused) return
      }
      yield* reading(inner.stream(asText(request), signal), request, () => true)
    },
  }
}

async function* natively(stream: AsyncIterable<ModelEvent>, known: Learned): AsyncGenerator<ModelEvent> {
  for await (const event of stream) {
    if (event.type === 'call' && known.mode === 'unknown') known.mode = 'native'
    yield event
  }
}

/**
 * Tools are offered; says whether the server refused them. Calls that the model wrote count if they are beyond doubt.
 */
async function* guessing(
  stream: AsyncIterable<ModelEvent>,
  request: ModelRequest,
  known: Learned,
): AsyncGenerator<ModelEvent, boolean> {
  const names = new Set(request.tools.map((tool) => tool.name))
  const certain = (calls: readonly WrittenCall[], after: string): boolean => {
    const clear = after === '' && calls.every((call) => names.has(call.name) && !call.open)
    if (clear) known.ignored += 1
    if (known.ignored >= ignoredMax) known.mode = 'text'
    return clear
  }
  for await (const event of reading(natively(stream, known), request, certain)) {
    if (event.type === 'failed' && event.problem.kind === 'model-request-refused') {
      if (refusals.some((pattern) => pattern.test(event.problem.text))) {
        known.mode = 'text'
        return true
      }
    }
    yield event
  }
  return false
}

/** Holds back what may be the beginning of a call, and gives the written calls where the reply ends. */
async function* reading(
  stream: AsyncIterable<ModelEvent>,
  request: ModelRequest,
  isCall: (calls: readonly WrittenCall[], after: string) => boolean,
): AsyncGenerator<ModelEvent> {
  let text = ''
  let shown = 0
  let native = false
  for await (const event of stream) {
    if (event.type === 'text') {
      text += event.delta
      const safe = safeLength(text)
      if (safe > shown) yield { type: 'text', delta: text.slice(shown, safe) }
      shown = Math.max(shown, safe)
    } else if (event.type === 'end' && request.tools.length > 0 && !native) {
      yield* ending({ text, shown, finish: event.finish }, isCall)
    } else {
      if (event.type === 'retry') [text, shown] = ['', 0]
      native ||= event.type === 'call'
      // What was held back is text after all when the reply ends otherwise.
      const rest = text.slice(shown)
      if ((event.type === 'end' || event.type === 'failed') && rest) yield { type: 'text', delta: rest }
      yield event
    }
  }
}

function* ending(
  { text, shown, finish }: { text: string; shown: number; finish: ModelFinish },
  isCall: (calls: readonly WrittenCall[], after: string) => boolean,
): Generator<ModelEvent> {
  const { before, calls, after } = writtenCalls(text)
  if (calls.length === 0 || !isCall(calls, after)) {
    if (text.length > shown) yield { type: 'text', delta: text.slice(shown) }
    return yield { type: 'end', finish }
  }
  if (before.length > shown) yield { type: 'text', delta: before.slice(shown) }
  for (const call of calls) {
    const { name, argumentsText } = call
    yield { type: 'call', call: { id: newCallId(), name, argumentsText }, cut: finish === 'length' && call.open }
  }
  yield { type: 'end', finish: finish === 'stop' ? 'tool_calls' : finish }
}
