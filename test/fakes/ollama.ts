/** Listens like an Ollama with one model, which says that it is done. It looks at no question. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const model = 'qwen3:8b'
const message = { role: 'assistant', content: 'Done.' }

export async function openOllama(): Promise<{ port: number; close(): void }> {
  const server = createServer((request, answer) => {
    const whole = { model, message, done: true, done_reason: 'stop' }
    answer.end(JSON.stringify(request.url === '/api/tags' ? { models: [{ name: model }] } : whole))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
