/** Every route with every kind of nonsense: no 5xx, no answer slower than 2 s, every refusal a problem with words. */
import { expect, it } from 'vitest'
import { oddities, Random } from '../fakes/random.ts'
import { watchedFrom } from '../fakes/runtime.ts'
import { type Story, tell } from '../fakes/story.ts'

const count = 10_000
const lanes = 8
const types = [
  'application/json',
  'text/plain',
  'text/markdown',
  'application/x-www-form-urlencoded',
  'x',
  'multipart/form-data',
]

interface Shot {
  method: string
  path: string
  headers: Record<string, string>
  body: string | null
}

/** The routes as the product itself describes them: a new one is fuzzed without anybody remembering it. */
async function routesOf(story: Story): Promise<{ method: string; path: string }[]> {
  const answer = await story.call('GET', '/api/openapi.json')
  const { paths } = (await answer.json()) as { paths: Record<string, Record<string, unknown>> }
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
  )
}

const printable = (text: string): string => Array.from(text, (c) => (c < ' ' || c > '~' ? '?' : c)).join('')

function shotOf(random: Random, routes: readonly { method: string; path: string }[], ids: readonly string[]): Shot {
  const route = random.pick(routes)
  const word = () => encodeURIComponent(random.pick(oddities).slice(0, 300))
  const commands = ['pause', 'resume', 'cancel', 'retry', 'archive', 'verify']
  const part = (name: string) =>
    name === 'command' ? random.pick([...commands, word()]) : random.chance(0.7) ? random.pick(ids) : word()
  const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => part(name))
  const names = ['limit', 'after', 'status', 'q', 'x', 'state', 'roots', 'task', 'before', 'by', 'since', 'until']
  const values = [
    ...['true', 'busy,idle', 'model', 'session', 'day', 'today', '7d', '2026-11-01', '1.ses_1', 'all', 'open'],
    ...['1', '0', '-1', '1e9', 'queued', 'done,failed', '', '99999999999999999999', word()],
  ]
  const query = Array.from({ length: random.below(4) }, () => `${random.pick(names)}=${random.pick(values)}`).join('&')
  const method = random.chance(0.9) ? route.method : random.pick(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
  const headers: Record<string, string> = random.chance(0.85) ? { 'content-type': 'application/json' } : {}
  if (random.chance(0.1)) headers['content-type'] = random.pick(types)
  if (random.chance(0.2)) headers['idempotency-key'] = printable(random.pick(oddities)).slice(0, 400)
  if (random.chance(0.1)) headers['last-event-id'] = random.pick(['0', '-1', 'x', '1e99'])
  const body = ['GET', 'HEAD'].includes(method) ? null : bodyOf(random)
  return { method, path: `${path}${query ? `?${query}` : ''}`, headers, body }
}

function bodyOf(random: Random): string {
  const odd = () => random.pick(oddities)
  const words = ['once', 'always', 'reject', [['x']], [[]], 'approve: per_1', 'session: ses_1\nabort: true']
  const value = () =>
    random.pick<unknown>([
      random.pick<unknown>(words),
      odd(),
      1,
      -1,
      null,
      true,
      [],
      {},
      [odd()],
      { minutes: 1e9 },
      { kind: 'x' },
    ])
  const keys = [
    'goal',
    'title',
    'workspace',
    'steps',
    'checks',
    'limits',
    'text',
    'path',
    'markdown',
    'code',
    'sink',
    'seq',
    'reply',
    'response',
    'answers',
    'message',
  ]
  const fields = Object.fromEntries(keys.filter(() => random.chance(0.25)).map((key) => [key, value()]))
  if (random.chance(0.75)) return JSON.stringify(fields)
  return random.pick(['', '{', 'null', '[]', '"x"', '{"a":1e999}', '['.repeat(5_000), `{"__proto__":{"x":1}}`, odd()])
}

/** Sessions and asks as a runtime would have told them; nobody stands behind them to take an answer. */
function watched({ daemon }: Story): string[] {
  const { store } = daemon
  const sessions = ['ses_1', 'ses_2'].map((id) => watchedFrom(id, { parentId: id === 'ses_2' ? 'ses_1' : null }))
  store.watched.keep('nobody', { sessions, states: [], vanished: [] }, Number.MAX_SAFE_INTEGER)
  const permission = { kind: 'permission', permission: 'bash', patterns: ['ls'], always: [], detail: 'ls' } as const
  const question = { kind: 'question', questions: [] } as const
  const where = { sessionId: 'ses_2', rootId: 'ses_1', workspace: '/w', scope: '/w' }
  const place = { runtime: 'nobody', taskId: null, call: null, ...where }
  store.asks.open({ id: 'per_1', ...place, request: { ...permission, patterns: ['ls'], always: [] } }, null)
  store.asks.open({ id: 'que_1', ...place, request: { ...question, questions: [] } }, null)
  return ['ses_1', 'ses_2', 'per_1', 'que_1']
}

it(`SE-6 answers ${count} requests of any kind`, { timeout: 180_000 }, async () => {
  const story = await tell()
  const routes = [...(await routesOf(story)), { method: 'GET', path: '/healthz' }, { method: 'GET', path: '/{page}' }]
  expect(routes.length).toBeGreaterThan(12)
  const goals = ['one', 'two', 'three']
  const made = goals.map((goal) => story.call('POST', '/api/tasks', { goal, workspace: story.workspace(goal) }))
  const ids = (await Promise.all((await Promise.all(made)).map((answer) => answer.json()))).map(({ id }) => String(id))
  ids.push(...watched(story))
  const random = new Random(20_261_121)
  const statuses = new Map<number, number>()
  let left = count
  const lane = async () => {
    while (left-- > 0) {
      const shot = shotOf(random, routes, [...ids, 't_', 'nothing'])
      const startedAt = performance.now()
      const status = await fire(story, shot)
      const shown = JSON.stringify(shot).slice(0, 600)
      expect(performance.now() - startedAt, shown).toBeLessThan(2_000)
      expect(status, shown).toBeLessThan(500)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  for (const status of [200, 201, 400, 404, 409, 415, 422])
    expect(statuses.get(status) ?? 0, `${status}`).toBeGreaterThan(0)
  expect((await story.call('GET', '/api/state')).status).toBe(200)
})

async function fire(story: Story, { method, path, headers, body }: Shot): Promise<number> {
  const url = `${story.daemon.url}${path}`
  const authorization = `Bearer ${story.daemon.token}`
  const stop = new AbortController()
  const answer = await fetch(url, {
    method,
    headers: { authorization, ...headers },
    signal: stop.signal,
    redirect: 'manual',
    ...(body === null ? {} : { body: body }),
  })
  const type = answer.headers.get('content-type') ?? ''
  // The live stream has no end.
  if (type.startsWith('text/event-stream')) stop.abort()
  else if (answer.status >= 400 && method !== 'HEAD') {
    const problem = (await answer.json()) as { detail: string; problems: unknown[] }
    expect(problem.detail, `${method} ${path}`).not.toBe('')
    expect(problem.problems.length, `${method} ${path}`).toBeGreaterThan(0)
  } else await answer.arrayBuffer()
  return answer.status
}
