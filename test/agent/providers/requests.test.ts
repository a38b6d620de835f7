import { describe, expect, it } from 'vitest'
import type { ModelMessage, ModelRequest } from '../../../src/core/provider.ts'
import { collect, recorded, sourceOf, streamOf } from '../../contracts/provider.ts'
import { HandClock } from '../../fakes/clock.ts'
import { startRawServer, status } from '../../fakes/raw-server.ts'

const image = { mediaType: 'image/png', base64: 'iVBOR' }
const thinking = (provider: string, model: string, block: unknown) => ({
  provider,
  data: JSON.stringify({ model, at: 0, block }),
})

/** A session that two other providers have worked in before. */
const history: ModelMessage[] = [
  { role: 'system', text: 'Be brief.' },
  { role: 'user', text: 'look at it', images: [image] },
  {
    role: 'assistant',
    text: 'I read.',
    calls: [
      { id: 'call.1:x', name: 'read', argumentsText: '{"file_path":"a"}' },
      { id: 'call_2', name: 'shot', argumentsText: '{}' },
    ],
    thinking: [thinking('other', 'm', { type: 'thinking', signature: 'foreign' })],
  },
  { role: 'tool', callId: 'call.1:x', name: 'read', text: 'text of a' },
  { role: 'tool', callId: 'call_2', name: 'shot', text: 'a picture', images: [image] },
  { role: 'user', text: 'go on' },
]
const tools = [{ name: 'read', description: 'Reads.', parameters: { type: 'object' } }]

async function bodyOf(kind: string, model: string, more: Record<string, unknown> = {}) {
  const contentType = kind === 'ollama' ? 'application/x-ndjson' : 'text/event-stream'
  const { source, seen } = await recorded(
    { kind, shows: false },
    [streamOf({ kind, contentType }, 'speak.txt').whole],
    {
      settings: more,
    },
  )
  const request: ModelRequest = { model, messages: history, tools, temperature: 0.5, maxOutputTokens: 100 }
  const events = await collect(source.provider.stream(request, new AbortController().signal))
  expect(events.at(-1)).toEqual({ type: 'end', finish: 'stop' })
  const [first] = seen
  return { path: first?.path, headers: first?.headers, body: JSON.parse(first?.body ?? '{}') }
}

describe('PV-1 the whole history on each wire, whoever made it', () => {
  it('anthropic: strict turns, cache marks on the prefix and the last two turns of the user', async () => {
    const { path, headers, body } = await bodyOf('anthropic', 'claude-x')
    expect([path, headers?.['anthropic-version']]).toEqual(['/v1/messages', '2023-06-01'])
    const cached = { cache_control: { type: 'ephemeral' } }
    const source = { type: 'base64', media_type: 'image/png', data: 'iVBOR' }
    const id = body.messages[1].content[1].id
    expect(id).toMatch(/^[\w-]{1,64}$/)
    expect(body).toEqual({
      model: 'claude-x',
      max_tokens: 100,
      stream: true,
      temperature: 0.5,
      tools: [{ name: 'read', description: 'Reads.', input_schema: { type: 'object' }, ...cached }],
      system: [{ type: 'text', text: 'Be brief.', ...cached }],
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source },
            { type: 'text', text: 'look at it', ...cached },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'I read.' },
            { type: 'tool_use', id, name: 'read', input: { file_path: 'a' } },
            { type: 'tool_use', id: 'call_2', name: 'shot', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: id, content: [{ type: 'text', text: 'text of a' }] },
            {
              type: 'tool_result',
              tool_use_id: 'call_2',
              content: [
                { type: 'text', text: 'a picture' },
                { type: 'image', source },
              ],
            },
            { type: 'text', text: 'go on', ...cached },
          ],
        },
      ],
    })
  })

  it('anthropic: thinking takes no temperature and leaves room for the answer', async () => {
    const { body } = await bodyOf('anthropic', 'claude-x', { thinking: 2_000 })
    expect(body).toMatchObject({ thinking: { type: 'enabled', budget_tokens: 2_000 }, max_tokens: 18_000 })
    expect(body).not.toHaveProperty('temperature')
  })

  it('openai-responses: items without state, reasoning asked for where there is any', async () => {
    const { path, body } = await bodyOf('openai-responses', 'gpt-5', { effort: 'low' })
    expect(path).toBe('/v1/responses')
    expect(body).toMatchObject({
      store: false,
      instructions: 'Be brief.',
      include: ['reasoning.encrypted_content'],
      reasoning: { effort: 'low' },
      max_output_tokens: 100,
      tools: [{ type: 'function', name: 'read', strict: false }],
    })
    const url = 'data:image/png;base64,iVBOR'
    const id = body.input[2].call_id
    expect(body.input).toEqual([
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'look at it' },
          { type: 'input_image', image_url: url },
        ],
      },
      { role: 'assistant', content: 'I read.' },
      { type: 'function_call', call_id: id, name: 'read', arguments: '{"file_path":"a"}' },
      { type: 'function_call', call_id: 'call_2', name: 'shot', arguments: '{}' },
      { type: 'function_call_output', call_id: id, output: 'text of a' },
      {
        type: 'function_call_output',
        call_id: 'call_2',
        output: [
          { type: 'input_text', text: 'a picture' },
          { type: 'input_image', image_url: url },
        ],
      },
      { role: 'user', content: [{ type: 'input_text', text: 'go on' }] },
    ])
    expect((await bodyOf('openai-responses', 'gpt-4.1')).body).not.toHaveProperty('include')
  })

  it('gemini: turns of two sides, and a mark for calls that another model made', async () => {
    const { path, body } = await bodyOf('gemini', 'gemini-3-pro-preview')
    expect(path).toBe('/v1/models/gemini-3-pro-preview:streamGenerateContent?alt=sse')
    expect(body.contents.map((turn: { role: string }) => turn.role)).toEqual(['user', 'model', 'user'])
    const [said, first, second] = body.contents[1].parts
    expect([said, second.thoughtSignature]).toEqual([{ text: 'I read.' }, undefined])
    expect(first).toMatchObject({
      functionCall: { name: 'read', args: { file_path: 'a' } },
      thoughtSignature: 'skip_thought_signature_validator',
    })
    const inlineData = { mimeType: 'image/png', data: 'iVBOR' }
    expect(body.contents[2].parts).toEqual([
      { functionResponse: { id: first.functionCall.id, name: 'read', response: { result: 'text of a' } } },
      { functionResponse: { id: 'call_2', name: 'shot', response: { result: 'a picture' } } },
      { inlineData },
      { text: 'go on' },
    ])
    expect(body.generationConfig).toEqual({
      temperature: 0.5,
      maxOutputTokens: 100,
      thinkingConfig: { includeThoughts: true },
    })
  })

  it('ollama: arguments as objects, images behind the results, the whole context', async () => {
    const { path, body } = await bodyOf('ollama', 'qwen3:8b')
    expect(path).toBe('/v1/api/chat')
    expect(body.options).toEqual({ num_ctx: 8_192, temperature: 0.5, num_predict: 100 })
    expect(body.messages.slice(1)).toMatchObject([
      { role: 'user', images: ['iVBOR'] },
      { role: 'assistant', tool_calls: [{ function: { name: 'read', arguments: { file_path: 'a' } } }, {}] },
      { role: 'tool', tool_name: 'read', content: 'text of a' },
      { role: 'tool', tool_name: 'shot', content: 'a picture' },
      { role: 'user', images: ['iVBOR'] },
      { role: 'user', content: 'go on' },
    ])
  })

  it('openai: images behind all results of a reply', async () => {
    const { body } = await bodyOf('openai', 'm')
    expect(body.messages.map((one: { role: string }) => one.role)).toEqual([
      'system',
      'user',
      'assistant',
      'tool',
      'tool',
      'user',
      'user',
    ])
    expect(JSON.stringify(body.messages)).not.toContain('foreign')
    expect(body.messages[5].content[1]).toEqual({
      type: 'image_url',
      image_url: { url: 'data:image/png;base64,iVBOR' },
    })
  })
})

describe('what is known of a model', () => {
  it('PV-4 Ollama says what fits and what its model can', async () => {
    const facts = { kind: 'ollama', contentType: 'application/x-ndjson', shows: true }
    const { source } = await recorded(facts, [streamOf(facts, 'speak.txt').whole])
    await collect(source.provider.stream({ ...requestFor('qwen3:8b') }, new AbortController().signal))
    expect([source.contextTokens('qwen3:8b'), source.images('qwen3:8b')]).toEqual([8_192, true])
    expect([source.contextTokens('other'), source.images('other')]).toEqual([null, false])
  })

  it('PV-4 a server that never answers is waited for once, and asked again when it may have come', async () => {
    const paths: string[] = []
    const clock = new HandClock()
    const { url } = await startRawServer((response, request) => {
      const path = request.path.replace(/^.*\/api/, '')
      paths.push(path)
      return path === '/show' ? void clock.advance(10_000) : status(400, '')(response, request)
    })
    const source = sourceOf({ name: 'recorded', kind: 'ollama', base_url: url }, { clock })
    const { signal } = new AbortController()
    await source.provider.learn?.('qwen3:8b', signal)
    await collect(source.provider.stream(requestFor('qwen3:8b'), signal))
    expect(paths).toEqual(['/show', '/chat'])
    await clock.advance(60_000)
    await source.provider.learn?.('qwen3:8b', signal)
    expect(paths).toEqual(['/show', '/chat', '/show'])
  })

  it('images are for models that are known to see them, or said to', async () => {
    const see = async (kind: string, model: string, settings = {}) =>
      (await recorded({ kind, shows: false }, [status(500, '')], { settings })).source.images(model)
    expect(await see('anthropic', 'claude-sonnet-4-5')).toBe(true)
    expect(await see('anthropic', 'some-other')).toBe(false)
    expect(await see('gemini', 'gemini-2.5-pro')).toBe(true)
    expect(await see('openai', 'llava')).toBe(false)
    expect(await see('openai', 'llava', { images: true })).toBe(true)
  })
})

const requestFor = (model: string): ModelRequest => ({
  model,
  messages: [{ role: 'user', text: 'hi' }],
  tools: [],
  temperature: null,
  maxOutputTokens: null,
})
