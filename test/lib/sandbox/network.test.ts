import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ok } from '../../../src/core/problem.ts'
import { guardedLookup, publicAddressOf } from '../../../src/lib/public-address.ts'
import { createGuardedProxy, type ProxyOptions } from '../../../src/lib/sandbox/proxy.ts'
import { hasBwrap, sandboxWorld } from '../../fakes/sandbox.ts'

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const origin = () =>
  listening(createServer((incoming, answer) => answer.end(`${incoming.headers.host}${incoming.url}`)))

/** A proxy to which `good.test` leads to this machine; every other name is looked at as always. */
async function proxyWorld(given: Partial<ProxyOptions> = {}) {
  const refused: unknown[] = []
  const resolve = async (host: string) =>
    host === 'good.test' ? ok({ address: '127.0.0.1', family: 4 as const }) : publicAddressOf(host)
  const options = { allowHosts: [], onRefused: (one: unknown) => void refused.push(one), resolve, ...given }
  const port = await listening(createGuardedProxy(options))
  const authorization = `Basic ${Buffer.from('r-7:x').toString('base64')}`
  const get = async (url: string) => {
    const asked = request({
      host: '127.0.0.1',
      port,
      path: url,
      headers: { 'proxy-authorization': authorization },
    }).end()
    const [response] = await once(asked, 'response')
    return { status: response.statusCode, text: Buffer.concat(await response.toArray()).toString() }
  }
  const tunnel = async (target: string, then: string) => {
    const socket = connect(port, '127.0.0.1')
    socket.write(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n\r\n`)
    const [first] = await once(socket, 'data')
    if (!String(first).startsWith('HTTP/1.1 200')) return String(first)
    socket.write(then)
    return Buffer.concat(await socket.toArray()).toString()
  }
  return { get, tunnel, refused }
}

const inner = ['127.0.0.1', '10.0.0.8', '192.168.1.1', '169.254.169.254', '100.64.0.1', '[::1]', '[::ffff:127.0.0.1]']

describe('the guarded proxy', () => {
  it('SE-2 passes on plain requests and tunnels to the address that it judged', async () => {
    const [port, { get, tunnel }] = [await origin(), await proxyWorld()]
    expect(await get(`http://good.test:${port}/a?b`)).toEqual({ status: 200, text: `good.test:${port}/a?b` })
    const ask = `GET /c HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n`
    expect(await tunnel(`good.test:${port}`, ask)).toContain('h/c')
  })

  it('SE-2 refuses every inner address, in each form, and says so with the name of who asked', async () => {
    const { get, tunnel, refused } = await proxyWorld()
    for (const host of [...inner, 'localhost', '0x7f000001', '2130706433']) {
      expect(await get(`http://${host}/`), host).toMatchObject({ status: 403 })
      expect(await tunnel(`${host}:443`, ''), host).toContain('403 Forbidden')
    }
    expect(refused[0]).toEqual({ owner: 'r-7', host: '127.0.0.1', why: expect.stringContaining('no public address') })
  })

  it('SE-2 lets through only the hosts of the list, where there is one', async () => {
    const [port, { get }] = [await origin(), await proxyWorld({ allowHosts: ['*.test'] })]
    expect(await get(`http://good.test:${port}/`)).toMatchObject({ status: 200 })
    expect((await get('http://1.1.1.1/')).text).toContain('sandbox.allow_hosts')
  })

  it('SE-2 ends a connection that passes more than its share, and answers what is no request for a proxy', async () => {
    const port = await listening(createServer((_, answer) => answer.end(Buffer.alloc(1_000_000))))
    const { get, tunnel } = await proxyWorld({ bytesMax: 10_000 })
    const ask = `GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n`
    expect((await tunnel(`good.test:${port}`, ask)).length).toBeLessThan(200_000)
    expect(await get('/state')).toMatchObject({ status: 400 })
    expect(await tunnel('nonsense', '')).toContain('403')
  })
})

describe('a guarded lookup', () => {
  it('SE-2 gives no inner address to a client', async () => {
    const code = await new Promise((resolve) => guardedLookup('localhost', {}, (error) => resolve(error?.code)))
    expect(code).toBe('EACCES')
    const found = await new Promise((resolve) => guardedLookup('1.1.1.1', { all: true }, (_, all) => resolve(all)))
    expect(found).toEqual([{ address: '1.1.1.1', family: 4 }])
  })
})

describe.runIf(hasBwrap)('the network of the sandbox', () => {
  it('SE-2 reaches neither this machine nor what the proxy refuses, and hears why', async () => {
    const port = await origin()
    const { run, passes, sandbox } = await sandboxWorld()
    expect(sandbox.detail).toContain('network: proxy')
    expect((await run(`curl -sS --noproxy '*' -m 3 http://127.0.0.1:${port}/`)).exitCode).toBe(7)
    expect(await passes(`curl -sS --noproxy '' -m 5 http://127.0.0.1:${port}/`)).toContain('refuses this connection')
    expect((await run(`curl -sS -m 3 --noproxy '*' http://1.1.1.1/`)).exitCode).not.toBe(0)
  })

  it('SE-2 has a loopback of its own: what one command serves another one of the sandbox reaches', async () => {
    const { run, passes } = await sandboxWorld()
    const serve = 'python3 -m http.server 8123 --bind 127.0.0.1 >/dev/null 2>&1'
    const fetch = 'curl -s --retry 20 --retry-connrefused --retry-delay 0 --retry-max-time 10 http://127.0.0.1:8123/'
    expect(await passes(`${serve} & ${fetch}`)).toContain('Directory listing')
    const served = run(`timeout 4 ${serve}`)
    expect(
      await passes(`for i in $(seq 1 100); do curl -s http://127.0.0.1:8123/ && break; sleep 0.1; done`),
    ).toContain('Directory listing')
    await passes('exit 0')
    expect((await served).ended).toBe('exit')
  })

  it('SE-2 none is none, and open is that of this machine', async () => {
    const port = await origin()
    const none = await sandboxWorld({ network: 'none' })
    expect(await none.passes('env | grep -ci proxy || true')).toBe('0\n')
    expect((await none.run(`curl -s -m 3 http://127.0.0.1:${port}/`)).exitCode).toBe(7)
    const open = await sandboxWorld({ network: 'open' })
    expect(await open.passes(`curl -s -m 3 http://127.0.0.1:${port}/x`)).toBe(`127.0.0.1:${port}/x`)
  })
})
