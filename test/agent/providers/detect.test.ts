import { describe, expect, it } from 'vitest'
import { asYaml, detectProviders } from '../../../src/agent/providers/detect.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { startRawServer, status } from '../../fakes/raw-server.ts'

describe('PV-2 detection', () => {
  it('finds an Ollama that answers, without sending it any key', async () => {
    const { url, seen } = await startRawServer(status(200, { models: [{ name: 'qwen3:8b' }] }))
    const env = { OPENLOOM_API_KEY: 'secret', OLLAMA_API_KEY: 'secret' }
    const found = await detectProviders({ env, clock: systemClock, ollamaUrl: url })
    expect(found).toEqual([
      {
        because: `Ollama answers at ${url}`,
        settings: { kind: 'ollama', name: 'ollama', base_url: url, model: 'qwen3:8b' },
      },
    ])
    expect(seen[0]?.headers.authorization).toBe(undefined)
    expect(found.map(asYaml)[0]).toContain('model: "qwen3:8b"')
  })

  it('finds nothing where nobody listens, and none that answers something else', async () => {
    const other = await startRawServer(status(200, { hello: 'world' }))
    for (const ollamaUrl of ['http://127.0.0.1:9', other.url]) {
      expect(await detectProviders({ env: {}, clock: systemClock, ollamaUrl })).toEqual([])
    }
  })
})
