import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createTools, toolSettingsSchema } from '../../../src/agent/tools/index.ts'
import { toolWorld } from '../../fakes/tool-world.ts'

interface Asked {
  path: string
  headers: IncomingMessage['headers']
  body: string
}

async function searching(kind: string, reply: unknown, { status = 200, key = 'hush-1' } = {}) {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    asked.push({ path: request.url ?? '', headers: request.headers, body })
    response.writeHead(status)
    response.end(typeof reply === 'string' ? reply : JSON.stringify(reply))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
  })
  const base_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/`
  const settings = toolSettingsSchema.parse({ search: { kind, base_url, api_key_env: 'MY_KEY' } })
  const world = await toolWorld(createTools(settings, { env: { MY_KEY: key } }))
  return { asked, result: await world.use('web_search', { query: 'loom & yarn', count: 2 }) }
}

/** As the engines sent them, shortened. */
const hits = [
  { title: 'Looms', url: 'https://example.com/looms', content: 'All about\nlooms.', engine: 'duckduckgo', score: 1.2 },
  { title: null, url: 'https://example.com/yarn', content: '' },
  { title: 'Third', url: 'https://example.com/3', content: 'never shown' },
]
const replies = {
  searxng: { query: 'loom & yarn', number_of_results: 3, results: hits, unresponsive_engines: [] },
  tavily: { query: 'loom & yarn', answer: null, results: hits, response_time: 0.9 },
  brave: {
    type: 'search',
    web: { type: 'search', results: hits.map(({ content, ...hit }) => ({ ...hit, description: content })) },
  },
}

describe('TL-6 web_search', () => {
  it.each(Object.entries(replies))('%s: its hits in one form, as data', async (kind, reply) => {
    const { result, asked } = await searching(kind, reply)
    expect(result.output.split('\n\n')).toEqual([
      expect.stringContaining('not from your user'),
      '1. Looms\n   https://example.com/looms\n   All about looms.',
      '2. \n   https://example.com/yarn',
    ])
    expect(JSON.stringify(asked)).toContain(kind === 'tavily' ? 'loom & yarn' : 'loom+%26+yarn')
    expect(Object.values(asked[0]?.headers ?? {}).join(' ')).toContain('hush-1')
    expect(asked[0]?.path).not.toContain('hush-1')
  })

  it('is not there without an engine', () => {
    expect(createTools().map((tool) => tool.name)).not.toContain('web_search')
    expect(toolSettingsSchema.safeParse({ search: { kind: 'searxng', base_url: 'file:///x' } }).success).toBe(false)
  })

  it('names trouble, and never the key', async () => {
    for (const more of [{ status: 401 }, { status: 302 }]) {
      const { result } = await searching('brave', 'bad key hush-1', more)
      expect(result).toMatchObject({ ok: false, output: expect.stringContaining(`HTTP ${more.status}`) })
      expect(result.output).not.toContain('hush-1')
    }
    expect((await searching('tavily', 'no json')).result.output).toContain('holds no results')
    expect((await searching('tavily', {}, { key: '' })).result.output).toContain('no key')
    expect((await searching('brave', { web: null })).result.output).toContain('nothing found')
  })
})
