/** What the model says that it used, and what the dashboard shows of it. */
import { expect, it, vi } from 'vitest'
import type { SessionDetail, UsageReport } from '../../src/server/api.ts'
import { tell } from '../fakes/story.ts'

const figures = ['input', 'output', 'reasoning', 'cacheRead', 'cacheWrite'] as const
type Figures = Record<(typeof figures)[number], number>
const added = (all: readonly Figures[]) => figures.map((name) => all.reduce((sum, one) => sum + one[name], 0))

it('PV-5 the totals of several runs are what the model reported, to the token, however they are grouped', async () => {
  // Primes: no figure is made up of others.
  const usage = (n: number) => {
    return { prompt_tokens: 1_009 + n, completion_tokens: 211 * n, cached_tokens: 13 * n, reasoning_tokens: 17 * n }
  }
  const glob = { name: 'glob', arguments: { pattern: '*' } }
  const replies = Array.from({ length: 12 }, (_, n) =>
    n % 3 === 2 ? { text: 'fine', usage: usage(n) } : { tool_calls: [glob], usage: usage(n) },
  )
  const conversations = ['Look 0', 'Look 1', 'Look 2', '^Look\\.$'].map((match, run) => {
    return { match, replies: replies.slice(run * 3, run * 3 + 3) }
  })
  const story = await tell({ script: { conversations } })
  const read = async <T>(path: string) => (await (await story.call('GET', path)).json()) as T
  const ids: string[] = []
  for (const run of [0, 1, 2]) {
    const body = { goal: `Look ${run}.`, workspace: story.workspace(`work-${run}`), max_attempts: 1 }
    const { id } = (await (await story.call('POST', '/api/tasks', body)).json()) as { id: string }
    await story.reaches('done', id)
    ids.push(id)
  }
  const made = await story.call('POST', '/api/sessions', { workspace: story.workspace('talk'), title: 'A talk' })
  const { id: talk } = (await made.json()) as { id: string }
  await story.call('POST', `/api/sessions/${talk}/prompt`, { text: 'Look.' })
  await vi.waitFor(() => expect(story.daemon.store.watched.get(talk)?.state).toBe('idle'))
  const asked = story.requests.filter(({ body }) => body).length
  expect(asked).toBe(replies.length)

  const said = replies.map(({ usage: one }) => one)
  const sum = (of: (one: (typeof said)[number]) => number) => said.reduce((all, one) => all + of(one), 0)
  const [prompts, answers] = [sum((one) => one.prompt_tokens), sum((one) => one.completion_tokens)]
  const cached = sum((one) => one.cached_tokens)
  for (const by of ['session', 'task', 'model', 'workspace', 'day']) {
    const { whole, items } = await read<UsageReport>(`/api/usage?by=${by}`)
    expect([whole.input + whole.cacheRead, whole.cacheRead, whole.cacheWrite]).toEqual([prompts, cached, 0])
    // What was reasoned is a part of the answers.
    expect([whole.output, whole.reasoning]).toEqual([answers, sum((one) => one.reasoning_tokens)])
    expect(added(items)).toEqual(added([whole]))
    expect(items).toHaveLength({ session: 4, task: 4, workspace: 4 }[by] ?? 1)
  }
  const ofTasks = await Promise.all(ids.map(async (id) => (await story.detail(id)).task.tokens))
  const { usage: ofTalk } = await read<SessionDetail>(`/api/sessions/${talk}`)
  const { input, output, cacheRead } = ofTalk.total
  expect(ofTasks.reduce((all, tokens) => all + tokens, input + output + cacheRead)).toBe(prompts + answers)
})
