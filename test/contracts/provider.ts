/** What every Provider promises to the loop. Behind it stands a model that follows `providerScript`. */
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ModelEvent, ModelRequest, Provider } from '../../src/core/provider.ts'

export const providerScript = {
  conversations: [
    {
      match: 'Think and speak',
      replies: [
        {
          reasoning: ['well', '…'],
          text: ['Hello', ' world'],
          usage: { prompt_tokens: 100, completion_tokens: 20, cached_tokens: 60, reasoning_tokens: 5 },
        },
      ],
    },
    {
      match: 'Read two files',
      replies: [
        {
          tool_calls: [
            { name: 'read', arguments: { file_path: 'a' } },
            { name: 'read', raw: '{"file_path": bro' },
          ],
        },
      ],
    },
    { match: 'Be refused', replies: [{ fault: 'http' as const, status: 401, message: 'no such key' }] },
    { match: 'Never answer', replies: [{ fault: 'stall' as const, text: 'well' }] },
  ],
}

export interface ProviderWorld {
  provider: Provider
  model: string
  close(): Promise<void>
}

export const requestOf = (model: string, text: string): ModelRequest => ({
  model,
  messages: [{ role: 'user', text }],
  tools: [],
  temperature: null,
  maxOutputTokens: null,
})

export async function collect(events: AsyncIterable<ModelEvent>): Promise<ModelEvent[]> {
  const found: ModelEvent[] = []
  for await (const event of events) found.push(event)
  return found
}

export function providerContract(name: string, makeWorld: () => Promise<ProviderWorld>): void {
  async function ask(text: string, signal = new AbortController().signal) {
    const world = await makeWorld()
    onTestFinished(() => world.close())
    return world.provider.stream(requestOf(world.model, text), signal)
  }

  describe(`provider: ${name}`, () => {
    it('AL-3 streams reasoning apart from text, then usage (PV-5), then one end', async () => {
      expect(await collect(await ask('Think and speak'))).toMatchObject([
        { type: 'reasoning', delta: 'well' },
        { type: 'reasoning', delta: '…' },
        { type: 'text', delta: 'Hello' },
        { type: 'text', delta: ' world' },
        { type: 'usage', usage: { input: 40, cacheRead: 60, cacheWrite: 0, output: 20, reasoning: 5 } },
        { type: 'end', finish: 'stop' },
      ])
    })

    it('gives complete calls with exactly the arguments that the model sent', async () => {
      const events = await collect(await ask('Read two files'))
      const calls = events.flatMap((event) => (event.type === 'call' ? [event.call] : []))
      expect(calls.map((call) => call.argumentsText)).toEqual(['{"file_path":"a"}', '{"file_path": bro'])
      expect(new Set(calls.map((call) => call.id)).size).toBe(2)
      expect(events.at(-1)).toEqual({ type: 'end', finish: 'tool_calls' })
    })

    it('reports a refused key as lasting, not as an exception', async () => {
      const events = await collect(await ask('Be refused'))
      expect(events).toMatchObject([{ type: 'failed', transient: false, aborted: false }])
    })

    it('ends at once and says so when it is aborted in the middle', async () => {
      const stop = new AbortController()
      const events: ModelEvent[] = []
      for await (const event of await ask('Never answer', stop.signal)) {
        events.push(event)
        if (event.type === 'text') stop.abort(new Error('enough'))
      }
      expect(events.at(-1)).toMatchObject({ type: 'failed', aborted: true, transient: false })
    })

    it('lists its models', async () => {
      const world = await makeWorld()
      onTestFinished(() => world.close())
      expect(await world.provider.models(new AbortController().signal)).toMatchObject({
        ids: expect.arrayContaining([world.model]),
      })
    })
  })
}
