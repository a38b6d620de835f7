/** What stands before every route, over a real socket: names, origins, tokens, sizes, types. */
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { type Story, tell } from '../fakes/story.ts'

/** Bytes as an attacker would write them; gives the status line. */
function raw(story: Story, text: string): Promise<string> {
  const { hostname, port } = new URL(story.daemon.url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(text))
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
      if (answer.includes('\r\n')) socket.destroy()
    })
    socket.on('close', () => resolve(answer.split('\r\n')[0] ?? ''))
    socket.on('error', reject)
    socket.setTimeout(5_000, () => socket.destroy())
  })
}

const auth = (story: Story) => `Authorization: Bearer ${story.daemon.token}`

async function cookieOf(story: Story): Promise<string> {
  const code = story.daemon.loginUrl().split('#')[1]
  const answer = await fetch(`${story.daemon.url}/api/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  })
  expect(answer.headers.get('set-cookie')).toMatch(/HttpOnly; SameSite=Strict/)
  return (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
}

describe('the door', () => {
  it('SE-1 answers to its own names only', async () => {
    const story = await tell()
    const { host } = new URL(story.daemon.url)
    const ask = (lines: string) => raw(story, `GET /api/tasks HTTP/1.1\r\n${lines}\r\nConnection: close\r\n\r\n`)
    expect(await ask(`Host: ${host}\r\n${auth(story)}`)).toContain('200')
    expect(await ask(`Host: evil.test\r\n${auth(story)}`)).toContain('421')
    expect(await ask(`Host: ${host}\r\nHost: evil.test\r\n${auth(story)}`)).toMatch(/400|421/)
    const head = `Host: ${host}\r\n${auth(story)}\r\nConnection: close`
    expect(await raw(story, `GET http://evil.test/api/tasks HTTP/1.1\r\n${head}\r\n\r\n`)).toMatch(/400|421/)
  })

  it('SE-1 wants a token or a cookie for everything but its page', async () => {
    const story = await tell()
    const open = (path: string, headers: Record<string, string> = {}) =>
      fetch(`${story.daemon.url}${path}`, { headers })
    expect((await open('/healthz')).status).toBe(200)
    for (const path of ['/api/tasks', '/api/state', '/api/live', '/api/events', '/api/openapi.json', '/api/nothing']) {
      expect((await open(path)).status, path).toBe(401)
    }
    expect((await open('/api/tasks', { authorization: 'Bearer wrong' })).status).toBe(401)
    expect((await open(`/api/tasks?token=${story.daemon.token}`)).status).toBe(401)
  })

  it('SE-1 lets no page of another site act, cookie or not', async () => {
    const story = await tell()
    const cookie = await cookieOf(story)
    const post = (headers: Record<string, string>) =>
      fetch(`${story.daemon.url}/api/tasks`, { method: 'POST', headers, body: '{"goal":"x"}' })
    const json = { 'content-type': 'application/json', cookie }
    expect((await post({ ...json, 'x-openloom': '1', origin: 'http://evil.test' })).status).toBe(403)
    expect((await post({ ...json, 'x-openloom': '1', origin: 'null' })).status).toBe(403)
    expect((await post({ ...json, 'x-openloom': '1', 'sec-fetch-site': 'same-site' })).status).toBe(403)
    expect((await post(json)).status).toBe(403)
    expect((await post({ ...json, 'x-openloom': '1', origin: story.daemon.url })).status).toBe(422)
    const answer = await fetch(`${story.daemon.url}/api/tasks`, {
      method: 'OPTIONS',
      headers: { origin: 'http://evil.test' },
    })
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
  })

  it('takes plain text only from programs with the token, and nothing as a form', async () => {
    const story = await tell()
    const text = `workspace: ${story.workspace()}\n\nDo it.\n`
    const trigger = '/api/inbox/trigger'
    const plain = { 'content-type': 'text/markdown' }
    expect((await story.call('POST', trigger, text, plain)).status).toBe(201)
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    expect((await story.call('POST', trigger, 'text=x', form)).status).toBe(415)
    const cookie = await cookieOf(story)
    const headers = { ...plain, cookie, 'x-openloom': '1' }
    expect((await fetch(`${story.daemon.url}${trigger}`, { method: 'POST', headers, body: text })).status).toBe(415)
  })

  it('refuses bodies that are too large, and ids that are paths', async () => {
    const story = await tell()
    for (const id of ['..%2f..%2fetc%2fpasswd', '%00', "x'%20or%201=1", '%2e%2e', 'a'.repeat(3_000)]) {
      expect([400, 404, 409, 414, 431], id).toContain((await story.call('GET', `/api/tasks/${id}`)).status)
    }
    expect((await story.call('POST', '/api/tasks', { goal: 'x'.repeat(600_000) })).status).toBe(413)
  })

  it('takes a body in chunks as well as whole, up to the same size', async () => {
    const story = await tell()
    const { host } = new URL(story.daemon.url)
    const head = `POST /api/tasks HTTP/1.1\r\nHost: ${host}\r\n${auth(story)}\r\nContent-Type: application/json\r\n`
    const send = (body: string) => {
      const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
      return raw(story, `${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunk}`)
    }
    expect(await send(JSON.stringify({ goal: 'x', workspace: story.workspace() }))).toContain('201')
    expect(await send(JSON.stringify({ goal: 'x'.repeat(600_000) }))).toContain('413')
  })

  it('sends a policy that runs nothing but its own scripts', async () => {
    const story = await tell()
    const { headers } = await fetch(`${story.daemon.url}/healthz`)
    expect(headers.get('content-security-policy')).toContain("script-src 'self'")
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
  })
})

describe('the live stream', () => {
  it('DU-2 dropped twenty times, the frames of a client equal the log', async () => {
    const story = await tell()
    const seen: number[] = []
    const workspace = story.workspace()
    for (let drop = 0; drop < 20; drop++) {
      await story.call('POST', '/api/tasks', { goal: `task ${drop}`, workspace })
      const stop = new AbortController()
      const headers = { authorization: `Bearer ${story.daemon.token}`, 'last-event-id': String(seen.at(-1) ?? 0) }
      const answer = await fetch(`${story.daemon.url}/api/live`, { headers, signal: stop.signal })
      await readSome(answer, seen, drop % 5)
      stop.abort()
    }
    const log = story.daemon.store.events.after(0, 10_000).map((event) => event.seq)
    expect(seen.length).toBeGreaterThan(20)
    expect(seen).toEqual(log.slice(0, seen.length))
  })
})

/** Reads frames until there are a few more; the rest of the connection is thrown away with it. */
async function readSome(answer: Response, seen: number[], more: number): Promise<void> {
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  const wanted = seen.length + 1 + more
  let text = ''
  while (reader && seen.length < wanted) {
    const { value, done } = await reader.read()
    if (done) break
    text += value
    const frames = text.split('\n\n')
    text = frames.pop() ?? ''
    for (const frame of frames) {
      const id = /^id: (\d+)$/m.exec(frame)?.[1]
      if (id && seen.length < wanted) seen.push(Number(id))
    }
  }
}
