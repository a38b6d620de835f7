import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { startScriptedModel } from '../../src/sample/scripted-model.ts'

async function start(script: ScriptInput, logPath?: string) {
  const model = await startScriptedModel({ script, clock: systemClock, ...(logPath ? { logPath } : {}) })
  onTestFinished(() => model.close())
  const ask = (messages: unknown[], more: Record<string, unknown> = {}) =>
    fetch(`${model.url}/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'scripted-model', messages, ...more }),
    })
  return { model, ask }
}

const hi = [{ role: 'user', content: 'hi' }]

describe('the scripted model', () => {
  it('answers whole, with usage, and is labelled as scripted', async () => {
    const { ask, model } = await start([{ text: 'hello', usage: { prompt_tokens: 7, completion_tokens: 3 } }])
    const response = await ask(hi)
    expect(response.headers.get('server')).toBe('openloom-scripted-model')
    expect(await response.json()).toMatchObject({
      choices: [{ message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
    })
    const models = (await (await fetch(`${model.url}/models`)).json()) as { data: unknown[] }
    expect(models.data).toMatchObject([{ id: 'scripted-model', owned_by: 'openloom-scripted' }])
    expect(await (await fetch(model.url.replace('/v1', '/api/show'), { method: 'POST' })).json()).toMatchObject({
      model_info: { 'scripted.context_length': 131_072 },
    })
  })

  it('streams in the chunks that the script gives, then the calls, then usage', async () => {
    const { ask } = await start([
      { text: ['he', 'llo'], tool_calls: [{ name: 'read', arguments: { file_path: 'a' } }] },
    ])
    const body = await (await ask(hi, { stream: true, stream_options: { include_usage: true } })).text()
    const lines = body.split('\n\n').filter((line) => line.startsWith('data: {'))
    const chunks = lines.map((line) => JSON.parse(line.slice(6)))
    const deltas = chunks.map((chunk) => chunk.choices[0]?.delta).filter(Boolean)
    expect(deltas.map((delta) => delta.content).filter(Boolean)).toEqual(['he', 'llo'])
    expect(deltas.find((delta) => delta.tool_calls).tool_calls[0].function.arguments).toBe('{"file_path":"a"}')
    expect(chunks.at(-2).choices[0].finish_reason).toBe('tool_calls')
    expect(chunks.at(-1).usage.total_tokens).toBeGreaterThan(0)
    expect(body.endsWith('data: [DONE]\n\n')).toBe(true)
  })

  it('keeps interleaved conversations apart by their first message', async () => {
    const { ask } = await start({
      conversations: [
        { match: 'apples', replies: [{ text: 'a1' }, { text: 'a2' }] },
        { match: 'pears', replies: [{ text: 'p1' }] },
      ],
    })
    const say = async (messages: unknown[]) => {
      const answer = (await (await ask(messages)).json()) as { choices: { message: { content: string } }[] }
      return answer.choices[0]?.message.content
    }
    const apples = { role: 'user', content: 'apples' }
    expect(await say([apples])).toBe('a1')
    expect(await say([{ role: 'user', content: 'pears' }])).toBe('p1')
    expect(await say([apples, { role: 'assistant', content: 'a1' }, { role: 'user', content: 'pears too' }])).toBe('a2')
    expect((await ask(hi)).status).toBe(400)
  })

  it('gives its faults: a 429 with retry-after once, then the reply', async () => {
    const { ask, model } = await start([{ fault: '429', retry_after: 2 }, { fault: '500' }, { text: 'fine' }])
    const first = await ask(hi)
    expect([first.status, first.headers.get('retry-after')]).toEqual([429, '2'])
    expect((await ask(hi)).status).toBe(500)
    expect((await ask(hi)).status).toBe(200)
    expect(model.requests.map((request) => request.status)).toEqual([429, 500, 200])
  })

  it('cuts the connection where the script says drop', async () => {
    const { ask } = await start([{ fault: 'drop', text: 'half a' }])
    const response = await ask(hi, { stream: true })
    await expect(response.text()).rejects.toThrow()
  })

  it('refuses ill-formed history, a wrong key, another model and too long a request', async () => {
    const { ask } = await start({ replies: [{ text: 'x' }], context_tokens: 100, at_end: 'repeat' })
    expect((await ask([...hi, { role: 'tool', tool_call_id: 'c', content: '' }])).status).toBe(400)
    expect((await ask(hi, { model: 'other' })).status).toBe(404)
    const long = (await (await ask([{ role: 'user', content: 'x'.repeat(500) }])).json()) as { error: { code: string } }
    expect(long.error.code).toBe('context_length_exceeded')
    const locked = await start({ replies: [{ text: 'x' }], api_key: 'right' })
    expect((await locked.ask(hi)).status).toBe(401)
  })

  it('logs each request as one JSON line with a token estimate', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'model-log-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const { ask, model } = await start([{ text: 'x' }], join(folder, 'log.jsonl'))
    await (await ask(hi)).text()
    await model.close()
    const [line] = (await readFile(join(folder, 'log.jsonl'), 'utf8')).trim().split('\n')
    expect(JSON.parse(line ?? '')).toMatchObject({ status: 200, tokensEstimated: 8, body: { messages: hi } })
  })
})
