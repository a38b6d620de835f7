import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, it } from 'vitest'
import { checkers } from '../../src/checks/index.ts'
import { type CheckExamples, checkerContract } from '../contracts/checker.ts'
import { comparingExamples } from './comparing.ts'
import { contentExamples, fileExamples, httpExamples, programExamples } from './examples.ts'

const server = createServer((request, response) => {
  if (request.url === '/moved') response.writeHead(302, { location: '/' }).end()
  else if (request.url === '/slow') response.writeHead(200).write('begin')
  else if (request.url === '/flood') response.end('x'.repeat(3_000_000))
  else response.end('all is well')
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const examples: Record<string, CheckExamples> = {
  ...fileExamples,
  ...contentExamples,
  ...programExamples,
  ...comparingExamples,
  http: httpExamples((path) => `http://127.0.0.1:${port}${path}`),
}

for (const checker of checkers) checkerContract(checker, examples[checker.kind] ?? { examples: [] })

it('every checker has examples', () => {
  expect(Object.keys(examples).sort()).toEqual(checkers.map((checker) => checker.kind).sort())
})
