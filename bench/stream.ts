/** How long a word of the model is on its way to somebody who watches: written by the model, read from the daemon. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Row } from './measures.ts'
import { median, openWorld, quantile, until } from './world.ts'

const rounds = 40

interface SlowModel {
  url: string
  /** When the word of each request was written, by the word. */
  writtenAt: Map<string, number>
  close(): void
}

/** Says one word a while after its headers, and ends a while after that. */
async function startModel(): Promise<SlowModel> {
  const writtenAt = new Map<string, number>()
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      // Asked before the first reply: which models there are.
      if (request.method === 'GET') return void response.end('{"data":[]}')
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      const word = `word-${writtenAt.size}`
      const chunk = (delta: unknown, finish_reason: string | null) =>
        `data: ${JSON.stringify({ id: 'x', choices: [{ index: 0, delta, finish_reason }] })}\n\n`
      setTimeout(() => {
        writtenAt.set(word, performance.now())
        response.write(chunk({ role: 'assistant', content: word }, null))
        setTimeout(() => response.end(`${chunk({}, 'stop')}data: [DONE]\n\n`), 40)
      }, 40)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, writtenAt, close }
}

export async function firstWord(): Promise<Row[]> {
  const model = await startModel()
  const world = await openWorld({ script: [{ text: 'unused' }], env: { OPENLOOM_BASE_URL: model.url } })
  const readAt = new Map<string, number>()
  const reading = follow(await world.get('/api/live'), readAt)
  try {
    for (let round = 0; round < rounds; round++) {
      const workspace = world.workspace('stream')
      await world.post('/api/tasks', { goal: `Say a word, ${round}.`, workspace, checks: ['run: true'] })
      await until(() => (readAt.has(`word-${round}`) ? true : null))
    }
    const times = [...readAt].map(([word, at]) => at - (model.writtenAt.get(word) ?? Number.NaN))
    const note = `p99 ${quantile(times, 0.99).toFixed(1)} ms, n ${times.length}`
    const name = 'a word of the model → somebody who watches, p50'
    return [{ name, value: median(times), unit: 'ms', bar: 10, original: null, note }]
  } finally {
    await world.close()
    await reading
    model.close()
  }
}

async function follow(live: Response, readAt: Map<string, number>): Promise<void> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const part of live.body ?? []) {
      text = (text + decoder.decode(part as Uint8Array, { stream: true })).slice(-10_000)
      for (const [word] of text.matchAll(/word-\d+(?=")/g)) {
        if (!readAt.has(word)) readAt.set(word, performance.now())
      }
    }
  } catch {
    // The daemon was ended; what was read before counts.
  }
}
