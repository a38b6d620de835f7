/**
 * Random and hostile input for dispatch and for every route: no throw, no 5xx, no hang. Seeded, so that it can be
 * repeated.
 */
import { describe, expect, it } from 'vitest'
import { grammar } from '../../src/config.ts'
import { decodeTask, dispatchMarkdown, dispatchObject, dispatchYaml } from '../../src/inbox/dispatch.ts'
import { tell } from '../fakes/story.ts'

/** mulberry32 */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const words = [
  ...['# ', '## goal\n', '## steps\n', '## checks\n', '- ', '1. ', '---\n', '```\n', '\n', '\n\n', '    ', '\t', ': '],
  ...[
    'workspace: /w\n',
    'abort: true\n',
    'run: npm test',
    'file: a',
    'contains: a /x/',
    '[',
    '{',
    '&a ',
    '*a ',
    '!!x ',
  ],
  ...['"', "'", '\\', '\u0000', '\u202e', '🙂', 'é', '<script>', '&amp;', '[x]', '[ ]', '> ', '|', '%', '$(x)', '`x`'],
  ...[
    'check: ',
    'count: ** >= 3',
    'json: a $.b == 1',
    'http: http://127.0.0.1:1/ 200',
    '__proto__: 1\n',
    'constructor',
  ],
]

const textFrom = (random: () => number): string =>
  Array.from({ length: Math.floor(random() * 60) }, () => words[Math.floor(random() * words.length)]).join('')

function valueFrom(random: () => number, depth = 0): unknown {
  const kind = Math.floor(random() * (depth > 4 ? 5 : 8))
  const some = () => Array.from({ length: Math.floor(random() * 4) })
  const keys = [
    'goal',
    'title',
    'workspace',
    'checks',
    'steps',
    'limits',
    'kind',
    'path',
    'run',
    'x',
    '__proto__',
    'markdown',
  ]
  switch (kind) {
    case 0:
      return null
    case 1:
      return random() * 1e6 - 5e5
    case 2:
      return random() > 0.5
    case 3:
    case 4:
      return textFrom(random)
    case 5:
      return some().map(() => valueFrom(random, depth + 1))
    default:
      return Object.fromEntries(
        some().map(() => [keys[Math.floor(random() * keys.length)], valueFrom(random, depth + 1)]),
      )
  }
}

describe('dispatch', () => {
  it('answers 3,000 random texts, each with a spec or with problems that say something', () => {
    const random = randomFrom(1)
    for (let i = 0; i < 3_000; i++) {
      const text = textFrom(random)
      const decoded = decodeTask(new TextEncoder().encode(text))
      if (!decoded.ok) continue
      const startedAt = performance.now()
      for (const outcome of [dispatchMarkdown(decoded.value, grammar), dispatchYaml(decoded.value, grammar)]) {
        if (!outcome.ok) expect(outcome.problems.every((problem) => problem.text.length > 5)).toBe(true)
      }
      expect(performance.now() - startedAt, JSON.stringify(text)).toBeLessThan(1_000)
    }
  })

  it('answers 3,000 random objects, and no prototype is polluted', () => {
    const random = randomFrom(2)
    for (let i = 0; i < 3_000; i++) {
      const value = valueFrom(random)
      if (typeof value === 'object' && value && !Array.isArray(value))
        dispatchObject(value as Record<string, unknown>, grammar)
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    expect(Object.keys(Object.prototype)).toEqual([])
  })
})

describe('SE-6 every route', () => {
  it('answers random bodies, queries and paths without a 5xx and without a hang', async () => {
    const story = await tell()
    const random = randomFrom(3)
    const posts = ['/api/tasks', '/api/inbox/trigger', '/api/login', '/api/login-codes', '/api/deliveries/replay']
    const commands = ['pause', 'resume', 'cancel', 'retry', 'archive', 'verify', 'frob']
    const bad = new Map<string, number>()
    const one = async (i: number) => {
      const id = random() > 0.5 ? 't_1' : encodeURIComponent(Array.from(textFrom(random)).slice(0, 40).join(''))
      const [limit, after] = [String(valueFrom(random, 5)), textFrom(random)].map(encodeURIComponent)
      const query = `?limit=${limit}&after=${after}`
      const gets = ['/api/tasks', `/api/tasks/${id}`, `/api/tasks/${id}/events`, '/api/events', '/api/deliveries']
      const path =
        i % 2 ? gets[i % gets.length] + query : [...posts, ...commands.map((c) => `/api/tasks/${id}/${c}`)][i % 12]
      const body = random() > 0.3 ? JSON.stringify(valueFrom(random)) : textFrom(random)
      const startedAt = performance.now()
      const answer = await story.call(i % 2 ? 'GET' : 'POST', path ?? '/', i % 2 ? undefined : body)
      await answer.arrayBuffer()
      const tookMs = performance.now() - startedAt
      if (answer.status >= 500 || tookMs > 2_000) bad.set(`${path} ${body}`, answer.status)
    }
    for (let i = 0; i < 10_000; i += 20) await Promise.all(Array.from({ length: 20 }, (_, n) => one(i + n)))
    expect([...bad]).toEqual([])
    expect((await story.call('GET', '/api/state')).status).toBe(200)
  }, 60_000)
})
