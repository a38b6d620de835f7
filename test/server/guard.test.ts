/** Who gets in and who does not, over real sockets: what browsers, other sites and rebound names send. */
import { readdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import type { LoginList } from '../../src/server/routes/logins.ts'
import { type Story, tell } from '../fakes/story.ts'

let story: Story
let port: number
beforeEach(async () => {
  story = await tell()
  port = Number(new URL(story.daemon.url).port)
})

/** The bytes as they are; gives status and body of the answer. */
function raw(lines: readonly string[], body = ''): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => {
      text += String(chunk)
    })
    socket.on('error', reject)
    socket.on('close', () => resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text }))
    socket.write(`${[...lines, 'Connection: close', '', body].join('\r\n')}`)
  })
}

const bearer = () => `Authorization: Bearer ${story.daemon.token}`
const here = () => `Host: 127.0.0.1:${port}`
const get = (...lines: string[]) => raw(['GET /api/state HTTP/1.1', bearer(), ...lines])

async function login(): Promise<string> {
  const code = new URL(story.daemon.loginUrl()).hash.slice(1)
  const answer = await fetch(`${story.daemon.url}/api/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  })
  expect(answer.status).toBe(200)
  expect(answer.headers.get('set-cookie')).toMatch(/HttpOnly; SameSite=Strict/)
  return (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
}

describe('SE-1 the name a request was sent to', () => {
  it('may be any of this machine', async () => {
    for (const name of ['127.0.0.1', 'localhost', '[::1]']) {
      expect((await get(`Host: ${name}:${port}`)).status, name).toBe(200)
    }
  })

  it.each([
    'evil.test',
    'evil.test:PORT',
    '127.0.0.1',
    '127.0.0.1:1',
    '127.0.0.1:PORT.evil.test',
    'LOCALHOST.evil:PORT',
    '',
  ])('is refused when it is "%s"', async (name) => {
    const { status, text } = await get(`Host: ${name.replace('PORT', String(port))}`)
    expect([400, 421]).toContain(status)
    expect(text).not.toContain('"counts"')
  })

  it('is refused when it is missing, given twice, or another one than in the request line', async () => {
    expect([400, 421]).toContain((await get()).status)
    const twice = await get('Host: evil.test', here())
    expect([400, 421]).toContain(twice.status)
    const other = await get(here(), 'Host: evil.test')
    expect([400, 421]).toContain(other.status)
    const absolute = await raw(['GET http://evil.test/api/state HTTP/1.1', here(), bearer()])
    expect(absolute.status).toBe(421)
  })

  it('is asked before anything else, also for pages and for the sign of life', async () => {
    for (const path of ['/', '/healthz', '/api/nothing', '/tasks/x']) {
      expect((await raw([`GET ${path} HTTP/1.1`, 'Host: evil.test'])).status, path).toBe(421)
    }
  })
})

describe('SE-1 a page of another site', () => {
  it.each(['https://evil.test', 'null', 'http://127.0.0.1:1', 'http://localhost.evil.test'])(
    'at %s cannot read or write, even with the token',
    async (origin) => {
      expect((await get(here(), `Origin: ${origin}`)).status).toBe(403)
      const answer = await story.call('POST', '/api/tasks', { goal: 'x' }, { origin })
      expect(answer.status).toBe(403)
    },
  )

  it('is known by what the browser says of the site; a link to the page still opens', async () => {
    expect((await get(here(), 'Sec-Fetch-Site: cross-site')).status).toBe(403)
    expect((await get(here(), 'Sec-Fetch-Site: same-site')).status).toBe(403)
    expect((await get(here(), 'Sec-Fetch-Site: same-origin', `Origin: http://127.0.0.1:${port}`)).status).toBe(200)
    const link = ['GET / HTTP/1.1', here(), 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate']
    expect([200, 404]).toContain((await raw(link)).status)
  })

  it('gets no permission by a preflight, and no header that would share an answer', async () => {
    const answer = await story.call('OPTIONS', '/api/tasks', undefined, { 'access-control-request-method': 'POST' })
    expect(answer.status).toBe(404)
    for (const [name] of answer.headers) expect(name).not.toMatch(/^access-control-/)
  })
})

describe('SE-1 a request without a login', () => {
  it('gets nothing of the API', async () => {
    for (const path of ['/api/state', '/api/tasks', '/api/events', '/api/live', '/api/openapi.json', '/api/nothing']) {
      const answer = await fetch(`${story.daemon.url}${path}`)
      expect(answer.status, path).toBe(401)
      expect(await answer.json()).toMatchObject({ status: 401, problems: [{ kind: 'not-logged-in' }] })
    }
  })

  it('is not helped by a wrong token, a token in the address, or a token as a cookie', async () => {
    const { token, url } = story.daemon
    const tries: [string, Record<string, string>][] = [
      ['/api/state', { authorization: 'Bearer wrong' }],
      ['/api/state', { authorization: `Basic ${btoa(`x:${token}`)}` }],
      ['/api/state', { authorization: `bearer ${token}` }],
      ['/api/state', { cookie: `openloom_${port}=${token}` }],
      [`/api/state?token=${token}`, {}],
      [`/api/live?token=${token}`, {}],
    ]
    for (const [path, headers] of tries) expect((await fetch(`${url}${path}`, { headers })).status, path).toBe(401)
  })

  it('sees the sign of life, which says nothing', async () => {
    expect(await (await fetch(`${story.daemon.url}/healthz`)).text()).toBe('ok\n')
  })
})

describe('a browser', () => {
  it('is logged in by a code, once', async () => {
    const url = story.daemon.loginUrl()
    const code = new URL(url).hash.slice(1)
    const redeem = () =>
      fetch(`${story.daemon.url}/api/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ code }),
      })
    expect((await redeem()).status).toBe(200)
    expect((await redeem()).status).toBe(401)
  })

  it('may read with its cookie, and write only with the mark that no form can set', async () => {
    const cookie = await login()
    const send = (method: string, path: string, headers: Record<string, string>, body?: string) =>
      fetch(`${story.daemon.url}${path}`, { method, headers: { cookie, ...headers }, ...(body ? { body } : {}) })
    expect((await send('GET', '/api/state', {})).status).toBe(200)
    const task = JSON.stringify({ goal: 'x', workspace: story.workspace() })
    const json = { 'content-type': 'application/json' }
    expect((await send('POST', '/api/tasks', json, task)).status).toBe(403)
    expect((await send('POST', '/api/tasks', { ...json, 'x-openloom': '1' }, task)).status).toBe(201)
    const form = { 'content-type': 'application/x-www-form-urlencoded', 'x-openloom': '1' }
    expect((await send('POST', '/api/inbox/trigger', form, 'text=x')).status).toBe(415)
    const plain = { 'content-type': 'text/plain', 'x-openloom': '1' }
    expect((await send('POST', '/api/inbox/trigger', plain, '# x')).status).toBe(415)
  })
})

describe('a browser that is signed out', () => {
  const ask = (cookie: string, path: string, method = 'GET') =>
    fetch(`${story.daemon.url}${path}`, { method, headers: { cookie, 'x-openloom': '1' } })
  const logins = async (cookie: string) => ((await (await ask(cookie, '/api/logins')).json()) as LoginList).items

  it('sees nothing more, its open stream included; the one that did it goes on', async () => {
    const [lost, mine] = [await login(), await login()]
    const stream = await ask(lost, '/api/live')
    const reader = stream.body?.getReader()
    expect(new TextDecoder().decode((await reader?.read())?.value)).toContain('hello')
    const before = await logins(mine)
    const [other] = (await logins(lost)).filter(({ current }) => current)
    expect(before.filter(({ current }) => current)).toHaveLength(1)
    expect((await ask(mine, `/api/logins/${other?.id}`, 'DELETE')).status).toBe(200)
    while (!(await reader?.read())?.done);
    expect((await ask(lost, '/api/state')).status).toBe(401)
    expect((await logins(mine)).map(({ id }) => id)).toEqual(
      before.map(({ id }) => id).filter((id) => id !== other?.id),
    )
    expect((await ask(mine, `/api/logins/${other?.id}`, 'DELETE')).status).toBe(404)
  })

  it('may be all but one, with the links that nobody used yet; the token ends all', async () => {
    const [lost, mine] = [await login(), await login()]
    const code = new URL(story.daemon.loginUrl()).hash.slice(1)
    // More than a list shows came after the one that is lost.
    for (let n = 0; n < 250; n++) story.daemon.store.logins.add(`${n}`)
    await ask(mine, '/api/logins', 'DELETE')
    expect((await ask(lost, '/api/state')).status).toBe(401)
    expect(await logins(mine)).toMatchObject([{ current: true }])
    expect((await story.call('POST', '/api/login', { code })).status).toBe(401)
    expect(await (await story.call('DELETE', '/api/logins')).json()).toEqual({ ended: 1 })
    expect((await ask(mine, '/api/state')).status).toBe(401)
  })
})

describe('a program with the token', () => {
  it('may send plain text, and nothing as a form', async () => {
    const send = (type: string, body: string) =>
      story.call('POST', '/api/inbox/trigger', body, { 'content-type': type })
    expect((await send('text/markdown', `workspace: ${story.workspace()}\n\nDo it.\n`)).status).toBe(201)
    expect((await send('application/x-www-form-urlencoded', 'text=x')).status).toBe(415)
  })
})

describe('a body', () => {
  const large = JSON.stringify({ goal: 'x'.repeat(600_000) })

  it('that is too large is refused, by its length or while it comes', async () => {
    expect((await story.call('POST', '/api/tasks', large)).status).toBe(413)
    expect((await chunked(large)).status).toBe(413)
  })

  it('that comes in chunks is read like any other', async () => {
    const { status } = await chunked(JSON.stringify({ goal: 'x', workspace: story.workspace() }))
    expect(status).toBe(201)
  })

  it('that is no JSON is refused with words', async () => {
    for (const body of ['{', '', 'null', '[]', '"x"', '{"goal": 1e999}']) {
      const answer = await story.call('POST', '/api/tasks', body)
      expect([400, 422], body).toContain(answer.status)
      expect(answer.headers.get('content-type')).toBe('application/problem+json')
    }
  })

  async function chunked(text: string): Promise<{ status: number }> {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < text.length; at += 50_000) {
          controller.enqueue(new TextEncoder().encode(text.slice(at, at + 50_000)))
        }
        controller.close()
      },
    })
    const headers = { authorization: `Bearer ${story.daemon.token}`, 'content-type': 'application/json' }
    const init = { method: 'POST', headers, body: stream, duplex: 'half' }
    return fetch(`${story.daemon.url}/api/tasks`, init as RequestInit)
  }
})

describe('a path', () => {
  it.each([
    '../../etc/passwd',
    '..%2f..%2fetc%2fpasswd',
    '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    '%00',
    't_%',
    'a'.repeat(5_000),
  ])('"%s" as an id or an address reaches no file', async (id) => {
    for (const path of [`/api/tasks/${id}`, `/api/tasks/${id}/events`, `/assets/${id}`, `/${id}`]) {
      const { status, text } = await raw([`GET ${path} HTTP/1.1`, here(), bearer()])
      expect(status, path).toBeLessThan(500)
      expect(text, path).not.toContain('root:')
    }
  })

  it('answers with the headers that keep a page to itself', async () => {
    for (const path of ['/', '/api/state', '/api/nothing']) {
      const { headers } = await story.call('GET', path)
      expect(headers.get('content-security-policy'), path).toContain("default-src 'self'")
      expect(headers.get('x-content-type-options'), path).toBe('nosniff')
      expect(headers.get('referrer-policy'), path).toBe('no-referrer')
    }
  })
})

describe('SE-4 W15 an id that is a path', () => {
  const hostile = ['..%2f', '..%2f..%2f..%2fetc%2fpasswd', '..%5c..', '%00', '%2fetc%2fpasswd', 'x'.repeat(3_000)]

  it('is refused by every route that takes an id, and touches no file', async () => {
    writeFileSync(join(story.folder, 'witness'), 'here')
    const files = () => readdirSync(story.folder, { recursive: true, encoding: 'utf8' }).sort()
    const before = files()
    const { paths } = (await (await story.call('GET', '/api/openapi.json')).json()) as {
      paths: Record<string, Record<string, unknown>>
    }
    const routes = Object.entries(paths)
      .filter(([path]) => path.includes('{'))
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() })))
    expect(routes.length).toBeGreaterThan(15)
    const body = JSON.stringify({})
    const more = ['Content-Type: application/json', `Content-Length: ${body.length}`]
    for (const { path, method } of routes) {
      for (const id of hostile) {
        const target = path.replace(/\{[^}]+\}/g, id)
        const lines = [`${method} ${target} HTTP/1.1`, here(), bearer(), ...(method === 'GET' ? [] : more)]
        const { status, text } = await raw(lines, method === 'GET' ? '' : body)
        expect(status, `${method} ${target}`).toBeGreaterThanOrEqual(400)
        expect(status, `${method} ${target}: ${text}`).toBeLessThan(500)
        expect(text).not.toContain('root:')
      }
    }
    expect(files()).toEqual(before)
  })
})
