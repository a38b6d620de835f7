import { readFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createTools, toolSettingsSchema } from '../../../src/agent/tools/index.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { runBeside } from '../../../src/lib/beside.ts'
import { agentWorld, userRules } from '../../fakes/agent-world.ts'
import { toolWorld } from '../../fakes/tool-world.ts'

async function serve(listener: RequestListener) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    listener(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { host, asked, url: (path: string) => `http://${host}${path}` }
}

const sending =
  (type: string, body: string | Uint8Array, more: Record<string, string> = {}): RequestListener =>
  (_, response) => {
    response.writeHead(200, type === '' ? more : { 'content-type': type, ...more })
    response.end(body)
  }

const redirecting =
  (location: string): RequestListener =>
  (_, response) => {
    response.writeHead(302, { location })
    response.end()
  }

const toolsFor = (...allow_private: string[]) =>
  createTools(toolSettingsSchema.parse({ web: { allow_private, timeout_ms: 3_000 } }))

async function fetching(listener: RequestListener, input: Record<string, unknown> = {}) {
  const server = await serve(listener)
  const world = await toolWorld(toolsFor(server.host))
  return { ...world, server, result: await world.use('web_fetch', { url: server.url('/page'), ...input }) }
}

const article = `<html><head><title>Old &amp; new</title><style>p {}</style></head><body>
<nav>Menu</nav><article><h1>Chapter</h1>
<p>${'Words of the article. '.repeat(20)}<a href="next?x=1#there">Next</a> <a href="javascript:x()">Run</a></p>
<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>
<pre><code>x = 1\ny = 2</code></pre><script>steal()</script></article><footer>Imprint</footer></body></html>`

describe('TL-6 web_fetch', () => {
  it('gives the article of a page as markdown with whole links, as data', async () => {
    const { result, server } = await fetching(sending('text/html; charset=utf-8', article))
    expect(result.output).toMatch(/^Data from http.*not from your user/)
    expect(result.output).toContain('Title: Old & new')
    expect(result.output).toContain(`[Next](http://${server.host}/next?x=1#there)`)
    expect(result.output).toMatch(/\| 1 +\| 2 +\|/)
    expect(result.output).toContain('```\nx = 1\ny = 2\n```')
    expect(result.output).not.toMatch(/steal|Menu|Imprint|javascript:/)
    expect(result).toMatchObject({ ok: true, facts: { status: 200, title: 'Old & new', type: 'text/html' } })
  })

  it('gives the words alone when text is asked for, and the body of a page that is no article', async () => {
    const words = await fetching(sending('text/html', article), { format: 'text' })
    expect(words.result.output).toContain('Next')
    expect(words.result.output).not.toContain('](')
    const index = await fetching(sending('text/html', '<ul><li><a href="/a">A</a></li></ul><nav>Menu</nav>'))
    expect(index.result.output).toContain(`[A](http://${index.server.host}/a)`)
    expect(index.result.output).not.toContain('Menu')
  })

  it.each([
    ['http://127.0.0.1:9/', 'private network'],
    ['http://[::1]:9/', 'private network'],
    ['http://[::ffff:10.0.0.1]/', 'private network'],
    ['http://2130706433/', 'private network'],
    ['http://169.254.169.254/latest/meta-data', 'private network'],
    ['http://localhost:9/', 'private network'],
    ['file:///etc/passwd', 'Only http and https'],
    ['https://me:hush@example.com/', 'user name or password'],
    ['example.com', 'no address'],
  ])('%s is refused', async (url, why) => {
    const world = await toolWorld(toolsFor())
    expect(await world.use('web_fetch', { url })).toMatchObject({ ok: false, output: expect.stringContaining(why) })
  })

  it('a redirect to a loopback admin port is refused unless allowed', async () => {
    const admin = await serve(sending('text/plain', 'the keys'))
    const front = await serve(redirecting(admin.url('/admin')))
    const world = await toolWorld(toolsFor(front.host))
    const refused = await world.use('web_fetch', { url: front.url('/') })
    expect(refused).toMatchObject({ ok: false, output: expect.stringContaining('tools.web.allow_private') })
    expect(admin.asked).toEqual([])
    const free = await toolWorld(toolsFor(front.host, admin.host))
    expect((await free.use('web_fetch', { url: front.url('/') })).output).toContain('the keys')
  })

  it('redirects end: after five, at other protocols, and where the rules ask', async () => {
    const round = await serve((request, response) => redirecting(`/${request.url?.length}`)(request, response))
    const world = await toolWorld(toolsFor(round.host))
    expect((await world.use('web_fetch', { url: round.url('/') })).output).toContain('more than 5 times')
    expect(round.asked).toHaveLength(6)
    const file = await fetching(redirecting('file:///etc/passwd'))
    expect(file.result).toMatchObject({ ok: false, output: expect.stringContaining('Only http and https') })
    world.context.permits = async ({ text }) => !text.endsWith('/1')
    expect((await world.use('web_fetch', { url: round.url('/') })).output).toContain('needs a call of its own')
  })

  it('says what a thing is that is no text', async () => {
    const picture = await fetching(sending('image/png', Uint8Array.from([137, 80, 78, 71])))
    expect(picture.result).toMatchObject({ ok: false, output: expect.stringContaining('image/png, 4 bytes') })
    const liar = await fetching(sending('text/plain', Uint8Array.from([1, 0, 2])))
    expect(liar.result).toMatchObject({ ok: false, output: expect.stringContaining('no text') })
  })

  it('keeps to its size, also unpacked, and its time', async () => {
    const large = await fetching(sending('text/plain', 'line of text\n'.repeat(500_000)))
    expect(large.result.output.length).toBeLessThan(61_000)
    expect(large.result.output).toContain('only the first 5242880 bytes')
    expect((await readFile(String(large.result.facts?.file), 'utf8')).length).toBe(5_242_880)
    const packed = sending('text/plain', gzipSync('good'), { 'content-encoding': 'gzip' })
    expect((await fetching(packed)).result.output).toMatch(/\n\ngood$/)
    const bomb = gzipSync(Buffer.alloc(50_000_000, 'a'))
    expect((await fetching(sending('text/plain', bomb, { 'content-encoding': 'gzip' }))).result.ok).toBe(false)
    const silent = await fetching(() => undefined)
    expect(silent.result.output).toContain('did not answer within 3000 ms')
  })

  it('ends when the run is stopped', async () => {
    const server = await serve(() => undefined)
    const world = await toolWorld(toolsFor(server.host))
    const reading = world.use('web_fetch', { url: server.url('/') })
    while (server.asked.length === 0) await new Promise((resolve) => setImmediate(resolve))
    world.stop.abort()
    expect(await reading).toMatchObject({ ok: false, output: 'Stopped.' })
  })

  it('a page that would keep its reader busy costs a thread, and that ends', async () => {
    const job = { kind: 'page', html: '<div>'.repeat(30_000), url: 'http://127.0.0.1/', format: 'text' }
    const startedAt = performance.now()
    expect(await runBeside(job, { clock: systemClock, timeoutMs: 700, memoryMb: 256 })).toBeNull()
    expect(performance.now() - startedAt).toBeLessThan(5_000)
  })

  it('shows the fault of a server, and nothing that a person would not see', async () => {
    const missing = await fetching((_, response) => {
      response.writeHead(404, { 'content-type': 'text/plain' })
      response.end('no such page')
    })
    expect(missing.result).toMatchObject({ ok: false, output: expect.stringMatching(/^HTTP 404.*\nno such page$/) })
    const hidden = await fetching(sending('text/plain; charset=utf-8', 'a\u001b[2Jb\u202ec\u{e0041}d'))
    expect(hidden.result.output.endsWith('\n\na[2Jbcd')).toBe(true)
    const latin = await fetching(sending('text/plain; charset=iso-8859-1', Uint8Array.from([0xe4, 0x62])))
    expect(latin.result.output.endsWith('äb')).toBe(true)
  })

  it('keeps to the network that agents have: no tool without one, and the hosts that are listed', async () => {
    expect(createTools(undefined, { env: {}, hosts: null }).map((tool) => tool.name)).not.toContain('web_fetch')
    const world = await toolWorld(createTools(undefined, { env: {}, hosts: ['*.example.com'] }))
    const refused = await world.use('web_fetch', { url: 'https://example.org/' })
    expect(refused).toMatchObject({ ok: false, output: expect.stringContaining('not among the hosts') })
  })

  it('is judged by rules on addresses, in the one form that is connected to', async () => {
    const rules = [
      { tool: '*', action: 'allow' as const },
      { tool: 'web_fetch', pattern: 'http://127.0.0.1*', action: 'deny' as const },
    ]
    const call = { name: 'web_fetch', arguments: { url: 'http://0x7f.1:9/x' } }
    const world = await agentWorld([{ tool_calls: [call] }, { text: 'done' }], { policyOf: userRules(rules) })
    await world.run('go')
    expect(world.outputs()[0]).toContain('Not permitted')
  })
})
